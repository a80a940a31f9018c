//! The page of operations: what the document says, for people, and a way to try it. It is of this binary alone: nothing is fetched from
//! anywhere else, and the policy of the page lets nothing be.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Only what is served here runs, and only to here is anything sent; no other page shows it in a frame (Content Security Policy 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) fn router() -> Router {
    Router::new()
        .route("/docs", get(html))
        .route("/docs/page.css", get(style))
        .route("/docs/page.js", get(script))
}

async fn html() -> Response {
    page(
        "text/html; charset=utf-8",
        include_str!("../../assets/docs.html"),
    )
}

async fn style() -> Response {
    page(
        "text/css; charset=utf-8",
        include_str!("../../assets/docs.css"),
    )
}

async fn script() -> Response {
    page(
        "text/javascript; charset=utf-8",
        include_str!("../../assets/docs.js"),
    )
}

fn page(kind: &'static str, text: &'static str) -> Response {
    let head: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (head, text).into_response()
}
