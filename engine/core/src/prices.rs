//! The prices of one instrument that can be trusted now: from its quotes, its book and its trades.
//!
//! Which source tells bid and ask: the quotes, once one has come since the last resync; otherwise the book, as of the end of
//! its last whole message and only while it is live. A crossed quote or book is told once and is no price until it is uncrossed;
//! a locked one, of which bid and ask are equal, is one as any other.
//! One with an empty side is no price either, but shows the other side to orders.
//! A bar that began after all of that is newer, and takes its place until something comes again; when one began, and what a status
//! record concerns, is the market's to decide.

mod state;

use crate::book::{Book, Sides, Top};
use crate::notes::Notes;
use tickloom_types::{BookState, Flags, InstrumentId, LevelBody, QuoteBody, Side, StatusCode};

/// The prices of one instrument; first what bars and trades change.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Prices {
    last: Option<i64>,
    mark: Option<i64>,
    /// The last price is that of a trade.
    has_traded: bool,
    /// Something came other than bars, and no bar since that began after it.
    is_ticking: bool,
    state: Option<BookState>,
    instrument: InstrumentId,
    top: Option<Top>,
    quote: Quoted,
    book: BookFeed,
    /// Stale only because nothing came: the next quote or level mends it.
    is_silent: bool,
}

/// Quotes since the last resync.
#[derive(Clone, Debug, Default)]
struct Quoted {
    /// The newest, as it is: one-sided and crossed too.
    stated: Option<Top>,
    is_crossed: bool,
}

/// The book with its place in the venue's messages. Its memory is taken at the first level.
#[derive(Clone, Debug, Default)]
struct BookFeed {
    levels: Option<Box<Book>>,
    /// A snapshot has begun since the last resync: changes have something to apply to.
    is_synced: bool,
    /// The current message is a snapshot.
    in_snapshot: bool,
    /// That levels are dropped has been told since the last snapshot.
    told_full: bool,
    /// The last record was the last one of its message.
    is_whole: bool,
    /// Best bid and ask at the end of the last whole message, one-sided and crossed too, unless it is doubtful.
    stated: Option<Top>,
    is_crossed: bool,
}

/// What became of a book level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// There was no snapshot before it.
    Unsynced,
    /// The message goes on.
    Partly,
    /// The book is whole.
    Whole {
        /// Bid or ask that can be trusted are others than before.
        changed: bool,
    },
}

impl Prices {
    pub(crate) fn new(instrument: InstrumentId) -> Prices {
        Prices {
            instrument,
            ..Prices::default()
        }
    }

    pub(crate) fn top(&self) -> Option<Top> {
        self.top
    }

    /// What is shown of bid and ask; nothing of them while crossed. `None` if neither quotes nor a live book are known.
    pub(crate) fn sides(&self) -> Option<Sides> {
        let (stated, is_crossed) = self.source();
        stated.map(|top| match is_crossed {
            true => Sides::default(),
            false => Sides::from(top),
        })
    }

    /// Whether bid and ask are known, and crossed.
    pub(crate) fn is_crossed(&self) -> bool {
        matches!(self.source(), (Some(_), true))
    }

    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    pub(crate) fn mark(&self) -> Option<i64> {
        self.mark
    }

    pub(crate) fn state(&self) -> Option<BookState> {
        self.state
    }

    /// The book while it is whole and live.
    pub(crate) fn book(&self) -> Option<&Book> {
        let usable = self.book.is_whole && self.book.is_synced && self.is_live();
        self.book.levels.as_deref().filter(|_| usable)
    }

    pub(crate) fn levels_dropped(&self) -> u64 {
        self.book.levels.as_ref().map_or(0, |book| book.dropped())
    }

    /// Whether nothing says that records are being missed.
    pub(crate) fn is_trusted(&self) -> bool {
        self.state.is_none() || self.is_live()
    }

    /// Whether all that another usable quote changes is bid and ask, and the mark if there is no last price.
    pub(crate) fn is_plainly_quoted(&self) -> bool {
        self.is_quoted() && !self.quote.is_crossed && !self.is_silent
    }

    /// Whether bid and ask come from quotes.
    pub(crate) fn is_quoted(&self) -> bool {
        self.quote.stated.is_some()
    }

    /// Whether trades, quotes or a book tell the prices, and not bars that are newer.
    #[inline]
    pub(crate) fn is_ticking(&self) -> bool {
        self.is_ticking
    }

    /// Something came other than a bar.
    #[inline]
    pub(crate) fn tick(&mut self) {
        self.is_ticking = true;
    }

    pub(crate) fn trade(&mut self, price: i64) {
        self.has_traded = true;
        self.last = Some(price);
        self.mark = Some(price);
    }

    /// A bar's close is the last price where nothing but bars comes.
    #[inline]
    pub(crate) fn bar(&mut self, close: i64) {
        self.last = Some(close);
        self.mark = Some(close);
    }

    /// The close of a bar that is no newer than what else came: it is the last price as long as there are no trades, and what to
    /// value at while there is no bid and ask either. Whether it was taken.
    pub(crate) fn bar_within(&mut self, close: i64) -> bool {
        if self.has_traded {
            return false;
        }
        self.last = Some(close);
        if self.top.is_none() {
            self.mark = Some(close);
        }
        true
    }

    /// A bar began after all else that came: trades and quotes are over, and a book has not changed for as long as the bar is, though
    /// there was trading. They are known again when one comes.
    pub(crate) fn outlast(&mut self) {
        self.is_ticking = false;
        self.has_traded = false;
        self.quote = Quoted::default();
        self.book.stated = None;
        self.book.is_crossed = false;
        self.refresh();
    }

    /// Takes a quote; see [`Top::is_two_sided`].
    pub(crate) fn quote(&mut self, quote: &QuoteBody, notes: &mut Notes) {
        let stated = Top::of(quote);
        let top = Some(stated).filter(Top::is_two_sided);
        let is_crossed = self.tell_crossing(top, self.quote.is_crossed, notes);
        self.quote = Quoted {
            stated: Some(stated),
            is_crossed,
        };
        self.show(top.filter(|_| !is_crossed));
    }

    /// Takes one level of a book message.
    pub(crate) fn level(
        &mut self,
        side: Side,
        level: &LevelBody,
        flags: u8,
        notes: &mut Notes,
    ) -> Applied {
        let feed = &mut self.book;
        let levels = feed.levels.get_or_insert_default();
        if level.clear == 1 {
            levels.clear();
            feed.is_synced = true;
            feed.in_snapshot = true;
            feed.told_full = false;
        }
        if !feed.is_synced {
            return Applied::Unsynced;
        }
        let dropped = levels.dropped();
        levels.set(side, level.price, level.qty);
        if levels.dropped() > dropped && !std::mem::replace(&mut feed.told_full, true) {
            notes.say(self.instrument, StatusCode::BookFull, self.state, None);
        }
        feed.is_whole = flags & Flags::LAST != 0;
        if !feed.is_whole {
            return Applied::Partly;
        }
        let stated = levels.stated();
        let top = Some(stated).filter(Top::is_two_sided);
        let before = self.top;
        let is_doubtful = flags & Flags::MAYBE_BAD_BOOK != 0;
        if std::mem::take(&mut feed.in_snapshot) && !is_doubtful {
            self.set_state(BookState::Live, notes);
        }
        self.book.is_crossed = self.tell_crossing(top, self.book.is_crossed, notes);
        self.book.stated = (!is_doubtful).then_some(stated);
        self.refresh();
        Applied::Whole {
            changed: self.top != before,
        }
    }

    /// Takes one level after which its message goes on, if nothing is to be told of it: whether it did.
    #[inline]
    pub(crate) fn inner_level(&mut self, side: Side, level: &LevelBody) -> bool {
        let feed = &mut self.book;
        let Some(levels) = feed.levels.as_deref_mut() else {
            return false;
        };
        let is_known = feed.is_synced && self.is_ticking && !self.is_silent;
        if !is_known || level.clear == 1 || levels.is_full(side) {
            return false;
        }
        levels.set(side, level.price, level.qty);
        feed.is_whole = false;
        true
    }

    /// The feed says what its book is. Whatever was known of quotes is too old unless it is live.
    pub(crate) fn feed_state(&mut self, state: BookState, notes: &mut Notes) {
        if state == BookState::Resync {
            self.unsync();
        }
        if state != BookState::Live {
            self.quote = Quoted::default();
        }
        self.set_state(state, notes);
        self.refresh();
    }

    /// The connection is down: changes are being missed.
    pub(crate) fn disconnect(&mut self, notes: &mut Notes) {
        let was_known = self.state.is_some() || self.is_quoted();
        self.unsync();
        self.quote = Quoted::default();
        if was_known {
            self.set_state(BookState::Stale, notes);
        }
        self.refresh();
    }

    /// Nothing has come for too long. Whether that is news.
    pub(crate) fn fall_silent(&mut self, notes: &mut Notes) -> bool {
        let was_live = self.is_live() || (self.state.is_none() && self.is_quoted());
        if was_live {
            self.quote = Quoted::default();
            self.set_state(BookState::Stale, notes);
            self.is_silent = true;
            self.refresh();
        }
        was_live
    }

    /// Something has come that a silence was about. Whether that ends one.
    #[inline]
    pub(crate) fn speak(&mut self, notes: &mut Notes) -> bool {
        let was_silent = self.is_silent;
        if was_silent {
            self.set_state(BookState::Live, notes);
            self.refresh();
        }
        was_silent
    }

    fn is_live(&self) -> bool {
        self.state == Some(BookState::Live)
    }

    fn unsync(&mut self) {
        self.book.is_synced = false;
        self.book.in_snapshot = false;
        self.book.is_whole = false;
        self.book.stated = None;
        self.book.is_crossed = false;
    }

    fn set_state(&mut self, state: BookState, notes: &mut Notes) {
        self.is_silent = false;
        if self.state != Some(state) {
            self.state = Some(state);
            notes.say(self.instrument, StatusCode::Book, Some(state), None);
        }
    }

    /// Whether bid and ask are crossed. Says so when that changes.
    #[inline(always)]
    fn tell_crossing(&self, top: Option<Top>, was_crossed: bool, notes: &mut Notes) -> bool {
        let crossed = top.filter(Top::is_crossed);
        match crossed {
            Some(top) if !was_crossed => {
                let range = Some((top.bid, top.ask));
                notes.say(self.instrument, StatusCode::Crossed, self.state, range);
            }
            None if was_crossed => {
                notes.say(self.instrument, StatusCode::Book, self.state, None);
            }
            _ => {}
        }
        crossed.is_some()
    }

    /// What states bid and ask, and whether it is crossed: the quotes once there is one, otherwise a live book.
    fn source(&self) -> (Option<Top>, bool) {
        if self.is_quoted() {
            (self.quote.stated, self.quote.is_crossed)
        } else {
            let stated = self.book.stated.filter(|_| self.is_live());
            (stated, self.book.is_crossed)
        }
    }

    /// Bid and ask may be others than before.
    fn refresh(&mut self) {
        let (stated, is_crossed) = self.source();
        self.show(stated.filter(|top| top.is_two_sided() && !is_crossed));
    }

    #[inline]
    fn show(&mut self, top: Option<Top>) {
        self.top = top;
        if !self.has_traded
            && let Some(top) = top
        {
            self.mark = Some(top.mid());
        }
    }
}
