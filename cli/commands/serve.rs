//! `tickloom serve`: services over HTTP, and over gRPC. They are behind the cargo feature `services`; without it the command says so.

use std::net::SocketAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom serve --record recorded
  tickloom serve activity --record recorded --http 127.0.0.1:8080 --data services
  tickloom serve --record recorded --database postgres://tickloom@localhost/tickloom
  tickloom serve --config serve.toml
  tickloom serve --record recorded --grpc 127.0.0.1:8081
  tickloom serve --record recorded --grpc 10.0.0.1:8081 --identity ca --caller billing
  tickloom serve auth --config serve.toml
  curl http://127.0.0.1:8080/activity/v1/runs

Without names all services run, activity if there is something to follow. Where auth runs, each request to any of them has to show a
token or a key; the first start says how the first administrator is made. Where it does not, nobody is asked who they are. Each has a database of its own: a file of SQLite in --data, or a schema on the server of --database.
What a run did is taken exactly once, whatever is killed. Paths: /NAME/v1/… of each service, /NAME/openapi.json, and /live, /ready,
/health, /metrics, /openapi.json of all that runs. docs/services.md has more. HTTP is plain text for this machine alone, unless
the configuration has a certificate ([tls]) and auth runs; `hosts`, `proxies`, `observers` and `rate` say who reaches it and how. --grpc serves the same over gRPC, with reflection and health: on loopback as
plain text, elsewhere only with --identity, which is the folder of an authority (`tickloom admin ca init`) or one with NAME.pem and
roots.pem. Then both sides show certificates, and a caller has the name in its own.

Ctrl-C or SIGTERM: no more connections are taken, requests that are being answered may end, within 10 s.

Exit codes: 0 stopped, 1 the database or the address cannot be used, 2 the command line or the configuration is wrong.";

/// Serve what runs did, and what services there are, over HTTP.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Services [default: all]
    #[arg(value_enum)]
    names: Vec<Name>,
    /// Directory of `tickloom run --record`, of which every run is followed, or of one run's journal; may be given more than once
    #[arg(long, value_name = "DIR")]
    record: Vec<PathBuf>,
    /// Address of HTTP, on loopback unless there is a certificate; port 0 is any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Address of gRPC; port 0 is any that is free [default: none is served]
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<SocketAddr>,
    /// Folder with the certificates by which this process is known over gRPC: of an authority, or with NAME.pem and roots.pem; NAME is
    /// that of the one service that runs, or else `tickloom`
    #[arg(long, value_name = "DIR")]
    identity: Option<PathBuf>,
    /// Service that may call over gRPC; may be given more than once [default: all of the trust domain]
    #[arg(long, value_name = "NAME")]
    caller: Vec<String>,
    /// Folder of SQLite's files, a file a service [default: services]
    #[arg(long, value_name = "DIR", conflicts_with = "database")]
    data: Option<PathBuf>,
    /// PostgreSQL server, a schema a service: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// TOML file with the same settings, which the command line goes before
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object once it is up, and what there is to say on stderr as objects too
    #[arg(long)]
    json: bool,
}

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// What runs did: fills and signals
    Activity,
    /// Who somebody is, and what they may do
    Auth,
}

/// Runs the command.
#[cfg(not(feature = "services"))]
pub(crate) fn run(_: Args) -> Result<(), crate::failure::Failure> {
    Err(crate::services::absent())
}

#[cfg(feature = "services")]
pub(crate) use serving::run;

#[cfg(feature = "services")]
mod http;
#[cfg(feature = "services")]
mod providers;
#[cfg(feature = "services")]
mod settings;

#[cfg(feature = "services")]
pub(crate) use settings::{Examined, examined};

#[cfg(feature = "services")]
mod serving {
    use super::settings::{Grpc, Settings, settings};
    use super::{Args, Name};
    use crate::failure::Failure;
    use crate::services::services;
    use crate::{output, stop};
    use anyhow::anyhow;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;
    use tickloom_activity::{Activity, ActivityConfig};
    use tickloom_auth::Auth;
    use tickloom_chassis::identity::{Authority, CERTIFICATE_LIFE, Identity, IdentityError};
    use tickloom_chassis::{
        Admitted, ChassisError, Clock, Entrance, Outgoing, Place, RpcOptions, Runner, ServeOptions,
        Service, Stop, TraceExport, check_test_clock, serve_at,
    };
    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    /// Who a process of several services is to others.
    const NAME: &str = "tickloom";
    /// How long requests may go on after Ctrl-C.
    const DRAIN: Duration = Duration::from_secs(10);
    /// Longest time after which Ctrl-C is seen.
    const LOOK: Duration = Duration::from_millis(50);

    /// Runs the command.
    pub(crate) fn run(args: Args) -> Result<(), Failure> {
        let json = args.json;
        let settings = settings(args).map_err(Failure::input)?;
        let pressed = stop::Stop::catch()?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::run)?;
        let _running = runtime.enter();
        let export = settings.traces.as_ref().map(TraceExport::new);
        let export = export.transpose().map_err(Failure::input)?;
        log(json, export.as_ref());
        let served = runtime.block_on(serve_until(settings, json, pressed));
        if let Some(export) = export {
            export.end();
        }
        served
    }

    /// What services have to say goes to stderr: lines for people, or an object each. What goes wrong with a database they say themselves.
    fn log(json: bool, export: Option<&TraceExport>) {
        let ours = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("sqlx", LevelFilter::OFF);
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
        let lines = if json {
            lines.json().flatten_event(true).with_filter(ours).boxed()
        } else {
            lines.with_filter(ours).boxed()
        };
        tracing_subscriber::registry()
            .with(lines)
            .with(export.map(TraceExport::layer))
            .init();
    }

    /// gRPC as it is served by a process of this name.
    fn rpc_options(grpc: Grpc, name: &str) -> Result<RpcOptions, Failure> {
        let Some((folder, callers)) = grpc.identity else {
            return Ok(RpcOptions {
                address: grpc.address,
                identity: None,
            });
        };
        let identity = match Authority::existing(&folder, Clock::System) {
            Ok(authority) => {
                let authority = Arc::new(authority);
                Identity::of_authority(&authority, name, CERTIFICATE_LIFE, Clock::System)
            }
            Err(IdentityError::Absent { .. }) => Identity::of_folder(&folder, name, Clock::System),
            Err(error) => Err(error),
        };
        Ok(RpcOptions {
            address: grpc.address,
            identity: Some((identity.map_err(Failure::run)?, callers)),
        })
    }

    /// A service that can run with its settings.
    async fn admit<S: Service>(place: &Place, config: S::Config) -> Result<Admitted, Failure> {
        let admitted = Admitted::of::<S>(place, config).await;
        admitted.map_err(|error| match error {
            ChassisError::Start(_) => Failure::input(error),
            _ => Failure::run(error),
        })
    }

    async fn runners(settings: &Settings, stop: &Stop) -> Result<Vec<Runner>, Failure> {
        let clock = settings.test_clock.map_or(Clock::System, Clock::standing);
        let outgoing = Outgoing::new(&settings.outgoing, clock.clone()).map_err(Failure::input)?;
        let with = || (clock.clone(), outgoing.clone());
        if let Some(at) = settings.test_clock {
            for service in services() {
                let checked = check_test_clock(&settings.place, service.name, at).await;
                checked.map_err(Failure::input)?;
            }
        }
        // All are asked whether they can run before one of them makes something.
        let mut admitted = Vec::new();
        if settings.names.contains(&Name::Activity) {
            let config = ActivityConfig {
                records: settings.records.clone(),
            };
            admitted.push(admit::<Activity>(&settings.place, config).await?);
        }
        if let Some(config) = settings.auth.clone() {
            admitted.push(admit::<Auth>(&settings.place, config).await?);
        }
        let mut runners = Vec::new();
        for service in admitted {
            runners.push(service.start(with(), stop).await.map_err(Failure::run)?);
        }
        Ok(runners)
    }

    async fn serve_until(
        settings: Settings,
        json: bool,
        pressed: stop::Stop,
    ) -> Result<(), Failure> {
        let (told, stop) = Stop::new();
        let entrance = Entrance::bind(&settings.http).await.map_err(Failure::run)?;
        let settings = settings.at(entrance.address());
        let runners = runners(&settings, &stop).await?;
        let words: BTreeMap<&str, String> = runners
            .iter()
            .filter_map(|runner| Some((runner.name(), runner.startup_notice()?.to_owned())))
            .collect();
        let names: Vec<&str> = runners.iter().map(Runner::name).collect();
        let own_name = match names[..] {
            [name] => name,
            _ => NAME,
        };
        let grpc = settings.grpc.map(|grpc| rpc_options(grpc, own_name));
        let options = ServeOptions {
            http: settings.http,
            grpc: grpc.transpose()?,
            drain: DRAIN,
        };
        let shown = options.grpc.as_ref().map(|grpc| match &grpc.identity {
            Some((identity, _)) => format!("as {}", identity.id()),
            None => "as plain text".to_owned(),
        });
        let scheme = if options.http.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let serving = serve_at(entrance, runners, options, stop);
        let serving = serving.await.map_err(Failure::run)?;
        let address = format!("{scheme}://{}", serving.http);
        if json {
            let mut up = json!({"http": address, "services": names});
            if let Some(grpc) = serving.grpc {
                up["grpc"] = json!(grpc.to_string());
            }
            if !words.is_empty() {
                up["startup_notice"] = json!(words);
            }
            output::json(&up)?;
        }
        output::note(&format!("serving {} at {address}", names.join(", ")));
        if let (Some(grpc), Some(shown)) = (serving.grpc, shown) {
            output::note(&format!("gRPC at {grpc} {shown}"));
        }
        if let Some(at) = settings.test_clock {
            output::note(&format!(
                "time stands still at {at}, and moves by POST /test/clock alone: this is for tests"
            ));
        }
        for (service, words) in words {
            output::note(&format!("{service}: {words}"));
        }
        while !pressed.is_wanted() && !serving.is_over() {
            tokio::time::sleep(LOOK).await;
        }
        drop(told);
        serving.ended().await;
        if pressed.is_wanted() {
            Ok(())
        } else {
            Err(Failure::run(anyhow!("serving came to its end by itself")))
        }
    }
}
