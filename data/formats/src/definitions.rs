//! Files of definitions of instruments, as people write them (`docs/instruments.md`): TOML as in a catalog, or CSV with a row a definition;
//! and venues' own lists in JSON.

use crate::venue_list::{self, VenueList};
use crate::{FormatError, Result};
use std::fmt::Display;
use std::path::Path;
use tickloom_catalog::{CatalogError, Definition, Definitions};

/// What a file says of instruments.
#[derive(Clone, Debug, Default)]
pub struct DefinitionFile {
    /// What it says.
    pub definitions: Definitions,
    /// What it was beside that, if it is a venue's list.
    pub list: Option<VenueList>,
}

/// Reads definitions from a file: TOML with `[[instrument]]`, CSV with the same fields in its header (`.csv`), or a venue's list of its
/// instruments, as it answers (`.json`).
///
/// # Errors
/// [`FormatError::Io`]; [`CatalogError::Definition`] and [`CatalogError::DefinitionFile`] for what cannot be understood.
pub fn read_definitions(path: &Path) -> Result<DefinitionFile> {
    let text = std::fs::read_to_string(path).map_err(FormatError::io("read", path))?;
    let ends_with = |end| {
        path.extension()
            .is_some_and(|own| own.eq_ignore_ascii_case(end))
    };
    if ends_with("json") {
        let (definitions, list) = venue_list::read(&text, path)?;
        return Ok(DefinitionFile {
            definitions,
            list: Some(list),
        });
    }
    let definitions = match ends_with("csv") {
        true => from_csv(&text, path)?,
        false => Definitions::from_toml(&text, path)?,
    };
    Ok(DefinitionFile {
        definitions,
        list: None,
    })
}

fn from_csv(text: &str, path: &Path) -> Result<Definitions> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|error| not_understood(path, &error))?;
    let headers = headers.clone();
    for (at, name) in headers.iter().enumerate() {
        if headers.iter().take(at).any(|before| before == name) {
            let reason = format!("two columns called {name:?}");
            return Err(not_understood(path, &reason).into());
        }
    }
    let mut all = Definitions::default();
    for row in reader.records() {
        let row = row.map_err(|error| not_understood(path, &error))?;
        all.add_of_file(Definition::from_row(headers.iter().zip(row.iter()), path)?)?;
    }
    Ok(all)
}

fn not_understood(path: &Path, reason: &dyn Display) -> CatalogError {
    CatalogError::DefinitionFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_them_is_the_same() {
        let csv = "name,tick,multiplier,kind\nESH4,0.25,50,future\nZN,1/64,1000,\n";
        let all = from_csv(csv, Path::new("x.csv")).unwrap();
        assert_eq!(all.all()[1].fields()[0].1, "0.015625");
        assert_eq!(all.all()[1].fields().len(), 2);
    }

    #[test]
    fn one_field_of_an_instrument_is_said_once() {
        let refused = |csv: &str| {
            let error = from_csv(csv, Path::new("x.csv")).unwrap_err();
            error.to_string()
        };
        let two = refused("name,multiplier,multiplier\nAAA,5,6\n");
        assert!(two.contains("two columns called \"multiplier\""), "{two}");
        for csv in [
            "name,multiplier\nAAA,5\nAAA,6\n",
            "name,multiplier\nAAA,5\n\"AAA \",6\n",
        ] {
            let two = refused(csv);
            assert!(two.contains("multiplier = 5 and multiplier = 6"), "{two}");
        }
        let csv = "name,multiplier,tick,from,to\nAAA,5,,,\nAAA,5,1,,\nBBB,5,,,2024-01-01\nBBB,6,,2024-01-01,\n";
        let all = from_csv(csv, Path::new("x.csv")).unwrap();
        assert_eq!(all.all().len(), 3);
        let toml = "[[instrument]]\nname = \"AAA\"\nmultiplier = 5\n[[instrument]]\nname = \"AAA\"\nmultiplier = 6\n";
        let error = Definitions::from_toml(toml, Path::new("x.toml")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("multiplier = 5 and multiplier = 6")
        );
    }
}
