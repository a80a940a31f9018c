//! What a backtest looks at on the way: the quality ledger of exactly the records that it runs on.

use crate::commands::quality::{line, summary};
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_backtest::text;
use tickloom_data::{
    Calendars, DataError, Inspector, Ledger, RecordBlock, RecordBlocks, Refusals, Stream,
    Thresholds,
};
use tickloom_types::Instruments;

/// Rows that a refusal names; `tickloom quality` lists all.
const ROWS_SHOWN: usize = 20;

/// Looks at records on their way into the core.
#[derive(Clone)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    inspector: Inspector,
    /// Records that it looked at: of a stream that is read again only those after them are new.
    records: u64,
}

impl Watch {
    pub(super) fn new(instruments: &Instruments, calendars: &Calendars) -> Result<Watch, Failure> {
        let inspector = Inspector::new(instruments, Thresholds::default(), calendars);
        Ok(Watch {
            seen: Arc::new(Mutex::new(Seen {
                inspector: inspector.map_err(Failure::input)?,
                records: 0,
            })),
        })
    }

    /// Looks at each record that passes.
    pub(super) fn over(&self, blocks: Stream) -> Stream {
        Box::new(Watched {
            seen: Arc::clone(&self.seen),
            blocks,
            passed: 0,
        })
    }

    /// The ledger, once all records have passed and whoever led them is gone.
    pub(super) fn finish(self) -> Option<Ledger> {
        let seen = Arc::into_inner(self.seen)?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some(seen.inspector.finish())
    }
}

/// Records that are looked at as they pass.
struct Watched {
    seen: Arc<Mutex<Seen>>,
    blocks: Stream,
    passed: u64,
}

impl RecordBlocks for Watched {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        let block = self.blocks.next_block()?;
        if let Some(block) = &block {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let known = seen.records.saturating_sub(self.passed);
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            let new = block.records.get(known..).unwrap_or_default();
            seen.inspector.push_all(new);
            seen.records += new.len() as u64;
            self.passed += block.records.len() as u64;
        }
        Ok(block)
    }
}

/// Refuses an input of which lines were left out, if that is wanted. What they are has been said.
pub(super) fn judge_input(left_out: &Refusals, is_strict: bool) -> Result<(), Failure> {
    if !is_strict || left_out.refused == 0 {
        return Ok(());
    }
    let places: Vec<String> = left_out.places.iter().map(|at| format!("  {at}")).collect();
    Err(Failure::input(anyhow!(
        "--strict: the input is not clean: {}\n{}",
        text::left_out(left_out),
        places.join("\n")
    )))
}

/// Refuses what was found on the way, if that is wanted; `text` says what.
pub(super) fn judge_told(text: &str, is_strict: bool) -> Result<(), Failure> {
    match is_strict {
        true => Err(Failure::input(anyhow!("--strict: {text}"))),
        false => Ok(()),
    }
}

/// Says what is wrong with the data, or refuses to go on if that is wanted.
pub(super) fn judge(ledger: &Ledger, is_strict: bool) -> Result<(), Failure> {
    if ledger.rows.is_empty() {
        return Ok(());
    }
    if !is_strict {
        output::note(&format!(
            "the data is not clean: {}; `tickloom quality` lists them for a catalog",
            summary(ledger)
        ));
        return Ok(());
    }
    let rows = ledger.rows.iter().take(ROWS_SHOWN);
    let rows: Vec<String> = rows
        .map(|row| {
            format!(
                "  {} {}",
                row.instrument.as_deref().unwrap_or("-"),
                line(row)
            )
        })
        .collect();
    let more = ledger.rows.len().saturating_sub(ROWS_SHOWN);
    let more = if more > 0 {
        format!("\n  and {more} more")
    } else {
        String::new()
    };
    Err(Failure::input(anyhow!(
        "--strict: the data is not clean: {}\n{}{more}",
        summary(ledger),
        rows.join("\n")
    )))
}
