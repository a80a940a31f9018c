//! What the core did, into the database of a service, exactly once: a named cursor in the journal of a run, and the place in the
//! inbox, which moves in the transaction of what was made of it.
//!
//! The inbox is the truth: a killed service goes on from there. The cursor's file only holds back segments that were not taken.
//! A journal hands out what is on the disk and nothing else, so nothing that was taken here is taken back.

mod status;

use crate::database::{Database, Write};
use crate::inbox::{inbox_position, move_inbox};
use crate::service::Stop;
use crate::{ChassisError, Result};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use status::CoreStatus;
pub use status::{CoreState, Followed};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tickloom_journal::{
    Block, JournalError, JournalPlace, JournalTail, RunMeta, Tailed, read_journal_meta,
    segment_numbers,
};
use tickloom_types::{Record, Seq};
use tokio::task::JoinSet;

/// Records that are taken in one transaction, at least, if there are so many.
const BATCH_RECORDS: usize = 4096;
/// Records without an output after which the inbox moves all the same.
const QUIET_RECORDS: usize = 65_536;
/// Shortest and longest pause before looking again at a journal that had nothing new: a run that has ended costs little.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(20);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(500);
/// Pause before looking for runs that have begun.
const LOOK_FOR_RUNS: Duration = Duration::from_millis(500);
/// First and longest pause after a failure; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

const RUN: &str = "SELECT meta FROM core_run WHERE run = $1";
const ADD_RUN: &str = "INSERT INTO core_run (run, started, meta) VALUES ($1, $2, $3)";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[RUN, ADD_RUN];

/// What a service makes of what the core did.
pub trait CoreInput: Send + Sync + 'static {
    /// Takes outputs of a run, in order. All that is done with `write` becomes true together with the place up to which outputs were
    /// taken: each output is taken once, whatever is killed.
    ///
    /// # Errors
    /// [`ChassisError::Database`]; [`ChassisError::Output`] for one that cannot be, at which the run stays until it is mended.
    fn take(&self, write: &mut Write, outputs: &Outputs)
    -> impl Future<Output = Result<()>> + Send;
}

/// One output of the core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// Its number in the run: with the run's name, what it is for ever.
    pub number: u64,
    /// Sequence of the input that made it.
    pub cause: Seq,
    /// What it is.
    pub record: Record,
}

/// Outputs of one run that follow each other.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The run.
    pub run: Arc<RunMeta>,
    /// In the order of their numbers, which may leave some out.
    pub outputs: Vec<Output>,
}

/// Up to where a run was taken, as the inbox has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InboxPlace {
    /// Behind the last block that was taken.
    place: JournalPlace,
    /// The number after the last output that was taken; 0 before the first.
    outputs: u64,
}

/// What was read together.
struct Batch {
    outputs: Vec<Output>,
    records: usize,
    /// Nothing more was there.
    is_end: bool,
    missing: Option<(u32, u32)>,
}

/// Follows every run of a directory of `tickloom run --record`, those that begin later too, or one journal, under the cursor `name`, until it is told to
/// stop. The directory need not be there yet.
pub async fn follow_record<I: CoreInput>(
    database: Database,
    record: PathBuf,
    name: &'static str,
    input: Arc<I>,
    followed: Followed,
    mut stop: Stop,
) {
    let mut tasks = JoinSet::new();
    while !stop.is_told() {
        let at = record.clone();
        let found = blocking(move || Ok(journals(&at))).await;
        for journal in found.unwrap_or_default() {
            if let Some(status) = followed.add(&journal) {
                let input = Arc::clone(&input);
                let database = database.clone();
                tasks.spawn(follow(database, journal, name, input, status, stop.clone()));
            }
        }
        stop.or_after(LOOK_FOR_RUNS).await;
    }
    while tasks.join_next().await.is_some() {}
}

/// The journals of a record directory, by name; or the directory itself, if it is a journal.
fn journals(record: &Path) -> Vec<PathBuf> {
    let is_journal = match segment_numbers(record) {
        Ok(numbers) => !numbers.is_empty(),
        // One between is not there, which its follower says.
        Err(JournalError::Missing { .. }) => true,
        Err(_) => false,
    };
    if is_journal {
        return vec![record.to_owned()];
    }
    let entries = std::fs::read_dir(record.join("journal"));
    let entries = entries.into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort_unstable();
    found
}

/// Follows one journal. What goes wrong is said in the status and tried again after a pause that grows; it never goes on past what it
/// could not take.
async fn follow<I: CoreInput>(
    database: Database,
    journal: PathBuf,
    name: &'static str,
    input: Arc<I>,
    status: CoreStatus,
    mut stop: Stop,
) {
    let mut pause = PAUSE_MIN;
    while !stop.is_told() {
        let before = status.state().outputs;
        let follower = Follower {
            database: &database,
            journal: &journal,
            name,
            input: &*input,
            status: &status,
        };
        let Err(error) = follower.follow(&mut stop).await else {
            continue;
        };
        if status.fail(&error) {
            let journal = journal.display().to_string();
            tracing::warn!(journal, error = error.to_string(), "a run is not followed");
        }
        if status.state().outputs != before {
            pause = PAUSE_MIN;
        }
        stop.or_after(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

struct Follower<'a, I> {
    database: &'a Database,
    journal: &'a Path,
    name: &'static str,
    input: &'a I,
    status: &'a CoreStatus,
}

impl<I: CoreInput> Follower<'_, I> {
    /// Follows the run until it is told to stop.
    async fn follow(&self, stop: &mut Stop) -> Result<()> {
        let Some(run) = self.run().await? else {
            self.status.wait();
            stop.or_after(LOOK_AGAIN_MAX).await;
            return Ok(());
        };
        let run = Arc::new(run);
        let source = format!("core/{}", run.run);
        self.know(&run).await?;
        let stored = inbox_position(self.database, &source).await?;
        let mut place = match &stored {
            Some(stored) => read_place(&source, stored)?,
            None => InboxPlace {
                place: JournalPlace::START,
                outputs: 0,
            },
        };
        self.status.begin(&run.run, place.outputs);
        let (journal, name, at) = (self.journal.to_owned(), self.name, place.place.clone());
        let mut tail = blocking(move || JournalTail::named_at(&journal, name, at)).await?;
        let (mut quiet, mut pause) = (0, LOOK_AGAIN_MIN);
        while !stop.is_told() {
            let next = place.outputs;
            let (read, batch) = blocking(move || {
                let batch = read_batch(&mut tail, next)?;
                Ok((tail, batch))
            })
            .await?;
            tail = read;
            if let Some((first, next)) = batch.missing {
                return Err(ChassisError::Missing {
                    journal: self.journal.to_owned(),
                    first,
                    last: next - 1,
                });
            }
            quiet += batch.records;
            let is_worth_it = !batch.outputs.is_empty() || quiet >= QUIET_RECORDS;
            if is_worth_it {
                let segment = place.place.segment;
                place = self
                    .take(&source, &run, batch.outputs, place.outputs, tail.place())
                    .await?;
                quiet = 0;
                if segment != place.place.segment || batch.is_end {
                    tail = blocking(move || tail.commit().map(|()| tail)).await?;
                }
                self.status.took(place.outputs);
            }
            if !batch.is_end {
                continue;
            }
            self.status.caught_up();
            pause = if batch.records > 0 {
                LOOK_AGAIN_MIN
            } else {
                (pause * 2).min(LOOK_AGAIN_MAX)
            };
            stop.or_after(pause).await;
        }
        Ok(())
    }

    /// The run that the journal is of, if it has begun.
    async fn run(&self) -> Result<Option<RunMeta>> {
        let journal = self.journal.to_owned();
        blocking(move || {
            if journal.is_dir() {
                read_journal_meta(&journal)
            } else {
                Ok(None)
            }
        })
        .await
    }

    /// Notes what a run is, the first time; later it must be the same.
    async fn know(&self, run: &RunMeta) -> Result<()> {
        let mut write = self.database.write().await?;
        let known = sqlx::query(RUN)
            .bind(&run.run)
            .fetch_optional(write.connection())
            .await?;
        if let Some(row) = known {
            let known = serde_json::from_str::<RunMeta>(&row.try_get::<String, _>(0)?);
            let known = known.map_err(|error| ChassisError::KnownRun {
                run: run.run.clone(),
                why: error.to_string(),
            })?;
            return Ok(known.check_same(run)?);
        }
        let meta = serde_json::to_string(run).expect("plain fields are JSON");
        sqlx::query(ADD_RUN)
            .bind(&run.run)
            .bind(run.started.0)
            .bind(meta)
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Takes outputs and moves the inbox, both or neither.
    async fn take(
        &self,
        source: &str,
        run: &Arc<RunMeta>,
        outputs: Vec<Output>,
        before: u64,
        place: &JournalPlace,
    ) -> Result<InboxPlace> {
        let after = outputs.last().map_or(before, |last| last.number + 1);
        let place = InboxPlace {
            place: place.clone(),
            outputs: after,
        };
        let mut write = self.database.write().await?;
        if !outputs.is_empty() {
            let outputs = Outputs {
                run: Arc::clone(run),
                outputs,
            };
            self.input.take(&mut write, &outputs).await?;
        }
        let text = serde_json::to_string(&place).expect("plain fields are JSON");
        move_inbox(&mut write, source, &text).await?;
        write.commit().await?;
        Ok(place)
    }
}

/// What the inbox says of a source.
fn read_place(source: &str, stored: &str) -> Result<InboxPlace> {
    serde_json::from_str(stored).map_err(|error| ChassisError::InboxPlace {
        origin: source.to_owned(),
        found: stored.to_owned(),
        why: error.to_string(),
    })
}

/// Reads until there is enough for a transaction, or nothing more. Outputs before `next` were taken.
fn read_batch(tail: &mut JournalTail, next: u64) -> tickloom_journal::Result<Batch> {
    let mut batch = Batch {
        outputs: Vec::new(),
        records: 0,
        is_end: false,
        missing: None,
    };
    while batch.records < BATCH_RECORDS {
        match tail.poll()? {
            Tailed::Block(Block::Outputs {
                first_output,
                records,
            }) => {
                batch.records += records.len();
                let outputs = (first_output..).zip(records);
                let outputs = outputs.map(|(number, (cause, record))| Output {
                    number,
                    cause,
                    record,
                });
                batch.outputs.extend(outputs.filter(|o| o.number >= next));
            }
            Tailed::Block(Block::Inputs { records, .. }) => batch.records += records.len(),
            Tailed::Block(_) => {}
            Tailed::Missing { first, next } => {
                batch.missing = Some((first, next));
                break;
            }
            Tailed::End => {
                batch.is_end = true;
                break;
            }
        }
    }
    Ok(batch)
}

/// Does something with files on a thread that may wait.
async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> tickloom_journal::Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        // The runtime ends, or the work panicked, which is told where it did.
        Err(_) => Err(ChassisError::Stopping),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_and_what_is_none_is_named() {
        let mut hash = [0; 16];
        hash[0] = 0xab;
        let place = InboxPlace {
            place: JournalPlace {
                segment: 3,
                offset: 4096,
                previous: Some(hash),
            },
            outputs: 17,
        };
        let text = serde_json::to_string(&place).unwrap();
        assert_eq!(
            text,
            r#"{"place":{"segment":3,"offset":4096,"previous":"000000000000000000000000000000ab"},"outputs":17}"#
        );
        assert_eq!(read_place("core/r", &text).unwrap(), place);
        let error = read_place("core/r", &text.replace("ab\"", "zz\"")).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("the inbox of core/r says `{\"place\"")
                && error.contains("expected 32 hexadecimal digits"),
            "{error}"
        );
        let error = read_place("core/r", "{}").unwrap_err().to_string();
        assert!(
            error.starts_with("the inbox of core/r says `{}`"),
            "{error}"
        );
    }
}
