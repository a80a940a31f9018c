//! Each job has who does it, and comes to its end though whoever does it is gone after every step.

use super::commands::drive;
use super::{Conforms, Harness};
use crate::database::{Database, Place};
use crate::event::hold_events;
use crate::job::{Job, JobHandler, JobState, Jobs, NewJob, job, jobs_after, start_job};
use crate::outgoing::{Outgoing, OutgoingConfig};
use crate::service::{Context, Service};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a step, so that jobs have several.
const PORTION: i64 = 2;
/// Steps of a job, at most.
const STEPS_MAX: usize = 1000;
/// Longer than a worker has a job that does not get on.
const GONE_NS: i64 = 150 * 1_000_000_000;

/// Drives every command: whatever job it starts somebody does, from the place in its row and nothing else, and refuses what it cannot read.
pub(super) fn come_to_their_end<S: Conforms>(place: &Place) {
    let harness = Harness::<S>::new(place);
    let token = S::administrator(&harness);
    for sample in S::commands() {
        drive(&harness, &sample, &token);
    }
    let database = harness.database();
    let handlers = harness.jobs().handlers();
    let started = harness.runtime.block_on(all(&database));
    for Job { id, kind, .. } in &started {
        let is_known = handlers.iter().any(|handler| handler.kind() == kind);
        assert!(is_known, "nobody does `{id}` of the kind `{kind}`");
    }
    let is_open = |job: &&Job| [JobState::Waiting, JobState::Running].contains(&job.state);
    for open in started.iter().filter(is_open) {
        let ended = step_by_step(&harness, &database, &open.id);
        assert_eq!(ended.state, JobState::Done, "{ended:?}");
        assert!(
            ended.result.is_some() && ended.failure.is_none(),
            "{ended:?}"
        );
        let is_all = ended.total.is_none_or(|total| ended.done <= total);
        assert!(is_all && ended.done >= 0, "{ended:?}");
    }
    for handler in handlers {
        let kind = handler.kind();
        let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(!kind.is_empty() && kind.chars().all(letter), "`{kind}`");
        let id = harness.runtime.block_on(start(&harness, &database, kind));
        let ended = step_by_step(&harness, &database, &id);
        let is_refused = ended.state == JobState::Failed && ended.done == 0;
        assert!(is_refused, "what it cannot read is {ended:?}");
    }
    harness.runtime.block_on(database.close());
}

/// Kinds of jobs that no driven command has started, in order.
pub(super) async fn never_started(
    database: &Database,
    handlers: &[Arc<dyn JobHandler>],
) -> BTreeSet<&'static str> {
    let started = all(database).await;
    let kinds = handlers.iter().map(|handler| handler.kind());
    kinds
        .filter(|kind| started.iter().all(|job| job.kind != *kind))
        .collect()
}

async fn all(database: &Database) -> Vec<Job> {
    let jobs = jobs_after(database, "", i64::from(u32::MAX)).await;
    jobs.expect("jobs")
}

/// Does a job by workers of which each does one step, and is gone: each is of a service of its own.
fn step_by_step<S: Conforms>(harness: &Harness<S>, database: &Database, id: &str) -> Job {
    for _ in 0..STEPS_MAX {
        let found = harness.runtime.block_on(job(database.reader(), id));
        let found = found.expect("jobs").expect("the job");
        if found.ended.is_some() {
            return found;
        }
        let worker = harness.runtime.block_on(worker(harness, database));
        let stepped = harness.runtime.block_on(worker.round());
        assert!(stepped.expect("a step"), "nobody does {found:?}");
        harness.advance(GONE_NS);
    }
    panic!("{id} comes to no end");
}

async fn worker<S: Conforms>(harness: &Harness<S>, database: &Database) -> Jobs {
    let clock = harness.clock.clone();
    let outgoing = Outgoing::new(&OutgoingConfig::default(), clock.clone());
    let context = Context {
        database: database.clone(),
        clock: clock.clone(),
        outgoing: outgoing.expect("a client"),
    };
    let service = S::Service::new(context, S::config()).await;
    let handlers = service.expect("a service").jobs();
    Jobs::new(database.clone(), clock, handlers).with_portion(PORTION)
}

/// Starts a job that nobody wanted.
async fn start<S: Conforms>(
    harness: &Harness<S>,
    database: &Database,
    kind: &'static str,
) -> String {
    let new = NewJob {
        kind,
        actor: "service/conformance".to_owned(),
        payload: "what nobody asked for".to_owned(),
        at: harness.clock.now(),
    };
    let started = async {
        let mut write = database.write().await?;
        hold_events(&mut write).await?;
        let started = start_job(&mut write, &new).await?;
        write.commit().await?;
        Ok::<_, crate::ChassisError>(started)
    };
    let started = started.await.expect("jobs");
    started.expect("there is room for one more").id
}
