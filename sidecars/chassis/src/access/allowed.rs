//! The door of an operation: its handler takes an [`Allowed`], so that nothing is answered that was not decided.

use super::decide::{Because, Decision, decide, decide_enrolment};
use super::subject::Subject;
use crate::ChassisError;
use crate::clock::Clock;
use crate::http::RequestOrigin;
use crate::problem::{Problem, ProblemCode};
use crate::rpc::Caller;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use tickloom_types::Ts;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

/// What an operation does, on what: `struct ReadRun; impl Access for ReadRun { … }`.
pub trait Access: Send + Sync + 'static {
    /// What is done: `run.read`.
    const ACTION: &'static str;
    /// Whether it is part of setting up a second factor of one's own: who lacks one that is demanded may do it to their account.
    const ENROLS: bool = false;

    /// On what, from the parts of the path: `run/today`, or `run/*` for all.
    fn resource(path: &PathParts, subject: &Subject) -> String;
}

/// The named parts of a path.
#[derive(Clone, Debug, Default)]
pub struct PathParts {
    parts: Vec<(String, String)>,
}

/// Somebody who may do this, which was decided.
pub struct Allowed<A> {
    /// Who.
    pub subject: Subject,
    /// What was allowed: `run.read`.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// In which request, and from where.
    pub origin: RequestOrigin,
    access: PhantomData<fn() -> A>,
}

/// Knows who somebody is from what they show.
pub trait Authenticator: Send + Sync + 'static {
    /// Whose token or key this is, which came with a request.
    fn authenticate<'a>(&'a self, bearer: &'a str, origin: &'a RequestOrigin) -> SubjectFuture<'a>;

    /// Notes that somebody was not allowed something. Whatever comes of it, it is not done; nothing is noted unless this says so.
    fn note_refused<'a>(&'a self, _: RefusedAccess<'a>) -> NotedFuture<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Somebody who was not allowed something.
#[derive(Clone, Copy, Debug)]
pub struct RefusedAccess<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// In which request, and from where.
    pub origin: &'a RequestOrigin,
    /// What they are told: what was asked, on what, and why not.
    pub told: &'a Problem,
}

/// What an [`Authenticator`] says once it has noted something.
pub type NotedFuture<'a> = Pin<Box<dyn Future<Output = Result<(), ChassisError>> + Send + 'a>>;

/// What an [`Authenticator`] says, once it knows.
pub type SubjectFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Subject, Unauthenticated>> + Send + 'a>>;

/// Why it is not known who somebody is.
#[derive(Debug)]
pub enum Unauthenticated {
    /// What was shown is nobody's, or not any more.
    Refused,
    /// It could not be found out.
    Failed(ChassisError),
}

/// Who decides who somebody is, for all operations of a process.
#[derive(Clone)]
pub(crate) struct Gate {
    /// `None` where nobody has to say who they are.
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) clock: Clock,
}

impl PathParts {
    /// These parts, by name.
    #[must_use]
    pub fn of(parts: &[(&str, &str)]) -> PathParts {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        PathParts {
            parts: parts.iter().map(own).collect(),
        }
    }

    /// The part of this name; empty if the path has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let part = self.parts.iter().find(|(key, _)| key == name);
        part.map_or("", |(_, value)| value)
    }
}

impl<A> fmt::Debug for Allowed<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowed")
            .field(&self.subject.account)
            .finish()
    }
}

impl Gate {
    /// What somebody is told who is not allowed something, once that is noted.
    async fn refuse(&self, subject: &Subject, origin: &RequestOrigin, told: Problem) -> Problem {
        let is_decision = [ProblemCode::Forbidden, ProblemCode::SecondFactorDemanded];
        let (true, Some(authenticator)) = (is_decision.contains(&told.code), &self.authenticator)
        else {
            return told;
        };
        let refused = RefusedAccess {
            subject,
            origin,
            told: &told,
        };
        match authenticator.note_refused(refused).await {
            Ok(()) => told,
            Err(error) => error.into(),
        }
    }

    /// Who asks, from the head of what they sent.
    async fn subject(
        &self,
        headers: &HeaderMap,
        extensions: &axum::http::Extensions,
    ) -> Result<Subject, Problem> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(Subject::local());
        };
        let shown = bearer(headers)?.to_owned();
        let origin = RequestOrigin::of(extensions, headers);
        let known = authenticator.authenticate(&shown, &origin).await;
        known.map_err(|error| match error {
            Unauthenticated::Refused => {
                let detail = "the token or key is not valid, or not any more";
                Problem::new(ProblemCode::Unauthenticated, detail)
            }
            Unauthenticated::Failed(error) => error.into(),
        })
    }
}

impl<S: Send + Sync, A: Access> FromRequestParts<S> for Allowed<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Allowed<A>, Problem> {
        let gate = parts.extensions.get::<Gate>().cloned();
        let gate = gate.ok_or_else(ungated)?;
        let subject = gate.subject(&parts.headers, &parts.extensions).await?;
        Allowed::decide(subject, parts, state, gate.clock.now()).await
    }
}

impl<A: Access> Allowed<A> {
    /// Whether somebody may do this, of whom it was found out who they are.
    pub(crate) async fn decide<S: Send + Sync>(
        subject: Subject,
        parts: &mut Parts,
        state: &S,
        now: Ts,
    ) -> Result<Allowed<A>, Problem> {
        let path = path_parts(parts, state).await;
        let origin = RequestOrigin::of(&parts.extensions, &parts.headers);
        match check::<A>(&subject, &path, now) {
            Ok(resource) => Ok(Allowed {
                subject,
                action: A::ACTION,
                resource,
                origin,
                access: PhantomData,
            }),
            Err(told) => match parts.extensions.get::<Gate>().cloned() {
                Some(gate) => Err(gate.refuse(&subject, &origin, told).await),
                None => Err(told),
            },
        }
    }
}

/// Whether a call over gRPC may do this, whose message names these parts; returns who calls. A service that showed its certificate, or
/// that is of this process, is a viewer of everything; others show a token or key in the metadata `authorization`, as over HTTP.
///
/// # Errors
/// The status of [`ProblemCode::Unauthenticated`] or [`ProblemCode::Forbidden`].
pub async fn allow_call<A: Access>(
    (metadata, extensions): (&MetadataMap, &Extensions),
    path: &PathParts,
) -> Result<Subject, Status> {
    let gate = extensions.get::<Gate>();
    let subject = match (extensions.get::<Caller>(), gate) {
        (Some(caller), _) => Subject::service(caller.id().name()),
        (None, Some(gate)) => {
            let headers = metadata.clone().into_headers();
            gate.subject(&headers, &axum::http::Extensions::new())
                .await?
        }
        (None, None) => return Err(ungated().into()),
    };
    let now = gate.map_or(Ts(0), |gate| gate.clock.now());
    match (check::<A>(&subject, path, now), gate) {
        (Ok(_), _) => Ok(subject),
        (Err(told), Some(gate)) => {
            let headers = metadata.clone().into_headers();
            let origin = RequestOrigin::of(&axum::http::Extensions::new(), &headers);
            Err(gate.refuse(&subject, &origin, told).await.into())
        }
        (Err(told), None) => Err(told.into()),
    }
}

/// The one decision; returns on what.
fn check<A: Access>(subject: &Subject, path: &PathParts, now: Ts) -> Result<String, Problem> {
    if path.parts.iter().any(|(_, part)| !is_name(part)) {
        let detail = "there is nothing of such a name";
        return Err(Problem::new(ProblemCode::NotFound, detail));
    }
    let resource = A::resource(path, subject);
    let decision = if A::ENROLS {
        decide_enrolment(subject, A::ACTION, &resource, now)
    } else {
        decide(subject, A::ACTION, &resource, now)
    };
    match decision.refusal(A::ACTION, &resource) {
        Some(problem) => Err(problem),
        None => Ok(resource),
    }
}

impl Decision {
    /// What whoever asked is told, if it may not be done.
    #[must_use]
    pub fn refusal(&self, action: &str, resource: &str) -> Option<Problem> {
        let code = match (self.allow, &self.because) {
            (true, _) => return None,
            (false, Because::SecondFactorDemanded) => ProblemCode::SecondFactorDemanded,
            (false, _) => ProblemCode::Forbidden,
        };
        let detail = format!("{action} on {resource}: {}", self.because);
        Some(Problem::new(code, detail))
    }
}

/// Whether a part of a path can be the name of one thing. In a page it becomes part of where a form goes, which has to be where it says.
fn is_name(part: &str) -> bool {
    let leads_elsewhere = part.contains(['/', '\\']) || part == "." || part == "..";
    !leads_elsewhere && !part.chars().any(char::is_control)
}

fn ungated() -> Problem {
    Problem::internal("a request came by no gate".to_owned())
}

/// The token or key that a request shows: `Authorization: Bearer …`, once (RFC 6750, section 2.1).
///
/// # Errors
/// [`ProblemCode::Unauthenticated`] if there is none, or more than one.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let refused = |detail: &str| Problem::new(ProblemCode::Unauthenticated, detail);
    let Some(first) = shown.next() else {
        return Err(refused("expected a header `Authorization: Bearer TOKEN`"));
    };
    if shown.next().is_some() {
        return Err(refused(
            "expected one header `Authorization`, found several",
        ));
    }
    let text = first.to_str().unwrap_or("");
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(refused("expected a header `Authorization: Bearer TOKEN`"));
    }
    Ok(token.trim())
}

async fn path_parts<S: Send + Sync>(parts: &mut Parts, state: &S) -> PathParts {
    // A path without parts has none.
    let found = RawPathParams::from_request_parts(parts, state).await;
    let parts = found.map(|found| {
        let part = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        found.iter().map(part).collect()
    });
    PathParts {
        parts: parts.unwrap_or_default(),
    }
}
