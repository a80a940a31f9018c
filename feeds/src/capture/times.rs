//! Where the time of a recording is: from its first lines, as a live feed finds it out from the frames that it holds back.

use super::streams::{Stream, of_frame};
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
    if !is_any_timed(sources, intake)? {
        intake.decoder.use_arrival();
    }
    Ok(())
}

/// Whether a message that is kept tells a time.
fn is_any_timed(sources: &[CaptureSource], intake: &Intake) -> Result<bool, CaptureError> {
    for source in sources {
        let mut reader = source.open()?;
        while let Some(line) = reader.next_line()? {
            if let Ok(line) = line
                && intake.decoder.peek_time(line.frame).is_some()
                && !matches!(of_frame(line.frame), Stream::NotKept(_))
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
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
