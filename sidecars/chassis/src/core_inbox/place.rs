//! The place of a run in an inbox, as a text.

use crate::{ChassisError, Result};
use serde::{Deserialize, Serialize};
use tickloom_journal::JournalPlace;

/// Up to where a run was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InboxPlace {
    /// Behind the last block that was taken.
    pub(super) place: JournalPlace,
    /// The number after the last output that was taken; 0 before the first.
    pub(super) outputs: u64,
}

/// As it is in the database.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    segment: u32,
    offset: u64,
    /// Hash of the block before, in hexadecimal digits.
    previous: Option<String>,
    outputs: u64,
}

impl Default for InboxPlace {
    fn default() -> InboxPlace {
        InboxPlace {
            place: JournalPlace::START,
            outputs: 0,
        }
    }
}

impl InboxPlace {
    /// What the inbox says of a source.
    pub(super) fn read(source: &str, stored: &str) -> Result<InboxPlace> {
        parse(stored).ok_or_else(|| ChassisError::InboxPlace {
            origin: source.to_owned(),
            found: stored.to_owned(),
        })
    }

    pub(super) fn text(&self) -> String {
        let previous = self.place.previous.map(u128::from_le_bytes);
        let text = Text {
            segment: self.place.segment,
            offset: self.place.offset,
            previous: previous.map(|hash| format!("{hash:032x}")),
            outputs: self.outputs,
        };
        serde_json::to_string(&text).expect("plain fields are JSON")
    }
}

fn parse(stored: &str) -> Option<InboxPlace> {
    let text: Text = serde_json::from_str(stored).ok()?;
    let previous = match text.previous {
        Some(hash) => Some(u128::from_str_radix(&hash, 16).ok()?.to_le_bytes()),
        None => None,
    };
    Some(InboxPlace {
        place: JournalPlace {
            segment: text.segment,
            offset: text.offset,
            previous,
        },
        outputs: text.outputs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was() {
        let mut hash = [0; 16];
        hash[0] = 0xab;
        let place = InboxPlace {
            place: JournalPlace {
                segment: 3,
                offset: 4096,
                previous: Some(hash),
            },
            outputs: 17,
        };
        let text = place.text();
        assert_eq!(
            text,
            r#"{"segment":3,"offset":4096,"previous":"000000000000000000000000000000ab","outputs":17}"#
        );
        assert_eq!(InboxPlace::read("core/r", &text).unwrap(), place);
        let start = InboxPlace::default();
        assert_eq!(InboxPlace::read("core/r", &start.text()).unwrap(), start);
    }

    #[test]
    fn what_is_no_place_is_named() {
        let error = InboxPlace::read("core/r", "{}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the inbox of core/r says `{}`, which is no place of a journal"
        );
    }
}
