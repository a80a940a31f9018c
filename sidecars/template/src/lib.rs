//! Notes that people write and change: the least that a service is.

mod access;
mod error;
mod events;
mod flows;
mod model;
mod projections;
mod rest;
mod rpc;
mod store;

/// Its messages over gRPC, a server and a client: made from `proto/template.proto`.
#[expect(
    clippy::missing_errors_doc,
    reason = "calls over gRPC fail with a status, and the text is not ours"
)]
pub mod proto {
    tonic::include_proto!("tickloom.template.v1");
}

use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::rpc::Rpc;
use tickloom_chassis::{
    Clock, Context, Database, EffectHandler, Effects, Health, MailConfig, Mailer, Migration,
    Migrations, Result, Service, Stop,
};
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

/// The service.
#[derive(Debug)]
pub struct Template {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// Mail, if some is sent.
    pub(crate) effects: Option<Effects>,
}

/// Its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplateConfig {
    /// Where mail is handed to; without it none is sent.
    pub mail: Option<MailConfig>,
}

impl Service for Template {
    const NAME: &'static str = "template";
    const MIGRATIONS: Migrations = &[Migration {
        name: "template",
        sql: include_str!("../migrations/0001_template.sql"),
    }];
    const STATEMENTS: &'static [&'static [&'static str]] =
        &[store::STATEMENTS, projections::STATEMENTS];
    type Config = TemplateConfig;

    async fn new(context: Context, config: TemplateConfig) -> Result<Arc<Template>> {
        let Context {
            database, clock, ..
        } = context;
        let effects = match &config.mail {
            Some(mail) => {
                let mailer: Arc<dyn EffectHandler> = Arc::new(Mailer::new(mail)?);
                let (database, clock) = (database.clone(), clock.clone());
                Some(Effects::new(database, clock, vec![mailer]))
            }
            None => None,
        };
        Ok(Arc::new(Template {
            database,
            clock,
            effects,
        }))
    }

    fn rest(self: &Arc<Template>) -> OpenApiRouter {
        rest::router(self)
    }

    fn rpc(self: &Arc<Template>) -> Rpc {
        rpc::rpc(self)
    }

    async fn rebuild(database: &Database) -> Result<Option<u64>> {
        projections::rebuild(database).await.map(Some)
    }

    fn start(self: &Arc<Template>, stop: &Stop) -> Vec<JoinHandle<()>> {
        let run = |effects: &Effects| tokio::spawn(effects.clone().run(stop.clone()));
        self.effects.iter().map(run).collect()
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        if let Some(effects) = &self.effects {
            effects.add_health(&mut health);
        }
        health
    }
}
