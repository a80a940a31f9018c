//! One trace over services: a call belongs to what its caller does, over the network and in one process.

use super::Harness;
use super::probe::{self, Probe, ProbeClient};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickloom_chassis::identity::TrustDomain;
use tickloom_chassis::rpc::Caller;
use tickloom_chassis::{Clock, Place, Runner, Stop};
use tracing::Instrument;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

/// After this much waiting the test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {spans:#?}");
    found[0]
}

/// The span of a name that belongs to the one of another.
fn child<'a>(spans: &'a [SpanData], name: &str, parent: &str) -> &'a SpanData {
    let parent = &named(spans, parent).span_context;
    let mut children = spans.iter().filter(|span| span.name == name);
    let found = children.find(|span| {
        span.parent_span_id == parent.span_id() && span.span_context.trace_id() == parent.trace_id()
    });
    found.unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

/// What an attribute of a span says.
fn attribute(span: &SpanData, name: &str) -> String {
    let mut all = span.attributes.iter();
    let found = all.find(|attribute| attribute.key.as_str() == name);
    found.unwrap().value.to_string()
}

#[tokio::test]
async fn a_call_belongs_to_what_its_caller_does() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("test"))
        .with_filter(LevelFilter::INFO);
    // For the whole process: whether a span is made is remembered by place in the code, for the threads of other tests too.
    let collecting = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(collecting).unwrap();
    let harness = Harness::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (_told, stop) = Stop::new();
    let place = Place::Folder(folder.path().to_owned());
    let gates = Arc::new(probe::Gates::default());
    let runner = Runner::start::<Probe>(&place, Clock::System, gates, &stop);
    let runner = runner.await.unwrap();
    let billing = TrustDomain::default().id("billing").unwrap();
    exporter.reset();
    let mut near = ProbeClient::new(runner.channel(Caller::new(billing)));
    let mut far = ProbeClient::new(harness.channel());
    async {
        near.call("Write", String::new()).await.unwrap();
    }
    .instrument(tracing::info_span!("near"))
    .await;
    async {
        far.call("Echo", "hello".to_owned()).await.unwrap();
    }
    .instrument(tracing::info_span!("far"))
    .await;
    async {
        far.call("Nonsense-123", String::new()).await.unwrap_err();
    }
    .instrument(tracing::info_span!("made up"))
    .await;
    harness.end().await;
    // The thread of SQLite lets go of a span when it comes to it.
    let all = ["near", "far", "made up"];
    let began = Instant::now();
    let spans = loop {
        let spans = exporter.get_finished_spans().unwrap();
        if all
            .iter()
            .all(|name| spans.iter().any(|span| span.name == *name))
        {
            break spans;
        }
        assert!(began.elapsed() < PATIENCE, "{spans:#?}");
        tokio::task::yield_now().await;
    };
    let near = child(&spans, "probe.v1.Probe", "near");
    assert_eq!(attribute(near, "rpc.method"), "probe.v1.Probe/Write");
    let write = spans
        .iter()
        .find(|span| span.parent_span_id == near.span_context.span_id());
    assert_eq!(write.unwrap().name, "write");
    let far = child(&spans, "probe.v1.Probe", "far");
    assert_eq!(attribute(far, "rpc.method"), "probe.v1.Probe/Echo");
    // A method that a caller makes up is in no span.
    let made_up = child(&spans, "probe.v1.Probe", "made up");
    assert_eq!(attribute(made_up, "rpc.method"), "other");
}
