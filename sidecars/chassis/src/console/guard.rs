//! The door of a page: who is not signed in is sent to sign in, and comes back.

use super::visitor::Visitor;
use crate::access::{Access, Allowed, Subject};
use crate::problem::{Problem, ProblemCode};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// Somebody who is signed in in this browser. Who is not is sent to sign in, and comes back to the page.
#[derive(Debug)]
pub struct SignedIn {
    /// Who, as pages need it.
    pub visitor: Visitor,
    /// Who, for what they may do.
    pub subject: Subject,
}

/// The same for pages on which one authenticates or sets up a second factor: who lacks one that is demanded gets to these alone.
#[derive(Debug)]
pub struct Enrolling(pub SignedIn);

/// Somebody who is signed in in this browser, and who may do this: it was decided as for the API.
#[derive(Debug)]
pub struct PageAllowed<A> {
    /// Who, as pages need it.
    pub visitor: Visitor,
    /// Who, and what was allowed.
    pub allowed: Allowed<A>,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<SignedIn, Response> {
        let Enrolling(signed_in) = Enrolling::from_request_parts(parts, state).await?;
        if signed_in.subject.lacks_second_factor {
            // The frame sends them to where one is set up.
            let detail = "a second factor is demanded of the account, which has none";
            let problem = Problem::new(ProblemCode::SecondFactorDemanded, detail);
            return Err(problem.into_response());
        }
        Ok(signed_in)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Enrolling {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Enrolling, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        match visitor.subject.clone() {
            Some(subject) => Ok(Enrolling(SignedIn { visitor, subject })),
            // The frame sends them to where one signs in.
            None => {
                let problem = Problem::new(ProblemCode::Unauthenticated, "nobody is signed in");
                Err(problem.into_response())
            }
        }
    }
}

impl<S: Send + Sync, A: Access> FromRequestParts<S> for PageAllowed<A> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PageAllowed<A>, Response> {
        let Enrolling(SignedIn { visitor, subject }) =
            Enrolling::from_request_parts(parts, state).await?;
        let allowed = Allowed::decide(subject, parts, state, visitor.now).await;
        let allowed = allowed.map_err(IntoResponse::into_response)?;
        Ok(PageAllowed { visitor, allowed })
    }
}
