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
    Clock, Context, Database, EffectHandler, MailConfig, Mailer, Migration, Migrations, Projection,
    Result, Service,
};
use utoipa_axum::router::OpenApiRouter;

/// The service.
#[derive(Debug)]
pub struct Template {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// Who sends mail, if some is sent.
    pub(crate) mailer: Option<Arc<Mailer>>,
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
        let mailer = config.mail.as_ref().map(Mailer::new).transpose()?;
        Ok(Arc::new(Template {
            database,
            clock,
            mailer: mailer.map(Arc::new),
        }))
    }

    fn rest(self: &Arc<Template>) -> OpenApiRouter {
        rest::router(self)
    }

    fn rpc(self: &Arc<Template>) -> Rpc {
        rpc::rpc(self)
    }

    fn projections() -> Vec<Box<dyn Projection>> {
        vec![Box::new(projections::Notes::default())]
    }

    fn effects(self: &Arc<Template>) -> Vec<Arc<dyn EffectHandler>> {
        let mailer = self.mailer.iter().cloned();
        mailer.map(|mailer| mailer as _).collect()
    }
}
