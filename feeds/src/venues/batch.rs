//! What a venue's decoder makes of one message: items with numbers as the venue wrote them, not yet at an instrument's scale.
//!
//! A decoder fills a [`Batch`] and says what the message was; `survey` learns from it which instruments there are and how
//! many decimals they need, and `desk` makes records of it. A message that is wrong leaves nothing behind.

use crate::book_sync::SequenceRule;
use crate::decode_error::{DecodeError, quoted};
use crate::limits;
use std::collections::HashMap;
use std::ops::Range;
use tickloom_types::{BarSpec, BookAction, DecimalError, Side, Ts, parse_decimal, pow10};

/// Most decimals that a mantissa can have.
const DECIMALS_MAX: u8 = 9;

/// Longest name of an instrument.
const NAME_BYTES_MAX: usize = 64;

/// A number, exact: `mantissa` at as many decimals as the venue wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) mantissa: i64,
    pub(crate) decimals: u8,
}

/// Index of a symbol in the [`Symbols`] of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SymbolId(pub(crate) usize);

/// Index of a channel in the [`Channels`] of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChannelId(usize);

/// The channels that books come over, each once: what the venue calls it, with its depth. Two channels of one symbol are two
/// books, however alike their messages.
#[derive(Debug)]
pub(crate) struct Channels {
    all: Vec<(String, Reach)>,
}

/// How much of a venue's book a channel tells. The greater one is told by more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Messages of two channels that cannot be told apart: no book comes of them.
    Mixed,
    /// Levels that are sums over several prices.
    Grouped(usize),
    /// So many levels a side.
    Levels(usize),
    /// All of them.
    All,
}

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
    },
    Quote {
        bid: (Number, Number),
        ask: (Number, Number),
        update_id: u64,
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
    pub(crate) items: Vec<Item>,
    pub(crate) levels: Vec<WrittenLevel>,
    /// When the recorder got it, if the message itself says so.
    pub(crate) ts_recv: Option<Ts>,
    /// Messages of the connection that were missed before this one.
    pub(crate) gap: Option<(u64, u64)>,
    /// Parts of the message that cannot be taken, while the rest can.
    pub(crate) refused: Vec<DecodeError>,
}

impl Number {
    /// Reads a plain number or one with an exponent.
    ///
    /// # Errors
    /// [`DecodeError::Decimal`] if it is none, or cannot be held exactly with nine decimals.
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Number, DecodeError> {
        Number::exact(text.as_bytes()).map_err(|cause| DecodeError::Decimal {
            field,
            value: quoted(text.as_bytes()),
            cause,
        })
    }

    fn exact(text: &[u8]) -> Result<Number, DecimalError> {
        let at = |decimals| {
            let mantissa = parse_decimal(text, decimals)?;
            Ok(Number { mantissa, decimals })
        };
        let point = text.iter().position(|&byte| byte == b'.');
        let written = point.map_or(0, |point| text.len() - point - 1);
        let is_plain = !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if let Ok(written) = u8::try_from(written)
            && is_plain
            && written <= DECIMALS_MAX
        {
            match at(written) {
                Err(DecimalError::Overflow) => {}
                read => return read,
            }
        }
        // With an exponent, or more zeros than fit: as few decimals as hold it.
        let fewest = (0..=DECIMALS_MAX).map(at);
        fewest
            .into_iter()
            .find(|read| *read != Err(DecimalError::TooFine))
            .unwrap_or(Err(DecimalError::TooFine))
    }

    /// The mantissa at this many decimals, if it is exact and fits.
    pub(crate) fn at(self, decimals: u8) -> Option<i64> {
        if decimals >= self.decimals {
            return self.mantissa.checked_mul(pow10(decimals - self.decimals));
        }
        let divisor = pow10(self.decimals - decimals);
        (self.mantissa % divisor == 0).then(|| self.mantissa / divisor)
    }

    /// The fewest decimals that hold it.
    pub(crate) fn decimals_needed(self) -> u8 {
        let mut needed = self.decimals;
        let mut mantissa = self.mantissa;
        while needed > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            needed -= 1;
        }
        needed
    }

    /// The error for a number out of its range.
    fn out_of_range(self, field: &'static str, expected: &'static str) -> DecodeError {
        DecodeError::NotPositive {
            field,
            value: tickloom_types::format_decimal(i128::from(self.mantissa), self.decimals),
            expected,
        }
    }

    fn above_zero(self, field: &'static str) -> Result<Number, DecodeError> {
        match self.mantissa > 0 {
            true => Ok(self),
            false => Err(self.out_of_range(field, "above zero")),
        }
    }

    fn not_below_zero(self, field: &'static str) -> Result<Number, DecodeError> {
        match self.mantissa >= 0 {
            true => Ok(self),
            false => Err(self.out_of_range(field, "zero or above")),
        }
    }
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

impl Channels {
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

impl Batch {
    /// An empty one for instruments of this venue.
    pub(crate) fn new(venue: &'static str) -> Batch {
        Batch {
            venue,
            symbols: Symbols::default(),
            channels: Channels::default(),
            named: Vec::new(),
            is_no_book: false,
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
        let all = &mut self.channels.all;
        if let Some(at) = all.iter().position(|(known, _)| known == name) {
            return Ok(ChannelId(at));
        }
        if all.len() >= limits::CHANNELS_MAX {
            return Err(DecodeError::TooLarge {
                what: "number of channels of books",
                size: all.len() + 1,
                limit: limits::CHANNELS_MAX,
            });
        }
        let name = name.chars().take(NAME_BYTES_MAX).collect();
        all.push((name, reach));
        Ok(ChannelId(all.len() - 1))
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
            price: price.above_zero("price")?,
            qty: qty.above_zero("size")?,
            id,
            side,
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
            price.not_below_zero("price")?;
            qty.not_below_zero("size")?;
            if qty.mantissa > 0 {
                price.above_zero("price")?;
            }
        }
        let what = What::Quote {
            bid,
            ask,
            update_id,
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
            price: price.above_zero("price")?,
            qty: qty.not_below_zero("size")?,
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
            let read = Number::parse("x", text).unwrap();
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
        let reason = |text: &str| Number::parse("x", text).unwrap_err().reason().name();
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
        assert_eq!(number.decimals_needed(), 1);
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
