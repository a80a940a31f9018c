//! Bars of a size that the catalog does not have: what they are made from, and by whom. Trades and smaller bars are what the core
//! makes bars of itself; where a calendar says the edges, or there are only quotes, they come from the aggregation on the fly.

use super::watch::Stream;
use crate::failure::Failure;
use anyhow::anyhow;
use std::collections::BTreeSet;
use tickloom_data::{
    Aggregate, AggregateOptions, BarPrice, Calendars, InBlocks, InTurn, Passing, Range, Table,
};
use tickloom_types::{BarSpec, InstrumentDef, Instruments, some_of};

/// How bars of the wanted size come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The smaller bars that they are made of; `None` for ticks.
    pub(super) of: Option<BarSpec>,
    price: BarPrice,
    /// Whether the core does not make them.
    pub(super) is_given: bool,
}

impl Plan {
    /// The plan for bars of an instrument that are not there as such.
    ///
    /// # Errors
    /// Nothing is there that they could be made of.
    pub(super) fn new(
        wanted: BarSpec,
        sizes: &[BarSpec],
        ranges: &[Range],
        def: &InstrumentDef,
        price: Option<BarPrice>,
    ) -> Result<Plan, Failure> {
        let has = |table: Table| {
            let mut of = ranges.iter().filter(|range| range.table == table);
            of.any(|range| range.instrument.as_deref() == Some(def.name.as_str()))
        };
        let has_calendar = def.calendar.is_some();
        let of = sizes
            .iter()
            .rev()
            .find(|size| divides(**size, wanted, has_calendar));
        let ticks = match (has(Table::Trades), has(Table::Quotes)) {
            (true, _) => BarPrice::Trade,
            (false, true) => BarPrice::Mid,
            (false, false) if of.is_none() && !sizes.is_empty() => {
                let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
                return Err(Failure::input(anyhow!(
                    "--bar {wanted}: bars of {} can only be made of trades, quotes or bars whose size divides it; there are bars of {}",
                    def.name,
                    sizes.join(", ")
                )));
            }
            (false, false) => BarPrice::Trade,
        };
        let price = price.unwrap_or(ticks);
        Ok(Plan {
            of: of.copied(),
            price,
            is_given: has_calendar || (of.is_none() && price != BarPrice::Trade),
        })
    }

    /// Of what the bars of these instruments are made, in words.
    pub(super) fn note<'a>(
        self,
        wanted: BarSpec,
        defs: impl Iterator<Item = &'a InstrumentDef>,
    ) -> String {
        let of = match (self.of, self.price) {
            (Some(size), _) => format!("bars of {size}"),
            (None, BarPrice::Trade) => "trades".to_owned(),
            (None, BarPrice::Bid) => "bids".to_owned(),
            (None, BarPrice::Ask) => "asks".to_owned(),
            (None, BarPrice::Mid) => "the middle of quotes".to_owned(),
        };
        let edges = match self.is_given {
            true => sessions(defs),
            false => String::new(),
        };
        format!("bars of {wanted} are made of {of}{edges}")
    }

    /// The same records with the bars among them.
    pub(super) fn lead(
        self,
        records: Stream,
        instruments: &Instruments,
        wanted: BarSpec,
        calendars: &Calendars,
    ) -> Result<(Stream, Instruments), Failure> {
        if !self.is_given {
            return Ok((records, instruments.clone()));
        }
        let options = AggregateOptions {
            size: wanted,
            price: self.price,
            passing: Passing::All,
        };
        let made = Aggregate::new(InTurn::new(records), instruments, options, Some(calendars))
            .map_err(Failure::input)?;
        let instruments = made.instruments().clone();
        Ok((Box::new(InBlocks::new(made)), instruments))
    }
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
