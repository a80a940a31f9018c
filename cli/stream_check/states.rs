//! The states in a recorded stream beside those that the journal's inputs give when they are stepped.

use super::sequence::Outline;
use super::{Checked, Faults, Stream, words};
use anyhow::Result;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Outputs, SEMANTICS_VERSION};
use tickloom_journal::{Block, JournalReader};
use tickloom_types::Record;
use tickloom_wire::{Message, Payload, RunPosition, StatePart, StreamEntry};

/// What became of the states of the run.
#[derive(Debug, Default)]
pub(crate) struct States {
    /// Messages with a state, or part of one, that were compared.
    pub(crate) compared: u64,
    /// Of a place that was taken back.
    pub(crate) retracted: u64,
    /// Those that cannot be compared, and why.
    pub(crate) left_out: u64,
    pub(crate) why: Option<String>,
}

/// Steps the journal as far as there are states, and compares them.
///
/// # Errors
/// The journal or the file cannot be read.
pub(crate) fn compare(
    outline: &Outline,
    journal: &Path,
    stream: Stream,
    checked: &mut Checked,
) -> Result<()> {
    let mut told = Told::new(outline, stream);
    if told.next.is_none() {
        return Ok(());
    }
    let mut reader = JournalReader::open(journal)?;
    let mut core = match core(&reader) {
        Ok(core) => core,
        Err(why) => {
            checked.states.left_out = told.count();
            checked.states.why = Some(why);
            return Ok(());
        }
    };
    let (mut out, mut next) = (Outputs::new(), RunPosition::default());
    while told.next.is_some()
        && let Some(block) = reader.next_block()?
    {
        match block {
            Block::Session(session) => {
                told.up_to(next, &core, checked);
                next.inputs = session.start.inputs;
                next.outputs = session.start.outputs;
            }
            Block::Inputs { first_seq, records } => {
                next.inputs = first_seq;
                for record in &records {
                    told.up_to(next, &core, checked);
                    core.step(next.inputs, record, &mut out);
                    next.inputs += 1;
                    next.outputs += out.records().len() as u64;
                }
            }
            _ => {}
        }
    }
    told.up_to(next, &core, checked);
    while let Some((_, message, part)) = told.take() {
        let (of, inputs) = (words(&message), part.next.inputs);
        checked.faults.add(format!(
            "{of}: a state before input {inputs}, and the journal ends before input {}",
            next.inputs
        ));
    }
    Ok(())
}

/// What the journal's inputs are stepped through.
fn core(journal: &JournalReader) -> Result<Core, String> {
    let (meta, begins) = (journal.meta(), journal.begins().next);
    if !matches!(meta.semantics, 0 | SEMANTICS_VERSION) {
        let found = meta.semantics;
        return Err(format!("the run is of semantics {found}"));
    }
    if begins.inputs > 0 {
        let first = begins.inputs;
        return Err(format!("the journal begins at input {first}"));
    }
    let config: CoreConfig = serde_json::from_str(&meta.config).map_err(|e| e.to_string())?;
    Core::new(&config).map_err(|error| error.to_string())
}

/// The states of the file in the order in which they came.
struct Told<'a> {
    outline: &'a Outline,
    stream: Stream,
    next: Option<(u64, Box<Message>, StatePart)>,
    /// The records of the last place that was asked for.
    known: Option<(RunPosition, Vec<Record>)>,
}

impl<'a> Told<'a> {
    fn new(outline: &'a Outline, stream: Stream) -> Told<'a> {
        let mut told = Told {
            outline,
            stream,
            next: None,
            known: None,
        };
        told.advance();
        told
    }

    fn advance(&mut self) {
        self.next = None;
        while let Some((at, entry)) = self.stream.next(None) {
            if let StreamEntry::Message { message, .. } = entry
                && message.envelope.run == self.outline.run
                && let Payload::State(part) = &message.payload
            {
                let part = part.clone();
                self.next = Some((at, message, part));
                return;
            }
        }
    }

    fn take(&mut self) -> Option<(u64, Box<Message>, StatePart)> {
        let taken = self.next.take();
        self.advance();
        taken
    }

    fn count(mut self) -> u64 {
        let mut count = 0;
        while self.take().is_some() {
            count += 1;
        }
        count
    }

    /// Compares all of places up to this one, at which the core stands.
    fn up_to(&mut self, place: RunPosition, core: &Core, checked: &mut Checked) {
        while let Some((at, _, part)) = &self.next
            && part.next.inputs <= place.inputs
        {
            let is_gone = self.outline.is_gone(*at, part.next);
            let Some((_, message, part)) = self.take() else {
                return;
            };
            if is_gone {
                checked.states.retracted += 1;
            } else {
                checked.states.compared += 1;
                self.hold(&message, &part, place, core, &mut checked.faults);
            }
        }
    }

    fn hold(
        &mut self,
        message: &Message,
        part: &StatePart,
        place: RunPosition,
        core: &Core,
        faults: &mut Faults,
    ) {
        let of = words(message);
        if part.next != place {
            let (told, here) = (part.next, place);
            faults.add(format!(
                "{of}: its place is input {} and output {}, and the journal has input {} and output {}",
                told.inputs, told.outputs, here.inputs, here.outputs
            ));
            return;
        }
        let known = match self.known.take() {
            Some((at, records)) if at == place => records,
            _ => core.state().records(place.inputs.saturating_sub(1)),
        };
        let from = usize::try_from(part.from).unwrap_or(usize::MAX);
        let here = known
            .get(from..)
            .and_then(|rest| rest.get(..part.records.len()));
        let bytes = |records: &[Record]| -> Vec<[u8; 64]> {
            records.iter().map(|record| *record.as_bytes()).collect()
        };
        let is_equal = usize::try_from(part.total) == Ok(known.len())
            && here.is_some_and(|here| bytes(here) == bytes(&part.records));
        if !is_equal {
            let inputs = place.inputs;
            faults.add(format!(
                "{of}: the state before input {inputs} is not what the journal's inputs give"
            ));
        }
        self.known = Some((place, known));
    }
}
