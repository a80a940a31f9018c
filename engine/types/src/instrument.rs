//! The instruments and sources of a run, by the identifiers that records carry.

use crate::bar_spec::BarSpec;
use crate::definition::{InstrumentDef, InstrumentError};
use crate::record::Record;
use crate::source::{SourceDef, SourceKind};
use crate::time::{DurationNs, Ts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Index of an instrument in its run's [`Instruments`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// No single instrument: what records carry that concern a whole source, such as timers and connection status.
    pub const NONE: InstrumentId = InstrumentId(u32::MAX);
}

/// Index of a source in its run's [`Instruments`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SourceId(pub u16);

/// All instruments and sources of a run, in the order in which they got their identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Instruments {
    defs: Vec<InstrumentDef>,
    sources: Vec<SourceDef>,
    /// Places of the definitions, of which there may be many thousands.
    #[serde(skip_serializing)]
    by_name: BTreeMap<String, usize>,
}

/// As journals and catalogs have them.
#[derive(Deserialize)]
struct Written {
    defs: Vec<InstrumentDef>,
    sources: Vec<SourceDef>,
}

impl From<Written> for Instruments {
    fn from(written: Written) -> Instruments {
        let names = written.defs.iter().enumerate().rev();
        Instruments {
            by_name: names.map(|(at, def)| (def.name.clone(), at)).collect(),
            defs: written.defs,
            sources: written.sources,
        }
    }
}

impl Instruments {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a definition, or returns the identifier of an equal one.
    ///
    /// # Errors
    /// [`InstrumentError`] if the definition is out of range or contradicts an earlier one.
    pub fn add(&mut self, def: InstrumentDef) -> Result<InstrumentId, InstrumentError> {
        def.check()?;
        if let Some((id, known)) = self.find(&def.name) {
            return if *known == def {
                Ok(id)
            } else {
                Err(InstrumentError::Conflict(def.name))
            };
        }
        let id = u32::try_from(self.defs.len()).map_err(|_| InstrumentError::TooMany)?;
        self.by_name.insert(def.name.clone(), self.defs.len());
        self.defs.push(def);
        Ok(InstrumentId(id))
    }

    /// Puts another definition in the place of the one with this identifier and name.
    ///
    /// # Errors
    /// [`InstrumentError`] if it is out of range; [`InstrumentError::Conflict`] if there is none of this name there.
    pub fn redefine(
        &mut self,
        id: InstrumentId,
        def: InstrumentDef,
    ) -> Result<(), InstrumentError> {
        def.check()?;
        let known = usize::try_from(id.0).ok();
        let known = known.and_then(|at| self.defs.get_mut(at));
        match known.filter(|known| known.name == def.name) {
            Some(known) => {
                *known = def;
                Ok(())
            }
            None => Err(InstrumentError::Conflict(def.name)),
        }
    }

    /// Adds a source, or returns the identifier of an equal one.
    ///
    /// # Errors
    /// [`InstrumentError::TooMany`] above 65,535 sources, [`InstrumentError::Conflict`] for another kind under the same name.
    pub fn add_source(&mut self, source: SourceDef) -> Result<SourceId, InstrumentError> {
        if let Some(at) = self.sources.iter().position(|s| s.name == source.name) {
            return if self.sources[at] == source {
                u16::try_from(at)
                    .map(SourceId)
                    .map_err(|_| InstrumentError::TooMany)
            } else {
                Err(InstrumentError::Conflict(source.name))
            };
        }
        let id = u16::try_from(self.sources.len()).map_err(|_| InstrumentError::TooMany)?;
        self.sources.push(source);
        Ok(SourceId(id))
    }

    /// Adds a source of another run, or returns the identifier of the one of its name, kind and feed latency: whether arrival is known
    /// may differ between runs. One of another latency gets a name of its own.
    ///
    /// # Errors
    /// As [`Instruments::add_source`].
    pub fn unite_source(&mut self, source: SourceDef) -> Result<SourceId, InstrumentError> {
        let Some(known) = self.known_source(&source.name, source.kind) else {
            return self.add_source(source);
        };
        let latency = source.feed_latency;
        if self
            .source(known)
            .is_some_and(|known| known.feed_latency == latency)
        {
            return Ok(known);
        }
        let name = format!("{} ({latency} ns later)", source.name);
        match self.known_source(&name, source.kind) {
            Some(known) => Ok(known),
            None => self.add_source(SourceDef { name, ..source }),
        }
    }

    fn known_source(&self, name: &str, kind: SourceKind) -> Option<SourceId> {
        let mut sources = self.sources.iter();
        let at = sources.position(|known| known.name == name && known.kind == kind)?;
        u16::try_from(at).ok().map(SourceId)
    }

    /// Its sources alone, under the same identifiers.
    #[must_use]
    pub fn only_sources(&self) -> Instruments {
        Instruments {
            sources: self.sources.clone(),
            ..Instruments::default()
        }
    }

    /// The source of bars of this size, whatever its clock and latency; added if new, as one of which only the venue's time is known.
    /// Named `bars/SPEC`.
    ///
    /// # Errors
    /// As [`Instruments::add_source`].
    pub fn bar_source(&mut self, spec: BarSpec) -> Result<SourceId, InstrumentError> {
        let name = format!("bars/{spec}");
        let kind = SourceKind::Bars(spec);
        match self.known_source(&name, kind) {
            Some(known) => Ok(known),
            None => self.add_source(SourceDef::new(name, kind)),
        }
    }

    /// When a record was available, by itself; see [`SourceDef::release`]. Of a source that is not known, on arrival.
    #[must_use]
    #[inline]
    pub fn release(&self, record: &Record) -> Ts {
        match self.source(record.source()) {
            Some(source) => source.release(record),
            None => record.ts_recv(),
        }
    }

    /// The same instruments with sources of which only the venue's time is known at this feed latency.
    #[must_use]
    pub fn with_feed_latency(mut self, feed_latency: DurationNs) -> Instruments {
        for source in &mut self.sources {
            *source = source.clone().with_feed_latency(feed_latency);
        }
        self
    }

    /// The definition with this identifier.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> Option<&InstrumentDef> {
        self.defs.get(usize::try_from(id.0).ok()?)
    }

    /// The source with this identifier.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&SourceDef> {
        self.sources.get(usize::from(id.0))
    }

    /// The size of the bars that come from this source, if bars do.
    #[must_use]
    pub fn bar_spec(&self, id: SourceId) -> Option<BarSpec> {
        match self.source(id)?.kind {
            SourceKind::Bars(spec) => Some(spec),
            SourceKind::Feed | SourceKind::File => None,
        }
    }

    /// The instrument with this exact name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(InstrumentId, &InstrumentDef)> {
        let at = *self.by_name.get(name)?;
        Some((InstrumentId(u32::try_from(at).ok()?), &self.defs[at]))
    }

    /// All instruments in the order of their identifiers.
    #[must_use]
    pub fn defs(&self) -> &[InstrumentDef] {
        &self.defs
    }

    /// All sources in the order of their identifiers.
    #[must_use]
    pub fn sources(&self) -> &[SourceDef] {
        &self.sources
    }

    /// How many instruments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.defs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_definition_has_one_identifier() {
        let mut all = Instruments::new();
        let def = InstrumentDef::new("binance.BTCUSDT", 2, 8, "USDT");
        let id = all.add(def.clone()).unwrap();
        assert_eq!(all.add(def.clone()).unwrap(), id);
        assert_eq!(all.find("binance.BTCUSDT").unwrap().0, id);
        let other = InstrumentDef {
            price_decimals: 3,
            ..def
        };
        assert!(matches!(all.add(other), Err(InstrumentError::Conflict(_))));
        let read: Instruments =
            serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        assert_eq!(read, all);
        assert_eq!(read.find("binance.BTCUSDT").unwrap().0, id);
        assert_eq!(read.find("binance"), None);
    }

    #[test]
    fn a_definition_takes_the_place_of_one_of_its_name() {
        let mut all = Instruments::new();
        let a = all.add(InstrumentDef::new("A", 2, 0, "USD")).unwrap();
        let b = all.add(InstrumentDef::new("B", 2, 0, "USD")).unwrap();
        let finer = InstrumentDef::new("B", 2, 8, "USD");
        all.redefine(b, finer.clone()).unwrap();
        assert_eq!(all.find("B"), Some((b, &finer)));
        let before = all.clone();
        for (id, def) in [
            (a, finer.clone()),
            (InstrumentId(2), finer),
            (InstrumentId::NONE, InstrumentDef::new("B", 2, 0, "USD")),
            (b, InstrumentDef::new("B", 10, 0, "USD")),
        ] {
            all.redefine(id, def).unwrap_err();
            assert_eq!(all, before);
        }
    }

    #[test]
    fn wrong_definitions_name_the_field() {
        let mut all = Instruments::new();
        let error = all.add(InstrumentDef::new("X", 10, 0, "USD")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "instrument X: price_decimals is 10, expected 0 to 9"
        );
        assert!(all.add(InstrumentDef::new("Gold €", 2, 0, "USD")).is_ok());
        for wrong in ["", "a\tb", " a", "a\n"] {
            assert!(all.add(InstrumentDef::new(wrong, 2, 0, "USD")).is_err());
        }
    }

    #[test]
    fn a_bar_source_knows_its_size() {
        let mut all = Instruments::new();
        let spec: BarSpec = "5m".parse().unwrap();
        let id = all.bar_source(spec).unwrap();
        assert_eq!(all.bar_spec(id), Some(spec));
        assert_eq!(all.source(id).unwrap().name, "bars/5m");
    }
}
