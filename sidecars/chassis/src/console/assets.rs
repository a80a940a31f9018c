//! What pages load: one style sheet and small scripts, from the binary alone.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::LazyLock;
use xxhash_rust::xxh3::xxh3_64;

const STYLE: &str = include_str!("../../assets/console.css");
const ICON: &str = include_str!("../../assets/icon.svg");
const LINK: &str = include_str!("../../assets/link.js");

/// The address of the style sheet: another one for each content, so that it can be kept.
pub(super) static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| path("/console/assets/console.css", STYLE));
/// The address of the icon.
pub(super) static ICON_PATH: LazyLock<String> =
    LazyLock::new(|| path("/console/assets/icon.svg", ICON));
/// The address of the script that takes the code of a link out of the address of a page.
pub(super) static LINK_PATH: LazyLock<String> =
    LazyLock::new(|| path("/console/assets/link.js", LINK));

fn path(at: &str, content: &str) -> String {
    format!("{at}?v={:016x}", xxh3_64(content.as_bytes()))
}

pub(super) fn router() -> Router {
    Router::new()
        .route(
            "/console/assets/console.css",
            get(|| asset("text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/console/assets/icon.svg",
            get(|| asset("image/svg+xml", ICON)),
        )
        .route(
            "/console/assets/link.js",
            get(|| asset("text/javascript; charset=utf-8", LINK)),
        )
}

async fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (head, content)
}
