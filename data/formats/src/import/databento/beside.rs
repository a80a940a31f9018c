//! Files of definitions beside a file of records: which there are, and which of their definitions are those of its instruments.
//!
//! A definition is of the same dataset, number and symbol; of symbols that are not the venue's own, of the number at its time. Files of
//! definitions lie in the same directory or zip (`*.definition.dbn*`), or were named with the file. Those of the same days are read, or
//! else those that are nearest in time.

use super::decoder::Decoder;
use super::definition::{self, Definition};
use super::listing::{Entry, Listing};
use super::symbols::Symbols;
use crate::import::input::Input;
use crate::import::input::inputs;
use crate::import::options::ImportOptions;
use crate::{FormatError, Result};
use dbn::{Schema, rtype};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// What the names of files of definitions have in them.
const NAME: &str = ".definition.dbn";
const DAY_NS: u64 = 86_400_000_000_000;

/// Whether a file is one of definitions alone, as its metadata or, without them, its first record says.
pub(crate) fn is_definitions(input: &Input) -> Result<bool> {
    let mut decoder = Decoder::open(input)?;
    if decoder.schema.is_some() || decoder.has_metadata {
        return Ok(decoder.schema == Some(Schema::Definition));
    }
    let first = decoder.next()?;
    Ok(first.is_some_and(|record| record.header().rtype == rtype::INSTRUMENT_DEF))
}

/// Files of definitions for a file of records of this dataset and of these times, the first and the last.
pub(super) fn find(
    input: &Input,
    (dataset, span): (&str, (u64, u64)),
    options: &ImportOptions,
) -> Result<Vec<Input>> {
    let mut candidates = Vec::new();
    let is_itself =
        |other: &Input| other.path() == input.path() && other.member() == input.member();
    for other in beside(input)?.into_iter().chain(given(options)?) {
        let is_known = candidates.iter().any(|(known, _): &(Input, _)| {
            known.path() == other.path() && known.member() == other.member()
        });
        if is_known || is_itself(&other) {
            continue;
        }
        // What cannot be read as such is no file of definitions, whatever it is called.
        let Ok(decoder) = Decoder::open(&other) else {
            continue;
        };
        if decoder.schema == Some(Schema::Definition) && decoder.dataset == dataset {
            candidates.push((other, distance(decoder.span(), span)));
        }
    }
    let nearest = candidates.iter().map(|(_, distance)| *distance).min();
    candidates.retain(|(_, distance)| Some(*distance) == nearest);
    candidates.sort_by_cached_key(|(other, _)| other.to_string());
    Ok(candidates.into_iter().map(|(other, _)| other).collect())
}

/// Days between two spans of time, 0 if they have one in common; what came before is nearer than what came after.
fn distance((from, to): (u64, u64), (rows_from, rows_to): (u64, u64)) -> (u64, bool) {
    let day = |ts: u64| ts / DAY_NS;
    if day(to) < day(rows_from) {
        (day(rows_from) - day(to), false)
    } else if day(from) > day(rows_to) {
        (day(from) - day(rows_to), true)
    } else {
        (0, false)
    }
}

fn beside(input: &Input) -> Result<Vec<Input>> {
    let is_named = |name: &str| name.to_ascii_lowercase().contains(NAME);
    if input.member().is_some() {
        let all = inputs(input.path())?.into_iter();
        return Ok(all
            .filter(|one| one.member().is_some_and(is_named))
            .collect());
    }
    let dir = match input.path().parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    // Bytes that stand for a file have no directory.
    if !input.path().is_file() {
        return Ok(Vec::new());
    }
    let failed = |error| FormatError::io("list", dir)(error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        let is_one = name.is_some_and(|name| is_named(&name) && !name.starts_with('.'));
        if is_one && path.is_file() {
            files.extend(inputs(&path)?);
        }
    }
    Ok(files)
}

fn given(options: &ImportOptions) -> Result<Vec<Input>> {
    let mut files = Vec::new();
    for path in &options.definition_files {
        files.extend(inputs(path)?);
    }
    Ok(files)
}

/// The definitions of these files that are of instruments of the listing, by instrument, in the order of time.
pub(super) fn read(
    files: &[Input],
    listing: &Listing,
    symbols: &Symbols,
) -> Result<Vec<Vec<Definition>>> {
    let mut by_id: HashMap<u32, BTreeSet<usize>> = HashMap::new();
    for (at, entry) in listing.entries().iter().enumerate() {
        for (id, ..) in &entry.ids {
            by_id.entry(*id).or_default().insert(at);
        }
    }
    let mut found: Vec<Vec<Definition>> = vec![Vec::new(); listing.entries().len()];
    for file in files {
        let mut decoder = Decoder::open(file)?;
        while let Some(record) = decoder.next()? {
            let Some(of_id) = by_id.get(&record.header().instrument_id) else {
                continue;
            };
            let Some(definition) = definition::read(&record) else {
                continue;
            };
            for at in of_id {
                let entry = &listing.entries()[*at];
                // What is told again and again the same is kept once.
                let is_same = |last: &Definition| {
                    (last.publisher, &last.terms) == (definition.publisher, &definition.terms)
                };
                let is_new = !found[*at].last().is_some_and(is_same);
                if is_new && is_of(&definition, entry, symbols) {
                    found[*at].push(definition.clone());
                }
            }
        }
    }
    for (definitions, entry) in found.iter_mut().zip(listing.entries()) {
        // Where the publisher itself has none, those of the dataset will do.
        if definitions
            .iter()
            .any(|one| one.publisher == entry.publisher)
        {
            definitions.retain(|one| one.publisher == entry.publisher);
        }
        definitions.sort_by_key(|one| one.ts);
        definitions.dedup_by(|next, before| next.terms == before.terms);
    }
    Ok(found)
}

/// Whether a definition is that of an instrument one of whose numbers it has.
fn is_of(definition: &Definition, entry: &Entry, symbols: &Symbols) -> bool {
    let Some(symbol) = entry.symbol.and_then(|symbol| symbols.name(symbol)) else {
        // The file maps nothing: a number is all that there is.
        return true;
    };
    if symbols.is_raw() {
        return definition.symbol == symbol;
    }
    let is_at = |(id, from, to): &(u32, u64, u64)| {
        // Intervals are of whole days, and a definition of a day may be told before it.
        let (from, to) = (from.saturating_sub(DAY_NS), *to);
        *id == definition.id && from <= definition.ts && definition.ts < to
    };
    entry.ids.iter().any(is_at)
}
