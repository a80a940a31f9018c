//! One trace over services: a call belongs to what its caller does, over the network and in one process.

use super::Harness;
use super::probe::{self, Probe, ProbeClient};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::sync::Arc;
use tickloom_chassis::identity::TrustDomain;
use tickloom_chassis::rpc::Caller;
use tickloom_chassis::{Clock, Place, Runner, Stop};
use tracing::Instrument;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {spans:#?}");
    found[0]
}

/// That one of the spans of a name belongs to the one of another.
fn assert_child(spans: &[SpanData], child: &str, parent: &str) {
    let parent = &named(spans, parent).span_context;
    let mut children = spans.iter().filter(|span| span.name == child);
    let is_found = children.any(|span| {
        span.parent_span_id == parent.span_id() && span.span_context.trace_id() == parent.trace_id()
    });
    assert!(is_found, "{child} in {spans:#?}");
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
    // All of this test runs on its own thread.
    let _collecting = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let house = Harness::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (_told, stop) = Stop::new();
    let place = Place::Folder(folder.path().to_owned());
    let gates = Arc::new(probe::Gates::default());
    let runner = Runner::start::<Probe>(&place, Clock::System, gates, &stop);
    let runner = runner.await.unwrap();
    let billing = TrustDomain::default().id("billing").unwrap();
    exporter.reset();
    let mut near = ProbeClient::new(runner.channel(Caller::new(billing)));
    let mut far = ProbeClient::new(house.channel());
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
    house.end().await;
    let spans = exporter.get_finished_spans().unwrap();
    assert_child(&spans, "probe.v1.Probe/Write", "near");
    assert_child(&spans, "write", "probe.v1.Probe/Write");
    assert_child(&spans, "probe.v1.Probe/Echo", "far");
}
