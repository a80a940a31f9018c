//! Statements and queries over the server's HTTP port: small answers as JSON, rows as a stream of CSV.

use super::QuestDbAddress;
use crate::{DataError, Result};
use csv::{Reader, ReaderBuilder};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Time in which a server that is there takes a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which the answer to a statement or query begins: a server that is busy with a large one takes its time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of an answer in JSON that are read.
const JSON_BYTES_MAX: u64 = 64 << 20;
/// Bytes of rows that are read: a page of the longest ones is a tenth of it.
const CSV_BYTES_MAX: u64 = 256 << 20;

/// A connection to ask over.
pub(super) struct Sql {
    agent: Agent,
    address: QuestDbAddress,
}

impl Sql {
    pub(super) fn new(address: &QuestDbAddress) -> Sql {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_recv_body(Some(ANSWER_TIMEOUT))
            .build();
        Sql {
            agent: Agent::new_with_config(config),
            address: address.clone(),
        }
    }

    pub(super) fn error(&self, message: impl ToString) -> DataError {
        DataError::QuestDb {
            address: self.address.to_string(),
            message: message.to_string(),
        }
    }

    /// Executes a statement or a query with a small answer: its rows.
    pub(super) fn exec(&self, text: &str) -> Result<Vec<Vec<Value>>> {
        let mut response = self.call("exec", text)?;
        let body = response.body_mut().with_config().limit(JSON_BYTES_MAX);
        let answer = body.read_to_string().map_err(|error| self.error(error))?;
        let mut answer: Value = serde_json::from_str(&answer).map_err(|_| {
            self.error(format!("an answer that is no JSON: {}", beginning(&answer)))
        })?;
        if let Some(message) = answer.get("error").and_then(Value::as_str) {
            return Err(self.error(message));
        }
        match answer.get_mut("dataset").map(Value::take) {
            None => Ok(Vec::new()),
            Some(rows) => serde_json::from_value(rows)
                .map_err(|_| self.error("rows that are no lists of values")),
        }
    }

    /// The rows of a query, read as they come.
    pub(super) fn rows(&self, query: &str) -> Result<Reader<impl Read + use<>>> {
        let response = self.call("exp", query)?;
        let is_csv = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("text/csv"));
        let is_ok = response.status().is_success();
        let mut body = response.into_body();
        if !is_ok || !is_csv {
            let answer = body.read_to_string().map_err(|error| self.error(error))?;
            let parsed: Option<Value> = serde_json::from_str(&answer).ok();
            let message = parsed.as_ref().and_then(|answer| answer.get("error"));
            let message = message.and_then(Value::as_str);
            return Err(self.error(message.unwrap_or(beginning(&answer))));
        }
        Ok(ReaderBuilder::new()
            .buffer_capacity(1 << 16)
            .from_reader(body.into_with_config().limit(CSV_BYTES_MAX).reader()))
    }

    fn call(&self, path: &str, query: &str) -> Result<Response<Body>> {
        let url = format!("{}/{path}", self.address.base());
        let mut request = self.agent.get(&url).query("query", query);
        if let Some(authorization) = self.address.authorization() {
            request = request.header("Authorization", authorization);
        }
        let response = request.call().map_err(|error| self.error(error))?;
        match response.status().as_u16() {
            401 | 403 => Err(self.error("name, password or token are refused")),
            _ => Ok(response),
        }
    }
}

/// A value of an answer as text.
pub(super) fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// A text in a statement.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// As much of an unexpected answer as an error may show.
fn beginning(answer: &str) -> &str {
    let end = answer.char_indices().nth(200).map(|(at, _)| at);
    &answer[..end.unwrap_or(answer.len())]
}
