//! What people say of the prices of a file's instruments, as part of what an import of it is: where prices are zero or below, that decides
//! which rows are kept, so that the same file with something else said of it is another import.

use super::options::ImportOptions;
use super::prepared::Prepared;
use crate::Result;
use std::collections::BTreeMap;
use tickloom_catalog::{Catalog, Written};

/// What stands between it and the rest of what a part comes from.
const MARK: &str = ";prices:";

/// Whether prices may be below zero, by instrument, if that was said; nothing if all prices of the file are above zero.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said(BTreeMap<String, Option<bool>>);

impl Said {
    /// What is said of the instruments of a file.
    pub(super) fn of(options: &ImportOptions, prepared: &dyn Prepared) -> Said {
        if !prepared.has_low_prices() {
            return Said::default();
        }
        let names = prepared.instruments().defs().iter().map(|def| &def.name);
        // Bars of the bid and of the ask are read by what is said of their instrument.
        let names = names.map(|name| {
            let own = name.strip_suffix(".bid");
            own.or_else(|| name.strip_suffix(".ask")).unwrap_or(name)
        });
        Said(
            names
                .map(|name| (name.to_owned(), said_of(options, name)))
                .collect(),
        )
    }

    /// What a part comes from.
    pub(super) fn source(&self, base: &str) -> String {
        match self.0.is_empty() {
            true => base.to_owned(),
            false => {
                let said = serde_json::to_string(&self.0).expect("plain fields are JSON");
                format!("{base}{MARK}{said}")
            }
        }
    }

    /// What the catalog has of it, if it has what would come of it. Earlier versions did not keep what was said, which is nothing mostly.
    pub(super) fn there(
        &self,
        catalog: &Catalog,
        run: &str,
        base: &str,
    ) -> Result<Option<Written>> {
        let there = catalog.has_part(run, 0, &self.source(base))?;
        let is_silent = self.0.values().all(Option::is_none);
        if there.is_some() || !is_silent || self.0.is_empty() {
            return Ok(there);
        }
        Ok(catalog.has_part(run, 0, base)?)
    }
}

/// Whether a part that comes from `source` is what would come of the same file now.
pub(super) fn is_still_said(source: &str, base: &str, options: &ImportOptions) -> bool {
    match source.strip_prefix(base) {
        Some("") => true,
        Some(rest) => {
            let said = rest.strip_prefix(MARK);
            let said = said.and_then(|said| serde_json::from_str(said).ok());
            let said: Option<BTreeMap<String, Option<bool>>> = said;
            said.is_some_and(|said| {
                let mut said = said.iter();
                said.all(|(name, may)| *may == said_of(options, name))
            })
        }
        None => false,
    }
}

fn said_of(options: &ImportOptions, name: &str) -> Option<bool> {
    options
        .definitions
        .as_ref()
        .and_then(|all| all.may_be_negative(name))
}
