//! Where the runs of a catalog say different things of one instrument: what `unite` refuses, field by field with the runs.

use super::Different;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{InstrumentDef, Term};

/// A field of an instrument of which runs say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The instrument.
    #[serde(skip)]
    pub instrument: String,
    /// The field, by its name in a definition.
    pub field: &'static str,
    /// What is said of it, in order.
    pub values: Vec<SaidByRuns>,
}

/// A value of a field, and who says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaidByRuns {
    /// The value, as it is written in a definition.
    pub value: String,
    /// The runs, in the order of their names.
    pub runs: Vec<String>,
}

/// A field's name and value, and whether the value is only assumed.
type Field = (&'static str, Option<String>, bool);
/// The fields of a definition, and the runs that have it.
type Said<'a> = (Vec<Field>, &'a BTreeSet<String>);
/// Runs by the value that they say.
type ByValue<'a> = BTreeMap<String, BTreeSet<&'a str>>;

/// The fields of which definitions say different things. Tick and lot are not among them: the finer one counts.
pub(crate) fn differing(all: &Different) -> Vec<Differing> {
    let mut by_name: BTreeMap<&str, Vec<Said<'_>>> = BTreeMap::new();
    for (def, runs) in all.iter() {
        let of_name = by_name.entry(&def.name).or_default();
        of_name.push((fields(def), runs));
    }
    let mut found = Vec::new();
    for (name, defs) in by_name.into_iter().filter(|(_, defs)| defs.len() > 1) {
        // By the place of the field: what is said, and what is only assumed.
        let mut said: BTreeMap<usize, (&'static str, [ByValue<'_>; 2])> = BTreeMap::new();
        for (fields, runs) in defs {
            for (at, (field, value, is_assumed)) in fields.into_iter().enumerate() {
                let (_, by_value) = said
                    .entry(at)
                    .or_insert_with(|| (field, <[ByValue<'_>; 2]>::default()));
                let [own, assumed] = by_value;
                let by_value = if is_assumed { assumed } else { own };
                if let Some(value) = value {
                    let of_value = by_value.entry(value).or_default();
                    of_value.extend(runs.iter().map(String::as_str));
                }
            }
        }
        for (field, [own, assumed]) in said.into_values() {
            // What is assumed gives way to what anybody says.
            let values = if own.is_empty() { assumed } else { own };
            if values.len() > 1 {
                found.push(of_field(name, field, values));
            }
        }
    }
    found
}

fn of_field(instrument: &str, field: &'static str, values: ByValue<'_>) -> Differing {
    let values = values.into_iter().map(|(value, runs)| SaidByRuns {
        value,
        runs: runs.into_iter().map(str::to_owned).collect(),
    });
    Differing {
        instrument: instrument.to_owned(),
        field,
        values: values.collect(),
    }
}

fn fields(def: &InstrumentDef) -> Vec<Field> {
    let contract = &def.contract;
    let assumes = |term| contract.assumed.contains(&term);
    let said = |field, value| (field, value, false);
    vec![
        (
            "currency",
            Some(def.currency.clone()),
            assumes(Term::Currency),
        ),
        (
            "multiplier",
            Some(def.multiplier_text()),
            assumes(Term::Multiplier),
        ),
        said("calendar", def.calendar.clone()),
        said("kind", word(contract.kind)),
        said("payoff", word(contract.payoff)),
        said("base", contract.base.clone()),
        said("settlement", contract.settlement.clone()),
        said("underlying", contract.underlying.clone()),
        said("expiry", contract.expiry.map(|ts| ts.to_string())),
        said(
            "negative_prices",
            contract.negative_prices.map(|may| may.to_string()),
        ),
    ]
}

/// A word of a definition, as it is written.
fn word(value: Option<impl Serialize>) -> Option<String> {
    let value = serde_json::to_value(value?).ok()?;
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::InstrumentKind;

    fn said(value: &str, runs: &[&str]) -> SaidByRuns {
        SaidByRuns {
            value: value.to_owned(),
            runs: runs.iter().map(|run| (*run).to_owned()).collect(),
        }
    }

    #[test]
    fn what_runs_say_differently_is_told_with_their_names() {
        let mut all = Different::default();
        let mut dollars = InstrumentDef::new("X", 2, 0, "USD");
        dollars.contract.kind = Some(InstrumentKind::Equity);
        all.add("b", &dollars);
        all.add("a", &dollars);
        // At another scale, and of a kind that nobody else names.
        all.add("c", &InstrumentDef::new("X", 3, 1, "EUR"));
        // What is assumed gives way.
        all.add("d", &InstrumentDef::assumed("X", 2, 0, "GBP"));
        all.add("a", &InstrumentDef::new("Y", 2, 0, "USD"));
        all.add("d", &InstrumentDef::assumed("Y", 2, 0, "EUR"));
        all.add("a", &InstrumentDef::assumed("Z", 2, 0, "USD"));
        all.add("d", &InstrumentDef::assumed("Z", 2, 0, "EUR"));
        let currency = |instrument: &str, values| Differing {
            instrument: instrument.to_owned(),
            field: "currency",
            values,
        };
        assert_eq!(
            differing(&all),
            [
                currency("X", vec![said("EUR", &["c"]), said("USD", &["a", "b"])]),
                currency("Z", vec![said("EUR", &["d"]), said("USD", &["a"])]),
            ]
        );
    }
}
