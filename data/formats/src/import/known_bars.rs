//! Bars that earlier imports have: the same bar again counts once, another bar of the same time is refused.

use super::report::ImportReport;
use crate::Result;
use std::collections::HashMap;
use std::ops::Range;
use tickloom_catalog::{Catalog, CatalogError, RecordBlocks, ScanQuery, Table};
use tickloom_types::{
    BarBody, BarSpec, InstrumentDef, Instruments, Kind, Record, SourceDef, SourceKind, Ts, pow10,
};
use xxhash_rust::xxh3::xxh3_128;

/// How long a stretch of time is that is read at once, at most and at least.
const STRETCH_NS_MAX: i64 = 1 << 60;
const STRETCH_NS_MIN: i64 = 60_000_000_000;
/// Instruments that are read at once: each may have files of its own, which are open at the same time.
const INSTRUMENTS_AT_ONCE: usize = 256;

/// Why a bar is refused.
const OTHER: &str = "bar that is there already with other numbers";
/// Such bars that are named.
const NAMED_MAX: usize = 5;

/// What a bar says, as a hash of its numbers at nine decimals.
type Content = u128;
/// Instrument and source by number, and when the bar closes.
type Place = (u32, u16, i64);

/// What earlier imports have in a stretch of time, of all instruments of a file.
#[derive(Default)]
struct Stretch {
    times: Range<i64>,
    bars: HashMap<Place, Content>,
}

/// What earlier imports have of the instruments of a file. The bars of a file come in the order of their times, so that each stretch is
/// read once.
pub(super) struct KnownBars<'a> {
    catalog: &'a Catalog,
    runs: Vec<String>,
    instruments: Instruments,
    stretch: Stretch,
    /// How long the next stretch is to be.
    width: i64,
    bars_max: usize,
    repeated: u64,
    repeats: Vec<String>,
    others: u64,
    named: Vec<String>,
    /// How often the catalog was read.
    #[cfg(test)]
    reads: usize,
}

impl<'a> KnownBars<'a> {
    /// Looks for imports other than `run` that have one of the instruments; of what they have, about so many bars are held at a time.
    pub(super) fn of(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
        bars_max: usize,
    ) -> Result<KnownBars<'a>> {
        let has_bars = instruments
            .sources()
            .iter()
            .any(|source| matches!(source.kind, SourceKind::Bars(_)));
        let runs = match has_bars {
            true => {
                catalog.other_imports(run, instruments.defs().iter().map(|d| d.name.as_str()))?
            }
            false => Vec::new(),
        };
        Ok(KnownBars {
            catalog,
            runs,
            instruments: instruments.clone(),
            stretch: Stretch::default(),
            width: STRETCH_NS_MAX,
            bars_max,
            repeated: 0,
            repeats: Vec::new(),
            others: 0,
            named: Vec::new(),
            #[cfg(test)]
            reads: 0,
        })
    }

    /// Whether there are none, so that every record is new.
    pub(super) fn is_nothing(&self) -> bool {
        self.runs.is_empty()
    }

    /// Those of the records that are to be kept.
    pub(super) fn keep_new(&mut self, block: &[Record], fresh: &mut Vec<Record>) -> Result<()> {
        fresh.clear();
        for record in block {
            if self.is_new(record)? {
                fresh.push(*record);
            }
        }
        Ok(())
    }

    /// Whether a record is to be kept.
    fn is_new(&mut self, record: &Record) -> Result<bool> {
        if self.runs.is_empty() || record.kind() != Some(Kind::Bar) {
            return Ok(true);
        }
        let header = record.header;
        let spec = self.instruments.bar_spec(record.source());
        let Some(spec @ BarSpec::Time(_)) = spec else {
            return Ok(true);
        };
        if !self.stretch.times.contains(&header.ts_event) {
            self.stretch = self.read(header.ts_event)?;
        }
        let place = (header.instrument, header.source, header.ts_event);
        let def = self.instruments.get(record.instrument());
        let (Some(def), Some(there)) = (def, self.stretch.bars.get(&place)) else {
            return Ok(true);
        };
        let (name, ts) = (&def.name, record.ts_event());
        let is_same = *there == content(record, def);
        let (count, texts, most, what) = if is_same {
            (
                &mut self.repeated,
                &mut self.repeats,
                20,
                "is there already",
            )
        } else {
            let what = "is there already with other numbers";
            (&mut self.others, &mut self.named, NAMED_MAX, what)
        };
        *count += 1;
        if texts.len() < most {
            texts.push(format!(
                "{name}: the bar of {spec} that closes at {ts} {what}"
            ));
        }
        Ok(false)
    }

    /// The stretch of time that begins with this one: as long as it may be without having more bars than may be held.
    fn read(&mut self, from: i64) -> Result<Stretch> {
        loop {
            #[cfg(test)]
            {
                self.reads += 1;
            }
            let times = from..from.saturating_add(self.width);
            let most = match self.width {
                STRETCH_NS_MIN => usize::MAX,
                _ => self.bars_max,
            };
            if let Some(bars) = self.read_between(&times, most)? {
                if bars.len() < self.bars_max / 4 {
                    self.width = self.width.saturating_mul(2).min(STRETCH_NS_MAX);
                }
                return Ok(Stretch { times, bars });
            }
            self.width = (self.width / 4).max(STRETCH_NS_MIN);
        }
    }

    /// The bars that close within these times; none if there are more than so many.
    fn read_between(
        &self,
        times: &Range<i64>,
        most: usize,
    ) -> Result<Option<HashMap<Place, Content>>> {
        let mut bars = HashMap::new();
        for defs in self.instruments.defs().chunks(INSTRUMENTS_AT_ONCE) {
            self.add_bars(defs, times, &mut bars)?;
            if bars.len() > most {
                return Ok(None);
            }
        }
        Ok(Some(bars))
    }

    /// Adds the bars of some instruments that close within these times.
    fn add_bars(
        &self,
        defs: &[InstrumentDef],
        times: &Range<i64>,
        bars: &mut HashMap<Place, Content>,
    ) -> Result<()> {
        let query = ScanQuery {
            instruments: defs.iter().map(|def| def.name.clone()).collect(),
            tables: vec![Table::Bars],
            runs: self.runs.clone(),
            // Of bars, those that close after the first and not after the second.
            from: Some(Ts(times.start.saturating_sub(1))),
            to: Some(Ts(times.end.saturating_sub(1))),
            ..ScanQuery::default()
        };
        let mut scan = match self.catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let instruments = scan.instruments().clone();
        // What the numbers of the catalog are here.
        let own: Vec<Option<u32>> = (instruments.defs().iter())
            .map(|def| self.instruments.find(&def.name).map(|(id, _)| id.0))
            .collect();
        let sources: Vec<Option<u16>> = (instruments.sources().iter())
            .map(|there| {
                let same = |own: &SourceDef| own.name == there.name && own.kind == there.kind;
                let at = self.instruments.sources().iter().position(same)?;
                u16::try_from(at).ok()
            })
            .collect();
        while let Some(block) = scan.next_block()? {
            for record in block.records {
                let header = record.header;
                let def = instruments.get(record.instrument());
                let instrument = own.get(record.instrument().0 as usize).copied().flatten();
                let source = sources.get(usize::from(header.source)).copied().flatten();
                if let (Some(def), Some(instrument), Some(source)) = (def, instrument, source)
                    && record.kind() == Some(Kind::Bar)
                {
                    bars.insert((instrument, source, header.ts_event), content(record, def));
                }
            }
        }
        Ok(())
    }

    /// Says what was left out.
    pub(super) fn tell(self, report: &mut ImportReport) {
        if self.repeated + self.others == 0 {
            return;
        }
        report.repeated += self.repeated;
        report.repeats.extend(self.repeats);
        report.refused += self.others;
        report.kinds.entry(Table::Bars).or_default().refused += self.others;
        if self.others > 0 {
            *report.reasons.entry(OTHER.to_owned()).or_default() += self.others;
        }
        report.notes.extend(self.named);
    }
}

fn content(record: &Record, def: &InstrumentDef) -> Content {
    let bar = BarBody::of(record);
    let at_nine = |mantissa: i64, decimals: u8| {
        i128::from(mantissa) * i128::from(pow10(9_u8.saturating_sub(decimals)))
    };
    let price = |mantissa| at_nine(mantissa, def.price_decimals);
    let numbers = [
        price(bar.open),
        price(bar.high),
        price(bar.low),
        price(bar.close),
        at_nine(bar.volume, def.qty_decimals),
    ];
    let mut bytes = [0; 5 * size_of::<i128>()];
    for (place, number) in bytes.chunks_exact_mut(size_of::<i128>()).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_128(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Input, options::ImportOptions};
    use std::fmt::Write;
    use std::path::Path;

    const DAYS: i64 = 30;

    /// Daily bars of nine instruments, day after day, whose numbers follow from both; of a few there is none.
    fn daily(days: Range<i64>, volume: i64) -> Input {
        let mut text = "symbol,timestamp,open,high,low,close,volume\n".to_owned();
        for day in days {
            for symbol in 0..9 {
                if (day + symbol) % 7 != 0 {
                    let price = 10 + symbol + day;
                    writeln!(
                        text,
                        "S{symbol},{},{price},{price},{price},{price},{volume}",
                        1_577_836_800 + day * 86_400
                    )
                    .unwrap();
                }
            }
        }
        Input::bytes(Path::new("daily.csv"), text.into_bytes())
    }

    /// However few bars are held, each that is there is found, and the catalog is read a few times and not for each bar.
    #[test]
    fn bars_of_many_instruments_are_known_whatever_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        let options = ImportOptions {
            bar: Some(BarSpec::Time(86_400_000_000_000)),
            ..ImportOptions::default()
        };
        let first = daily(0..DAYS, 5).import(&options, &catalog).unwrap();
        let there = first.written;
        assert!(there > 200, "{there}");
        for (volume, bars_max) in [(5, 1 << 20), (5, 40), (5, 9), (6, 40)] {
            let file = daily(0..DAYS + 2, volume).read(&options).unwrap();
            let mut known =
                KnownBars::of(&catalog, "another", &file.instruments, bars_max).unwrap();
            let mut fresh = Vec::new();
            known.keep_new(&file.records, &mut fresh).unwrap();
            let days = file.records.len() as u64 - there;
            assert_eq!(fresh.len() as u64, days, "{bars_max}");
            let found = [known.repeated, known.others];
            let expected = if volume == 5 { [there, 0] } else { [0, there] };
            assert_eq!(found, expected, "{bars_max}");
            // A read that has too much is done again, shorter; at worst each of a few days.
            assert!(known.reads <= 3 * DAYS as usize, "{}", known.reads);
        }
    }
}
