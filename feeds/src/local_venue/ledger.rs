//! The venue's own books, by the same rules as a client's, and what its REST service says of them.

use super::book::LevelBook;
use crate::binance::{Decoded, Untimed, Venue};
use crate::intake::Intake;
use tickloom_types::{
    BookState, Header, InstrumentError, Instruments, Record, Sink, SourceId, Ts, format_decimal,
};

/// All books of the recording, in the order of their symbols.
#[derive(Debug)]
pub(super) struct Ledger {
    intake: Intake,
    books: Vec<(String, LevelBook)>,
}

impl Ledger {
    pub(super) fn new(venue: Venue, names: &[String]) -> Result<Ledger, InstrumentError> {
        let symbols = venue.define_symbols(names, &[], &mut Instruments::new())?;
        let books = names
            .iter()
            .map(|name| (name.clone(), LevelBook::default()));
        Ok(Ledger {
            books: books.collect(),
            intake: Intake::new(venue, SourceId(0), symbols, Untimed::Arrival),
        })
    }

    /// Takes a recorded frame into the books. What cannot be decoded is for the clients to notice.
    pub(super) fn apply(&mut self, ts_recv: Ts, frame: &[u8]) {
        let Ledger { intake, books } = self;
        drop(intake.frame(ts_recv, frame, &mut Books(books)));
    }

    /// The book that a recorded frame is a snapshot of, if it wants one: place and symbol.
    pub(super) fn wanted(&mut self, ts_recv: Ts, frame: &[u8]) -> Option<(usize, String)> {
        let Ok(Decoded::Snapshot(snapshot)) = self.intake.decoder.decode(ts_recv, frame) else {
            return None;
        };
        let at = usize::try_from(snapshot.header.instrument).ok()?;
        let (_, sync) = self.intake.books.get(at)?;
        let (symbol, _) = self.books.get(at)?;
        sync.wants_snapshot().then(|| (at, symbol.clone()))
    }

    pub(super) fn forget(&mut self) {
        let Ledger { intake, books } = self;
        for (_, book) in &mut intake.books {
            book.restart(Header::default(), &mut Books(books));
        }
    }

    pub(super) fn index(&self, symbol: &str) -> Option<usize> {
        self.books.iter().position(|(name, _)| name == symbol)
    }

    /// The book with this index, once the recording's snapshot and diffs have met.
    pub(super) fn live(&self, index: usize) -> Option<&LevelBook> {
        let (_, sync) = self.intake.books.get(index)?;
        let (_, book) = self.books.get(index)?;
        (sync.state() == BookState::Live).then_some(book)
    }

    /// The book as the REST service writes it, its update id less by the shift.
    pub(super) fn snapshot_json(
        &self,
        index: usize,
        depth: usize,
        venue: Venue,
        shift: u64,
    ) -> Option<String> {
        let book = self.live(index)?;
        let def = venue.default_def(&self.books[index].0);
        let list = |levels: &mut dyn Iterator<Item = (&i64, &i64)>| {
            let levels = levels.take(depth).map(|(price, qty)| {
                let price = format_decimal(i128::from(*price), def.price_decimals);
                let qty = format_decimal(i128::from(*qty), def.qty_decimals);
                format!("[\"{price}\",\"{qty}\"]")
            });
            levels.collect::<Vec<_>>().join(",")
        };
        let bids = list(&mut book.bids.iter().rev());
        let asks = list(&mut book.asks.iter());
        let times = match (venue, self.intake.decoder.venue_time()) {
            (Venue::Usdm | Venue::Cm, Some(ts)) => {
                let ms = ts.0 / 1_000_000;
                format!("\"E\":{ms},\"T\":{ms},")
            }
            _ => String::new(),
        };
        let last_id = book.last_id.saturating_sub(shift);
        Some(format!(
            "{{\"lastUpdateId\":{last_id},{times}\"bids\":[{bids}],\"asks\":[{asks}]}}"
        ))
    }
}

/// Level records go to the book of their instrument: identifiers were given in the order of the books.
struct Books<'a>(&'a mut Vec<(String, LevelBook)>);

impl Sink for Books<'_> {
    fn push(&mut self, record: Record) {
        let index = usize::try_from(record.instrument().0).unwrap_or(usize::MAX);
        if let Some((_, book)) = self.0.get_mut(index) {
            book.apply(&record);
        }
    }
}
