//! What the files of an import are called, which is known of all before one of them is taken.

use super::Source;
use crate::capture;
use tickloom_data::{ImportOptions, Together, inputs, is_columnar};
use tickloom_feeds::VenueKind;
use tickloom_feeds::capture::{CaptureError, Origin};

/// What a file is a recording of; a file of rows is noted, so that it is known what all are called before one is imported.
pub(super) fn origin(
    source: &Source,
    venue: Option<VenueKind>,
    options: &ImportOptions,
    together: &mut Together,
) -> Result<Option<Origin>, CaptureError> {
    // What is no text is no capture.
    let are_rows = options.format.is_some() || is_columnar(&source.path).unwrap_or(false);
    let origin = match are_rows {
        true => Ok(None),
        false => capture::origin(&source.path, venue),
    };
    let are_messages = matches!(
        origin,
        Ok(Some(_))
            | Err(CaptureError::UnclearVenue { .. }
                | CaptureError::UnknownVenue { .. }
                | CaptureError::UnknownMessages { .. }
                | CaptureError::ToldVenue { .. }
                | CaptureError::OtherVenue { .. })
    );
    if !are_messages {
        note_together(source, options, together);
    }
    origin
}

/// Notes what a file is called, or every member of a zip, so that of files which cannot be put together none is imported.
fn note_together(source: &Source, options: &ImportOptions, together: &mut Together) {
    // What cannot be read is for its import to refuse.
    let members = inputs(&source.path).unwrap_or_default();
    let is_alone = members.len() == 1;
    for member in members {
        if is_alone || !member.is_definitions().unwrap_or(false) {
            together.note(&member, options);
        }
    }
}
