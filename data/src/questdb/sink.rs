//! The way in: makes the tables, turns records into rows, sends them in batches, and looks whether the server can take them into
//! its tables. It never waits or tries again: whoever holds it decides.

use super::QuestDbAddress;
use super::row::RowWriter;
use super::sql::{Sql, quote, text};
use super::tables::{self, RUNS, ServerColumn};
use crate::{DataError, Result};
use questdb::ingress::{Buffer, ProtocolVersion, Sender, TimestampNanos};
use serde_json::Value;
use tickloom_catalog::Key;
use tickloom_catalog::Table;
use tickloom_catalog::order::{Placed, Placing};
use tickloom_catalog::{NUMBER, NUMBER_BEFORE};
use tickloom_journal::RunMeta;
use tickloom_types::{Record, Seq};

/// Decimals came with this version of the line protocol; nothing less is exact.
const PROTOCOL: ProtocolVersion = ProtocolVersion::V3;

/// A table whose rows the server keeps in its log but cannot put into the table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SuspendedTable {
    /// The table.
    pub table: String,
    /// The kind of error that stopped it, such as `DISK FULL`; empty for many.
    pub tag: String,
    /// The server's words.
    pub message: String,
}

impl SuspendedTable {
    /// Whether no error stopped it, but a person.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        self.tag.is_empty() && self.message.is_empty()
    }
}

/// A connection that rows of one run at a time are sent over.
pub struct QuestDbSink {
    sql: Sql,
    sender: Sender,
    buffer: Buffer,
    writers: Vec<RowWriter>,
    run: Option<RunMeta>,
    placing: Placing,
    /// Rows whose place in the one order is known.
    ready: Vec<Placed>,
}

impl QuestDbSink {
    /// Connects, and makes the tables that are not there yet.
    ///
    /// # Errors
    /// [`DataError::QuestDb`] if the server is away, is too old, or has a table of one of our names with other columns.
    pub fn connect(address: &QuestDbAddress) -> Result<QuestDbSink> {
        let sql = Sql::new(address);
        let client = address.client();
        let sender = client
            .and_then(|client| client.build())
            .map_err(|error| sql.error(error.msg()))?;
        let buffer = sender.new_buffer();
        if buffer.protocol_version() < PROTOCOL {
            return Err(sql.error(
                "it takes no decimals by the line protocol, expected version 9.2 or newer",
            ));
        }
        let mut wanted: Vec<_> = Table::ALL
            .iter()
            .map(|table| {
                (
                    table.name(),
                    tables::columns(*table),
                    tables::partition(*table),
                )
            })
            .collect();
        wanted.push((RUNS, tables::run_columns(), "YEAR"));
        for (name, columns, partition) in &wanted {
            make(&sql, name, columns, partition)?;
        }
        // What has taken a transaction is whole.
        let whole = sql.exec("SELECT name FROM wal_tables() WHERE sequencerTxn > 0")?;
        for (name, columns, partition) in &wanted {
            let is_whole = whole.iter().any(|row| text(row.first()) == *name);
            if !is_whole && !takes_rows(&sql, name) {
                mend(&sql, name, columns, partition)?;
            }
        }
        Ok(QuestDbSink {
            sql,
            sender,
            buffer,
            writers: Table::ALL
                .iter()
                .map(|table| RowWriter::new(*table))
                .collect(),
            run: None,
            placing: Placing::new(i64::MIN),
            ready: Vec::new(),
        })
    }

    /// Whether the server knows the run already.
    ///
    /// # Errors
    /// [`DataError::QuestDb`]; [`DataError::Journal`] if it knows another run of this name.
    pub fn knows(&self, run: &RunMeta) -> Result<bool> {
        match read_run(&self.sql, &run.run)? {
            None => Ok(false),
            Some(known) => Ok(known.check_same(run).map(|()| true)?),
        }
    }

    /// From here on, records are this run's. What the run is becomes a row with the next flush, before any of its records.
    ///
    /// # Errors
    /// As [`QuestDbSink::knows`] and [`QuestDbSink::flush`].
    pub fn begin(&mut self, run: &RunMeta) -> Result<()> {
        self.settle()?;
        self.flush()?;
        if !self.knows(run)? {
            let meta = serde_json::to_string(run).expect("plain fields are JSON");
            let row = |buffer: &mut Buffer| {
                buffer.table(RUNS)?.symbol("run", &run.run)?;
                buffer.column_str("meta", &meta)?;
                buffer.at(TimestampNanos::new(run.started.0.max(0)))
            };
            row(&mut self.buffer).map_err(|error| self.sql.error(error.msg()))?;
            self.flush()?;
        }
        self.run = Some(run.clone());
        self.go_on_after(i64::MIN);
        Ok(())
    }

    /// The records to come follow those of which the last was released then. What waited for its moment to end is dropped.
    pub(super) fn go_on_after(&mut self, released: i64) {
        self.placing = Placing::new(released);
    }

    /// When the last input so far was released, if no row waits for its moment to end.
    pub(super) fn released(&self) -> Option<i64> {
        (!self.placing.is_waiting()).then(|| self.placing.released())
    }

    /// No more of the moment at hand will come: its rows are taken as those of one that was cut.
    ///
    /// # Errors
    /// As [`QuestDbSink::push`].
    pub fn settle(&mut self) -> Result<()> {
        let Some(run) = &self.run else {
            return Ok(());
        };
        self.placing.finish(&run.instruments, &mut self.ready);
        self.write_ready(None)
    }

    /// Takes an input record of the run. It waits for the end of its moment.
    ///
    /// # Errors
    /// [`DataError::Record`] if it cannot be a row; it is left out then.
    pub fn push(&mut self, seq: Seq, record: &Record) -> Result<()> {
        self.push_row(Key { seq, output: 0 }, record)
    }

    /// Takes output number `output` of the run, which input `cause` made.
    ///
    /// # Errors
    /// As [`QuestDbSink::push`].
    pub fn push_output(&mut self, output: u64, cause: Seq, record: &Record) -> Result<()> {
        let key = Key {
            seq: cause,
            output: output.saturating_add(1),
        };
        self.push_row(key, record)
    }

    fn push_row(&mut self, key: Key, record: &Record) -> Result<()> {
        let run = self.run.as_ref().expect("begin() comes first");
        let checked = match self.writer(key, record) {
            Some(writer) => writer.check(key, record, run).map(drop),
            None => Err(DataError::Record {
                seq: key.seq,
                field: "kind",
                value: record.header.kind.to_string(),
                expected: "a kind of its side, input or output",
            }),
        };
        // One that is refused has its place in its moment all the same.
        self.placing
            .push(key, record, &run.instruments, &mut self.ready);
        let refused = checked.is_err().then_some(key);
        let written = self.write_ready(refused);
        checked.and(written)
    }

    /// Writes rows whose place is known, but those that were refused when they came.
    fn write_ready(&mut self, refused: Option<Key>) -> Result<()> {
        let mut result = Ok(());
        let ready = std::mem::take(&mut self.ready);
        for placed in &ready {
            let (key, record) = (placed.key, &placed.record);
            let run = self.run.as_ref().expect("begin() comes first");
            let at = self.place_of(key, record);
            let writer = at.and_then(|at| self.writers.get(at));
            let Some(writer) = writer.filter(|_| refused != Some(key)) else {
                continue;
            };
            if writer.check(key, record, run).is_err() {
                continue;
            }
            let written = writer.push(&mut self.buffer, placed, run);
            result = result.and(written);
        }
        self.ready = ready;
        self.ready.clear();
        result
    }

    fn writer(&self, key: Key, record: &Record) -> Option<&RowWriter> {
        self.writers.get(self.place_of(key, record)?)
    }

    fn place_of(&self, key: Key, record: &Record) -> Option<usize> {
        let table = Table::of(record).filter(|table| table.is_output() == (key.output > 0))?;
        Table::ALL.iter().position(|t| *t == table)
    }

    /// Rows that wait for the next flush.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.row_count()
    }

    /// Sends what waits. Once this returns, the server has it in its log, where it survives a kill. If it fails, all of it still
    /// waits here; some of it may have been taken, which is why rows have keys.
    ///
    /// # Errors
    /// [`DataError::QuestDb`].
    pub fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.sender
            .flush(&mut self.buffer)
            .map_err(|error| self.sql.error(error.msg()))
    }

    /// Our tables that the server has suspended.
    ///
    /// # Errors
    /// [`DataError::QuestDb`].
    pub fn suspended(&self) -> Result<Vec<SuspendedTable>> {
        let rows = self
            .sql
            .exec("SELECT name, errorTag, errorMessage FROM wal_tables() WHERE suspended")?;
        let ours = rows.iter().filter(|row| is_ours(text(row.first())));
        let suspended = |row: &Vec<Value>| SuspendedTable {
            table: text(row.first()).to_owned(),
            tag: text(row.get(1)).to_owned(),
            message: text(row.get(2)).to_owned(),
        };
        Ok(ours.map(suspended).collect())
    }

    /// Asks the server to go on with a suspended table.
    ///
    /// # Errors
    /// [`DataError::QuestDb`].
    pub fn resume(&self, table: &str) -> Result<()> {
        self.sql
            .exec(&format!("ALTER TABLE \"{table}\" RESUME WAL"))
            .map(drop)
    }
}

/// Whether a table is one that we make.
pub(super) fn is_ours(name: &str) -> bool {
    name == RUNS || Table::from_name(name).is_some()
}

/// Makes a table, or checks that the one that is there is ours: rows of other types would not come back as they were.
fn make(sql: &Sql, name: &str, columns: &[ServerColumn], partition: &str) -> Result<()> {
    sql.exec(&tables::create(name, columns, partition))?;
    let mut found = sql.exec(&format!("SHOW COLUMNS FROM \"{name}\""))?;
    let has = |found: &[Vec<Value>], name: &str| found.iter().any(|row| text(row.first()) == name);
    let is_ours = columns.iter().any(|column| column.name == NUMBER);
    if is_ours && has(&found, NUMBER_BEFORE) && !has(&found, NUMBER) {
        // A table of an earlier version.
        sql.exec(&format!(
            "ALTER TABLE \"{name}\" RENAME COLUMN \"{NUMBER_BEFORE}\" TO \"{NUMBER}\""
        ))?;
        // It shows the new name once it has applied that; what is written from now on comes after it.
        let names = found.iter_mut().filter_map(|row| row.first_mut());
        let mut before = names.filter(|first| text(Some(first)) == NUMBER_BEFORE);
        if let Some(before) = before.next() {
            *before = NUMBER.into();
        }
    }
    for column in columns {
        let is_there = has(&found, &column.name);
        if !is_there && tables::place_columns().contains(column) && name != RUNS {
            // A table of an earlier version.
            sql.exec(&format!(
                "ALTER TABLE \"{name}\" ADD COLUMN IF NOT EXISTS \"{}\" {}",
                column.name, column.kind
            ))?;
            continue;
        }
        let row = found.iter().find(|row| text(row.first()) == column.name);
        let kind = text(row.and_then(|row| row.get(1)));
        let is_key = row.and_then(|row| row.get(8)).and_then(Value::as_bool);
        if kind != column.kind || is_key != Some(column.is_key) {
            return Err(sql.error(format!(
                "table {name} was made by somebody else: column {} is {}, expected {}{}",
                column.name,
                if row.is_some() { kind } else { "not there" },
                column.kind,
                if column.is_key {
                    " as an upsert key"
                } else {
                    ""
                },
            )));
        }
    }
    Ok(())
}

/// Whether a table takes rows, found out by giving it none: that opens its log, and adds nothing to it.
fn takes_rows(sql: &Sql, name: &str) -> bool {
    sql.exec(&format!(
        "INSERT INTO \"{name}\" SELECT * FROM \"{name}\" LIMIT 0"
    ))
    .is_ok()
}

/// Makes a table again that the server began to make and was killed in that: it is there, its log is not or is not whole, and it
/// takes no row.
fn mend(sql: &Sql, name: &str, columns: &[ServerColumn], partition: &str) -> Result<()> {
    let rows = sql.exec(&format!("SELECT count() FROM \"{name}\""))?;
    let count = rows
        .first()
        .and_then(|row| row.first())
        .and_then(Value::as_u64);
    if count != Some(0) {
        return Err(sql.error(format!(
            "table {name} has rows and no whole log to take more, expected a table made with WAL"
        )));
    }
    // The server removes such a table, and says that there was none or what is wrong with its log.
    sql.exec(&format!("DROP TABLE \"{name}\"")).ok();
    make(sql, name, columns, partition)
}

/// What the server knows of a run.
pub(super) fn read_run(sql: &Sql, run: &str) -> Result<Option<RunMeta>> {
    let rows = sql.exec(&format!(
        "SELECT meta FROM \"{RUNS}\" WHERE run = {} ORDER BY ts_event LIMIT 1",
        quote(run)
    ))?;
    rows.first()
        .map(|row| parse_run(sql, row.first()))
        .transpose()
}

/// A run from its row.
pub(super) fn parse_run(sql: &Sql, meta: Option<&Value>) -> Result<RunMeta> {
    let run: Option<RunMeta> = serde_json::from_str(text(meta)).ok();
    run.ok_or_else(|| {
        sql.error(format!(
            "table {RUNS} has a row whose meta is not a run of this version"
        ))
    })
}
