//! What a proxy asks in front of a site, and the two addresses of the site that it leads here.

use crate::credential::random;
use crate::flows::sites::{OPEN, is_for_sites, state_of};
use crate::pages::sites::{FINISH, SIGN_IN_FOR};
use crate::site::{Site, asked, only};
use crate::{Auth, AuthError, store};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::console::{LocalPath, SetCookie, cookie_value};
use tickloom_chassis::{
    CallerAddress, Problem, ProblemCode, RefusedAccess, RequestOrigin, Subject, decide,
};

/// The cookie of a browser at a site.
const COOKIE: &str = "tickloom-site";
/// The cookie of a browser that is on its way to sign in.
const STATE: &str = "tickloom-site-state";
/// As long as a sign-in may take.
const STATE_S: i64 = 600;
/// The addresses of each site that the proxy leads here.
const BEGIN: &str = "/.tickloom/begin";

/// Who is there, as applications behind proxies commonly read it.
const USER: HeaderName = HeaderName::from_static("remote-user");
const NAME: HeaderName = HeaderName::from_static("remote-name");
const EMAIL: HeaderName = HeaderName::from_static("remote-email");

pub(super) fn root() -> Router<Arc<Auth>> {
    Router::new()
        .route("/auth/forward/auth-request", any(auth_request))
        .route("/auth/forward/forward-auth", any(forward_auth))
        .route(BEGIN, get(begin))
        .route(FINISH, get(finish))
}

/// What becomes of a request to a site.
enum Verdict {
    /// It goes on, as from this account.
    Open(Subject),
    /// Nobody is there: a browser goes there to sign in.
    SignIn(String),
    /// Somebody is there who may not.
    Forbidden(Problem),
}

/// For proxies that know a yes and a no alone, such as nginx: where to sign in is in `Location`.
async fn auth_request(
    State(auth): State<Arc<Auth>>,
    (caller, origin): (CallerAddress, RequestOrigin),
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = (caller, &origin, &headers);
    answer(&auth, asked, StatusCode::UNAUTHORIZED).await
}

/// For proxies that hand on what is answered, such as Traefik and Caddy. What is no page that is opened is answered 401: a program does not
/// sign in.
async fn forward_auth(
    State(auth): State<Arc<Auth>>,
    (caller, origin): (CallerAddress, RequestOrigin),
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let method = only(&headers, "x-forwarded-method").unwrap_or("GET");
    let accepted = only(&headers, "accept").unwrap_or("");
    let status = if method == "GET" && accepted.contains("text/html") {
        StatusCode::FOUND
    } else {
        StatusCode::UNAUTHORIZED
    };
    answer(&auth, (caller, &origin, &headers), status).await
}

async fn answer(
    auth: &Auth,
    (caller, origin, headers): (CallerAddress, &RequestOrigin, &HeaderMap),
    status: StatusCode,
) -> Result<Response, Problem> {
    let site = site(auth, caller, headers)?;
    let mut response = match verdict(auth, site, (origin, headers)).await? {
        Verdict::Open(subject) => opened(auth, &subject).await?,
        Verdict::Forbidden(told) => told.into_response(),
        Verdict::SignIn(place) => to_sign_in(&place, status),
    };
    let kept = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(response)
}

fn to_sign_in(place: &str, status: StatusCode) -> Response {
    let mut response = match status {
        StatusCode::UNAUTHORIZED => {
            let detail = "nobody is signed in at this site: `Location` is where that is done";
            Problem::new(ProblemCode::Unauthenticated, detail).into_response()
        }
        other => other.into_response(),
    };
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// The site that a proxy of ours asks for. What anybody else says of that is not believed.
fn site<'a>(
    auth: &'a Auth,
    caller: CallerAddress,
    headers: &HeaderMap,
) -> Result<&'a Site, Problem> {
    if !caller.is_named_proxy() {
        let detail = "whoever asks is no proxy that `proxies` names, so that what it says of a site is not believed: the proxy in front \
                      of the site is named there";
        return Err(Problem::new(ProblemCode::Forbidden, detail));
    }
    asked(headers, &auth.sites).ok_or_else(|| {
        let detail =
            "X-Forwarded-Proto and X-Forwarded-Host name no site that is set in `auth.sites`";
        Problem::new(ProblemCode::Forbidden, detail)
    })
}

async fn verdict(
    auth: &Auth,
    site: &Site,
    (origin, headers): (&RequestOrigin, &HeaderMap),
) -> Result<Verdict, Problem> {
    let now = auth.clock.now();
    let bearer = only(headers, header::AUTHORIZATION.as_str());
    let bearer = bearer.and_then(|text| text.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let cookie = cookie_value(headers, COOKIE, site.is_secure());
    let subject = match (bearer, cookie) {
        (Some((_, bearer)), _) => auth.subject_of_bearer(bearer.trim(), origin).await?,
        (None, Some(cookie)) => auth.subject_at_site(site, &cookie, now).await?,
        (None, None) => None,
    };
    // Who lacks a demanded second factor is led to where one is set up, as one is to sign in.
    let subject = subject.filter(|one| bearer.is_some() || !one.lacks_second_factor);
    // The application behind a proxy that leaves `Authorization` in could do with it whatever it is for.
    if bearer.is_some() && subject.as_ref().is_some_and(|one| !is_for_sites(one)) {
        let why = format!("a key or token for sites has the scope {OPEN} and no other");
        return Ok(Verdict::Forbidden(Problem::new(
            ProblemCode::Forbidden,
            why,
        )));
    }
    let Some(subject) = subject else {
        let path = path_at(only(headers, "x-forwarded-uri"));
        let begin = LocalPath::with_query(BEGIN, &[("to", &path)]);
        return Ok(Verdict::SignIn(format!("{}{begin}", site.origin())));
    };
    let resource = site.resource();
    let decision = decide(&subject, OPEN, &resource, now);
    let Some(told) = decision.refusal(OPEN, &resource) else {
        return Ok(Verdict::Open(subject));
    };
    let refused = RefusedAccess {
        subject: &subject,
        origin,
        told: &told,
    };
    auth.note_access_refused(refused).await?;
    Ok(Verdict::Forbidden(told))
}

async fn opened(auth: &Auth, subject: &Subject) -> Result<Response, Problem> {
    let account = store::account::by_id(auth.database.reader(), &subject.account).await?;
    let mut response = StatusCode::OK.into_response();
    let Some(account) = account else {
        return Err(Problem::new(
            ProblemCode::Forbidden,
            "there is no such account",
        ));
    };
    let mut tell = |name: HeaderName, value: &str| {
        // A name is UTF-8, as common applications read it.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().insert(name, value);
        }
    };
    tell(USER, &account.id);
    tell(NAME, &account.name);
    // An address that nobody showed to be theirs would let somebody be taken for somebody else.
    if let Some(email) = account.email.filter(|_| account.is_email_verified) {
        tell(EMAIL, &email);
    }
    Ok(response)
}

/// Where a browser goes at a site.
#[derive(Deserialize)]
struct Way {
    to: Option<String>,
    ticket: Option<String>,
}

impl Way {
    fn to(&self) -> String {
        path_at(self.to.as_deref())
    }
}

/// A path of the site; its front page for what is none.
fn path_at(text: Option<&str>) -> String {
    let path = text.and_then(LocalPath::new);
    path.map_or_else(|| "/".to_owned(), |path| path.to_string())
}

/// A browser at a site is sent to sign in here, and is given what it shows when it comes back: who comes back with somebody else's ticket has
/// another.
async fn begin(
    State(auth): State<Arc<Auth>>,
    caller: CallerAddress,
    headers: HeaderMap,
    Query(way): Query<Way>,
) -> Result<Response, Problem> {
    let site = site(&auth, caller, &headers)?;
    let state = URL_SAFE_NO_PAD.encode(random::<32>().map_err(AuthError::from)?);
    let query = [
        ("site", site.origin()),
        ("to", &way.to()),
        ("state", &state_of(&state)),
    ];
    let path = LocalPath::with_query(SIGN_IN_FOR, &query);
    let place = format!("{}{path}", auth.issuer.trim_end_matches('/'));
    let cookie = SetCookie::lasting(STATE, state, STATE_S);
    Ok(leading(&place, site, &[cookie]))
}

/// A browser comes back to a site with its ticket.
async fn finish(
    State(auth): State<Arc<Auth>>,
    request: RequestOrigin,
    caller: CallerAddress,
    headers: HeaderMap,
    Query(way): Query<Way>,
) -> Result<Response, Problem> {
    let site = site(&auth, caller, &headers)?;
    let state = cookie_value(&headers, STATE, site.is_secure()).unwrap_or_default();
    let ticket = way.ticket.as_deref().unwrap_or_default();
    let by = auth.by_nobody(&request);
    let shown = auth.enter_site(by, site, (ticket, &state)).await?;
    let cookies = [
        SetCookie::of_browser(COOKIE, shown.expose()),
        SetCookie::removed(STATE),
    ];
    Ok(leading(&way.to(), site, &cookies))
}

fn leading(place: &str, site: &Site, cookies: &[SetCookie]) -> Response {
    let mut response = Redirect::to(place).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address has a ticket.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    for cookie in cookies
        .iter()
        .filter_map(|set| set.header(site.is_secure()))
    {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
