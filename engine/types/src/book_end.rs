//! Where the chain of a book's updates stood at the end of a recording.

use crate::Ts;
use serde::{Deserialize, Serialize};

/// Where the chain of a book's updates stood when a recording ended with the book whole, so that a recording which goes on from
/// there needs no snapshot. Of a book that was not whole there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookEnd {
    /// The source that the book came from, by name.
    pub source: String,
    /// The instrument, by name.
    pub instrument: String,
    /// The first update id of the venue's last message.
    pub first_id: u64,
    /// Its last update id.
    pub last_id: u64,
    /// Whether a change has joined the snapshot that the book began with.
    pub is_joined: bool,
    /// The latest time that the venue had told, which messages without a time go by.
    pub venue_time: Option<Ts>,
}
