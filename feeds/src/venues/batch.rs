//! What a venue's decoder makes of one message: items with numbers as the venue wrote them, not yet at an instrument's scale.
//!
//! A decoder fills a [`Batch`] and says what the message was; `survey` learns from it which instruments there are and how
//! many decimals they need, and `desk` makes records of it. A message that is wrong leaves nothing behind.

mod channels;
pub(super) mod number;

pub(crate) use channels::{ChannelId, Channels, Reach};
pub(crate) use number::Number;
use number::{above_zero, not_below_zero};

use crate::book_sync::SequenceRule;
use crate::decode_error::{DecodeError, quoted};
use crate::limits;
use std::collections::HashMap;
use std::ops::Range;
use tickloom_types::{BarSpec, BookAction, Side, Ts};

/// Longest name of an instrument.
const NAME_BYTES_MAX: usize = 64;

/// Index of a symbol in the [`Symbols`] of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SymbolId(pub(crate) usize);

/// The symbols in a capture, each once, in the order in which they appear.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    pub(crate) names: Vec<String>,
    ids: HashMap<String, SymbolId>,
}

/// How a list of levels relates to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Changes.
    Diff,
    /// The whole book, sent in the stream.
    Whole,
    /// The whole book as another service told it: it may be ahead of the stream or behind.
    Asked,
}

/// What the venue says about the top of the book after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// CRC32 over the digits of the ten best asks and bids.
    Kraken(u32),
    /// CRC32 over the texts of the 25 best bids and asks in turns.
    Okx(i32),
}

/// Levels of a book.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) extent: Extent,
    pub(crate) rule: SequenceRule,
    /// First and last update id, 0 if there are none.
    pub(crate) ids: (u64, u64),
    pub(crate) previous_id: Option<u64>,
    pub(crate) checksum: Option<Checksum>,
    /// Over which it comes.
    pub(crate) channel: ChannelId,
    /// Levels a side that the venue keeps; deeper ones are gone without a word. 0 if it keeps all.
    pub(crate) depth: usize,
    /// Where in the batch's levels.
    pub(crate) levels: Range<usize>,
}

/// One level as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrittenLevel {
    pub(crate) side: Side,
    pub(crate) price: Number,
    pub(crate) qty: Number,
}

/// What an item says.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Trade {
        price: Number,
        qty: Number,
        id: u64,
        side: Option<Side>,
        /// Over which it comes.
        channel: ChannelId,
    },
    Quote {
        bid: (Number, Number),
        ask: (Number, Number),
        update_id: u64,
        /// Over which it comes.
        channel: ChannelId,
    },
    Book(Book),
    /// A bar that is closed; the item's time is its close.
    Bar {
        spec: BarSpec,
        prices: [Number; 4],
        volume: Number,
    },
    Order {
        action: BookAction,
        order_id: u64,
        side: Option<Side>,
        price: Number,
        qty: Number,
    },
}

/// One thing that a message says of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) symbol: SymbolId,
    /// The venue's time, if it said one.
    pub(crate) ts: Option<Ts>,
    /// Flags beside those that come of themselves.
    pub(crate) flags: u8,
    pub(crate) what: What,
}

/// What one message says. Kept from message to message, for its memory and its symbols.
#[derive(Debug)]
pub(crate) struct Batch {
    venue: &'static str,
    pub(crate) symbols: Symbols,
    pub(crate) channels: Channels,
    /// The symbols that the message at hand names, whatever came of it.
    pub(crate) named: Vec<SymbolId>,
    /// Whether the message at hand is known to tell nothing of a book.
    pub(crate) is_no_book: bool,
    /// The channel of the trades of the message at hand.
    trades_channel: ChannelId,
    /// The same of its best bids and asks.
    quotes_channel: ChannelId,
    pub(crate) items: Vec<Item>,
    pub(crate) levels: Vec<WrittenLevel>,
    /// When the recorder got it, if the message itself says so.
    pub(crate) ts_recv: Option<Ts>,
    /// Messages of the connection that were missed before this one.
    pub(crate) gap: Option<(u64, u64)>,
    /// Parts of the message that cannot be taken, while the rest can.
    pub(crate) refused: Vec<DecodeError>,
}

impl Symbols {
    /// Names of the instruments, by [`SymbolId`].
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl Book {
    /// Levels in whatever order they came, with nothing to check them by.
    pub(crate) fn unnumbered(extent: Extent, levels: Range<usize>) -> Book {
        Book::numbered(extent, SequenceRule::Unnumbered, (0, 0), levels)
    }

    pub(crate) fn numbered(
        extent: Extent,
        rule: SequenceRule,
        ids: (u64, u64),
        levels: Range<usize>,
    ) -> Book {
        Book {
            extent,
            rule,
            ids,
            previous_id: None,
            checksum: None,
            channel: ChannelId::default(),
            depth: 0,
            levels,
        }
    }

    /// The same, over this channel.
    pub(crate) fn over(self, channel: ChannelId) -> Book {
        Book { channel, ..self }
    }
}

impl Batch {
    /// An empty one for instruments of this venue.
    pub(crate) fn new(venue: &'static str) -> Batch {
        Batch {
            venue,
            symbols: Symbols::default(),
            channels: Channels::default(),
            named: Vec::new(),
            is_no_book: false,
            trades_channel: ChannelId::default(),
            quotes_channel: ChannelId::default(),
            items: Vec::new(),
            levels: Vec::new(),
            ts_recv: None,
            gap: None,
            refused: Vec::new(),
        }
    }

    /// Makes room for the next message.
    pub(crate) fn clear(&mut self) {
        self.named.clear();
        self.is_no_book = false;
        self.trades_channel = ChannelId::default();
        self.quotes_channel = ChannelId::default();
        self.items.clear();
        self.levels.clear();
        self.ts_recv = None;
        self.gap = None;
        self.refused.clear();
    }

    /// The symbol of this venue with this name. A colon becomes a slash.
    pub(crate) fn symbol(&mut self, name: &str) -> Result<SymbolId, DecodeError> {
        self.symbol_of(self.venue, name)
    }

    /// The symbol of a venue that the message names.
    pub(crate) fn symbol_of(&mut self, venue: &str, name: &str) -> Result<SymbolId, DecodeError> {
        let is_right = |text: &str| {
            !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
        };
        let fits = venue.len() + 1 + name.len() <= NAME_BYTES_MAX;
        if !fits || !is_right(name) || !is_right(venue) {
            return Err(DecodeError::BadSymbol {
                symbol: quoted(name.as_bytes()),
            });
        }
        let name = format!("{venue}.{}", name.replace(':', "/"));
        if let Some(id) = self.symbols.ids.get(&name) {
            self.named.push(*id);
            return Ok(*id);
        }
        let id = SymbolId(self.symbols.names.len());
        if id.0 >= limits::CAPTURE_SYMBOLS_MAX {
            return Err(DecodeError::TooLarge {
                what: "number of symbols",
                size: id.0 + 1,
                limit: limits::CAPTURE_SYMBOLS_MAX,
            });
        }
        self.symbols.names.push(name.clone());
        self.symbols.ids.insert(name, id);
        self.named.push(id);
        Ok(id)
    }

    /// Adds the symbols that a text names in quotes to those that are named, alone or at the end of a topic.
    pub(crate) fn find_named(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for quoted in text.split('"') {
            let ends = quoted
                .char_indices()
                .filter(|(_, c)| matches!(c, '.' | '_'));
            let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
            for name in starts.take(4).filter_map(|from| quoted.get(from..)) {
                if name.is_empty() || name.len() > NAME_BYTES_MAX {
                    continue;
                }
                let name = format!("{}.{}", self.venue, name.replace(':', "/"));
                if let Some(id) = self.symbols.ids.get(&name)
                    && !self.named.contains(id)
                {
                    self.named.push(*id);
                }
            }
        }
    }

    /// The channel of this name, which tells so much of a book.
    ///
    /// # Errors
    /// [`DecodeError::TooLarge`] if there are more than any venue has.
    pub(crate) fn channel(&mut self, name: &str, reach: Reach) -> Result<ChannelId, DecodeError> {
        self.channels.add(name, reach)
    }

    /// The message at hand tells nothing of a book: if it is wrong no book lacks anything.
    pub(crate) fn no_book(&mut self) {
        self.is_no_book = true;
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, symbol: SymbolId, ts: Option<Ts>, what: What) {
        self.items.push(Item {
            symbol,
            ts,
            flags: 0,
            what,
        });
    }

    /// Adds a trade; price and size must be above zero.
    pub(crate) fn trade(
        &mut self,
        symbol: SymbolId,
        ts: Option<Ts>,
        (price, qty): (Number, Number),
        id: u64,
        side: Option<Side>,
    ) -> Result<(), DecodeError> {
        let what = What::Trade {
            price: above_zero("price", price)?,
            qty: above_zero("size", qty)?,
            id,
            side,
            channel: self.trades_channel,
        };
        self.push(symbol, ts, what);
        Ok(())
    }

    /// Adds a best bid and ask. A side that is empty has price and size zero; of a venue that says no sizes all are zero.
    pub(crate) fn quote(
        &mut self,
        symbol: SymbolId,
        ts: Option<Ts>,
        bid: (Number, Number),
        ask: (Number, Number),
        update_id: u64,
    ) -> Result<(), DecodeError> {
        for (price, qty) in [bid, ask] {
            not_below_zero("price", price)?;
            not_below_zero("size", qty)?;
            if qty.mantissa > 0 {
                above_zero("price", price)?;
            }
        }
        let what = What::Quote {
            bid,
            ask,
            update_id,
            channel: self.quotes_channel,
        };
        self.push(symbol, ts, what);
        Ok(())
    }

    /// Adds a level to those of the message.
    pub(crate) fn level(
        &mut self,
        side: Side,
        price: Number,
        qty: Number,
    ) -> Result<(), DecodeError> {
        self.levels.push(WrittenLevel {
            side,
            price: above_zero("price", price)?,
            qty: not_below_zero("size", qty)?,
        });
        Ok(())
    }

    /// The levels added since there were so many.
    pub(crate) fn levels_since(&self, from: usize) -> Range<usize> {
        from..self.levels.len()
    }

    /// Turns the items added since there were so many around if they came newest first, as lists of past trades do.
    pub(crate) fn oldest_first(&mut self, from: usize) {
        let items = &mut self.items[from..];
        if let [first, .., last] = items
            && first.ts > last.ts
        {
            items.reverse();
        }
    }

    /// Marks the items added since there were so many, as part of what the venue sends to begin with.
    pub(crate) fn flag_since(&mut self, from: usize, flags: u8) {
        for item in &mut self.items[from..] {
            item.flags |= flags;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_as_they_are_written() {
        let check = |text: &str, mantissa, decimals| {
            let read = number::parse("x", text).unwrap();
            assert_eq!(read, Number { mantissa, decimals }, "{text}");
        };
        check("56218.30000", 5_621_830_000, 5);
        check("0.08", 8, 2);
        check("30244", 30_244, 0);
        check("1.5e-7", 15, 8);
        check("2E+3", 2_000, 0);
        check("100000000000.00000000", 100_000_000_000, 0);
        check("1.0000000000000", 1, 0);
        check("-6.25", -625, 2);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused_by_name() {
        let reason = |text: &str| number::parse("x", text).unwrap_err().reason().name();
        assert_eq!(reason("1e999"), "decimal_overflow");
        assert_eq!(
            reason("10000000000000000000000000000000000000000"),
            "decimal_overflow"
        );
        assert_eq!(reason("1e-10"), "decimal_too_fine");
        assert_eq!(reason("0.1234567891"), "decimal_too_fine");
        for text in ["", "NaN", "1,5", "null", "[1]", "0x10", "true"] {
            assert_eq!(reason(text), "decimal_syntax", "{text}");
        }
    }

    #[test]
    fn a_number_moves_between_scales_only_if_it_is_exact() {
        let number = Number {
            mantissa: 1_500,
            decimals: 3,
        };
        assert_eq!(number.shortest().decimals, 1);
        assert_eq!(
            (number.at(1), number.at(0), number.at(5)),
            (Some(15), None, Some(150_000))
        );
        let large = Number {
            mantissa: i64::MAX,
            decimals: 0,
        };
        assert_eq!(large.at(1), None);
    }

    #[test]
    fn symbols_become_names_or_are_refused() {
        let mut batch = Batch::new("bitfinex");
        let id = batch.symbol("TESTBTC:TESTUSD").unwrap();
        assert_eq!(batch.symbol("TESTBTC:TESTUSD").unwrap(), id);
        assert_eq!(batch.symbols.names(), ["bitfinex.TESTBTC/TESTUSD"]);
        assert!(batch.symbol("币安人生").is_ok());
        for name in ["", " ab", "a\nb", &"x".repeat(60)] {
            assert_eq!(
                batch.symbol(name).unwrap_err().reason().name(),
                "bad_symbol"
            );
        }
    }
}
