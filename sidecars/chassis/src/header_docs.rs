//! What the document of an API says of headers: of those that handlers read, as their extractors are named in `params(…)`, and of those
//! that come with answers because of it.

use crate::etag::{IfMatch, IfNoneMatch};
use crate::idempotency::Idempotent;
use utoipa::IntoParams;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, RefOr, Required, Response};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IF_MATCH: &str = "If-Match";
const IF_NONE_MATCH: &str = "If-None-Match";
/// `*`, or tags as RFC 9110 (section 8.8.3) writes them, with commas between them.
const TAGS: &str = r#"^(\*|(W/)?"[\x21\x23-\x7e]*"(, ?(W/)?"[\x21\x23-\x7e]*")*)$"#;
/// Visible characters of ASCII.
const VISIBLE: &str = r"^[\x21-\x7e]{1,255}$";

fn parameter(name: &str, pattern: &str, about: &str) -> Vec<Parameter> {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern));
    let built = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(text));
    vec![built.build()]
}

impl IntoParams for Idempotent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "What the caller calls this command: the same request under the same key is done once in 24 hours, and the first answer \
                     given again";
        parameter(IDEMPOTENCY_KEY, VISIBLE, about)
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The ETag of the thing that is to be changed, as it was read: if it is of another version, nothing is done";
        parameter(IF_MATCH, TAGS, about)
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about =
            "The ETag of the thing that the caller has: if it is the same still, the answer is 304";
        parameter(IF_NONE_MATCH, TAGS, about)
    }
}

/// Adds to a response that it has a header.
pub(crate) fn with_header(response: &mut Response, name: &str, about: &str) {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(about))
        .build();
    response.headers.insert(name.to_owned(), RefOr::T(header));
}

/// Says which headers come with answers, of every operation of a document.
pub(crate) fn describe(openapi: &mut OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        for operation in operations(item) {
            describe_operation(operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    all.into_iter().filter_map(Option::as_mut)
}

fn describe_operation(operation: &mut Operation) {
    let takes = |name: &str| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|parameter| matches!(parameter, RefOr::T(one) if one.name == name))
    };
    let (is_kept, is_read) = (takes(IDEMPOTENCY_KEY), takes(IF_NONE_MATCH));
    let has_version = is_read || takes(IF_MATCH);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if !status.starts_with('2') {
            continue;
        }
        let has_body = !response.content.is_empty();
        if has_version && has_body {
            with_header(response, "ETag", "The version of the thing: `\"ID.vN\"`");
        }
        if status == "201" && is_kept && has_body {
            let about = "Where the new thing is, if it has a path of its own";
            with_header(response, "Location", about);
        }
        if is_kept {
            let about = "`true` if this is the answer of before, given again";
            with_header(response, "Idempotent-Replayed", about);
        }
    }
    if is_read {
        let same = ResponseBuilder::new().description("The caller has this version");
        let mut same = same.build();
        with_header(&mut same, "ETag", "The version of the thing: `\"ID.vN\"`");
        let responses = &mut operation.responses.responses;
        responses.insert("304".to_owned(), RefOr::T(same));
    }
}
