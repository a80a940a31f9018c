//! A service that is served for a check, and what it stands in.

use super::{Client, Conforms, TestAuthenticator};
use crate::clock::Clock;
use crate::database::{Database, Place};
use crate::effect::Effects;
use crate::http::HttpOptions;
use crate::identity::{Identity, Peers};
use crate::job::Jobs;
use crate::serve::{RpcOptions, ServeOptions, Serving, serve};
use crate::service::{Runner, Service, Stop};
use crate::timer::Timers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tickloom_types::Ts;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// When a check begins: 14 November 2023.
pub const BEGIN: Ts = Ts(1_700_000_000_000_000_000);
/// After this much waiting a check has failed; nothing depends on how long things really take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A service that is served over HTTP until this is dropped.
pub struct Harness<S: Conforms> {
    /// Runs what waits.
    pub runtime: Runtime,
    /// Stands until it is moved.
    pub clock: Clock,
    /// Where the database is.
    pub place: Place,
    /// Asks the service.
    pub client: Client,
    /// What was said at the start.
    pub startup_notice: Option<String>,
    /// Where gRPC is reached, if it is served.
    pub grpc: Option<SocketAddr>,
    authenticator: Arc<TestAuthenticator>,
    effects: Effects,
    timers: Timers,
    jobs: Jobs,
    running: Option<(Serving, watch::Sender<bool>)>,
    service: PhantomData<fn() -> S>,
}

impl<S: Conforms> Harness<S> {
    /// The service over this database, with the settings of [`Conforms::config`].
    #[must_use]
    pub fn new(place: &Place) -> Harness<S> {
        Harness::start(place, Clock::standing(BEGIN), S::config(), None)
    }

    /// The service with settings of its own, and gRPC as somebody.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(
        place: &Place,
        clock: Clock,
        config: <S::Service as Service>::Config,
        identity: Option<(Arc<Identity>, Peers)>,
    ) -> Harness<S> {
        let runtime = Runtime::new().expect("a runtime");
        let authenticator = TestAuthenticator::new(clock.clone());
        let (told, stop) = Stop::new();
        let grpc = identity.map(|identity| RpcOptions {
            address: loopback(),
            identity: Some(identity),
        });
        let (serving, startup_notice, (effects, timers, jobs)) = runtime.block_on(async {
            let runner = Runner::start::<S::Service>(place, clock.clone(), config, &stop).await;
            let mut runner = runner.unwrap_or_else(|error| panic!("{}: {error}", S::Service::NAME));
            if runner.authenticator.is_none() {
                runner.authenticator = Some(authenticator.clone());
            }
            let startup_notice = runner.startup_notice().map(str::to_owned);
            let work = (
                runner.effects.clone(),
                runner.timers.clone(),
                runner.jobs.clone(),
            );
            let options = ServeOptions {
                http: HttpOptions::local(loopback()),
                grpc,
                drain: PATIENCE,
            };
            let serving = serve(vec![runner], options, stop).await;
            (serving.expect("it serves"), startup_notice, work)
        });
        Harness {
            client: Client::new(serving.http),
            grpc: serving.grpc,
            running: Some((serving, told)),
            place: place.clone(),
            service: PhantomData,
            runtime,
            clock,
            startup_notice,
            authenticator,
            effects,
            timers,
            jobs,
        }
    }

    /// Knows who asks, unless the service itself does.
    #[must_use]
    pub fn authenticator(&self) -> &TestAuthenticator {
        &self.authenticator
    }

    /// How its effects are done.
    #[must_use]
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// Its timers: those that are due after the start fire when this is told to.
    #[must_use]
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Its jobs: those that are started after the start are done when this is told to.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Moves the clock on by so many nanoseconds.
    pub fn advance(&self, nanos: i64) {
        assert!(self.clock.advance_to(Ts(self.clock.now().0 + nanos)));
    }

    /// The database, opened beside the service.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn database(&self) -> Database {
        let opened = Database::open(&self.place, S::Service::NAME, S::Service::MIGRATIONS);
        self.runtime.block_on(opened).expect("the database opens")
    }

    /// Tells it to stop; what is being answered may end.
    pub(super) fn tell_stop(&mut self) -> Option<Serving> {
        let (serving, told) = self.running.take()?;
        drop(told);
        Some(serving)
    }
}

impl<S: Conforms> Drop for Harness<S> {
    fn drop(&mut self) {
        if let Some(serving) = self.tell_stop() {
            self.runtime.block_on(serving.ended());
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A database of the server that nobody has used: the schema of a service has one name.
pub(super) fn new_database(url: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("conformance_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let created = async {
        let mut connection = AnyConnection::connect(url).await?;
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        connection.close().await
    };
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(created).expect("a new database");
    let (server, _) = url.rsplit_once('/').expect("a database in the URL");
    format!("{server}/{name}")
}
