//! What the folders of a text say as Hive writes partitions, which are columns beside those of files of columns: `symbol=AAPL/data.csv` is
//! AAPL. A text has no columns for them, so that the folder names the instrument of the whole file.

use super::columnar::partitions;
use super::input::Input;
use super::layout::{Layout, Puzzle};
use super::options::ImportOptions;
use super::role::{Role, plain};
use super::text::Fields;
use std::path::PathBuf;

/// The folder with the symbol of a file, if it is in one: its name and what it says.
pub(super) fn symbol(input: &Input) -> Option<(String, String)> {
    // A member of a zip lies in it as in a folder.
    let path: PathBuf = match input.member() {
        Some(member) => input.path().with_extension("").join(member),
        None => input.path().to_owned(),
    };
    let is_symbol = |(name, value): &(String, String)| {
        Role::of(&plain(name)) == Some(Role::Ticker) && !value.trim().is_empty()
    };
    let last = partitions(&path).into_iter().rfind(is_symbol);
    last.map(|(name, value)| (name, value.trim().to_owned()))
}

/// Has a text that nothing else names be called as its folder says.
///
/// # Errors
/// A column of symbols says another one.
pub(super) fn name(
    input: &Input,
    options: &ImportOptions,
    layout: &mut Layout,
    rows: &[Fields],
) -> Result<(), Puzzle> {
    let mapping = &options.mapping;
    let is_settled = options.instrument.is_some()
        || mapping.has(Role::Ticker)
        || mapping.is_none(Role::Ticker)
        || layout.known.instrument.is_some();
    let Some((name, said)) = symbol(input).filter(|_| !is_settled) else {
        return Ok(());
    };
    if let Some(at) = layout.column(Role::Ticker) {
        let other = rows.iter().map(|row| row.get(at));
        let mut other = other.filter(|own| !own.is_empty() && *own != said.as_bytes());
        return match other.next() {
            Some(own) => {
                let own = String::from_utf8_lossy(own);
                let column = &layout.names[at];
                let found = format!("{own:?} in column {column:?} of the folder {name}={said}");
                Err((
                    found,
                    format!("the same in both, or --columns symbol={column}"),
                ))
            }
            None => Ok(()),
        };
    }
    layout.notes.push(format!(
        "instrument {said}, as the folder {name}={said} says"
    ));
    layout.known.called = Some(said);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::import::{ImportOptions, Input, Mapping};
    use std::path::Path;

    const ROWS: &str = "time,price,size\n2024-01-02 09:30:00,10,1\n2024-01-02 09:30:01,11,2\n";

    /// The instruments of a file, or why it is refused.
    fn names(path: &str, text: &str, mapping: &str) -> Result<Vec<String>, String> {
        let options = ImportOptions {
            mapping: match mapping {
                "" => Mapping::default(),
                told => told.parse().unwrap(),
            },
            ..ImportOptions::default()
        };
        let input = Input::bytes(Path::new(path), text.as_bytes().to_vec());
        let report = input.check(&options).map_err(|error| error.to_string())?;
        Ok(report.instruments)
    }

    #[test]
    fn a_folder_of_a_symbol_names_a_text() {
        for (path, name) in [
            ("symbol=AAPL/data.csv", "AAPL"),
            ("symbol=AAPL/MSFT.csv", "AAPL"),
            (
                "x/ticker=BRK%2FA/year=2024/month=1/day=2/part-0.csv",
                "BRK/A",
            ),
            ("year=2024/month=1/day=2/AAPL.csv", "AAPL"),
            ("symbol=/AAPL.csv", "AAPL"),
        ] {
            assert_eq!(names(path, ROWS, ""), Ok(vec![name.to_owned()]), "{path}");
        }
        assert_eq!(
            names("symbol=AAPL/MSFT.csv", ROWS, "symbol=-"),
            Ok(vec!["MSFT".to_owned()])
        );
    }

    #[test]
    fn a_folder_and_a_column_say_the_same() {
        let rows = "symbol,time,price,size\nAAPL,2024-01-02 09:30:00,10,1\nAAPL,2024-01-02 09:30:01,11,2\n";
        assert_eq!(
            names("symbol=AAPL/x.csv", rows, ""),
            Ok(vec!["AAPL".to_owned()])
        );
        let error = names("symbol=MSFT/x.csv", rows, "").unwrap_err();
        assert!(
            error.contains("\"AAPL\" in column \"symbol\" of the folder symbol=MSFT"),
            "{error}"
        );
        assert_eq!(
            names("symbol=MSFT/x.csv", rows, "symbol=symbol"),
            Ok(vec!["AAPL".to_owned()])
        );
    }

    #[test]
    fn the_same_rows_in_two_folders_are_two_files() {
        let of = |path: &str| {
            let input = Input::bytes(Path::new(path), ROWS.as_bytes().to_vec());
            let options = ImportOptions::default();
            input
                .format(&options)
                .unwrap()
                .identity(&input, &options)
                .unwrap()
        };
        assert_ne!(of("symbol=AAPL/0.csv"), of("symbol=MSFT/0.csv"));
    }
}
