//! Bars of a size that the catalog does not have: what they are made from, and by whom. Trades and smaller bars are what the core
//! makes bars of itself; where a calendar says the edges, or there are only quotes, they come from the aggregation on the fly.

use super::in_no_bar::InNoBar;
use crate::failure::Failure;
use anyhow::anyhow;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_data::{
    Aggregate, AggregateOptions, BarPrice, Calendars, InBlocks, InTurn, Passing, Range, Stream,
    Table,
};
use tickloom_types::{BarSpec, InstrumentDef, Instruments, some_of};

/// How bars of the wanted size of an instrument come about that are not there as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// The smaller bars that they are made of; `None` for ticks.
    of: Option<BarSpec>,
    price: BarPrice,
    /// Whether the core does not make them.
    is_given: bool,
}

/// What is read of each instrument of a run so that there are bars of one size.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// By name of the instruments of which there are no bars of this size.
    made: BTreeMap<String, Plan>,
    /// The size that is read of those that have bars.
    read: BTreeMap<String, BarSpec>,
    /// Whether bars are among the records that the core would not make of them.
    pub(super) is_given: bool,
}

impl Plans {
    /// Plans for bars of a size of all these instruments, which have their calendars.
    ///
    /// # Errors
    /// There is nothing of the instrument with the name `asked` that they could be made of.
    pub(super) fn new<'a>(
        wanted: BarSpec,
        ranges: &[Range],
        defs: impl Iterator<Item = &'a InstrumentDef>,
        asked: &str,
        price: Option<BarPrice>,
    ) -> Result<Plans, Failure> {
        let mut had: BTreeMap<&str, Had> = BTreeMap::new();
        for range in ranges {
            let Some(name) = &range.instrument else {
                continue;
            };
            had.entry(name).or_default().take(range);
        }
        let mut plans = Plans::default();
        for def in defs {
            let Some(had) = had.get(def.name.as_str()) else {
                continue;
            };
            plans.add(wanted, def, had, asked == def.name, price)?;
        }
        Ok(plans)
    }

    fn add(
        &mut self,
        wanted: BarSpec,
        def: &InstrumentDef,
        had: &Had,
        is_asked: bool,
        price: Option<BarPrice>,
    ) -> Result<(), Failure> {
        let name = || def.name.clone();
        if had.bars.contains(&wanted) {
            self.read.insert(name(), wanted);
            return Ok(());
        }
        let plan = Plan::new(wanted, had, def, price);
        let finest = had.bars.first().copied();
        let plan = match (plan, finest) {
            (Some(plan), _) => plan,
            (None, Some(_)) if is_asked => return Err(Failure::input(unmade(wanted, def, had))),
            (None, Some(finest)) => {
                self.read.insert(name(), finest);
                return Ok(());
            }
            (None, None) => return Ok(()),
        };
        if let Some(of) = plan.of {
            self.read.insert(name(), of);
        }
        self.is_given |= plan.is_given;
        self.made.insert(name(), plan);
        Ok(())
    }

    /// The size to read of all instruments, that of the one that is asked for, and of those of which it is another; none for any size.
    pub(super) fn sizes(&self, asked: &str) -> (Option<BarSpec>, BTreeMap<String, BarSpec>) {
        let general = self.read.get(asked).copied();
        let mut others = self.read.clone();
        others.retain(|_, size| Some(*size) != general);
        (general, others)
    }

    /// Of what the bars of these instruments are made, and of which there are none, in words.
    pub(super) fn notes(&self, wanted: BarSpec, read: &[&InstrumentDef]) -> Vec<String> {
        let all = read.len();
        let mut by_origin: BTreeMap<String, Vec<&InstrumentDef>> = BTreeMap::new();
        for def in read {
            if let Some(plan) = self.made.get(&def.name) {
                by_origin.entry(plan.origin()).or_default().push(def);
            }
        }
        let made = by_origin.into_iter().map(|(origin, defs)| {
            let edges = match self.is_given {
                true => sessions(defs.iter().copied()),
                false => String::new(),
            };
            let names = defs.iter().map(|def| &def.name);
            let of = match defs.len() == all {
                true => String::new(),
                false => format!(" of {}", some_of(names)),
            };
            format!("bars of {wanted}{of} are made of {origin}{edges}")
        });
        let mut notes: Vec<String> = made.collect();
        let mut by_size: BTreeMap<BarSpec, Vec<&str>> = BTreeMap::new();
        for name in read.iter().map(|def| def.name.as_str()) {
            let size = self.read.get(name).filter(|size| **size != wanted);
            if let Some(size) = size.filter(|_| !self.made.contains_key(name)) {
                by_size.entry(*size).or_default().push(name);
            }
        }
        notes.extend(by_size.into_iter().map(|(size, names)| {
            let names = some_of(names);
            format!("of {names} there are bars of {size}, of which none of {wanted} can be made: what reads these has no value")
        }));
        notes
    }

    /// The same records with the bars among them, and what is in none of these once all were read.
    pub(super) fn lead(
        &self,
        records: Stream,
        instruments: &Instruments,
        wanted: BarSpec,
        calendars: &Calendars,
    ) -> Result<(Stream, Instruments, InNoBar), Failure> {
        let in_no_bar = InNoBar::default();
        if !self.is_given {
            return Ok((records, instruments.clone(), in_no_bar));
        }
        let options = AggregateOptions {
            size: wanted,
            price: BarPrice::Trade,
            passing: Passing::All,
        };
        let prices = self.made.iter();
        let prices =
            prices.filter_map(|(name, plan)| Some((instruments.find(name)?.0, plan.price)));
        let made = Aggregate::new(InTurn::new(records), instruments, options, Some(calendars))
            .map_err(Failure::input)?
            .with_prices(prices);
        let instruments = made.instruments().clone();
        let counted = InBlocks::new(in_no_bar.count(made));
        Ok((Box::new(counted), instruments, in_no_bar))
    }
}

/// What there is of an instrument.
#[derive(Debug, Default)]
struct Had {
    /// Sizes of bars, from fine to coarse.
    bars: BTreeSet<BarSpec>,
    has_trades: bool,
    has_quotes: bool,
}

impl Had {
    fn take(&mut self, range: &Range) {
        self.bars
            .extend(range.bar.filter(|_| range.table == Table::Bars));
        self.has_trades |= range.table == Table::Trades;
        self.has_quotes |= range.table == Table::Quotes;
    }
}

impl Plan {
    /// `None` if there is nothing that the bars could be made of.
    fn new(
        wanted: BarSpec,
        had: &Had,
        def: &InstrumentDef,
        price: Option<BarPrice>,
    ) -> Option<Plan> {
        let has_calendar = def.calendar.is_some();
        let mut coarsest_first = had.bars.iter().rev();
        let of = coarsest_first.find(|size| divides(**size, wanted, has_calendar));
        let ticks = match (had.has_trades, had.has_quotes) {
            (true, _) => BarPrice::Trade,
            (false, true) => BarPrice::Mid,
            (false, false) if of.is_none() && !had.bars.is_empty() => return None,
            (false, false) => BarPrice::Trade,
        };
        let price = price.unwrap_or(ticks);
        Some(Plan {
            of: of.copied(),
            price,
            is_given: has_calendar || (of.is_none() && price != BarPrice::Trade),
        })
    }

    /// Of what they are made, in words.
    fn origin(self) -> String {
        match (self.of, self.price) {
            (Some(size), _) => format!("bars of {size}"),
            (None, BarPrice::Trade) => "trades".to_owned(),
            (None, BarPrice::Bid) => "bids".to_owned(),
            (None, BarPrice::Ask) => "asks".to_owned(),
            (None, BarPrice::Mid) => "the middle of quotes".to_owned(),
        }
    }
}

/// What to say where bars that were asked for cannot be made.
fn unmade(wanted: BarSpec, def: &InstrumentDef, had: &Had) -> anyhow::Error {
    let sizes: Vec<String> = had.bars.iter().map(ToString::to_string).collect();
    anyhow!(
        "--bar {wanted}: bars of {} can only be made of trades, quotes or bars whose size divides it; there are bars of {}",
        def.name,
        sizes.join(", ")
    )
}

/// Whose sessions the bars of instruments have, in words.
fn sessions<'a>(defs: impl Iterator<Item = &'a InstrumentDef>) -> String {
    let names: BTreeSet<Option<&str>> = defs.map(|def| def.calendar.as_deref()).collect();
    let if_any = match names.contains(&None) {
        true => " if it has one",
        false => "",
    };
    let names: Vec<&str> = names.into_iter().flatten().collect();
    match (names.as_slice(), if_any) {
        ([], _) => String::new(),
        ([only], "") => format!(", with the sessions of {only}"),
        (several, if_any) => format!(
            ", each instrument's with the sessions of its own calendar{if_any} ({})",
            some_of(several)
        ),
    }
}

/// Whether whole bars of one size make up a bar of the other.
fn divides(small: BarSpec, large: BarSpec, has_calendar: bool) -> bool {
    const DAY: i64 = 86_400_000_000_000;
    match (small, large) {
        (BarSpec::Time(s), BarSpec::Time(l)) => s < l && (l % s == 0 || (has_calendar && l >= DAY)),
        (BarSpec::Ticks(s), BarSpec::Ticks(l)) => s < l && l % s == 0,
        (BarSpec::Volume(s), BarSpec::Volume(l)) => s < l,
        (BarSpec::Time(_), BarSpec::Volume(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_calendars_are_told() {
        let def = |calendar: Option<&str>| InstrumentDef {
            calendar: calendar.map(str::to_owned),
            ..InstrumentDef::new("X", 2, 0, "USD")
        };
        let check = |calendars: &[Option<&str>], expected: &str| {
            let defs: Vec<InstrumentDef> = calendars.iter().map(|name| def(*name)).collect();
            assert_eq!(sessions(defs.iter()), expected);
        };
        check(&[None, None], "");
        check(&[Some("fx"), Some("fx")], ", with the sessions of fx");
        check(
            &[Some("us-equity"), Some("crypto"), Some("us-equity")],
            ", each instrument's with the sessions of its own calendar (crypto, us-equity)",
        );
        check(
            &[Some("fx"), None],
            ", each instrument's with the sessions of its own calendar if it has one (fx)",
        );
    }

    #[test]
    fn only_sizes_that_divide_make_up_a_bar() {
        let size = |text: &str| text.parse::<BarSpec>().unwrap();
        assert!(divides(size("1m"), size("5m"), false));
        assert!(!divides(size("2m"), size("5m"), false));
        assert!(!divides(size("5m"), size("5m"), false));
        assert!(divides(size("7h"), size("1d"), true) && !divides(size("7h"), size("1d"), false));
        assert!(!divides(size("100t"), size("5m"), true));
    }
}
