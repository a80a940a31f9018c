//! The pages at the root: whether the process lives, whether its services are ready, counts, and what operations there are.

use super::page;
use crate::console;
use crate::database::Database;
use crate::header_docs;
use crate::http::{CallerAddress, Certificate, HttpOptions};
use crate::identity::Identity;
use crate::problem::{self, Problem, ProblemCode};
use crate::rpc::Rpc;
use crate::service::{Health, Runner};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::task::JoinHandle;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Info, OpenApi};

/// How the document names tokens and keys (RFC 6750).
const BEARER: &str = "bearer";

type Fact = Vec<(&'static str, &'static str)>;
type Facts = Family<Fact, Gauge<f64, AtomicU64>>;

/// What has to come to an end after the last request, and what else is served.
pub(super) struct Rest {
    pub(super) tasks: Vec<JoinHandle<()>>,
    pub(super) databases: Vec<Database>,
    pub(super) rpc: Vec<(&'static str, Rpc)>,
    pub(super) root: Arc<Root>,
}

/// What the pages at the root look at.
pub(super) struct Root {
    services: Vec<One>,
    identity: Option<Arc<Identity>>,
    certificate: Option<Arc<Certificate>>,
    registry: Registry,
    facts: Facts,
}

struct One {
    name: &'static str,
    database: Database,
    health: Box<dyn Fn() -> Health + Send + Sync>,
}

/// All paths of all services and of the root.
pub(super) fn router(
    runners: Vec<Runner>,
    identity: Option<Arc<Identity>>,
    options: &HttpOptions,
    mut registry: Registry,
) -> (Router, Rest) {
    let facts = Facts::default();
    registry.register(
        "tickloom_service",
        "Facts that services tell of themselves",
        facts.clone(),
    );
    let (mut tasks, mut databases, mut rpc) = (Vec::new(), Vec::new(), Vec::new());
    let mut router = Router::new();
    let mut whole = described("Tickloom");
    let (mut services, mut pages, mut sessions) = (Vec::new(), Vec::new(), None);
    for runner in runners {
        let (paths, openapi) = runner.rest.split_for_parts();
        let paths = paths.layer(map_response(keep_nowhere));
        let mut own = described(runner.name);
        own = own.nest(format!("/{}", runner.name), openapi);
        header_docs::describe(&mut own);
        whole.merge(own.clone());
        router = router
            .merge(runner.root)
            .nest(&format!("/{}", runner.name), paths)
            .route(&format!("/{}/openapi.json", runner.name), document(&own));
        tasks.extend(runner.tasks);
        databases.push(runner.database.clone());
        rpc.push((runner.name, runner.rpc));
        pages.push((runner.name, runner.pages));
        sessions = sessions.or(runner.browser_sessions);
        services.push(One {
            name: runner.name,
            database: runner.database,
            health: runner.health,
        });
    }
    let root = Arc::new(Root {
        services,
        identity,
        certificate: options.certificate.clone(),
        registry,
        facts,
    });
    let rest = Rest {
        tasks,
        databases,
        rpc,
        root: Arc::clone(&root),
    };
    let own = Router::new()
        .route(
            "/live",
            routing::get(|| async { Json(json!({"status": "live"})) }),
        )
        .route("/ready", routing::get(ready))
        .route("/health", routing::get(health))
        .route("/metrics", routing::get(metrics))
        .route("/errors/{code}", routing::get(error_page))
        .with_state(root)
        .route("/openapi.json", document(&whole));
    let pages = console::router(pages, sessions);
    let router = router.merge(own).merge(page::router()).merge(pages);
    (router, rest)
}

/// What a service tells is of who asks and of now: browsers and proxies keep none of it, unless it says otherwise (RFC 9111, section
/// 5.2.2.5; a browser would show the answer of one person to the next who signs in on it).
async fn keep_nowhere(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn described(title: &str) -> OpenApi {
    let info = Info::new(title, env!("CARGO_PKG_VERSION"));
    let mut openapi = OpenApi::new(info, utoipa::openapi::Paths::new());
    let mut components = problem::components();
    let bearer = Http::new(HttpAuthScheme::Bearer);
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    openapi.components = Some(components);
    let none: [&str; 0] = [];
    openapi.security = Some(vec![SecurityRequirement::new(BEARER, none)]);
    openapi
}

/// A document that does not change while the process lives.
fn document(openapi: &OpenApi) -> routing::MethodRouter {
    let text = serde_json::to_string(openapi).expect("a document is JSON");
    let text: Arc<str> = text.into();
    routing::get(move || {
        let text = text.to_string();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    })
}

/// What keeps a service from being ready, in words.
async fn obstacles(service: &One) -> Vec<String> {
    let asked = sqlx::query("SELECT 1")
        .execute(service.database.reader())
        .await;
    let mut found = (service.health)().troubles;
    if asked.is_err() {
        found.push("its database does not answer".to_owned());
    }
    found
}

impl Root {
    /// What keeps the service of this name, with what all stand on, or all services, from doing all that it should, by what is kept.
    async fn waiting(&self, of: Option<&str>) -> BTreeMap<&'static str, Vec<String>> {
        let mut waiting = BTreeMap::new();
        for service in &self.services {
            if of.is_some_and(|name| name != service.name) {
                continue;
            }
            let found = obstacles(service).await;
            if !found.is_empty() {
                waiting.insert(service.name, found);
            }
        }
        if let Some(expired) = self.expired() {
            waiting.insert("identity", vec![expired]);
        }
        let certificate = self.certificate.as_ref();
        if let Some(expired) = certificate.and_then(|shown| shown.expired()) {
            waiting.insert("certificate", vec![expired]);
        }
        waiting
    }

    /// Whether the service of this name does all that it should, with what all services stand on, or all services; `None` if there is no
    /// such service.
    pub(super) async fn is_ready(&self, name: Option<&str>) -> Option<bool> {
        let is_there = |name| self.services.iter().any(|service| service.name == name);
        if name.is_some_and(|name| !is_there(name)) {
            return None;
        }
        Some(self.waiting(name).await.is_empty())
    }

    /// Whether the caller may see how the process is; everybody else sees whether it is ready.
    fn show_to(caller: CallerAddress) -> Result<(), Problem> {
        if caller.is_observer {
            return Ok(());
        }
        let detail =
            "how the process is, is shown to this machine and to addresses that `observers` has";
        Err(Problem::new(ProblemCode::Forbidden, detail))
    }

    /// That nobody can be shown who this is, if so.
    fn expired(&self) -> Option<String> {
        self.identity.as_ref()?.expired()
    }
}

/// Whether all services do all that they should; those that do not are named.
async fn ready(State(root): State<Arc<Root>>, caller: CallerAddress) -> Response {
    let waiting = root.waiting(None).await;
    let status = if waiting.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if waiting.is_empty() {
        "ready"
    } else {
        "not_ready"
    };
    let mut said = json!({"status": word});
    if Root::show_to(caller).is_ok() {
        said["troubles"] = json!(waiting);
    }
    (status, Json(said)).into_response()
}

/// How each service is, with its facts.
async fn health(
    State(root): State<Arc<Root>>,
    caller: CallerAddress,
) -> Result<Json<Value>, Problem> {
    Root::show_to(caller)?;
    let mut services = serde_json::Map::new();
    for service in &root.services {
        let troubles = obstacles(service).await;
        let facts: BTreeMap<&str, f64> = (service.health)().facts.into_iter().collect();
        let engine = service.database.engine().name();
        let one = json!({"database": engine, "troubles": troubles, "facts": facts});
        services.insert(service.name.to_owned(), one);
    }
    let mut whole = json!({"version": env!("CARGO_PKG_VERSION"), "services": services});
    if let Some(identity) = &root.identity {
        let state = identity.state();
        whole["identity"] = json!({"id": identity.id().to_string(), "until": state.until.0, "renewals": state.renewals,
            "trouble": state.trouble});
    }
    if let Some(certificate) = &root.certificate {
        let state = certificate.state();
        whole["certificate"] = json!({"until": state.until.0, "trouble": state.trouble});
    }
    Ok(Json(whole))
}

async fn metrics(State(root): State<Arc<Root>>, caller: CallerAddress) -> Response {
    if let Err(problem) = Root::show_to(caller) {
        return problem.into_response();
    }
    for service in &root.services {
        let health = (service.health)();
        let well = if health.troubles.is_empty() { 1.0 } else { 0.0 };
        for (fact, value) in [("well", well)].into_iter().chain(health.facts) {
            let labels = vec![("service", service.name), ("fact", fact)];
            root.facts.get_or_create(&labels).set(value);
        }
    }
    let mut page = String::new();
    if encode(&mut page, &root.registry).is_err() {
        return Problem::new(ProblemCode::Internal, "the page could not be written")
            .into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind)], page).into_response()
}

/// What an error code means.
async fn error_page(Path(code): Path<String>) -> Result<Response, Problem> {
    let found = ProblemCode::all().find(|known| known.name() == code);
    let Some(found) = found else {
        let detail = format!("there is no error code `{code}`");
        return Err(Problem::new(ProblemCode::NotFound, detail));
    };
    let kind = "text/markdown; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], found.page()).into_response())
}
