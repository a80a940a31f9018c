//! How the document of an API names the problems that each of its operations may answer with.

use super::{Problem, ProblemCode};
use crate::header_docs::with_header;
use std::collections::BTreeMap;
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// Status, name and meaning of what is answered if it is not done.
const RESPONSES: [(&str, &str, &str); 2] = [
    (
        "4XX",
        "RequestProblem",
        "The request is wrong or not allowed",
    ),
    ("5XX", "ServiceProblem", "The service cannot do it now"),
];

/// Headers of problems.
const HEADERS: [(&str, &str); 3] = [
    (
        "Retry-After",
        "Seconds after which it may be tried again, with 429 and 503",
    ),
    (
        "WWW-Authenticate",
        "How one says who one is, with 401 (RFC 6750)",
    ),
    ("X-Request-Id", "What the request is called in logs"),
];

/// For `responses(…)` of an operation: a [`Problem`] with a status of 4xx or 5xx.
#[derive(Clone, Copy, Debug)]
pub enum Problems {}

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let named = RESPONSES.map(|(status, name, _)| {
            let response = RefOr::Ref(Ref::from_response_name(name));
            (status.to_owned(), response)
        });
        named.into()
    }
}

/// What the operations of every service refer to.
pub(crate) fn components() -> Components {
    let mut components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .schema(<ProblemCode as ToSchema>::name(), ProblemCode::schema());
    for (_, name, meaning) in RESPONSES {
        let problem = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new()
            .description(meaning)
            .content("application/problem+json", content);
        let mut response = response.build();
        for (header, about) in HEADERS {
            with_header(&mut response, header, about);
        }
        components = components.response(name, response);
    }
    components.build()
}
