//! What an object store's refusal means, in one line: its servers answer in XML, and a lost connection hides at the end of a
//! chain of causes.

use std::error::Error;

/// The reason within an error, short and with what can be done.
pub(super) fn reason(error: &object_store::Error) -> String {
    let text = chain(error);
    let code = between(&text, "<Code>", "</Code>");
    let advice = match (error, code) {
        (_, Some("NoSuchBucket")) => "there is no such bucket",
        (_, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken"))
        | (object_store::Error::Unauthenticated { .. }, _) => {
            "the credentials are wrong; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        (object_store::Error::PermissionDenied { .. }, _) => {
            "these credentials may not do that; check AWS_ACCESS_KEY_ID and the bucket's policy"
        }
        (object_store::Error::NotFound { .. }, _) => "it is not there",
        _ => return last_cause(error),
    };
    match code {
        Some(code) => format!("{advice} ({code})"),
        None => advice.to_owned(),
    }
}

/// The error and all of its causes.
fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

fn last_cause(error: &object_store::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string().replace('\n', " ")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn refusals_are_told_in_one_line() {
        let answer = "403: <?xml?><Error><Code>InvalidAccessKeyId</Code><Message>The AWS \
                      Access Key Id you provided does not exist</Message></Error>";
        let error = object_store::Error::PermissionDenied {
            path: "a".to_owned(),
            source: answer.into(),
        };
        assert_eq!(
            reason(&error),
            "the credentials are wrong; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (InvalidAccessKeyId)"
        );
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(io::Error::other("connection refused")),
        };
        assert_eq!(reason(&error), "connection refused");
    }
}
