//! What a graph remembers, by keys that are the same in whichever graph a node is: so what several workers saved of their
//! shares is what one would have saved of all, and any number of others can load it.
//!
//! A key is a hash of what is computed and from what: an operator with its parameters, the keys of its inputs, and the bars
//! that it waits for. Places in a graph, which depend on what else is in it, are not in it.

use crate::field::{Clock, Leaf};
use crate::graph::Graph;
use crate::ops::Op;
use std::collections::BTreeMap;
use tickloom_types::{BarSpec, StateError, StateReader, StateWriter, Ts};
use xxhash_rust::xxh3::xxh3_128;

/// What a node, leaf or bar clock is, in 128 bits of hash.
pub(crate) type Key = u128;

/// The keys of a graph's parts, by place.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) nodes: Vec<Key>,
    pub(crate) leaves: Vec<Key>,
    pub(crate) clocks: Vec<Key>,
}

/// What graphs remember, between two steps: put together from several, it is what one graph of all their expressions remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphState {
    entries: BTreeMap<Key, Box<[u8]>>,
}

/// Bytes of which no two lists of parts have the same.
fn hash(what: u8, texts: &[&str], keys: &[&[Key]]) -> Key {
    let mut to = StateWriter::new();
    to.u8(what);
    for text in texts {
        to.blob(text.as_bytes());
    }
    for keys in keys {
        to.count(keys.len());
        for key in *keys {
            to.u128(*key);
        }
    }
    xxh3_128(to.bytes())
}

pub(crate) fn clock_key(instrument: &str, spec: BarSpec) -> Key {
    hash(0, &[instrument, &spec.to_string()], &[])
}

pub(crate) fn leaf_key(instrument: &str, leaf: &Leaf) -> Key {
    let clock = match leaf.clock {
        Clock::Tick => String::new(),
        Clock::Bar(spec) => spec.to_string(),
    };
    hash(1, &[instrument, leaf.field.name(), &clock], &[])
}

/// `label` is an operator with its parameters.
pub(crate) fn node_key(label: &str, gate: &[Key], inputs: &[Key]) -> Key {
    hash(2, &[label], &[gate, inputs])
}

impl GraphState {
    /// Of no graph.
    #[must_use]
    pub fn new() -> GraphState {
        GraphState::default()
    }

    /// How many nodes, leaves and bars something is remembered of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds what other graphs remember that were fed with the same. What is in both is the same in both.
    pub fn unite(&mut self, other: GraphState) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (key, bytes) in other.entries {
            let known = self.entries.entry(key).or_insert_with(|| bytes.clone());
            debug_assert_eq!(*known, bytes, "equal nodes have equal states");
        }
    }

    /// Writes it, sorted by key.
    pub fn write(&self, to: &mut StateWriter) {
        to.count(self.entries.len());
        for (key, bytes) in &self.entries {
            to.u128(*key);
            to.blob(bytes);
        }
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// [`StateError`] if it was not.
    pub fn read(from: &mut StateReader<'_>) -> Result<GraphState, StateError> {
        let count = from.count(usize::MAX)?;
        let mut entries = BTreeMap::new();
        let mut before = None;
        for _ in 0..count {
            let key = from.u128()?;
            from.check(before < Some(key), "a key after the one before it")?;
            before = Some(key);
            entries.insert(key, from.blob()?.into());
        }
        Ok(GraphState { entries })
    }

    /// Takes what was written of one part of a graph.
    fn take(&mut self, key: Key, written: &mut StateWriter) {
        self.entries.insert(key, written.bytes().into());
        written.clear();
    }

    fn get(&self, key: Key) -> Result<StateReader<'_>, StateError> {
        let bytes = self.entries.get(&key).map_or(&[][..], |bytes| bytes);
        let from = StateReader::new(bytes, "a node of the expressions");
        from.check(self.entries.contains_key(&key), "known to the state")?;
        Ok(from)
    }
}

impl Graph {
    /// What it remembers; to be asked for after a step and before anything is set for the next.
    #[must_use]
    pub fn save(&self) -> GraphState {
        debug_assert!(self.pending.is_empty() && self.withdrawn.is_empty());
        debug_assert!(!self.gates.is_due());
        let mut state = GraphState::new();
        let mut to = StateWriter::new();
        for (at, key) in self.keys.nodes.iter().enumerate() {
            if self.is_saved(at) {
                to.f64(self.values[at]);
                self.nodes[at].op.save(&mut to);
                state.take(*key, &mut to);
            }
        }
        for (at, key) in self.keys.leaves.iter().enumerate() {
            to.i64(self.mantissas[at]);
            to.f64(self.leaf_values[at]);
            state.take(*key, &mut to);
        }
        for (newest, key) in self.gates.newest().iter().zip(&self.keys.clocks) {
            to.option(*newest, |to, close| to.i64(close.0));
            state.take(*key, &mut to);
        }
        state
    }

    /// Takes over what a graph remembered in which these expressions were; to be called on a graph that was just built.
    ///
    /// # Errors
    /// [`StateError`] if there is no such state, or not of this graph. The graph is then of no use.
    pub fn load(&mut self, state: &GraphState) -> Result<(), StateError> {
        for at in 0..self.nodes.len() {
            if self.is_saved(at) {
                let mut from = state.get(self.keys.nodes[at])?;
                self.values[at] = from.f64()?;
                self.nodes[at].op.load(&mut from)?;
                from.end()?;
            }
        }
        for (at, key) in self.keys.leaves.iter().enumerate() {
            let mut from = state.get(*key)?;
            self.mantissas[at] = from.i64()?;
            self.leaf_values[at] = from.f64()?;
            from.end()?;
        }
        for (newest, key) in self.gates.newest_mut().iter_mut().zip(&self.keys.clocks) {
            let mut from = state.get(*key)?;
            *newest = from.option(|from| from.i64().map(Ts))?;
            from.end()?;
        }
        Ok(())
    }

    /// How much of it is saved: what [`GraphState::len`] is for this graph alone.
    #[must_use]
    pub fn saved_len(&self) -> usize {
        let nodes = (0..self.nodes.len()).filter(|at| self.is_saved(*at));
        nodes.count() + self.keys.leaves.len() + self.keys.clocks.len()
    }

    fn is_saved(&self, node: usize) -> bool {
        !matches!(self.nodes[node].op, Op::Constant(_))
    }
}
