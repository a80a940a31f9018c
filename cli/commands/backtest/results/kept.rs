//! A backtest as a run in a catalog.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use tickloom_backtest::Outcome;
use tickloom_data::{Catalog, CatalogError};
use tickloom_journal::RunMeta;
use tickloom_types::{
    AccountBody, Header, InstrumentId, Kind, Money, RECORD_LEN, Record, Seq, SourceId, Ts,
};

/// A run on its way into a catalog. Until it is at its end, its outputs wait in a file that is gone with the process.
pub(super) struct Kept {
    pub(super) catalog: Catalog,
    pub(super) meta: RunMeta,
    pub(super) source: String,
    pub(super) outputs: BufWriter<File>,
}

impl Kept {
    pub(super) fn push(&mut self, cause: Seq, output: &Record) -> Result<(), CatalogError> {
        let mut put = |bytes: &[u8]| self.outputs.write_all(bytes);
        put(&cause.to_le_bytes())
            .and_then(|()| put(output.as_bytes()))
            .map_err(waiting)
    }

    /// Writes the run, with the equity curve of its outcome. If that fails, its name is free as before.
    pub(super) fn finish(self, outcome: &Outcome) -> Result<(), CatalogError> {
        let (catalog, run) = (self.catalog.clone(), self.meta.run.clone());
        let written = self.write(outcome);
        if written.is_err() {
            // Why it failed counts; a name that stays taken is found out by the next who wants it.
            catalog.forget_begun(&run).ok();
        }
        written
    }

    fn write(self, outcome: &Outcome) -> Result<(), CatalogError> {
        let meta = RunMeta {
            instruments: outcome.instruments.clone(),
            ..self.meta
        };
        let file = self
            .outputs
            .into_inner()
            .map_err(|error| waiting(error.into_error()))?;
        let mut outputs = BufReader::new(file);
        outputs.seek(SeekFrom::Start(0)).map_err(waiting)?;
        // Somebody else may have taken the name since this run began.
        let alone = self.catalog.importing(&[&meta.run], [])?;
        let writer = alone.writer(&meta, 0, &self.source)?;
        let mut writer = writer.only_if_new()?;
        let (mut cause, mut record) = ([0; 8], [0; RECORD_LEN]);
        let mut account = Account::new(outcome.cash);
        let (mut number, mut newest) = (0, 0);
        loop {
            match outputs.read_exact(&mut cause) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(waiting(error)),
            }
            outputs.read_exact(&mut record).map_err(waiting)?;
            let output = Record::from_bytes(record);
            newest = Seq::from_le_bytes(cause);
            // What each fill left is told by the point of the curve at its time.
            if output.header.kind == Kind::Account as u8 {
                account.take(&output);
            } else {
                writer.push_output(number, newest, &output)?;
            }
            number += 1;
        }
        for (number, (ts, equity)) in (number..).zip(&outcome.equity) {
            writer.push_output(number, newest, &account.point(newest, *ts, *equity))?;
        }
        writer.finish().map(drop)
    }
}

/// Cash over time, of which points of the equity curve say how much of them it was.
struct Account {
    /// Before the first fill.
    cash: i128,
    /// After each fill.
    fills: Vec<(Ts, i128)>,
    /// Fills before the last point.
    done: usize,
}

impl Account {
    fn new(cash: Money) -> Account {
        Account {
            cash: cash.0,
            fills: Vec::new(),
            done: 0,
        }
    }

    fn take(&mut self, output: &Record) {
        let cash = AccountBody::of(output).cash();
        self.fills.push((output.ts_event(), cash));
    }

    /// A point of the curve as an output. Times of points do not fall.
    fn point(&mut self, cause: Seq, ts: Ts, equity: Money) -> Record {
        let later = self.fills.get(self.done..).unwrap_or_default();
        let passed = later.iter().take_while(|(at, _)| *at <= ts);
        for (_, cash) in passed {
            self.cash = *cash;
            self.done += 1;
        }
        // The account is of no instrument, and its points come from no source but the run.
        let header = Header::new(Kind::Account, InstrumentId::NONE, SourceId(0), ts, ts);
        AccountBody::new(cause, self.cash, equity.0).record(header)
    }
}

fn waiting(source: std::io::Error) -> CatalogError {
    CatalogError::Io {
        action: "keep outputs in",
        path: std::env::temp_dir(),
        source,
    }
}
