//! How many decimals the sizes of instruments have room for: those of coins that cost next to nothing are so large that eight more
//! digits do not fit.

use super::Args;
use super::data::{Asked, refused};
use super::history::History;
use super::settings::{FRACTION_DECIMALS, Settings};
use crate::failure::Failure;
use crate::stop::Stop;
use std::collections::BTreeMap;
use tickloom_backtest::BacktestError;
use tickloom_data::{Catalog, Largest};
use tickloom_types::{Instruments, Record, some_of};

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
            some_of(&each)
        )
    })
}

/// The sizes of records, by instrument.
#[derive(Default)]
pub(super) struct Sizes(Vec<Largest>);

impl Sizes {
    pub(super) fn note(&mut self, record: &Record) {
        let Ok(at) = usize::try_from(record.header.instrument) else {
            return;
        };
        if self.0.len() <= at {
            self.0.resize_with(at + 1, Largest::default);
        }
        if let Some(largest) = self.0.get_mut(at) {
            largest.note(0, record);
        }
    }

    /// What there is room for.
    pub(super) fn rooms(&self, instruments: &Instruments) -> Rooms {
        let mut rooms = Rooms::new();
        for (def, largest) in instruments.defs().iter().zip(&self.0) {
            let has = def.qty_decimals;
            let room = has.saturating_add(largest.qty_room());
            put(&mut rooms, &def.name, has, room);
        }
        rooms
    }
}

/// What the sizes of the traded instruments of a catalog have room for, of those that have none for all decimals that they would get. It reads
/// all that the run reads, unless no size gets more than it has.
pub(super) fn rooms_of(args: &Args, settings: &Settings, stop: &Stop) -> Result<Rooms, Failure> {
    let Some(path) = args.data.as_deref().filter(|path| Catalog::is_at(path)) else {
        return Ok(Rooms::new());
    };
    let history = History::Catalog(args.memory.open(path).map_err(Failure::input)?);
    let ranges = history.ranges().map_err(refused)?;
    let known = history.instruments().map_err(refused)?;
    let Asked {
        name, mut query, ..
    } = Asked::of(&known, &ranges, args, settings)?;
    if std::mem::take(&mut query.qty_decimals).is_empty() {
        return Ok(Rooms::new());
    }
    let mut scanned = history.scan(&query).map_err(refused)?;
    let (mut sizes, mut read) = (Sizes::default(), 0);
    while let Some(block) = scanned.records.next_block().map_err(Failure::run)? {
        block.records.iter().for_each(|record| sizes.note(record));
        read += block.records.len() as u64;
        if stop.is_wanted() {
            return Err(Failure::Stopped(BacktestError::Stopped(read).into()));
        }
    }
    let traded = name.and_then(|name| scanned.instruments.find(&name));
    let traded = traded.map(|(id, _)| id);
    let rooms = sizes.rooms(&scanned.instruments);
    Ok(settings.limiting(rooms, &scanned.instruments, traded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{BarBody, Header, InstrumentDef, InstrumentId, Kind, SourceId, Ts};

    #[test]
    fn sizes_get_the_decimals_that_they_have_room_for() {
        let mut instruments = Instruments::new();
        for (name, decimals) in [("A", 0), ("B", 2), ("C", 1)] {
            let def = InstrumentDef::new(name, 8, decimals, "USD");
            instruments.add(def).unwrap();
        }
        let mut sizes = Sizes::default();
        // 92 233 720 368 with eight decimals is the largest that fits.
        for (id, volume) in [(0, 92_233_720_369), (0, 5), (1, 1_000), (2, i64::MAX)] {
            let body = BarBody {
                volume,
                ..BarBody::default()
            };
            let header = Header::new(Kind::Bar, InstrumentId(id), SourceId(0), Ts(1), Ts(1));
            sizes.note(&body.record(header));
        }
        let rooms = sizes.rooms(&instruments);
        let found: Vec<(&str, u8)> = rooms.iter().map(|(name, d)| (name.as_str(), *d)).collect();
        assert_eq!(found, [("A", 4), ("C", 1)]);
        let told = told(&rooms).unwrap();
        assert!(
            told.starts_with("sizes of A in 4 decimals, C in 1 decimals"),
            "{told}"
        );
    }
}
