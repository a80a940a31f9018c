//! Venues' own lists of instruments, as their public addresses answer (`docs/instruments.md`, section 5): each instrument becomes the
//! definition of what an import of that venue's messages calls by the same name. Numbers are taken as they are written.
//!
//! Sources of the forms: the venues' documentation of `exchangeInfo` (Binance), `public/instruments` (OKX), `instruments-info` (Bybit),
//! `products` (Coinbase), `AssetPairs` and `instruments` (Kraken), `public/get_instruments` (Deribit).

mod binance;
mod bybit;
mod coinbase;
mod deribit;
mod entry;
mod kraken;
mod object;
mod okx;
#[cfg(test)]
mod tests;

use entry::{Entry, Reason};
use object::{Object, objects};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_catalog::{CatalogError, Definition, Definitions};
use tickloom_types::{InstrumentDef, InstrumentError};

/// What a venue's list of instruments was, beside the definitions that it gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueList {
    /// Whose list, and of what, such as `Binance exchangeInfo`.
    pub form: &'static str,
    /// Names of the instruments that no definition can be made of, by the reason in words.
    pub left_out: BTreeMap<String, Vec<String>>,
    /// Whether the venue says that it has more of the list than this page.
    pub goes_on: bool,
}

/// What an entry of a list becomes: an instrument, or several of one contract that messages call by different names.
type Made = std::result::Result<Vec<Entry>, Reason>;

/// A list as its envelope has it.
struct List<'a> {
    form: &'static str,
    /// The field that names an entry, for errors.
    named_by: &'static str,
    entries: Vec<Object<'a>>,
    read: Box<dyn Fn(&Object<'a>) -> Made + 'a>,
    goes_on: bool,
}

const EXPECTED: &str = "expected a venue's answer as it came: Binance exchangeInfo (an object with `symbols`), OKX public/instruments (`data` with `instId`), \
Bybit v5 instruments-info (`result` with `category` and `list`), Coinbase products (an array of `id`, or `products`), \
Kraken AssetPairs (`result` by pair), Kraken Futures instruments (`instruments`), or Deribit get_instruments (`result` with `instrument_name`)";

/// Definitions of a venue's list; `path` names it in errors.
///
/// # Errors
/// [`CatalogError::DefinitionFile`] if it is not JSON, of no known form, an answer that tells of an error, or none of it can be said;
/// [`CatalogError::Definition`] if it says two things of one instrument.
pub(crate) fn read(text: &str, path: &Path) -> Result<(Definitions, VenueList), CatalogError> {
    let wrong = |reason: String| CatalogError::DefinitionFile {
        path: path.to_owned(),
        reason,
    };
    let raw: &RawValue =
        serde_json::from_str(text).map_err(|error| wrong(format!("not JSON: {error}")))?;
    let list = find(raw).map_err(wrong)?;
    let mut told = VenueList {
        form: list.form,
        goes_on: list.goes_on,
        ..VenueList::default()
    };
    let mut made: BTreeMap<String, Definition> = BTreeMap::new();
    for (at, object) in list.entries.iter().enumerate() {
        let Some(symbol) = object.text(list.named_by) else {
            return Err(wrong(format!(
                "{}: entry {} has no `{}`",
                list.form,
                at + 1,
                list.named_by
            )));
        };
        let definitions = (list.read)(object).and_then(|entries| {
            entries
                .into_iter()
                .map(define)
                .collect::<Result<Vec<_>, _>>()
        });
        let definitions = match definitions {
            Ok(definitions) => definitions,
            Err(reason) => {
                let reason = reason.to_string();
                told.left_out.entry(reason).or_default().push(symbol);
                continue;
            }
        };
        for definition in definitions {
            let name = definition.name.clone();
            if let Some(other) = made.insert(name, definition.clone())
                && other != definition
            {
                return Err(CatalogError::Definition {
                    instrument: definition.name,
                    value: "two entries that differ".to_owned(),
                    expected: "one entry of an instrument".to_owned(),
                });
            }
        }
    }
    if made.is_empty() {
        let reasons: Vec<String> = told.left_out.keys().cloned().collect();
        let why = match reasons.is_empty() {
            true => "the list is empty".to_owned(),
            false => format!("no instrument of it can be defined: {}", reasons.join("; ")),
        };
        return Err(wrong(format!("{}: {why}", list.form)));
    }
    let mut all = Definitions::default();
    for definition in made.into_values() {
        all.add(definition)?;
    }
    Ok((all, told))
}

/// The definition of an entry, if it can be one of any instrument.
fn define(entry: Entry) -> Result<Definition, Reason> {
    let fields = entry.fields.iter();
    let definition = Definition::from_fields(
        &entry.name,
        fields.map(|(field, value)| (*field, value.as_str())),
    )
    .map_err(|error| Reason::Other(error.to_string()))?;
    match definition.check_on(&InstrumentDef::new(&entry.name, 0, 0, "USD")) {
        Ok(()) => Ok(definition),
        Err(CatalogError::Instrument(InstrumentError::Name(_))) => Err(Reason::Name),
        Err(CatalogError::Instrument(InstrumentError::Field {
            expected: "at most 18",
            ..
        })) => Err(Reason::Decimals),
        Err(error) => Err(Reason::Other(error.to_string())),
    }
}

/// Which venue's list it is, by its envelope.
fn find(raw: &RawValue) -> Result<List<'_>, String> {
    if let Some(products) = objects(raw) {
        return match products.first() {
            Some(first) if first.has("base_increment") && first.has("quote_currency") => {
                Ok(coinbase::exchange(products))
            }
            Some(first) => Err(format!(
                "no list of instruments that is known: an array of objects with {}; {EXPECTED}",
                first.names()
            )),
            None => Err(format!(
                "no list of instruments: an empty array; {EXPECTED}"
            )),
        };
    }
    let Some(answer) = Object::read(raw) else {
        return Err(format!("no list of instruments; {EXPECTED}"));
    };
    let forms = [
        binance::list,
        okx::list,
        bybit::list,
        coinbase::advanced,
        kraken::futures,
        deribit::list,
        kraken::pairs,
    ];
    for form in forms {
        if let Some(list) = form(&answer)? {
            return Ok(list);
        }
    }
    Err(format!(
        "no list of instruments that is known: an object with {}; {EXPECTED}",
        answer.names()
    ))
}
