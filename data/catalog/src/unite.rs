//! Definitions of instruments from several runs as one: by name, at the finer scale, what was said before what was assumed.

mod differing;

pub(crate) use differing::differing;
pub use differing::{Differing, SaidByRuns};

use crate::{CatalogError, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tickloom_journal::RunMeta;
use tickloom_types::{Contract, InstrumentDef, InstrumentError, Instruments, Term, pow10};

/// Different definitions and the runs that have them, in the order in which they were first met. Few of them are in many files.
#[derive(Default)]
pub(crate) struct Different {
    defs: Vec<(InstrumentDef, BTreeSet<String>)>,
    /// Where those of a name are.
    places: HashMap<String, Vec<usize>>,
}

impl Different {
    /// Takes note of what a run says of an instrument.
    pub(crate) fn add(&mut self, run: &str, def: &InstrumentDef) {
        let new = self.defs.len();
        let places = self.places.entry(def.name.clone()).or_default();
        for at in places.iter() {
            let known = self.defs.get_mut(*at);
            if let Some((_, runs)) = known.filter(|(known, _)| known == def) {
                if !runs.contains(run) {
                    runs.insert(run.to_owned());
                }
                return;
            }
        }
        places.push(new);
        self.defs
            .push((def.clone(), BTreeSet::from([run.to_owned()])));
    }

    /// All of them, with their runs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&InstrumentDef, &BTreeSet<String>)> {
        self.defs.iter().map(|(def, runs)| (def, runs))
    }

    /// The same where each definition is what `change` makes of it.
    pub(crate) fn changed(self, change: impl Fn(InstrumentDef) -> InstrumentDef) -> Different {
        let mut all = Different::default();
        for (def, runs) in self.defs {
            let def = change(def);
            runs.iter().for_each(|run| all.add(run, &def));
        }
        all
    }

    pub(crate) fn into_defs(self) -> Vec<InstrumentDef> {
        self.defs.into_iter().map(|(def, _)| def).collect()
    }
}

/// Unites definitions by name, sorted by it. Those that differ only in scale get the finer one; where one says what another
/// assumes, what it says counts.
///
/// # Errors
/// [`CatalogError::Definitions`] if two say different things.
pub(crate) fn unite(defs: Vec<InstrumentDef>) -> Result<Instruments> {
    let mut all = Instruments::new();
    for def in united(defs).into_values() {
        all.add(def?)?;
    }
    Ok(all)
}

/// As `unite`, where nobody asks what those instruments are of which two definitions say different things: the first one is
/// given for them.
///
/// # Errors
/// [`CatalogError::Instrument`] for one that is out of range.
pub fn unite_where_possible(defs: Vec<InstrumentDef>) -> Result<Instruments> {
    let mut all = Instruments::new();
    let mut first: BTreeMap<String, InstrumentDef> = BTreeMap::new();
    for def in defs.iter().rev() {
        first.insert(def.name.clone(), def.clone());
    }
    for (name, def) in united(defs) {
        match (def, first.remove(&name)) {
            (Ok(def), _) | (Err(_), Some(def)) => all.add(def)?,
            (Err(error), None) => return Err(error),
        };
    }
    Ok(all)
}

/// Adds the sources of all runs, in the order of their names: which run was imported first makes no difference.
pub(crate) fn unite_sources(all: &mut Instruments, metas: &[RunMeta]) -> Result<()> {
    let sources = metas.iter().flat_map(|meta| meta.instruments.sources());
    let mut sources: Vec<_> = sources.collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    for source in sources {
        all.unite_source(source.clone())?;
    }
    Ok(())
}

fn united(mut defs: Vec<InstrumentDef>) -> BTreeMap<String, Result<InstrumentDef>> {
    // Two that assume different things do not matter where a third one says what it is.
    defs.sort_by_key(|def| def.contract.assumed.len());
    let mut by_name: BTreeMap<String, Result<InstrumentDef>> = BTreeMap::new();
    for def in defs {
        match by_name.remove(&def.name) {
            None => by_name.insert(def.name.clone(), Ok(def)),
            Some(Ok(known)) if known != def => by_name.insert(def.name.clone(), both(&known, &def)),
            Some(known) => by_name.insert(def.name, known),
        };
    }
    by_name
}

/// What two definitions of one instrument say together.
fn both(a: &InstrumentDef, b: &InstrumentDef) -> Result<InstrumentDef> {
    let conflict = |field: &'static str, one: String, other: String| CatalogError::Definitions {
        instrument: a.name.clone(),
        field,
        one: format!("{one} in one run"),
        other: format!("{other} in another"),
        settle: format!(
            "`tickloom instruments set {} --catalog DIR --{} VALUE` says which, or read one of the runs (--run)",
            a.name,
            field.replace('_', "-")
        ),
    };
    let assumes = |def: &InstrumentDef, term| def.contract.assumed.contains(&term);
    // Which of the two says it; the first, if both or none do.
    let said = |term| match (assumes(a, term), assumes(b, term)) {
        (true, false) => (b, true),
        (false, true) => (a, true),
        _ => (a, false),
    };
    let mut united = a.clone();
    let (currency, one_says) = said(Term::Currency);
    if !one_says && a.currency != b.currency {
        return Err(conflict("currency", a.currency.clone(), b.currency.clone()));
    }
    united.currency.clone_from(&currency.currency);
    let (multiplier, one_says) = said(Term::Multiplier);
    let (own, other) = (a.multiplier_text(), b.multiplier_text());
    if !one_says && own != other {
        return Err(conflict("multiplier", own, other));
    }
    united.multiplier = multiplier.multiplier;
    united.multiplier_decimals = multiplier.multiplier_decimals;
    united.calendar = agreed("calendar", &a.calendar, &b.calendar, conflict)?;
    united.price_decimals = a.price_decimals.max(b.price_decimals);
    united.qty_decimals = a.qty_decimals.max(b.qty_decimals);
    united.tick_size = finer(
        said(Term::Tick),
        b,
        |def| (def.tick_size, def.price_decimals),
        united.price_decimals,
    )?;
    united.lot_size = finer(
        said(Term::Lot),
        b,
        |def| (def.lot_size, def.qty_decimals),
        united.qty_decimals,
    )?;
    let (one, other) = (&a.contract, &b.contract);
    united.contract = Contract {
        kind: agreed("kind", &one.kind, &other.kind, conflict)?,
        payoff: agreed("payoff", &one.payoff, &other.payoff, conflict)?,
        base: agreed("base", &one.base, &other.base, conflict)?,
        settlement: agreed("settlement", &one.settlement, &other.settlement, conflict)?,
        underlying: agreed("underlying", &one.underlying, &other.underlying, conflict)?,
        expiry: agreed("expiry", &one.expiry, &other.expiry, conflict)?,
        negative_prices: agreed(
            "negative_prices",
            &one.negative_prices,
            &other.negative_prices,
            conflict,
        )?,
        valid_from: one.valid_from.min(other.valid_from),
        valid_to: match (one.valid_to, other.valid_to) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        },
        assumed: one.assumed.intersection(&other.assumed).copied().collect(),
    };
    Ok(united)
}

/// What one of them says, or both alike.
fn agreed<T: Clone + PartialEq + std::fmt::Debug>(
    field: &'static str,
    one: &Option<T>,
    other: &Option<T>,
    conflict: impl Fn(&'static str, String, String) -> CatalogError,
) -> Result<Option<T>> {
    match (one, other) {
        (Some(a), Some(b)) if a != b => {
            let text = |value: &T| format!("{value:?}").to_lowercase().replace('"', "");
            Err(conflict(field, text(a), text(b)))
        }
        _ => Ok(one.clone().or_else(|| other.clone())),
    }
}

/// The step of the one that says it, else the finer of both, as a mantissa of so many decimals.
fn finer(
    (said, is_said_by_one): (&InstrumentDef, bool),
    other: &InstrumentDef,
    step: impl Fn(&InstrumentDef) -> (i64, u8),
    decimals: u8,
) -> Result<i64> {
    let at = |def: &InstrumentDef| {
        let (mantissa, of) = step(def);
        let scaled = mantissa.checked_mul(pow10(decimals - of));
        scaled.ok_or_else(|| CatalogError::Instrument(InstrumentError::Conflict(def.name.clone())))
    };
    match is_said_by_one {
        true => at(said),
        false => Ok(at(said)?.min(at(other)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assumed(currency: &str) -> InstrumentDef {
        InstrumentDef::assumed("X", 2, 0, currency)
    }

    #[test]
    fn what_is_said_counts_before_what_is_assumed() {
        let mut said = InstrumentDef::new("X", 1, 3, "USDT");
        said.tick_size = 5;
        for defs in [
            [assumed("USD"), said.clone()],
            [said.clone(), assumed("USD")],
        ] {
            let all = unite(defs.to_vec()).unwrap();
            let [def] = all.defs() else {
                panic!("one instrument");
            };
            assert_eq!((def.currency.as_str(), def.price_decimals), ("USDT", 2));
            // 0.5, which one says, at two decimals; and its lot at three.
            assert_eq!((def.tick_size, def.lot_size), (50, 1));
            assert!(def.contract.assumed.is_empty());
        }
    }

    #[test]
    fn two_that_say_different_things_concern_who_reads_both() {
        let defs = vec![
            InstrumentDef::new("X", 2, 0, "USD"),
            InstrumentDef::new("X", 2, 0, "EUR"),
            InstrumentDef::new("Y", 2, 0, "USD"),
        ];
        let error = unite(defs.clone()).unwrap_err().to_string();
        assert!(
            error.starts_with("X: its currency is USD in one run"),
            "{error}"
        );
        assert!(error.contains("EUR"), "{error}");
        let names: Vec<_> = unite_where_possible(defs).unwrap().defs().to_vec();
        assert_eq!(names.len(), 2);
        assert_eq!(names[0].currency, "USD");
    }

    #[test]
    fn of_two_that_assume_the_finer_step_counts() {
        let mut coarse = assumed("USD");
        coarse.price_decimals = 1;
        let all = unite(vec![coarse, assumed("USD")]).unwrap();
        assert_eq!(all.defs()[0].tick_size, 1);
        assert_eq!(all.defs()[0].contract.assumed.len(), 4);
    }
}
