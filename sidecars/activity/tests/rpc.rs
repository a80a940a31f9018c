//! The lists over gRPC: the same items, pages and errors as over HTTP, for our client, in one process, and for a client of others.

#![cfg(test)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tickloom_activity::proto::activity_client::ActivityClient;
use tickloom_activity::proto::{
    Fill, ListFillsRequest, ListRunsRequest, ListSignalsRequest, Signal,
};
use tickloom_activity::{Activity, ActivityConfig};
use tickloom_chassis::identity::{Authority, CERTIFICATE_LIFE, Identity, Peers, TrustDomain};
use tickloom_chassis::rpc::{Caller, LocalChannel, PeerChannel, plain_channel};
use tickloom_chassis::{
    Clock, HttpOptions, Place, RpcOptions, Runner, ServeOptions, Serving, Stop, serve,
};
use tickloom_journal::{JournalWriter, RunMeta};
use tickloom_types::{
    FillBody, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Side,
    SignalBody, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tonic::Code;

const START: i64 = 1_700_000_000_000_000_000;
/// A program of others that asks the same.
const FOREIGN: &str = include_str!("foreign.py");

fn head(kind: Kind, flags: u8) -> Header {
    let made = Header::new(kind, InstrumentId(0), SourceId(0), Ts(START), Ts(START + 1));
    Header { flags, ..made }
}

/// What a run put out: two fills, and four values of a signal, of which one is none and one is infinite.
fn outputs() -> Vec<Record> {
    let fill = |price, fee, side: Side, taker| {
        let body = FillBody {
            price,
            qty: 150,
            fee,
            order: 5,
            side: side as u8,
            taker,
            ..FillBody::default()
        };
        body.record(head(Kind::Fill, 0))
    };
    let signal = |value, flags| {
        let body = SignalBody {
            value,
            ..SignalBody::default()
        };
        body.record(head(Kind::Signal, flags))
    };
    vec![
        signal(0.0, Flags::NOT_READY),
        signal(0.1, 0),
        fill(6_543_210, -1, Side::Sell, 1),
        signal(f64::INFINITY, 0),
        fill(1, 2_500_000_000, Side::Buy, 0),
        signal(-5e-324, 0),
    ]
}

fn record_in(folder: &Path) {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("binance.BTCUSDT", 2, 5, "USDT");
    instruments.add(def).unwrap();
    let feed = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(feed).unwrap();
    let mut run = RunMeta::new("run", Ts(START), instruments).unwrap();
    run.signals = vec!["trend".to_owned()];
    run.strategies = vec!["cross".to_owned()];
    let journal = folder.join("journal").join("run");
    std::fs::create_dir_all(&journal).unwrap();
    let (mut writer, _) = JournalWriter::open(&journal, &run).unwrap();
    let trade = TradeBody::default().record(head(Kind::Trade, 0));
    writer.append_inputs(0, &[trade]).unwrap();
    let made: Vec<_> = outputs().into_iter().map(|record| (0, record)).collect();
    writer.append_outputs(&made).unwrap();
    writer.flush().unwrap();
}

/// The service, served over what was recorded.
struct Harness {
    _folder: tempfile::TempDir,
    serving: Serving,
    told: watch::Sender<bool>,
    local: LocalChannel,
}

impl Harness {
    async fn new() -> Harness {
        let harness = Harness::with(None).await;
        harness.catch_up().await;
        harness
    }

    async fn with(identity: Option<(Arc<Identity>, Peers)>) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        record_in(folder.path());
        let (told, stop) = Stop::new();
        let place = Place::Folder(folder.path().join("services"));
        let config = ActivityConfig {
            records: vec![folder.path().to_owned()],
        };
        let runner = Runner::start::<Activity>(&place, Clock::System, config, &stop);
        let runner = runner.await.unwrap();
        let billing = TrustDomain::default().id("billing").unwrap();
        let local = runner.channel(Caller::new(billing));
        let options = ServeOptions {
            http: HttpOptions::local("127.0.0.1:0".parse().unwrap()),
            grpc: Some(RpcOptions {
                address: "127.0.0.1:0".parse().unwrap(),
                identity,
            }),
            drain: Duration::from_secs(60),
        };
        let serving = serve(vec![runner], options, stop).await.unwrap();
        Harness {
            _folder: folder,
            serving,
            told,
            local,
        }
    }

    /// Waits until all of the run is taken.
    async fn catch_up(&self) {
        let mut client = self.client();
        let taken = async {
            loop {
                let runs = client.list_runs(ListRunsRequest::default()).await.unwrap();
                let runs = runs.into_inner().items;
                if runs.iter().any(|run| run.outputs == Some(6)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), taken)
            .await
            .unwrap();
    }

    fn client(&self) -> ActivityClient<PeerChannel> {
        ActivityClient::new(plain_channel(self.serving.grpc.unwrap()).unwrap())
    }

    async fn end(self) {
        drop(self.told);
        self.serving.ended().await;
    }
}

fn fills() -> Vec<Fill> {
    let sold = Fill {
        number: 2,
        cause: 0,
        at: START,
        instrument: "binance.BTCUSDT".to_owned(),
        strategy: "cross".to_owned(),
        order: 5,
        side: "sell".to_owned(),
        price: "65432.1".to_owned(),
        quantity: "0.0015".to_owned(),
        fee: "-0.000000001".to_owned(),
        currency: "USDT".to_owned(),
        taker: true,
    };
    let bought = Fill {
        number: 4,
        side: "buy".to_owned(),
        price: "0.01".to_owned(),
        fee: "2.5".to_owned(),
        taker: false,
        ..sold.clone()
    };
    vec![sold, bought]
}

fn signals() -> Vec<Signal> {
    let signal = |number, value, bits: Option<&str>| Signal {
        number,
        cause: 0,
        at: START,
        name: "trend".to_owned(),
        ready: number != 0,
        value,
        bits: bits.map(str::to_owned),
    };
    vec![
        signal(0, None, None),
        signal(1, Some(0.1), None),
        signal(3, None, Some("7ff0000000000000")),
        signal(5, Some(-5e-324), None),
    ]
}

fn fills_of(run: &str, after: Option<&str>, limit: Option<u32>) -> ListFillsRequest {
    ListFillsRequest {
        run: run.to_owned(),
        after: after.map(str::to_owned),
        limit,
    }
}

#[tokio::test]
async fn lists_come_in_pages_that_say_what_follows() {
    let harness = Harness::new().await;
    let mut client = harness.client();
    let runs = client.list_runs(ListRunsRequest::default()).await.unwrap();
    let runs = runs.into_inner();
    assert_eq!((runs.items.len(), runs.more), (1, false));
    let run = &runs.items[0];
    assert_eq!((run.run.as_str(), run.started), ("run", START));
    let after = ListRunsRequest {
        after: Some(runs.next),
        limit: Some(1),
    };
    let runs = client.list_runs(after).await.unwrap().into_inner();
    assert_eq!((runs.items, runs.next.as_str()), (Vec::new(), "run"));

    let all = client.list_fills(fills_of("run", None, None)).await;
    let all = all.unwrap().into_inner();
    assert_eq!(
        (all.items, all.next.as_str(), all.more),
        (fills(), "4", false)
    );
    let first = client.list_fills(fills_of("run", None, Some(1))).await;
    let first = first.unwrap().into_inner();
    assert_eq!(
        (&first.items[..], first.next.as_str(), first.more),
        (&fills()[..1], "2", true)
    );
    let second = client.list_fills(fills_of("run", Some("2"), Some(1))).await;
    let second = second.unwrap().into_inner();
    assert_eq!(
        (&second.items[..], second.next.as_str(), second.more),
        (&fills()[1..], "4", false)
    );
    let request = ListSignalsRequest {
        run: "run".to_owned(),
        after: None,
        limit: Some(4),
    };
    let all = client.list_signals(request).await.unwrap().into_inner();
    assert_eq!(
        (all.items, all.next.as_str(), all.more),
        (signals(), "5", false)
    );
    harness.end().await;
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_as_over_http() {
    let harness = Harness::new().await;
    let mut client = harness.client();
    for (request, code, message) in [
        (
            fills_of("other", None, None),
            Code::NotFound,
            "there is no run `other`",
        ),
        (
            fills_of("run", None, Some(0)),
            Code::InvalidArgument,
            "limit is 0, expected 1 to 1000",
        ),
        (
            fills_of("run", None, Some(1001)),
            Code::InvalidArgument,
            "limit is 1001, expected 1 to 1000",
        ),
        (
            fills_of("run", Some("-2"), None),
            Code::InvalidArgument,
            "after is not the `next` of a page of this list",
        ),
    ] {
        let refused = client.list_fills(request).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, message));
    }
    // The same lists without the network.
    let mut local = ActivityClient::new(harness.local.clone());
    let all = local.list_fills(fills_of("run", None, None)).await;
    assert_eq!(all.unwrap().into_inner().items, fills());
    let refused = local.list_fills(fills_of("other", None, None)).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    harness.end().await;
}

#[tokio::test]
async fn fills_are_those_of_http() {
    let harness = Harness::new().await;
    let mut stream = TcpStream::connect(harness.serving.http).await.unwrap();
    stream
        .write_all(
            b"GET /activity/v1/runs/run/fills?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        r#"{"items":[{"number":2,"cause":0,"at":1700000000000000000,"instrument":"binance.BTCUSDT","strategy":"cross","order":5,"side":"sell","price":"65432.1","quantity":"0.0015","fee":"-0.000000001","currency":"USDT","taker":true}],"next":"2","more":true}"#
    );
    harness.end().await;
}

/// What the program of others says, line by line; `None` if there is no Python that runs it.
async fn foreign(words: Vec<String>) -> Option<Vec<String>> {
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!("skipped: TICKLOOM_PYTHON names no Python with grpcio");
        return None;
    };
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(python);
        command.args(["-c", FOREIGN]).args(words).output()
    });
    let ran = ran.await.unwrap().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let wrong = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{said}{wrong}");
    Some(said.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn a_client_of_others_shows_a_certificate_of_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let domain = TrustDomain::default();
        let folder = folder.path().join(name);
        Arc::new(Authority::open(&folder, &domain, Clock::System).unwrap())
    };
    let (ours, other) = (authority("ours"), authority("other"));
    let own = Identity::of_authority(&ours, "activity", CERTIFICATE_LIFE, Clock::System);
    let harness = Harness::with(Some((own.unwrap(), Peers::named(["billing"])))).await;
    let export = |authority: &Authority, name: &str| {
        let issued = authority.issue(name, CERTIFICATE_LIFE).unwrap();
        let to = authority.folder().join("issued");
        let file = authority.export(&issued, &to).unwrap();
        file.display().to_string()
    };
    let words = vec![
        harness.serving.grpc.unwrap().to_string(),
        ours.folder().join("roots.pem").display().to_string(),
        export(&ours, "billing"),
        export(&ours, "portfolio"),
        export(&other, "billing"),
        "-".to_owned(),
    ];
    if let Some(lines) = foreign(words).await {
        assert_eq!(
            lines,
            ["let in", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]
        );
    }
    harness.end().await;
}

#[tokio::test]
async fn a_client_of_others_needs_nothing_of_ours() {
    let harness = Harness::new().await;
    let address = harness.serving.grpc.unwrap().to_string();
    let Some(lines) = foreign(vec![address]).await else {
        return;
    };
    assert_eq!(
        lines,
        [
            "services grpc.health.v1.Health grpc.reflection.v1.ServerReflection tickloom.activity.v1.Activity",
            "health '' SERVING",
            "health 'activity' SERVING",
            "health 'tickloom.activity.v1.Activity' SERVING",
            "health 'other' NOT_FOUND",
            "runs run 1700000000000000000 6 True",
            "fill 2 sell 65432.1 0.0015 -0.000000001 USDT True",
            "fill 4 buy 0.01 0.0015 2.5 USDT False",
            "signal 0 False None None",
            "signal 1 True 0.1 None",
            "signal 3 True None 7ff0000000000000",
            "signal 5 True -5e-324 None",
            "refused NOT_FOUND 'there is no run `other`' not_found 404",
            "refused INVALID_ARGUMENT 'limit is 0, expected 1 to 1000' bad_request 400",
            "large RESOURCE_EXHAUSTED or OUT_OF_RANGE",
        ]
    );
    harness.end().await;
}
