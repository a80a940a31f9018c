//! What runs did: their fills and signals, a row each, kept exactly once however often it is killed, for whoever asks over HTTP, and
//! for other services over gRPC.

mod access;
mod lists;
mod model;
mod rest;
mod rpc;
mod store;

/// Its messages over gRPC, a server and a client: made from `proto/activity.proto`.
#[expect(
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    reason = "calls over gRPC fail with a status, and the text is not ours"
)]
pub mod proto {
    tonic::include_proto!("tickloom.activity.v1");
}

use std::path::PathBuf;
use std::sync::Arc;
use tickloom_chassis::rpc::Rpc;
use tickloom_chassis::{
    Context, CoreInput, Database, Followed, Health, Migration, Migrations, Outputs, Result,
    Service, Stop, Write, follow_record,
};
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

/// The service.
#[derive(Debug)]
pub struct Activity {
    database: Database,
    config: ActivityConfig,
    followed: Followed,
}

/// Its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityConfig {
    /// Directories of `tickloom run --record`, of which it follows every run; one that is not there yet is waited for.
    pub records: Vec<PathBuf>,
}

/// Takes fills and signals into the database.
struct Projection;

impl CoreInput for Projection {
    async fn take(&self, write: &mut Write, outputs: &Outputs) -> Result<()> {
        let run = &outputs.run;
        for output in &outputs.outputs {
            if let Some(fill) = model::fill(run, output)? {
                store::add_fill(write, &run.run, &fill).await?;
            } else if let Some(signal) = model::signal(run, output)? {
                store::add_signal(write, &run.run, &signal).await?;
            }
        }
        Ok(())
    }
}

impl Service for Activity {
    const NAME: &'static str = "activity";
    const MIGRATIONS: Migrations = &[Migration {
        name: "activity",
        sql: include_str!("../migrations/0001_activity.sql"),
    }];
    const STATEMENTS: &'static [&'static [&'static str]] = &[store::STATEMENTS];
    type Config = ActivityConfig;

    async fn new(context: Context, config: ActivityConfig) -> Result<Arc<Activity>> {
        Ok(Arc::new(Activity {
            database: context.database,
            followed: Followed::default(),
            config,
        }))
    }

    fn rest(self: &Arc<Activity>) -> OpenApiRouter {
        rest::router(self)
    }

    fn rpc(self: &Arc<Activity>) -> Rpc {
        rpc::rpc(self)
    }

    fn start(self: &Arc<Activity>, stop: &Stop) -> Vec<JoinHandle<()>> {
        let follow = |record: &PathBuf| {
            tokio::spawn(follow_record(
                self.database.clone(),
                record.clone(),
                Activity::NAME,
                Arc::new(Projection),
                self.followed.clone(),
                stop.clone(),
            ))
        };
        self.config.records.iter().map(follow).collect()
    }

    fn health(&self) -> Health {
        let states = self.followed.states();
        let troubles = states.iter().filter_map(|state| {
            let trouble = state.trouble.as_ref()?;
            Some(format!("{}: {trouble}", state.journal.display()))
        });
        let behind = states.iter().filter(|state| !state.is_caught_up).count();
        Health {
            troubles: troubles.collect(),
            facts: vec![
                ("runs", count(states.len())),
                ("runs_behind", count(behind)),
            ],
        }
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}
