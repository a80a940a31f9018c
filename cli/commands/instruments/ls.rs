//! `tickloom instruments ls`: instruments with their definitions, and where runs say different things of one.

use super::{At, failure};
use crate::failure::Failure;
use crate::output::{self, Style};
use anyhow::anyhow;
use serde_json::{Map, Value, json};
use tickloom_data::{Definitions, Differing};
use tickloom_types::{InstrumentDef, format_decimal, some_of};

pub(super) const HELP: &str = "\
Examples:
  tickloom instruments ls --catalog catalog
  tickloom instruments ls GOOG --catalog catalog --json

What a source did not say, and nobody since, is marked as assumed. Where runs say different things of an instrument, the fields are
listed with what each run says.

Exit codes: 0 listed, 1 it could not be read, 2 there is no catalog, or no such instrument in it.";

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only these
    #[arg(value_name = "ID")]
    names: Vec<String>,
    #[command(flatten)]
    at: At,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let catalog = args.at.open()?;
    let (known, differing) = catalog.instruments_and_differing().map_err(failure)?;
    let said = catalog.definitions().map_err(failure)?;
    let is_wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    if let Some(missing) = args.names.iter().find(|name| known.find(name).is_none()) {
        let names: Vec<&str> = known.defs().iter().map(|def| def.name.as_str()).collect();
        return Err(Failure::input(anyhow!(
            "there is no instrument {missing:?}; the catalog has {}",
            some_of(&names)
        )));
    }
    let wanted = known.defs().iter().filter(|def| is_wanted(&def.name));
    if args.at.json {
        let all: Vec<Value> = wanted
            .map(|def| described(def, &said, &differing))
            .collect();
        return output::json(&json!({ "instruments": all }));
    }
    for def in wanted {
        print(def, &said, &differing);
    }
    Ok(())
}

/// An instrument as a script reads it: numbers as decimals, and what was said of it.
fn described(def: &InstrumentDef, said: &Definitions, differing: &[Differing]) -> Value {
    let mut object = match serde_json::to_value(&def.contract) {
        Ok(Value::Object(contract)) => contract,
        _ => Map::new(),
    };
    for (field, value) in numbers(def) {
        object.insert(field.to_owned(), Value::String(value));
    }
    object.insert("name".to_owned(), json!(def.name));
    object.insert("currency".to_owned(), json!(def.currency));
    if let Some(calendar) = &def.calendar {
        object.insert("calendar".to_owned(), json!(calendar));
    }
    let own = said.all().iter().filter(|d| d.name == def.name);
    let own: Vec<Value> = own
        .map(|said| {
            said.fields()
                .into_iter()
                .map(|(field, value)| (field.to_owned(), json!(value)))
                .collect::<Map<_, _>>()
                .into()
        })
        .collect();
    object.insert("said".to_owned(), Value::Array(own));
    let differs: Vec<Value> = of(def, differing).map(|one| json!(one)).collect();
    if !differs.is_empty() {
        object.insert("differs".to_owned(), Value::Array(differs));
    }
    Value::Object(object)
}

/// What runs say differently of an instrument.
fn of<'a>(
    def: &'a InstrumentDef,
    differing: &'a [Differing],
) -> impl Iterator<Item = &'a Differing> {
    differing.iter().filter(|one| one.instrument == def.name)
}

fn numbers(def: &InstrumentDef) -> [(&'static str, String); 3] {
    [
        (
            "tick",
            format_decimal(def.tick_size.into(), def.price_decimals),
        ),
        ("lot", format_decimal(def.lot_size.into(), def.qty_decimals)),
        ("multiplier", def.multiplier_text()),
    ]
}

fn print(def: &InstrumentDef, said: &Definitions, differing: &[Differing]) {
    output::line(&output::styled(&def.name, Style::Bold));
    let row = |name: &str, value: &str| output::line(&format!("  {name:<16} {value}"));
    let assumed = serde_json::to_value(&def.contract.assumed).unwrap_or_default();
    let is_assumed = |field: &str| {
        let all = assumed.as_array();
        all.is_some_and(|all| all.iter().any(|term| term == field))
    };
    let fields = numbers(def).into_iter();
    for (field, value) in fields.chain([("currency", def.currency.clone())]) {
        let note = if is_assumed(field) { " (assumed)" } else { "" };
        row(field, &format!("{value}{note}"));
    }
    if let Ok(Value::Object(contract)) = serde_json::to_value(&def.contract) {
        for (field, value) in contract.iter().filter(|(field, _)| *field != "assumed") {
            let text = match (field.as_str(), value) {
                ("expiry" | "valid_from" | "valid_to", Value::Number(ns)) => {
                    tickloom_types::Ts(ns.as_i64().unwrap_or_default()).to_string()
                }
                (_, Value::String(text)) => text.clone(),
                (_, value) => value.to_string(),
            };
            row(&field.replace('_', " "), &text);
        }
    }
    row(
        "calendar",
        def.calendar.as_deref().unwrap_or("trades at all times"),
    );
    for said in said.all().iter().filter(|d| d.name == def.name) {
        let fields: Vec<String> = said
            .fields()
            .into_iter()
            .map(|(field, value)| format!("{field} = {value}"))
            .collect();
        row("said", &fields.join(", "));
    }
    for one in of(def, differing) {
        let values = one.values.iter();
        let values: Vec<String> = values
            .map(|said| format!("{} in {}", said.value, some_of(&said.runs)))
            .collect();
        row(
            "differs",
            &format!(
                "{}: {}; who reads both is refused until `tickloom instruments set {} --catalog DIR --{} VALUE` says which",
                one.field,
                values.join(", "),
                def.name,
                one.field.replace('_', "-")
            ),
        );
    }
}
