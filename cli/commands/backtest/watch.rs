//! What a backtest looks at on the way: the quality ledger of exactly the records that it runs on.

use crate::commands::quality::{line, summary};
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::cell::RefCell;
use std::rc::Rc;
use tickloom_backtest::text;
use tickloom_data::{Calendars, DataError, Inspector, Ledger, Refusals, Thresholds};
use tickloom_types::{Instruments, Record, Seq};

/// Rows that a refusal names; `tickloom quality` lists all.
const ROWS_SHOWN: usize = 20;

/// Records on their way, with their sequence.
pub(super) type Stream = Box<dyn Iterator<Item = Result<(Seq, Record), DataError>>>;

/// Looks at records on their way into the core.
#[derive(Clone)]
pub(super) struct Watch {
    inspector: Rc<RefCell<Inspector>>,
}

impl Watch {
    pub(super) fn new(instruments: &Instruments, calendars: &Calendars) -> Result<Watch, Failure> {
        let inspector = Inspector::new(instruments, Thresholds::default(), calendars);
        Ok(Watch {
            inspector: Rc::new(RefCell::new(inspector.map_err(Failure::input)?)),
        })
    }

    /// Looks at records that are there already.
    pub(super) fn look(&self, records: &[Record]) {
        let mut inspector = self.inspector.borrow_mut();
        records.iter().for_each(|record| inspector.push(record));
    }

    /// Looks at each record that passes.
    pub(super) fn over(
        &self,
        records: impl Iterator<Item = Result<(Seq, Record), DataError>> + 'static,
    ) -> Stream {
        let inspector = Rc::clone(&self.inspector);
        Box::new(records.inspect(move |next| {
            if let Ok((_, record)) = next {
                inspector.borrow_mut().push(record);
            }
        }))
    }

    /// The ledger, once all records have passed and whoever led them is gone.
    pub(super) fn finish(self) -> Option<Ledger> {
        let inspector = Rc::try_unwrap(self.inspector).ok()?;
        Some(inspector.into_inner().finish())
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
