//! A backtest as a run in a catalog.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use tickloom_data::{Catalog, CatalogError};
use tickloom_journal::RunMeta;
use tickloom_types::{Instruments, RECORD_LEN, Record, Seq};

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

    /// Writes the run, whose records mean these instruments and sources. If that fails, its name is free as before.
    pub(super) fn finish(self, instruments: &Instruments) -> Result<(), CatalogError> {
        let (catalog, run) = (self.catalog.clone(), self.meta.run.clone());
        let written = self.write(instruments);
        if written.is_err() {
            // Why it failed counts; a name that stays taken is found out by the next who wants it.
            catalog.forget_begun(&run).ok();
        }
        written
    }

    fn write(self, instruments: &Instruments) -> Result<(), CatalogError> {
        let meta = RunMeta {
            instruments: instruments.clone(),
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
        for number in 0.. {
            match outputs.read_exact(&mut cause) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(waiting(error)),
            }
            outputs.read_exact(&mut record).map_err(waiting)?;
            writer.push_output(
                number,
                Seq::from_le_bytes(cause),
                &Record::from_bytes(record),
            )?;
        }
        writer.finish().map(drop)
    }
}

fn waiting(source: std::io::Error) -> CatalogError {
    CatalogError::Io {
        action: "keep outputs in",
        path: std::env::temp_dir(),
        source,
    }
}
