//! Where the time of a recording is: from its first lines, as a live feed finds it out from the frames that it holds back.

use super::{CaptureError, CaptureSource};
use crate::course::LEARNING_TIME_MAX;
use crate::intake::Intake;
use crate::limits::{HELD_BYTES_MAX, HELD_FRAMES_MAX};

/// Lets the intake judge times from now on, by what the first lines tell; they are read again afterwards.
pub(super) fn learn(sources: &[CaptureSource], intake: &mut Intake) -> Result<(), CaptureError> {
    intake.decoder.watch_times();
    if let Some(first) = sources.first() {
        look(first, intake)?;
    }
    if let Some(course) = intake.decoder.course() {
        course.end_learning();
    }
    Ok(())
}

fn look(capture: &CaptureSource, intake: &mut Intake) -> Result<(), CaptureError> {
    let mut reader = capture.open()?;
    let (mut frames, mut bytes, mut since) = (0, 0, None);
    while let Some(line) = reader.next_line()? {
        let Ok(line) = line else { continue };
        let told = intake.decoder.peek_time(line.frame);
        if told.is_none() && frames == 0 {
            continue;
        }
        if let (Some(told), Some(course)) = (told, intake.decoder.course())
            && course.learn(told, line.ts_recv)
        {
            return Ok(());
        }
        frames += 1;
        bytes += line.frame.len();
        let waited = line.ts_recv.0 - since.get_or_insert(line.ts_recv).0;
        if frames >= HELD_FRAMES_MAX || bytes >= HELD_BYTES_MAX || waited >= LEARNING_TIME_MAX {
            break;
        }
    }
    Ok(())
}
