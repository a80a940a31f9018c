//! Signing in for another site, to which the browser goes back.

use super::Answer;
use crate::Auth;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{LocalPath, SignedIn};
use tickloom_chassis::{Problem, ProblemCode};

/// Where browsers are sent from sites: outside of the console, as it leads to another site.
pub(crate) const SIGN_IN_FOR: &str = "/auth/forward/sign-in";
/// The address of a site to which they go back.
pub(crate) const FINISH: &str = "/.tickloom/finish";
/// Bytes of SHA-256 as base64url.
const STATE_BYTES: usize = 43;

/// What a site is, and where at it somebody wants to be.
#[derive(Deserialize)]
struct Way {
    site: String,
    to: String,
    state: String,
}

pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new().route(SIGN_IN_FOR, get(lead))
}

/// Whoever is signed in goes back with a ticket; others sign in first. A site that is not set is never led to.
async fn lead(
    State(auth): State<Arc<Auth>>,
    signed_in: SignedIn,
    Query(way): Query<Way>,
) -> Answer {
    let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
    let site = auth.sites.iter().find(|site| site.origin() == way.site);
    let site = site.ok_or_else(|| wrong("there is no such site"))?;
    let to = LocalPath::new(&way.to).ok_or_else(|| wrong("`to` is no path of a site"))?;
    if way.state.len() != STATE_BYTES {
        return Err(wrong("`state` is missing"));
    }
    let of = (site, way.state.as_str());
    let ticket = auth.site_ticket(&signed_in.subject, of, auth.clock.now());
    let ticket = ticket.await?;
    let query = [("ticket", ticket.expose()), ("to", to.as_str())];
    let path = LocalPath::with_query(FINISH, &query);
    Ok(Redirect::to(&format!("{}{path}", site.origin())).into_response())
}
