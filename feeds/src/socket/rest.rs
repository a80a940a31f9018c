//! Requests for snapshots. A venue that sends a request elsewhere is not followed there.

use crate::limits;
use std::io::Read;
use std::time::Duration;

const REST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the venue answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    Body(Vec<u8>),
    /// Another status than success.
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
    /// It sent the request elsewhere, or round and round.
    Redirected(String),
}

/// The connection that an answer came over. It ends once the answer has been taken in, which a venue on this machine waits for.
pub(super) struct Held(ureq::Body);

impl Held {
    /// Ends it, or keeps it for the next request.
    pub(super) fn end(mut self) {
        // Everything was read, so that this finds the end. An error is one of a connection that is not needed any more.
        std::io::copy(&mut self.0.as_reader(), &mut std::io::sink()).ok();
    }
}

pub(super) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(REST_TIMEOUT))
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    config.new_agent()
}

/// Asks for this address, and follows redirects within its host and port.
///
/// # Errors
/// The venue cannot be reached, or does not answer in time or as it should.
pub(super) fn fetch(
    agent: &ureq::Agent,
    url: &str,
) -> Result<(Fetched, Option<Held>), ureq::Error> {
    let mut url = url.to_owned();
    for _ in 0..=limits::REDIRECTS_MAX {
        let response = agent.get(&url).call()?;
        let status = response.status();
        let header = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::trim)
        };
        if status.is_redirection() {
            let to = header("location").unwrap_or("");
            match same_place(&url, to) {
                Some(next) => url = next,
                None => return Ok((Fetched::Redirected(to.chars().take(100).collect()), None)),
            }
            continue;
        }
        if !status.is_success() {
            // It may be a date too, which no venue sends; that counts as none.
            let seconds = header("retry-after").and_then(|text| text.parse().ok());
            let refused = Fetched::Refused {
                status: status.as_u16(),
                retry_after: seconds.map(Duration::from_secs),
            };
            return Ok((refused, None));
        }
        let mut body = response.into_body();
        let length = body.content_length().and_then(|n| usize::try_from(n).ok());
        let bytes = match length.filter(|length| *length <= limits::REST_BYTES_MAX) {
            Some(length) => {
                // Not to its end, so that the connection is still there.
                let mut bytes = vec![0; length];
                body.as_reader().read_exact(&mut bytes)?;
                bytes
            }
            None => {
                let config = body.with_config();
                config.limit(limits::REST_BYTES_MAX as u64).read_to_vec()?
            }
        };
        return Ok((Fetched::Body(bytes), Some(Held(body))));
    }
    let round = Fetched::Redirected("one place after the other".to_owned());
    Ok((round, None))
}

/// The address that a redirect leads to, if it is at the same scheme, host and port.
fn same_place(from: &str, to: &str) -> Option<String> {
    let authority_at = from.find("//")? + 2;
    let place_end = from[authority_at..]
        .find(['/', '?', '#'])
        .map_or(from.len(), |at| authority_at + at);
    let place = &from[..place_end];
    if to.starts_with('/') && !to.starts_with("//") {
        return Some(format!("{place}{to}"));
    }
    let rest = to.strip_prefix(place)?;
    rest.starts_with(['/', '?']).then(|| to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// What is fetched from a server that gives these answers, one after the other.
    fn fetched(answers: Vec<String>) -> Fetched {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/depth", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut request = BufReader::new(&stream).lines();
                while request.next().unwrap().unwrap() != "" {}
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        let (fetched, _) = fetch(&agent(), &url).unwrap();
        server.join().unwrap();
        fetched
    }

    fn check(head: &str, expected: Fetched) {
        let answer =
            format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}");
        assert_eq!(fetched(vec![answer]), expected);
    }

    #[test]
    fn a_refusal_keeps_its_status_and_when_to_come_back() {
        let refused = |status, seconds: Option<u64>| Fetched::Refused {
            status,
            retry_after: seconds.map(Duration::from_secs),
        };
        check("429 Too Many\r\nRetry-After: 7", refused(429, Some(7)));
        check("418 Teapot", refused(418, None));
        check("429 Too Many\r\nRetry-After: soon", refused(429, None));
        check("200 OK", Fetched::Body(b"{}".to_vec()));
    }

    #[test]
    fn the_connection_is_there_until_the_answer_was_taken_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/depth", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = BufReader::new(&stream).lines();
            while request.next().unwrap().unwrap() != "" {}
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
            stream
        });
        let (fetched, held) = fetch(&agent(), &url).unwrap();
        assert_eq!(fetched, Fetched::Body(b"{}".to_vec()));
        let mut stream = server.join().unwrap();
        stream.set_nonblocking(true).unwrap();
        let early = stream.read(&mut [0]).unwrap_err();
        assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
        held.unwrap().end();
        stream.set_nonblocking(false).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_redirect_elsewhere_is_refused() {
        for elsewhere in [
            "http://127.0.0.2/depth",
            "http://127.0.0.1:1/depth",
            "https://example.com/",
            "//example.com/depth",
            "",
        ] {
            let head = format!("302 Found\r\nLocation: {elsewhere}");
            check(&head, Fetched::Redirected(elsewhere.to_owned()));
        }
    }

    #[test]
    fn a_redirect_to_the_same_place_is_followed_a_few_times() {
        let redirect = "HTTP/1.1 302 Found\r\nLocation: /other\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let body = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let answers = vec![redirect.to_owned(), redirect.to_owned(), body.to_owned()];
        assert_eq!(fetched(answers), Fetched::Body(b"{}".to_vec()));
        let for_ever = fetched(vec![redirect.to_owned(); 4]);
        assert_eq!(
            for_ever,
            Fetched::Redirected("one place after the other".to_owned())
        );
    }

    #[test]
    fn places_are_compared_whole() {
        let from = "http://h:80/depth?symbol=X";
        assert_eq!(same_place(from, "/a?b"), Some("http://h:80/a?b".to_owned()));
        assert_eq!(
            same_place(from, "http://h:80/a"),
            Some("http://h:80/a".to_owned())
        );
        for elsewhere in [
            "http://h:8080/a",
            "http://h:80.evil/a",
            "https://h:80/a",
            "http://h/a",
        ] {
            assert_eq!(same_place(from, elsewhere), None, "{elsewhere}");
        }
    }
}
