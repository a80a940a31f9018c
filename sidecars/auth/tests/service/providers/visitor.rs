//! What a browser does at a provider: it keeps cookies, and goes where it is sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use url::Url;

/// A browser without pages.
#[derive(Default)]
pub(super) struct Visitor {
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// The answer to a request: where it leads, or what it says.
    pub(super) fn ask(&mut self, url: &Url, form: Option<&str>) -> Result<Url, String> {
        let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let mut stream = TcpStream::connect(&address).unwrap();
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let (method, body) = form.map_or(("GET", ""), |form| ("POST", form));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        // Answers to HTTP 1.0 come in one piece.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nCookie: {}\r\nAccept: text/html\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It may close with a reset, once all was said.
        stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut leads = None;
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            match name.to_lowercase().as_str() {
                "set-cookie" => {
                    let pair = value.split(';').next().unwrap();
                    let (name, value) = pair.split_once('=').unwrap();
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                "location" => leads = Some(url.join(value).unwrap()),
                _ => {}
            }
        }
        leads.ok_or_else(|| body.to_owned())
    }

    /// Goes where it is sent until that is an address that begins so; `fill` says where a page's form goes, and what is filled in.
    pub(super) fn go(
        &mut self,
        url: &str,
        until: &str,
        fill: impl Fn(&Url, &str) -> (Url, String),
    ) -> Url {
        let mut at = Url::parse(url).unwrap();
        for _ in 0..20 {
            if at.as_str().starts_with(until) {
                return at;
            }
            match self.ask(&at, None) {
                Ok(next) => at = next,
                Err(page) => {
                    let (action, form) = fill(&at, &page);
                    let sent = self.ask(&action, Some(&form));
                    at = sent.unwrap_or_else(|page| panic!("{page}"));
                }
            }
        }
        panic!("it leads nowhere: {at}");
    }
}
