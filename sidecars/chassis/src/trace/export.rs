//! Sends traces to a collector: OTLP over gRPC. What cannot be sent in time is dropped; nothing waits for it.

use super::TARGET;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use serde::Deserialize;
use std::time::Duration;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter::Filtered};

/// Time for a batch to be sent.
const SEND_TIME_MAX: Duration = Duration::from_secs(5);

/// Where traces are sent, and which.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// Collector of OTLP over gRPC, such as `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// Share of the traces that begin here that are sent, 0 to 1. Those of callers who are believed are as they say.
    #[serde(default = "all")]
    pub share: f64,
}

fn all() -> f64 {
    1.0
}

/// Why no traces are sent.
#[derive(Debug, Error)]
pub enum TraceExportError {
    /// A share that is none.
    #[error("traces: share is {share}, expected 0 to 1")]
    Share {
        /// What it is.
        share: f64,
    },
    /// Where they should go.
    #[error("traces: `{endpoint}` cannot be a collector: {source}")]
    Endpoint {
        /// What was said.
        endpoint: String,
        /// What is wrong with it.
        source: ExporterBuildError,
    },
}

/// Sends traces until it is ended.
#[derive(Debug)]
pub struct TraceExport {
    provider: SdkTracerProvider,
}

impl TraceExport {
    /// One that connects when there is something to send. It is made where tokio runs.
    ///
    /// # Errors
    /// [`TraceExportError`].
    pub fn new(config: &TracesConfig) -> Result<TraceExport, TraceExportError> {
        let share = config.share;
        if !(0.0..=1.0).contains(&share) {
            return Err(TraceExportError::Share { share });
        }
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&config.endpoint)
            .with_timeout(SEND_TIME_MAX)
            .build();
        let exporter = exporter.map_err(|source| TraceExportError::Endpoint {
            endpoint: config.endpoint.clone(),
            source,
        })?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let resource = Resource::builder_empty()
            .with_service_name("tickloom")
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(TraceExport { provider })
    }

    /// What takes spans from `tracing`: those of services alone.
    pub fn layer<S>(&self) -> Filtered<OpenTelemetryLayer<S, SdkTracer>, Targets, S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.provider.tracer("tickloom");
        let ours = Targets::new().with_target(TARGET, LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    /// Sends what is left, for at most the time of a batch. It blocks.
    pub fn end(self) {
        // What could not be sent is lost, and the end does not depend on it.
        drop(self.provider.shutdown_with_timeout(SEND_TIME_MAX));
    }
}
