//! All calendars that can be named: those of the product, and those in a directory of the user's.

use super::Calendar;
use crate::{DataError, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tickloom_types::{InstrumentDef, Instruments};

const BUILT_IN: [(&str, &str); 4] = [
    ("crypto", include_str!("../../calendars/crypto.toml")),
    ("fx", include_str!("../../calendars/fx.toml")),
    ("us-equity", include_str!("../../calendars/us-equity.toml")),
    (
        "cme-equity",
        include_str!("../../calendars/cme-equity.toml"),
    ),
];

/// Calendars by name.
#[derive(Clone, Debug)]
pub struct Calendars {
    known: BTreeMap<String, Arc<Calendar>>,
}

impl Calendars {
    /// Those of the product.
    ///
    /// # Errors
    /// [`DataError::Schema`] if this machine does not know a zone.
    pub fn built_in() -> Result<Calendars> {
        let mut all = Calendars {
            known: BTreeMap::new(),
        };
        for (name, text) in BUILT_IN {
            all.add(name, text, Path::new(name))?;
        }
        Ok(all)
    }

    /// Those of the product and the `NAME.toml` files of a directory, all of which are checked. One that has the name of the
    /// product's replaces it. Without the directory it is [`Calendars::built_in`].
    ///
    /// # Errors
    /// What [`Calendar::parse`] returns; [`DataError::Io`].
    pub fn with_own(dir: &Path) -> Result<Calendars> {
        let mut all = Calendars::built_in()?;
        if !dir.is_dir() {
            return Ok(all);
        }
        let entries = std::fs::read_dir(dir).map_err(DataError::io("list", dir))?;
        for entry in entries {
            let path = entry.map_err(DataError::io("list", dir))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(DataError::io("read", &path))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            all.add(&name, &text, &path)?;
        }
        Ok(all)
    }

    /// The calendar of this name.
    ///
    /// # Errors
    /// [`DataError::Unknown`], with the names that there are.
    pub fn get(&self, name: &str) -> Result<Arc<Calendar>> {
        self.known
            .get(name)
            .cloned()
            .ok_or_else(|| DataError::Unknown {
                what: "calendar",
                name: name.to_owned(),
                known: self.names().collect::<Vec<_>>().join(", "),
            })
    }

    /// The calendar that an instrument names; `None` if it names none.
    ///
    /// # Errors
    /// As [`Calendars::get`].
    pub fn of(&self, def: &InstrumentDef) -> Result<Option<Arc<Calendar>>> {
        def.calendar
            .as_deref()
            .map(|name| self.get(name))
            .transpose()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    fn add(&mut self, name: &str, text: &str, file: &Path) -> Result<()> {
        let calendar = Calendar::parse(name, text, file)?;
        self.known.insert(name.to_owned(), Arc::new(calendar));
        Ok(())
    }
}

/// The same instruments and sources under the same identifiers, where every instrument names this calendar.
///
/// # Errors
/// [`DataError::Instrument`], which cannot happen for instruments that were checked before.
pub fn with_calendar(instruments: &Instruments, name: &str) -> Result<Instruments> {
    let mut all = Instruments::new();
    for def in instruments.defs() {
        all.add(InstrumentDef {
            calendar: Some(name.to_owned()),
            ..def.clone()
        })?;
    }
    for source in instruments.sources() {
        all.add_source(source.clone())?;
    }
    Ok(all)
}
