//! What people say of a catalog's instruments (`_instruments.toml`), and what the instruments of a query are to who reads it.

use super::Catalog;
use super::part::Wanted;
use super::query::ScanQuery;
use super::unite::{Different, Differing, differing, unite, unite_sources, unite_where_possible};
use crate::{CatalogError, Definitions, Result};
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_journal::RunMeta;
use tickloom_types::{InstrumentDef, Instruments, Ts};

const FILE: &str = "_instruments.toml";
const LOCK: &str = "_instruments.lock";

impl Catalog {
    /// What people say of the instruments.
    ///
    /// # Errors
    /// [`CatalogError::Io`], [`CatalogError::Store`], [`CatalogError::DefinitionFile`].
    pub fn definitions(&self) -> Result<Definitions> {
        Ok(self.read_definitions()?.0)
    }

    fn read_definitions(&self) -> Result<(Definitions, Option<super::store::Version>)> {
        let path = Path::new(FILE);
        let Some((bytes, version)) = self.store().read_version(path)? else {
            return Ok((Definitions::default(), None));
        };
        let url = self.store().url(path);
        let text = std::str::from_utf8(&bytes).map_err(|error| CatalogError::DefinitionFile {
            path: url.clone(),
            reason: error.to_string(),
        })?;
        Ok((Definitions::from_toml(text, &url)?, Some(version)))
    }

    /// Changes what people say of the instruments, whole or not at all. `change` may be called again if somebody else was quicker.
    ///
    /// # Errors
    /// As [`Catalog::definitions`], and what `change` gives.
    pub fn change_definitions<T>(
        &self,
        change: impl Fn(&mut Definitions) -> Result<T>,
    ) -> Result<T> {
        let _lock = self.store().lock(Path::new(LOCK))?;
        loop {
            let (mut definitions, version) = self.read_definitions()?;
            let changed = change(&mut definitions)?;
            let text = definitions.to_toml();
            let path = Path::new(FILE);
            if self.store().swap(path, text.as_bytes(), version.as_ref())? {
                return Ok(changed);
            }
        }
    }

    /// All instruments that have data, in the order of their names, with what people say of them. Where two runs say different
    /// things of one, it is as in one of them: who reads both is told.
    ///
    /// # Errors
    /// As [`Catalog::runs`] and [`Catalog::definitions`].
    pub fn instruments(&self) -> Result<Instruments> {
        unite_where_possible(self.different()?.into_defs())
    }

    /// As [`Catalog::instruments`], and where two runs say different things of one: who reads both is refused.
    ///
    /// # Errors
    /// As [`Catalog::instruments`].
    pub fn instruments_and_differing(&self) -> Result<(Instruments, Vec<Differing>)> {
        let all = self.different()?;
        let differing = differing(&all);
        Ok((unite_where_possible(all.into_defs())?, differing))
    }

    /// What the runs say of instruments, with what people say of them.
    fn different(&self) -> Result<Different> {
        let said = self.definitions()?;
        let mut all = Different::default();
        let mut spans = Spans::default();
        self.for_each_file(|run, file| {
            let meta = file.meta;
            if let Some(def) = meta.instrument {
                spans.widen(&def.name, (meta.ts_min, meta.ts_max), meta.table.is_bars());
                all.add(run, &def);
            }
            Ok(())
        })?;
        let apply = |def: InstrumentDef| match spans.0.get(&def.name) {
            Some((from, to)) => said.apply(&def, *from, *to).unwrap_or(def),
            None => def,
        };
        Ok(all.changed(apply))
    }
}

/// The instruments of what is read; see [`name_all`].
pub(super) fn of_query<'a>(
    catalog: &Catalog,
    query: &ScanQuery,
    metas: &[RunMeta],
    files: impl Iterator<Item = &'a Vec<Wanted>> + Clone,
) -> Result<Instruments> {
    let said = match &query.definitions {
        Some(given) => Definitions::clone(given).before(&catalog.definitions()?),
        None => catalog.definitions()?,
    };
    let mut spans = Spans::default();
    for meta in files.clone().flatten().map(|wanted| &wanted.file.meta) {
        if let (Some(def), Some((from, to))) = (&meta.instrument, query.times(meta.table)) {
            let within = (meta.ts_min.max(Ts(from)), meta.ts_max.min(Ts(to)));
            spans.widen(&def.name, within, meta.table.is_bars());
        }
    }
    let defs = files
        .flatten()
        .filter_map(|f| f.file.meta.instrument.as_ref());
    name_all(&said, &spans, metas, defs)
}

/// Between which times rows of each instrument lie, both inclusive.
#[derive(Default)]
pub struct Spans(BTreeMap<String, (Ts, Ts)>);

impl Spans {
    /// Takes in rows between two times; a bar lies before the time that it bears.
    pub fn widen(&mut self, name: &str, (from, to): (Ts, Ts), are_bars: bool) {
        let before = i64::from(are_bars);
        let (from, to) = (
            Ts(from.0.saturating_sub(before)),
            Ts(to.0.saturating_sub(before)),
        );
        match self.0.get_mut(name) {
            Some(known) => *known = (known.0.min(from), known.1.max(to)),
            None => {
                self.0.insert(name.to_owned(), (from, to));
            }
        }
    }
}

/// One run keeps its own instruments under their identifiers; of several, those that have data are united, and the sources of all.
/// What people say of them counts before.
///
/// # Errors
/// [`CatalogError::Definitions`] and [`CatalogError::Instrument`] where they do not go together.
pub fn name_all<'a>(
    said: &Definitions,
    spans: &Spans,
    metas: &[RunMeta],
    defs: impl Iterator<Item = &'a InstrumentDef>,
) -> Result<Instruments> {
    let apply = |def: &InstrumentDef| match spans.0.get(&def.name) {
        Some((from, to)) if !said.is_empty() => said.apply(def, *from, *to),
        _ => Ok(def.clone()),
    };
    if let [meta] = metas {
        let mut own = Instruments::new();
        for def in meta.instruments.defs() {
            own.add(apply(def)?)?;
        }
        for source in meta.instruments.sources() {
            own.add_source(source.clone())?;
        }
        return Ok(own);
    }
    let mut different: Vec<&InstrumentDef> = Vec::new();
    for def in defs {
        // Files of an instrument are beside each other, and most say the same.
        if different.last() != Some(&def) {
            different.push(def);
        }
    }
    let mut all = unite(different.into_iter().map(apply).collect::<Result<_>>()?)?;
    unite_sources(&mut all, metas)?;
    Ok(all)
}
