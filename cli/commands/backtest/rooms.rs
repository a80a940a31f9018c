//! How many decimals the sizes of instruments have room for: those of coins that cost next to nothing are so large that eight more
//! digits do not fit.

use super::Args;
use super::data::{Asked, refused};
use super::history::History;
use super::settings::{FRACTION_DECIMALS, Settings};
use crate::failure::Failure;
use std::collections::BTreeMap;
use tickloom_data::{Catalog, DataError, RecordBlocks};
use tickloom_types::{
    BarBody, Instruments, Kind, LevelBody, OrderUpdateBody, QuoteBody, Record, TradeBody, pow10,
};

/// Digits that are left for sums, such as the volume of a larger bar.
const SUM_DIGITS: u8 = 3;

/// By name of an instrument, how many decimals the sizes of orders for all of the cash get; only of those that have no room for all.
pub(super) type Rooms = BTreeMap<String, u8>;

/// Puts in what an instrument has room for whose sizes have `has` decimals, and fit with `room`.
pub(super) fn put(rooms: &mut Rooms, name: &str, has: u8, room: u8) {
    if room < FRACTION_DECIMALS {
        let decimals = room.saturating_sub(SUM_DIGITS).max(has);
        rooms.insert(name.to_owned(), decimals);
    }
}

/// What to say of it.
pub(super) fn told(rooms: &Rooms) -> Option<String> {
    let each = rooms
        .iter()
        .map(|(name, decimals)| format!("{name} in {decimals} decimals"));
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| {
        format!(
            "sizes of {}, where orders for all of the cash have {FRACTION_DECIMALS}: its volumes leave no room for more",
            each.join(", ")
        )
    })
}

/// The largest sizes of records, by instrument.
#[derive(Default)]
pub(super) struct Largest(Vec<u64>);

impl Largest {
    /// Of all these records.
    pub(super) fn of_all(
        records: &mut dyn RecordBlocks<Error = DataError>,
    ) -> Result<Largest, DataError> {
        let mut largest = Largest::default();
        while let Some(block) = records.next_block()? {
            block.records.iter().for_each(|record| largest.note(record));
        }
        Ok(largest)
    }

    pub(super) fn note(&mut self, record: &Record) {
        let of = |sizes: &[i64]| sizes.iter().map(|size| size.unsigned_abs()).max();
        let size = match record.kind() {
            Some(Kind::Trade) => of(&[TradeBody::of(record).qty]),
            Some(Kind::Quote) => {
                let quote = QuoteBody::of(record);
                of(&[quote.bid_qty, quote.ask_qty])
            }
            Some(Kind::Bar) => of(&[BarBody::of(record).volume]),
            Some(Kind::Level) => of(&[LevelBody::of(record).qty]),
            Some(Kind::OrderUpdate) => of(&[OrderUpdateBody::of(record).qty]),
            _ => None,
        };
        let at = usize::try_from(record.header.instrument).ok();
        if let (Some(size), Some(at)) = (size, at) {
            if self.0.len() <= at {
                self.0.resize(at + 1, 0);
            }
            if let Some(known) = self.0.get_mut(at) {
                *known = size.max(*known);
            }
        }
    }

    /// What there is room for.
    pub(super) fn rooms(&self, instruments: &Instruments) -> Rooms {
        let mut rooms = Rooms::new();
        for (def, largest) in instruments.defs().iter().zip(&self.0) {
            let fits = |more: &u8| {
                let by = u128::from(pow10(*more).unsigned_abs());
                u128::from(*largest) * by <= u128::from(i64::MAX.unsigned_abs())
            };
            let more = (0..=FRACTION_DECIMALS).rev().find(fits).unwrap_or(0);
            let has = def.qty_decimals;
            put(&mut rooms, &def.name, has, has.saturating_add(more));
        }
        rooms
    }
}

/// What the sizes of the traded instruments of a catalog have room for, of those that have none for all decimals that they would get.
pub(super) fn rooms_of(args: &Args, settings: &Settings) -> Result<Rooms, Failure> {
    let Some(path) = args.data.as_deref().filter(|path| Catalog::is_at(path)) else {
        return Ok(Rooms::new());
    };
    let history = History::Catalog(args.memory.open(path).map_err(Failure::input)?);
    let ranges = history.ranges().map_err(refused)?;
    let known = history.instruments().map_err(refused)?;
    let mut query = Asked::of(&known, &ranges, args, settings)?.query;
    let finer = std::mem::take(&mut query.qty_decimals);
    let mut scanned = history.scan(&query).map_err(refused)?;
    let largest = Largest::of_all(scanned.records.as_mut()).map_err(Failure::run)?;
    let mut rooms = largest.rooms(&scanned.instruments);
    rooms.retain(|name, _| finer.contains_key(name));
    Ok(rooms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentDef, InstrumentId, SourceId, Ts};

    #[test]
    fn sizes_get_the_decimals_that_they_have_room_for() {
        let mut instruments = Instruments::new();
        for (name, decimals) in [("A", 0), ("B", 2), ("C", 1)] {
            let def = InstrumentDef::new(name, 8, decimals, "USD");
            instruments.add(def).unwrap();
        }
        let mut largest = Largest::default();
        // 92 233 720 368 with eight decimals is the largest that fits.
        for (id, volume) in [(0, 92_233_720_369), (0, 5), (1, 1_000), (2, i64::MAX)] {
            let body = BarBody {
                volume,
                ..BarBody::default()
            };
            let header = Header::new(Kind::Bar, InstrumentId(id), SourceId(0), Ts(1), Ts(1));
            largest.note(&body.record(header));
        }
        let rooms = largest.rooms(&instruments);
        let found: Vec<(&str, u8)> = rooms.iter().map(|(name, d)| (name.as_str(), *d)).collect();
        assert_eq!(found, [("A", 4), ("C", 1)]);
        let told = told(&rooms).unwrap();
        assert!(
            told.starts_with("sizes of A in 4 decimals, C in 1 decimals"),
            "{told}"
        );
    }
}
