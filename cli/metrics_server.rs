//! The Prometheus page over HTTP: `GET /metrics`. Nothing else is served here.

use crate::metrics::{FeedNumbers, Metrics};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use tickloom_feeds::FeedMetrics;
use tokio::net::TcpListener;
use tokio::sync::watch;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A feed's name and its counters.
pub(crate) type NamedFeed = (String, Arc<FeedMetrics>);

/// Binds the address on a thread of its own and serves until the shutdown; returns the address with its real port.
///
/// # Errors
/// The address cannot be bound.
pub(crate) fn start(
    listen: SocketAddr,
    metrics: Metrics,
    feeds: Vec<NamedFeed>,
    mut shutdown: watch::Receiver<bool>,
) -> std::io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind(listen))?;
    let address = listener.local_addr()?;
    let page = move || {
        let answer = page(&metrics, &feeds);
        async move { answer }
    };
    let router = Router::new().route("/metrics", get(page));
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let stop = async move {
                    // An error means that the sender is gone, which is a shutdown too.
                    drop(shutdown.wait_for(|stop| *stop).await);
                };
                drop(
                    axum::serve(listener, router)
                        .with_graceful_shutdown(stop)
                        .await,
                );
            });
        })?;
    Ok(address)
}

fn page(metrics: &Metrics, feeds: &[NamedFeed]) -> Response {
    let numbers: Vec<FeedNumbers> = feeds
        .iter()
        .map(|(name, feed)| numbers(name, feed))
        .collect();
    match metrics.page(&numbers) {
        Ok(page) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn numbers(name: &str, feed: &FeedMetrics) -> FeedNumbers {
    use std::sync::atomic::Ordering::Relaxed;
    let counters = [
        ("frames", feed.frames.load(Relaxed)),
        ("bytes", feed.bytes.load(Relaxed)),
        ("records", feed.records.load(Relaxed)),
        ("gaps", feed.gaps.load(Relaxed)),
        ("syncs", feed.syncs.load(Relaxed)),
        ("resyncs", feed.resyncs.load(Relaxed)),
        ("duplicates", feed.duplicates.load(Relaxed)),
        ("out_of_order", feed.out_of_order.load(Relaxed)),
        ("snapshots", feed.snapshots.load(Relaxed)),
        ("snapshots_failed", feed.snapshots_failed.load(Relaxed)),
        ("snapshots_too_old", feed.snapshots_too_old.load(Relaxed)),
        ("refusals", feed.refusals.load(Relaxed)),
        ("connects", feed.connects.load(Relaxed)),
        ("disconnects", feed.disconnects.load(Relaxed)),
        ("bad_frames", feed.bad_frames_total()),
    ];
    FeedNumbers {
        feed: name.to_owned(),
        counters: counters
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
    }
}
