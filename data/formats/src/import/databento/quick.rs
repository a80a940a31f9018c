//! Rows in the form that most have, read many at a time where they lie: those that are whole, of a number whose instrument is known at
//! their time and with all that they need. Every other row is left to `convert`, which says what a row is: here it is the same for these.

use super::convert::FILE_SOURCE;
use super::fields::of_kind;
use super::moments::Moments;
use super::quotes::Steps;
use super::raw::{Head, MboRow, Mbp1Row, TradeRow, WORD_BYTES};
use super::seen::SeenAll;
use super::slots::{Slot, Slots, key};
use crate::databento::flags_from_dbn;
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE, rtype};
use tickloom_catalog::Table;
use tickloom_types::{
    BookAction, Flags, Header, Kind, OrderUpdateBody, QuoteBody, Record, Side, TradeBody,
};
use zerocopy::FromBytes;

/// Letters that have no meaning here.
const NONE: u8 = u8::MAX;

/// Whether rows that begin so are read here. Those that bear when they were sent besides are longer, and are not.
pub(super) fn is_read(head: &Head) -> bool {
    let bytes = match head.rtype {
        MboRow::TYPE => size_of::<MboRow>(),
        TradeRow::TYPE => size_of::<TradeRow>(),
        Mbp1Row::TYPE => size_of::<Mbp1Row>(),
        _ => return false,
    };
    usize::from(head.length) * WORD_BYTES == bytes
}

/// A type of row that is read here.
trait Common: FromBytes {
    const TYPE: u8;
    const KIND: Kind;
    const TABLE: Table;

    fn head(&self) -> &Head;
    /// When it arrived, and its flags as they are in the file.
    fn received(&self) -> (u64, u8);
    /// Whether it has all that it needs.
    fn is_plain(&self) -> bool;
    /// Whether its prices are so many whole steps.
    fn fits(&self, steps: Steps) -> bool;
    fn record(&self, header: Header, steps: Steps) -> Record;

    /// Whether it is a trade besides.
    fn is_traded(&self) -> bool {
        false
    }

    /// The trade that it is besides.
    fn trade(&self, _steps: Steps) -> TradeBody {
        TradeBody::default()
    }
}

/// The fields that all of them have under one name.
macro_rules! stamps {
    () => {
        #[inline]
        fn head(&self) -> &Head {
            &self.hd
        }

        #[inline]
        fn received(&self) -> (u64, u8) {
            (self.ts_recv, self.flags)
        }
    };
}

/// Those of rows that may be trades besides.
macro_rules! trades {
    () => {
        #[inline]
        fn is_traded(&self) -> bool {
            self.action == b'T'
        }

        #[inline]
        fn trade(&self, steps: Steps) -> TradeBody {
            trade(self.price, self.size, self.side, self.sequence, steps)
        }
    };
}

impl Common for MboRow {
    const TYPE: u8 = rtype::MBO;
    const KIND: Kind = Kind::OrderUpdate;
    const TABLE: Table = Table::OrderUpdates;

    stamps!();

    #[inline]
    fn is_plain(&self) -> bool {
        let has_all = self.price != UNDEF_PRICE && self.size != UNDEF_ORDER_SIZE;
        let (action, side) = (
            ACTIONS[usize::from(self.action)],
            SIDES[usize::from(self.side)],
        );
        let has_trade = !self.is_traded() || self.size != 0;
        has_all && has_trade && action != NONE && side != NONE
    }

    trades!();

    #[inline]
    fn fits(&self, steps: Steps) -> bool {
        steps.has(self.price)
    }

    #[inline]
    fn record(&self, header: Header, steps: Steps) -> Record {
        let body = OrderUpdateBody {
            order_id: self.order_id,
            price: steps.divide(self.price),
            qty: i64::from(self.size),
            update_id: u64::from(self.sequence),
            side: SIDES[usize::from(self.side)],
            action: ACTIONS[usize::from(self.action)],
            ..OrderUpdateBody::default()
        };
        body.record(header)
    }
}

impl Common for TradeRow {
    const TYPE: u8 = rtype::MBP_0;
    const KIND: Kind = Kind::Trade;
    const TABLE: Table = Table::Trades;

    stamps!();

    #[inline]
    fn is_plain(&self) -> bool {
        is_trade(self.price, self.size, self.side)
    }

    #[inline]
    fn fits(&self, steps: Steps) -> bool {
        steps.has(self.price)
    }

    #[inline]
    fn record(&self, header: Header, steps: Steps) -> Record {
        let body = trade(self.price, self.size, self.side, self.sequence, steps);
        body.record(header)
    }
}

impl Common for Mbp1Row {
    const TYPE: u8 = rtype::MBP_1;
    const KIND: Kind = Kind::Quote;
    const TABLE: Table = Table::Quotes;

    stamps!();

    #[inline]
    fn is_plain(&self) -> bool {
        let [level] = &self.levels;
        let has_prices = level.bid_px != UNDEF_PRICE && level.ask_px != UNDEF_PRICE;
        let has_sizes = level.bid_sz != UNDEF_ORDER_SIZE && level.ask_sz != UNDEF_ORDER_SIZE;
        let has_trade = !self.is_traded() || is_trade(self.price, self.size, self.side);
        has_prices && has_sizes && has_trade
    }

    trades!();

    #[inline]
    fn fits(&self, steps: Steps) -> bool {
        let [level] = &self.levels;
        let is_traded = self.is_traded();
        let trade_fits = !is_traded || steps.has(self.price);
        steps.has(level.bid_px) && steps.has(level.ask_px) && trade_fits
    }

    #[inline]
    fn record(&self, header: Header, steps: Steps) -> Record {
        let [level] = &self.levels;
        let body = QuoteBody {
            bid: steps.divide(level.bid_px),
            bid_qty: i64::from(level.bid_sz),
            ask: steps.divide(level.ask_px),
            ask_qty: i64::from(level.ask_sz),
            update_id: u64::from(self.sequence),
        };
        body.record(header)
    }
}

/// Whether these are the price, the size and the side of a trade.
#[inline]
fn is_trade(price: i64, size: u32, side: u8) -> bool {
    let has_size = size != 0 && size != UNDEF_ORDER_SIZE;
    price != UNDEF_PRICE && has_size && SIDES[usize::from(side)] != NONE
}

#[inline]
fn trade(price: i64, size: u32, side: u8, sequence: u32, steps: Steps) -> TradeBody {
    TradeBody {
        price: steps.divide(price),
        qty: i64::from(size),
        trade_id: u64::from(sequence),
        side: SIDES[usize::from(side)],
        ..TradeBody::default()
    }
}

/// What letters say that happened to an order, if they concern an order.
const ACTIONS: [u8; 256] = {
    let mut actions = [NONE; 256];
    actions[b'A' as usize] = BookAction::Add as u8;
    actions[b'M' as usize] = BookAction::Modify as u8;
    actions[b'C' as usize] = BookAction::Cancel as u8;
    actions[b'F' as usize] = BookAction::Fill as u8;
    actions[b'T' as usize] = BookAction::Trade as u8;
    actions
};

const SIDES: [u8; 256] = {
    let mut sides = [NONE; 256];
    sides[b'B' as usize] = Side::Buy as u8;
    sides[b'A' as usize] = Side::Sell as u8;
    sides[b'N' as usize] = 0;
    sides
};

/// Rows that were read: how many, those of them that are trades besides, their bytes, and the table of their other records.
pub(super) struct Passed {
    pub(super) rows: usize,
    pub(super) trades: usize,
    pub(super) bytes: usize,
    pub(super) table: Table,
}

/// Rows that bytes begin with, as far as they are such as are read here.
#[inline]
fn rows<'a, R: Common>(data: &'a [u8], slots: &'a Slots) -> impl Iterator<Item = (R, &'a Slot)> {
    let mut slot: Option<&Slot> = None;
    data.chunks_exact(size_of::<R>()).map_while(move |bytes| {
        let row = R::read_from_bytes(bytes).ok()?;
        let head = row.head();
        let key = key(head);
        let known = match slot {
            Some(slot) if slot.key == key => slot,
            // Rows of other types are known by the same numbers.
            _ if head.rtype == R::TYPE => slots.of(key)?,
            _ => return None,
        };
        slot = Some(known);
        let (recv, _) = row.received();
        let is_of = known.holds_at(recv);
        let has_time = head.ts_event.cast_signed() >= 0;
        (is_of && has_time && row.is_plain()).then_some((row, known))
    })
}

/// Looks at rows whose prices need no more decimals than are known.
pub(super) fn survey(data: &[u8], slots: &Slots, seen: &mut SeenAll) -> Option<Passed> {
    match data.get(1).copied()? {
        MboRow::TYPE => survey_of::<MboRow>(data, slots, seen),
        TradeRow::TYPE => survey_of::<TradeRow>(data, slots, seen),
        Mbp1Row::TYPE => survey_of::<Mbp1Row>(data, slots, seen),
        _ => None,
    }
}

fn survey_of<R: Common>(data: &[u8], slots: &Slots, seen: &mut SeenAll) -> Option<Passed> {
    let (mut count, mut trades, mut all_flags) = (0, 0, 0);
    let (mut of, mut first, mut last) = (None, u64::MAX, 0);
    for (row, slot) in rows::<R>(data, slots) {
        if !row.fits(slot.steps) {
            break;
        }
        let (recv, flags) = row.received();
        if of != Some(slot.instrument) {
            seen.widen(of, first, last);
            (of, first, last) = (Some(slot.instrument), recv, recv);
        }
        first = first.min(recv);
        last = last.max(recv);
        all_flags |= flags;
        trades += usize::from(row.is_traded());
        count += 1;
    }
    seen.widen(of, first, last);
    seen.has_events |= flags_from_dbn(all_flags) & Flags::LAST != 0;
    Passed::of::<R>(count, trades)
}

/// Makes the records of rows, as many as there is room for.
pub(super) fn fill(
    data: &[u8],
    slots: &Slots,
    has_events: bool,
    moments: &mut Moments,
) -> Option<Passed> {
    match data.get(1).copied()? {
        MboRow::TYPE => fill_of::<MboRow>(data, slots, has_events, moments),
        TradeRow::TYPE => fill_of::<TradeRow>(data, slots, has_events, moments),
        Mbp1Row::TYPE => fill_of::<Mbp1Row>(data, slots, has_events, moments),
        _ => None,
    }
}

fn fill_of<R: Common>(
    data: &[u8],
    slots: &Slots,
    has_events: bool,
    moments: &mut Moments,
) -> Option<Passed> {
    let (mut count, mut trades) = (0, 0);
    for (row, slot) in rows::<R>(data, slots).take(moments.room()) {
        let (recv, flags) = row.received();
        let flags = flags_from_dbn(flags);
        let header = Header {
            ts_event: row.head().ts_event.cast_signed(),
            ts_recv: recv.cast_signed(),
            instrument: slot.instrument,
            source: FILE_SOURCE,
            kind: R::KIND as u8,
            flags,
        };
        let goes_on = has_events && flags & Flags::LAST == 0;
        let record = row.record(header, slot.steps);
        if row.is_traded() {
            let trade = row.trade(slot.steps).record(of_kind(header, Kind::Trade));
            moments.take(&[record, trade], goes_on);
            trades += 1;
        } else {
            moments.take_one(record, goes_on);
        }
        count += 1;
    }
    Passed::of::<R>(count, trades)
}

impl Passed {
    fn of<R: Common>(rows: usize, trades: usize) -> Option<Passed> {
        (rows > 0).then_some(Passed {
            rows,
            trades,
            bytes: rows * size_of::<R>(),
            table: R::TABLE,
        })
    }
}
