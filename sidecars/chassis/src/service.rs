//! What a service is, and what runs one.

use crate::access::Authenticator;
use crate::clock::Clock;
use crate::console::{BrowserSessions, MenuGroup};
use crate::database::{Database, Place};
use crate::effect::{EffectHandler, Effects};
use crate::idempotency::forget_expired;
use crate::job::{JobHandler, Jobs};
use crate::migrations::{Migrations, pending_migrations};
use crate::outgoing::{Outgoing, OutgoingConfig};
use crate::projection::Projection;
use crate::rpc::{Caller, LocalChannel, Rpc, local_channel};
use crate::timer::{TimerHandler, Timers};
use crate::{ChassisError, Result};
use axum::Router;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

/// A service: one database, one log of events, its pages under `/NAME/v1`, and what it does on its own.
pub trait Service: Sized + Send + Sync + 'static {
    /// Its one name, in lower case: in paths, files, schemas, metrics.
    const NAME: &'static str;
    /// The steps of its schema.
    const MIGRATIONS: Migrations;
    /// Every statement that it ever runs, so that a test prepares each on both engines.
    const STATEMENTS: &'static [&'static [&'static str]];
    /// Its settings.
    type Config: Send + Sync + 'static;

    /// Whether it can run with these settings, and over the database that is there already, of this version or one before it. This is
    /// asked before anything is made, brought forward or written.
    ///
    /// # Errors
    /// What keeps it from that, for whoever starts it: [`ChassisError::Start`] for what is wrong with its settings.
    fn admit(
        existing: Option<&Database>,
        config: &Self::Config,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (existing, config);
        async { Ok(()) }
    }

    /// Makes it over a database that is of its schema. Nothing runs yet.
    ///
    /// # Errors
    /// What keeps it from being made, for whoever starts it.
    fn new(
        context: Context,
        config: Self::Config,
    ) -> impl Future<Output = Result<Arc<Self>>> + Send;

    /// Its operations, with paths below `/NAME`. Their handlers take an [`Allowed`](crate::Allowed), unless everybody may do it.
    fn rest(self: &Arc<Self>) -> OpenApiRouter;

    /// What a standard wants at the root of the address, and not below `/NAME`.
    fn root(self: &Arc<Self>) -> Router {
        Router::new()
    }

    /// Knows who asks, for all services of the process, if this is the service that does.
    fn authenticator(self: &Arc<Self>) -> Option<Arc<dyn Authenticator>> {
        None
    }

    /// Its pages for people, in the frame of the console; none unless it says otherwise.
    fn pages(self: &Arc<Self>) -> Pages {
        Pages::default()
    }

    /// Knows who is signed in in a browser, for all services of the process, if this is the service that does.
    fn browser_sessions(self: &Arc<Self>) -> Option<Arc<dyn BrowserSessions>> {
        None
    }

    /// Its operations over gRPC, for other services; none unless it says otherwise.
    fn rpc(self: &Arc<Self>) -> Rpc {
        Rpc::default()
    }

    /// Its rows that come from its log of events, and from nothing else: all of them are named here, and
    /// [`rebuild`](crate::rebuild()) makes them again.
    #[must_use]
    fn projections() -> Vec<Box<dyn Projection>> {
        Vec::new()
    }

    /// Who does its effects, of each kind one: all of them are named here, and they are run while the service runs.
    fn effects(self: &Arc<Self>) -> Vec<Arc<dyn EffectHandler>> {
        Vec::new()
    }

    /// Who does what is to be done at its timers, of each kind one: all of them are named here, and they fire while the service runs.
    fn timers(self: &Arc<Self>) -> Vec<Arc<dyn TimerHandler>> {
        Vec::new()
    }

    /// Who does its jobs, which is work that takes long, of each kind one: all of them are named here, and they are done while the service
    /// runs.
    fn jobs(self: &Arc<Self>) -> Vec<Arc<dyn JobHandler>> {
        Vec::new()
    }

    /// Starts what else it does without being asked, until the stop is told.
    fn start(self: &Arc<Self>, stop: &Stop) -> Vec<JoinHandle<()>> {
        let _ = stop;
        Vec::new()
    }

    /// What is to be told to whoever starts it, once.
    fn startup_notice(&self) -> Option<String> {
        None
    }

    /// How it is, without asking the database. How its effects, timers and jobs are is added to it.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// Pages of a service for people.
#[derive(Debug, Default)]
pub struct Pages {
    /// Those below `/console/NAME`, with paths below that.
    pub router: Router,
    /// Those that a standard wants at another path, with their whole paths.
    pub root: Router,
    /// What of them is in the menu.
    pub menu: Vec<MenuGroup>,
}

/// What a service is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its database.
    pub database: Database,
    /// Where it asks what time it is.
    pub clock: Clock,
    /// How it asks others over HTTP.
    pub outgoing: Outgoing,
}

/// How a service is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Why it does not do all that it should; empty if it does.
    pub troubles: Vec<String>,
    /// Facts of its own that a number tells, by name, in lower case with underscores.
    pub facts: Vec<(&'static str, f64)>,
}

/// Tells everything that runs to come to an end.
#[derive(Clone, Debug)]
pub struct Stop {
    told: watch::Receiver<bool>,
}

/// A service that can run with its settings, and does not yet: of several that run in one process all are asked before any of them makes or
/// writes something.
pub struct Admitted {
    start: Start,
}

/// Starts it: how it asks others, until the stop is told.
type Start = Box<dyn FnOnce((Clock, Outgoing), Stop) -> Starting + Send>;
type Starting = Pin<Box<dyn Future<Output = Result<Runner>> + Send>>;

/// A service that runs.
pub struct Runner {
    pub(crate) name: &'static str,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) outgoing: Outgoing,
    pub(crate) rest: OpenApiRouter,
    pub(crate) root: Router,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) pages: Pages,
    pub(crate) browser_sessions: Option<Arc<dyn BrowserSessions>>,
    pub(crate) rpc: Rpc,
    pub(crate) effects: Effects,
    pub(crate) timers: Timers,
    pub(crate) jobs: Jobs,
    pub(crate) health: Box<dyn Fn() -> Health + Send + Sync>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) startup_notice: Option<String>,
}

impl Stop {
    /// A stop, and what tells it: `true` sent, or the sender dropped.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Stop) {
        let (sender, told) = watch::channel(false);
        (sender, Stop { told })
    }

    /// Whether it was told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        *self.told.borrow() || self.told.has_changed().is_err()
    }

    /// Waits until it is told.
    pub async fn told(&mut self) {
        // An error means that whoever could tell is gone.
        drop(self.told.wait_for(|told| *told).await);
    }

    /// Waits so long, or until it is told.
    pub async fn or_after(&mut self, pause: Duration) {
        drop(tokio::time::timeout(pause, self.told()).await);
    }
}

fn effects<S: Service>(service: &Arc<S>, context: &Context) -> Result<Effects> {
    let handlers = service.effects();
    check_kinds("effects", handlers.iter().map(|handler| handler.kind()))?;
    let (database, clock) = (context.database.clone(), context.clock.clone());
    Ok(Effects::new(database, clock, handlers))
}

async fn timers<S: Service>(service: &Arc<S>, context: &Context) -> Result<Timers> {
    let handlers = service.timers();
    check_kinds("timers", handlers.iter().map(|handler| handler.kind()))?;
    let (database, clock) = (context.database.clone(), context.clock.clone());
    let timers = Timers::new(database, clock, handlers);
    timers.keep().await?;
    Ok(timers)
}

fn jobs<S: Service>(service: &Arc<S>, context: &Context) -> Result<Jobs> {
    let handlers = service.jobs();
    check_kinds("jobs", handlers.iter().map(|handler| handler.kind()))?;
    let (database, clock) = (context.database.clone(), context.clock.clone());
    Ok(Jobs::new(database, clock, handlers))
}

/// Each kind has one handler: of two it would be whichever is first.
fn check_kinds(of: &str, kinds: impl Iterator<Item = &'static str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for kind in kinds {
        if !seen.insert(kind) {
            let why = format!("{of} of the kind `{kind}` have two handlers, expected one");
            return Err(ChassisError::Start(why));
        }
    }
    Ok(())
}

async fn admit<S: Service>(existing: Option<&Database>, config: &S::Config) -> Result<()> {
    if let Some(database) = existing {
        pending_migrations(database, S::NAME, S::MIGRATIONS).await?;
    }
    S::admit(existing, config).await
}

impl Admitted {
    /// A service that can run with these settings where its database is, or is to be. Nothing is made there, brought forward or written.
    ///
    /// # Errors
    /// As [`Service::admit`]; as [`pending_migrations`], if what is there is of a later version; as [`Database::existing`].
    pub async fn of<S: Service>(place: &Place, config: S::Config) -> Result<Admitted> {
        let existing = Database::existing(place, S::NAME).await?;
        let admitted = admit::<S>(existing.as_ref(), &config).await;
        if let Some(database) = existing {
            database.close().await;
        }
        admitted?;
        let place = place.clone();
        Ok(Admitted {
            start: Box::new(move |with, stop| Box::pin(start::<S>(place, with, config, stop))),
        })
    }

    /// Opens its database, brings it to its schema, and starts it. It asks others over HTTP as it is given; services of one process share
    /// that.
    ///
    /// # Errors
    /// As [`Database::open`] and [`Service::new`].
    pub async fn start(self, with: (Clock, Outgoing), stop: &Stop) -> Result<Runner> {
        (self.start)(with, stop.clone()).await
    }
}

async fn start<S: Service>(
    place: Place,
    (clock, outgoing): (Clock, Outgoing),
    config: S::Config,
    stop: Stop,
) -> Result<Runner> {
    let database = Database::open(&place, S::NAME, S::MIGRATIONS).await?;
    let context = Context {
        database: database.clone(),
        clock: clock.clone(),
        outgoing: outgoing.clone(),
    };
    let service = S::new(context.clone(), config).await?;
    let asked = Arc::clone(&service);
    let mut tasks = service.start(&stop);
    let effects = effects(&service, &context)?;
    tasks.push(tokio::spawn(effects.clone().run(stop.clone())));
    let timers = timers(&service, &context).await?;
    tasks.push(tokio::spawn(timers.clone().run(stop.clone())));
    let jobs = jobs(&service, &context)?;
    tasks.push(tokio::spawn(jobs.clone().run(stop.clone())));
    let forget = forget_expired(database.clone(), clock.clone(), stop.clone());
    tasks.push(tokio::spawn(forget));
    let empty = database.clone().keep_log_empty(stop.clone());
    tasks.push(tokio::spawn(empty));
    Ok(Runner {
        name: S::NAME,
        database,
        clock,
        outgoing,
        startup_notice: service.startup_notice(),
        rest: service.rest(),
        root: service.root(),
        authenticator: service.authenticator(),
        pages: service.pages(),
        browser_sessions: service.browser_sessions(),
        rpc: service.rpc(),
        tasks,
        effects: effects.clone(),
        timers: timers.clone(),
        jobs: jobs.clone(),
        health: Box::new(move || {
            let mut health = asked.health();
            effects.add_health(&mut health);
            timers.add_health(&mut health);
            jobs.add_health(&mut health);
            health
        }),
    })
}

impl Runner {
    /// Opens the database of a service that can run with these settings, brings it to its schema, and starts it. It asks nothing but the
    /// public network.
    ///
    /// # Errors
    /// As [`Admitted::of`] and [`Admitted::start`].
    pub async fn start<S: Service>(
        place: &Place,
        clock: Clock,
        config: S::Config,
        stop: &Stop,
    ) -> Result<Runner> {
        let outgoing = Outgoing::new(&OutgoingConfig::default(), clock.clone())?;
        let admitted = Admitted::of::<S>(place, config).await?;
        admitted.start((clock, outgoing), stop).await
    }

    /// What is to be told to whoever started it.
    #[must_use]
    pub fn startup_notice(&self) -> Option<&str> {
        self.startup_notice.as_deref()
    }

    /// A way to its gRPC from another service of this process, which is seen as `caller`.
    #[must_use]
    pub fn channel(&self, caller: Caller) -> LocalChannel {
        local_channel(self.rpc.routes(), caller)
    }

    /// The name of its service.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}
