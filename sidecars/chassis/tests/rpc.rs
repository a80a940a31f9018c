//! What every call over gRPC meets, whichever service answers: bounds of time, size and number, panics, who calls, health, reflection, and
//! the end of the process.

#![cfg(test)]

#[path = "rpc/probe.rs"]
mod probe;
#[path = "rpc/traces.rs"]
mod traces;

use probe::{Probe, ProbeClient, Quiet, RawChannel};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::identity::{
    Authority, CERTIFICATE_LIFE, Identity, IdentityError, Peers, TrustDomain,
};
use tickloom_chassis::rpc::{
    Caller, MESSAGE_BYTES_MAX, PROBLEM_METADATA, PeerChannel, local_channel, peer_channel,
    plain_channel,
};
use tickloom_chassis::{
    ChassisError, Clock, Database, HttpOptions, Place, RpcOptions, Runner, ServeOptions, Service,
    Serving, Stop, append, head, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Calls that are answered at a time.
const CALLS_MAX: usize = 256;
/// Callers that watch health at a time.
const WATCHERS_MAX: usize = 64;
/// Calls at a time on one connection.
const STREAMS_MAX: usize = 100;

/// A probe that is served.
struct Harness {
    folder: tempfile::TempDir,
    serving: Serving,
    told: watch::Sender<bool>,
    probe: Arc<probe::Gates>,
}

impl Harness {
    async fn new() -> Harness {
        Harness::with(None).await
    }

    async fn with(identity: Option<(Arc<Identity>, Peers)>) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let (told, stop) = Stop::new();
        let place = Place::Folder(folder.path().to_owned());
        let probe = Arc::new(probe::Gates::default());
        let runner = Runner::start::<Probe>(&place, Clock::System, Arc::clone(&probe), &stop);
        let runner = runner.await.unwrap();
        let quiet = Runner::start::<Quiet>(&place, Clock::System, (), &stop);
        let quiet = quiet.await.unwrap();
        let options = ServeOptions {
            http: HttpOptions::local("127.0.0.1:0".parse().unwrap()),
            grpc: Some(RpcOptions {
                address: "127.0.0.1:0".parse().unwrap(),
                identity,
            }),
            drain: Duration::from_secs(60),
        };
        let serving = serve(vec![runner, quiet], options, stop);
        Harness {
            serving: serving.await.unwrap(),
            folder,
            told,
            probe,
        }
    }

    fn channel(&self) -> PeerChannel {
        plain_channel(self.serving.grpc.unwrap()).unwrap()
    }

    async fn end(self) {
        drop(self.told);
        self.serving.ended().await;
    }
}

/// A page over HTTP.
async fn page(serving: &Serving, path: &str) -> String {
    let mut stream = TcpStream::connect(serving.http).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// How often a call was counted.
fn counted(metrics: &str, method: &str, code: &str) -> Option<u64> {
    let wanted = format!("tickloom_rpc_calls_total{{method=\"{method}\",code=\"{code}\"}} ");
    let line = metrics.lines().find(|line| line.starts_with(&wanted))?;
    line.strip_prefix(&wanted)?.parse().ok()
}

#[tokio::test]
async fn an_answer_has_the_number_of_its_call_and_is_counted() {
    let harness = Harness::new().await;
    let mut client = ProbeClient::new(harness.channel());
    let mut request = tonic::Request::new("hello".to_owned());
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "abc-1".parse().unwrap());
    let answer = client.call("Echo", request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "abc-1");
    // Over plain text nobody is known.
    assert_eq!(answer.into_inner(), "hello of nobody as abc-1");
    let answer = client.call("Echo", "hello".to_owned()).await.unwrap();
    let given = answer.metadata().get("x-request-id").unwrap();
    assert!(given.to_str().unwrap().starts_with("req_"), "{given:?}");

    let refused = client.call("Nothing", String::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let refused = client.call("Missing", String::new()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::NotFound, "there is no `x`")
    );
    let problem = refused.metadata().get_bin(PROBLEM_METADATA).unwrap();
    assert_eq!(
        problem.to_bytes().unwrap(),
        r#"{"type":"/errors/not_found","title":"There is no such thing","status":404,"code":"not_found","detail":"there is no `x`"}"#
    );
    let metrics = page(&harness.serving, "/metrics").await;
    assert_eq!(counted(&metrics, "/probe.v1.Probe/Echo", "OK"), Some(2));
    assert_eq!(counted(&metrics, "other", "UNIMPLEMENTED"), Some(1));
    assert_eq!(
        counted(&metrics, "/probe.v1.Probe/Missing", "NOT_FOUND"),
        Some(1)
    );
    assert!(!metrics.contains("Nothing"), "{metrics}");
    harness.end().await;
}

#[tokio::test]
async fn a_panic_leaves_without_its_text_and_a_large_message_not_at_all() {
    let harness = Harness::new().await;
    let mut client = ProbeClient::new(harness.channel());
    for method in ["Panic", "PanicLater"] {
        let failed = client.call(method, String::new()).await.unwrap_err();
        assert_eq!(
            (failed.code(), failed.message()),
            (Code::Internal, "the call could not be answered"),
            "{method}"
        );
        assert!(!format!("{failed:?}").contains("secret"), "{failed:?}");
    }
    // A message's own key and length are five bytes.
    let most = "x".repeat(MESSAGE_BYTES_MAX - 5);
    let answer = client.call("Length", most.clone()).await.unwrap();
    assert_eq!(answer.into_inner(), most.len().to_string());
    let refused = client.call("Length", format!("{most}x")).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    let answer = client.call("Echo", "still".to_owned()).await.unwrap();
    assert!(answer.into_inner().starts_with("still of nobody"));
    harness.end().await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_dropped_with_what_it_began() {
    let harness = Harness::new().await;
    // A client that leaves it to the server to keep the time.
    let raw = RawChannel::connect(harness.serving.grpc.unwrap()).await;
    let mut patient = ProbeClient::new(raw);
    let mut call = patient.clone();
    let late = async |client: &mut ProbeClient<RawChannel>, method: &str| {
        let mut request = tonic::Request::new(String::new());
        request.set_timeout(Duration::from_secs(2));
        let late = client.call(method, request).await.unwrap_err();
        assert_eq!(
            (late.code(), late.message()),
            (Code::DeadlineExceeded, "it took more than 2 s"),
            "{method}"
        );
    };
    let both = async {
        tokio::join!(
            late(&mut patient, "WriteAndWait"),
            late(&mut call, "StreamAndWait")
        )
    };
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    assert_eq!(harness.probe.began(), 1);
    let mut client = ProbeClient::new(harness.channel());
    // What it wrote is not there, and whoever writes next does not wait for it.
    let place = Place::Folder(harness.folder.path().to_owned());
    let database = Database::open(&place, Probe::NAME, Probe::MIGRATIONS)
        .await
        .unwrap();
    assert_eq!(head(&database).await.unwrap(), 0);
    let mut write = database.write().await.unwrap();
    append(&mut write, &probe::event()).await.unwrap();
    write.commit().await.unwrap();
    let answer = client.call("Write", String::new()).await.unwrap();
    assert_eq!(answer.into_inner(), "2");

    let mut request = tonic::Request::new(String::new());
    let metadata = request.metadata_mut();
    metadata.insert("grpc-timeout", "1 year".parse().unwrap());
    let refused = client.call("Echo", request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("grpc-timeout is `1 year`"));
    let metrics = page(&harness.serving, "/metrics").await;
    for method in ["WriteAndWait", "StreamAndWait"] {
        let method = format!("/probe.v1.Probe/{method}");
        let count = counted(&metrics, &method, "DEADLINE_EXCEEDED");
        assert_eq!(count, Some(1), "{metrics}");
    }
    harness.end().await;
}

#[tokio::test]
async fn no_more_calls_are_answered_at_a_time_than_there_are_places_and_those_may_end() {
    let harness = Harness::new().await;
    let mut waiting = tokio::task::JoinSet::new();
    let mut channels = Vec::new();
    for at in 0..CALLS_MAX {
        if at % STREAMS_MAX == 0 {
            channels.push(harness.channel());
        }
        let channel = channels.last().unwrap().clone();
        waiting.spawn(async move {
            let mut client = ProbeClient::new(channel);
            client.call("Wait", at.to_string()).await
        });
    }
    harness.probe.until_waiting(CALLS_MAX).await;
    let mut client = ProbeClient::new(harness.channel());
    let refused = client.call("Echo", String::new()).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::Unavailable, "256 calls are being answered: try again")
    );
    // Told to stop, it answers those that it took, and takes no more.
    let Harness {
        serving,
        told,
        probe,
        folder,
    } = harness;
    drop(told);
    let address = serving.grpc.unwrap();
    probe.open();
    let mut answers: Vec<usize> = Vec::new();
    while let Some(answer) = waiting.join_next().await {
        answers.push(answer.unwrap().unwrap().into_inner().parse().unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, (0..CALLS_MAX).collect::<Vec<_>>());
    serving.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
    drop(folder);
}

#[tokio::test]
async fn health_is_what_ready_says_and_is_watched() {
    let harness = Harness::new().await;
    let mut client = HealthClient::new(harness.channel());
    let asked = |name: &str| HealthCheckRequest {
        service: name.to_owned(),
    };
    for name in ["", "probe", "probe.v1.Probe", "quiet"] {
        let answer = client.check(asked(name)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{name}");
    }
    let unknown = client.check(asked("probe.v1.Other")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watched = client.watch(asked("probe")).await.unwrap().into_inner();
    let mut next = async || watched.message().await.unwrap().map(|told| told.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    harness.probe.trouble(true);
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert!(page(&harness.serving, "/ready").await.contains("not_ready"));
    for (name, status) in [
        ("", ServingStatus::NotServing),
        ("probe.v1.Probe", ServingStatus::NotServing),
        ("quiet", ServingStatus::Serving),
    ] {
        let answer = client.check(asked(name)).await.unwrap().into_inner();
        assert_eq!(answer.status(), status, "{name}");
    }
    harness.probe.trouble(false);
    assert_eq!(next().await, Some(ServingStatus::Serving));
    // The end of the process is told, and does not wait for whoever watches.
    let Harness { serving, told, .. } = harness;
    drop(told);
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    serving.ended().await;
}

#[tokio::test]
async fn so_many_may_watch_and_places_are_given_back() {
    let harness = Harness::new().await;
    let mut client = HealthClient::new(harness.channel());
    let mut watching = Vec::new();
    for _ in 0..WATCHERS_MAX {
        let watched = client.watch(HealthCheckRequest::default()).await;
        watching.push(watched.unwrap());
    }
    let refused = client.watch(HealthCheckRequest::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::Unavailable, "64 callers are watching: try again")
    );
    watching.pop();
    let again = async {
        while client.watch(HealthCheckRequest::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .unwrap();
    harness.end().await;
}

#[tokio::test]
async fn what_is_offered_can_be_asked_for() {
    let harness = Harness::new().await;
    let names = probe::reflected(harness.channel()).await;
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection"
        ]
    );
    harness.end().await;
}

fn authority(folder: &Path) -> Arc<Authority> {
    let authority = Authority::open(folder, &TrustDomain::default(), Clock::System);
    Arc::new(authority.unwrap())
}

fn identity(authority: &Arc<Authority>, name: &str) -> Arc<Identity> {
    Identity::of_authority(authority, name, CERTIFICATE_LIFE, Clock::System).unwrap()
}

#[tokio::test]
async fn with_certificates_a_caller_has_a_name_and_nobody_else_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let server = identity(&authority, "probe");
    let harness = Harness::with(Some((server, Peers::named(["billing", "auth"])))).await;
    let address = harness.serving.grpc.unwrap();
    let billing = identity(&authority, "billing");
    let channel = peer_channel(address, &billing, "probe").unwrap();
    let mut client = ProbeClient::new(channel);
    let ask = async |client: &mut ProbeClient<PeerChannel>| {
        let mut request = tonic::Request::new("hello".to_owned());
        let metadata = request.metadata_mut();
        metadata.insert("x-request-id", "1".parse().unwrap());
        Ok::<_, tonic::Status>(client.call("Echo", request).await?.into_inner())
    };
    let of_billing = "hello of spiffe://tickloom/billing as 1";
    assert_eq!(ask(&mut client).await.unwrap(), of_billing);

    // Somebody of the authority who is not expected; who expects somebody else; who shows nothing.
    let portfolio = identity(&authority, "portfolio");
    for channel in [
        peer_channel(address, &portfolio, "probe").unwrap(),
        peer_channel(address, &billing, "auth").unwrap(),
        plain_channel(address).unwrap(),
    ] {
        let refused = ask(&mut ProbeClient::new(channel)).await.unwrap_err();
        assert_ne!(refused.code(), Code::Ok);
        assert!(!refused.message().contains("hello"), "{refused}");
    }
    assert!(matches!(
        peer_channel(address, &billing, "Auth"),
        Err(IdentityError::Name { .. })
    ));
    // A renewal closes nothing.
    billing.renew().unwrap();
    assert_eq!(ask(&mut client).await.unwrap(), of_billing);
    let health = page(&harness.serving, "/health").await;
    assert!(
        health.contains(r#""id":"spiffe://tickloom/probe""#),
        "{health}"
    );
    harness.end().await;
}

#[tokio::test]
async fn in_one_process_a_call_meets_the_same_bounds_and_has_a_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (_told, stop) = Stop::new();
    let place = Place::Folder(folder.path().to_owned());
    let gates = Arc::new(probe::Gates::default());
    let runner = Runner::start::<Probe>(&place, Clock::System, Arc::clone(&gates), &stop);
    let runner = runner.await.unwrap();
    let billing = TrustDomain::default().id("billing").unwrap();
    let mut client = ProbeClient::new(runner.channel(Caller::new(billing)));
    let mut request = tonic::Request::new("hello".to_owned());
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "1".parse().unwrap());
    let answer = client.call("Echo", request).await.unwrap();
    assert_eq!(
        answer.into_inner(),
        "hello of spiffe://tickloom/billing as 1"
    );
    let failed = client.call("Panic", String::new()).await.unwrap_err();
    assert_eq!(failed.code(), Code::Internal);
    let mut request = tonic::Request::new(String::new());
    request.set_timeout(Duration::from_millis(300));
    let late = client.call("WriteAndWait", request).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let answer = client.call("Write", String::new()).await.unwrap();
    assert_eq!(answer.into_inner(), "1");
    let routes = tonic::service::Routes::default();
    let auth = TrustDomain::default().id("auth").unwrap();
    let mut nothing = ProbeClient::new(local_channel(routes, Caller::new(auth)));
    let refused = nothing.call("Echo", String::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn plain_text_is_for_loopback() {
    let (_told, stop) = Stop::new();
    let options = ServeOptions {
        http: HttpOptions::local("127.0.0.1:0".parse().unwrap()),
        grpc: Some(RpcOptions {
            address: "0.0.0.0:0".parse().unwrap(),
            identity: None,
        }),
        drain: Duration::from_secs(1),
    };
    let Err(error) = serve(Vec::new(), options, stop).await else {
        panic!("it is served");
    };
    assert!(matches!(error, ChassisError::PlainRpc { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "gRPC at 0.0.0.0:0 without certificates: only addresses of loopback are served so"
    );
}

#[tokio::test]
async fn whoever_speaks_something_else_gets_nothing() {
    let harness = Harness::new().await;
    let address = harness.serving.grpc.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /probe.v1.Probe/Echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1"), "{answer:?}");
    harness.end().await;
}
