//! The channels that books come over: two of one symbol are two books.

use super::Batch;
use crate::decode_error::DecodeError;
use crate::limits;

/// Longest name of a channel that is kept.
const NAME_CHARS_MAX: usize = 64;

/// Index of a channel in the [`Channels`] of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChannelId(usize);

/// The channels that books and trades come over, each once: what the venue calls it, with its depth. Two channels of one symbol are two
/// books, however alike their messages.
#[derive(Debug)]
pub(crate) struct Channels {
    all: Vec<(String, Reach)>,
}

/// How much of a venue's book, or of its trades, a channel tells. The greater one is told by more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Messages of two channels that cannot be told apart: no book comes of them.
    Mixed,
    /// Levels that are sums over several prices; trades that are put together; a best bid and ask as part of a summary, told less often.
    Grouped(usize),
    /// So many levels a side.
    Levels(usize),
    /// All of them.
    All,
}

impl Batch {
    /// The trades of the message at hand come over the channel of this name: over another the venue may tell the same ones. Single
    /// trades with numbers of their own have reach `All`.
    ///
    /// # Errors
    /// As [`Batch::channel`].
    pub(crate) fn trades_over(&mut self, name: &str, reach: Reach) -> Result<(), DecodeError> {
        self.trades_channel = self.channel(name, reach)?;
        Ok(())
    }

    /// The best bids and asks of the message at hand come over the channel of this name: over another the venue may tell the same,
    /// earlier or later. A channel of nothing else has reach `All`.
    ///
    /// # Errors
    /// As [`Batch::channel`].
    pub(crate) fn quotes_over(&mut self, name: &str, reach: Reach) -> Result<(), DecodeError> {
        self.quotes_channel = self.channel(name, reach)?;
        Ok(())
    }
}

impl Channels {
    /// The one of this name.
    pub(super) fn add(&mut self, name: &str, reach: Reach) -> Result<ChannelId, DecodeError> {
        if let Some(at) = self.all.iter().position(|(known, _)| known == name) {
            return Ok(ChannelId(at));
        }
        if self.all.len() >= limits::CHANNELS_MAX {
            return Err(DecodeError::TooLarge {
                what: "number of channels of books",
                size: self.all.len() + 1,
                limit: limits::CHANNELS_MAX,
            });
        }
        let name = name.chars().take(NAME_CHARS_MAX).collect();
        self.all.push((name, reach));
        Ok(ChannelId(self.all.len() - 1))
    }

    /// What the venue calls it.
    pub(crate) fn name(&self, id: ChannelId) -> &str {
        self.all.get(id.0).map_or("", |(name, _)| name)
    }

    /// How much of the book it tells.
    pub(crate) fn reach(&self, id: ChannelId) -> Reach {
        self.all.get(id.0).map_or(Reach::All, |(_, reach)| *reach)
    }
}

impl Default for Channels {
    /// The one of venues that have one only.
    fn default() -> Channels {
        Channels {
            all: vec![("book".to_owned(), Reach::All)],
        }
    }
}
