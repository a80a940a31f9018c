//! Bars that earlier imports have: the same bar again counts once, another bar of the same time is refused.

use super::report::ImportReport;
use crate::Result;
use std::collections::HashMap;
use tickloom_catalog::{Catalog, CatalogError, ScanQuery, Table};
use tickloom_types::{
    BarBody, BarSpec, InstrumentDef, Instruments, Kind, Record, SourceKind, Ts, pow10,
};

/// Bars of one size that are remembered at a time, by their time if none is missing.
const BARS: i64 = 50_000;
/// Stretches of so many bars that are remembered at a time.
const STRETCHES_MAX: usize = 64;
/// Bars in them; some 120 bytes each.
const BARS_MAX: usize = 800_000;
/// Why a bar is refused.
const OTHER: &str = "bar that is there already with other numbers";
/// Such bars that are named.
const NAMED_MAX: usize = 5;

/// Open, high, low, close and volume at nine decimals.
type Content = [i128; 5];
/// Instrument and source by number, and which stretch of time.
type Stretch = (u32, u16, i64);

/// What earlier imports have of the instruments of a file.
pub(super) struct KnownBars<'a> {
    catalog: &'a Catalog,
    runs: Vec<String>,
    instruments: Instruments,
    stretches: HashMap<Stretch, HashMap<i64, Content>>,
    repeated: u64,
    repeats: Vec<String>,
    others: u64,
    named: Vec<String>,
}

impl<'a> KnownBars<'a> {
    /// Looks for imports other than `run` that have one of the instruments.
    pub(super) fn of(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
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
            stretches: HashMap::new(),
            repeated: 0,
            repeats: Vec::new(),
            others: 0,
            named: Vec::new(),
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
        let def = self.instruments.get(record.instrument());
        let source = self.instruments.source(record.source());
        let (Some(def), Some(source)) = (def, source) else {
            return Ok(true);
        };
        let SourceKind::Bars(spec @ BarSpec::Time(length)) = source.kind else {
            return Ok(true);
        };
        let width = length.max(1).saturating_mul(BARS);
        let at = header.ts_event.div_euclid(width);
        let stretch = (header.instrument, header.source, at);
        if !self.stretches.contains_key(&stretch) {
            let there = self.read(&def.name, &source.name, spec, (at, width))?;
            let held: usize = self.stretches.values().map(HashMap::len).sum();
            if self.stretches.len() >= STRETCHES_MAX || held + there.len() > BARS_MAX {
                self.stretches.clear();
            }
            self.stretches.insert(stretch, there);
        }
        let there = self.stretches.get(&stretch);
        let Some(there) = there.and_then(|there| there.get(&header.ts_event)) else {
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

    /// The bars of a stretch of time, by when they close.
    fn read(
        &self,
        name: &str,
        source: &str,
        spec: BarSpec,
        (at, width): (i64, i64),
    ) -> Result<HashMap<i64, Content>> {
        let from = at.saturating_mul(width);
        let query = ScanQuery {
            instruments: vec![name.to_owned()],
            tables: vec![Table::Bars],
            bars: vec![spec],
            runs: self.runs.clone(),
            from: Some(Ts(from)),
            // Of bars, those that close at the end or before.
            to: Some(Ts(from.saturating_add(width))),
            ..ScanQuery::default()
        };
        let mut bars = HashMap::new();
        let scan = match self.catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => return Ok(bars),
            Err(error) => return Err(error.into()),
        };
        let instruments = scan.instruments().clone();
        for next in scan {
            let (_, record) = next?;
            let of = instruments.source(record.source());
            if record.kind() == Some(Kind::Bar)
                && of.is_some_and(|of| of.name == source)
                && let Some(def) = instruments.get(record.instrument())
                && def.name == name
            {
                bars.insert(record.header.ts_event, content(&record, def));
            }
        }
        Ok(bars)
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
    [
        price(bar.open),
        price(bar.high),
        price(bar.low),
        price(bar.close),
        at_nine(bar.volume, def.qty_decimals),
    ]
}
