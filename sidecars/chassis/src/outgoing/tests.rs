//! Requests to real sockets: of hosts that are slow, endless, that lie, lead elsewhere, or fail.

use super::*;
use axum::http::Method;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tickloom_types::Ts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

mod secure;

const BEGIN: Ts = Ts(1_700_000_000_000_000_000);
/// After this much waiting a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host that answers the first connection with the first text, and so on, the last one for ever; it keeps what it was asked.
struct Host {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    async fn start(answers: &[&str]) -> Host {
        let answers: Vec<Vec<u8>> = answers
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        Host::with(answers, "").await
    }

    /// One that goes on with `endless` after its answer until nobody reads.
    async fn with(answers: Vec<Vec<u8>>, endless: &'static str) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, count) = (Arc::clone(&asked), AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                let (answer, seen) = (answers[number].clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let head = head(&mut stream).await;
                    seen.lock().unwrap().push(head);
                    drop(stream.write_all(&answer).await);
                    while !endless.is_empty() && stream.write_all(endless.as_bytes()).await.is_ok()
                    {
                    }
                });
            }
        });
        Host { address, asked }
    }

    /// One that takes connections and says nothing.
    async fn silent() -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                kept.push(listener.accept().await.unwrap());
            }
        });
        let asked = Arc::default();
        Host { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/secret?token=secret", self.address)
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            break;
        };
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn answer(head: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// One that may reach loopback.
fn outgoing() -> Outgoing {
    allowing(&["127.0.0.1"])
}

fn allowing(allow: &[&str]) -> Outgoing {
    let config = OutgoingConfig {
        allow: allow.iter().map(|text| (*text).to_owned()).collect(),
        trust: None,
    };
    Outgoing::new(&config, Clock::standing(BEGIN)).unwrap()
}

/// One for which every name has these addresses, one list after the other.
fn resolving(allow: &[&str], script: &[&[&str]]) -> Outgoing {
    let config = OutgoingConfig {
        allow: allow.iter().map(|text| (*text).to_owned()).collect(),
        trust: None,
    };
    let list = |texts: &&[&str]| -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let script: VecDeque<Vec<IpAddr>> = script.iter().map(list).collect();
    let resolver = Resolver::Script(Arc::new(Mutex::new(script)));
    Outgoing::with_resolver(&config, Clock::standing(BEGIN), resolver).unwrap()
}

fn get(url: &str) -> OutgoingRequest {
    OutgoingRequest::get("test", url).unwrap().within(PATIENCE)
}

fn once(url: &str) -> OutgoingRequest {
    OutgoingRequest::form("test", url, &[("a", "b&c")])
        .unwrap()
        .within(PATIENCE)
}

fn found(outgoing: &Outgoing) -> Vec<(&'static str, u64)> {
    let by = outgoing.shared.counts.by();
    by.into_iter()
        .map(|((_, outcome), count)| (outcome, count))
        .collect()
}

#[tokio::test]
async fn an_answer_comes_whole_and_is_counted() {
    let host = Host::start(&[&ok(r#"{"a": 1}"#)]).await;
    let outgoing = outgoing();
    let request = get(&host.url()).with_basic("user", "password").unwrap();
    assert!(!format!("{request:?}").contains("secret"));
    let answer = outgoing.send(&request).await.unwrap();
    assert_eq!(
        answer.json::<serde_json::Value>().unwrap(),
        serde_json::json!({"a": 1})
    );
    assert_eq!(found(&outgoing), [("2xx", 1)]);
    let asked = host.asked.lock().unwrap()[0].to_lowercase();
    assert!(
        asked.starts_with("get /secret?token=secret http/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains(&format!("host: {}\r\n", host.address)),
        "{asked}"
    );
    assert!(
        asked.contains("authorization: basic dxnlcjpwyxnzd29yza==\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("accept-encoding"), "{asked}");
}

#[tokio::test]
async fn no_spelling_of_an_address_inside_is_asked() {
    // Nobody is asked whether or not somebody is there: what is refused is the address.
    let outgoing = allowing(&[]);
    for (host, why) in [
        ("127.0.0.1", "loopback"),
        ("0x7f.1", "loopback"),
        ("0x7f000001", "loopback"),
        ("2130706433", "loopback"),
        ("0177.0.0.1", "loopback"),
        ("127.1", "loopback"),
        ("127.0.0.1.", "loopback"),
        ("①②⑦.⓪.⓪.①", "loopback"),
        ("%31%32%37.0.0.1", "loopback"),
        ("[::1]", "loopback"),
        ("[::ffff:7f00:1]", "loopback"),
        ("[0:0:0:0:0:ffff:127.0.0.1]", "loopback"),
        ("[64:ff9b::10.0.0.1]", "private"),
        ("[2002:7f00:1::]", "6to4"),
        ("0", "this network"),
        ("169.254.169.254", "for a cloud's own machines"),
        ("0xa9fea9fe", "for a cloud's own machines"),
        ("10.0.0.1", "private"),
        ("localhost", "loopback"),
    ] {
        let error = outgoing
            .send(&get(&format!("https://{host}/")))
            .await
            .unwrap_err();
        let OutgoingError::Address { why: found, .. } = &error else {
            panic!("{host}: {error:?}");
        };
        assert_eq!(*found, why, "{host}");
    }
    assert_eq!(outgoing.shared.breakers.open("test"), 0);
}

#[tokio::test]
async fn a_name_is_good_for_the_address_that_is_connected_to() {
    let host = Host::start(&[&ok("x")]).await;
    let url = format!("http://id.example.com:{}/", host.address.port());
    // A name server that says something else the second time changes nothing: there is one look-up for one connection.
    let rebinding = resolving(&["id.example.com"], &[&["127.0.0.1"], &["10.0.0.1"]]);
    assert!(rebinding.send(&get(&url)).await.unwrap().is_success());
    // Public the first time, and inside when it is connected to: there is nothing between.
    let inside = resolving(&[], &[&["127.0.0.1"]]);
    let url = url.replace("http:", "https:");
    let error = inside.send(&get(&url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            OutgoingError::Address {
                why: "loopback",
                ..
            }
        ),
        "{error:?}"
    );
    // One address among good ones is a reason to trust none of them.
    let mixed = resolving(&[], &[&["1.1.1.1", "::ffff:192.168.0.1"]]);
    let error = mixed.send(&get(&url)).await.unwrap_err();
    assert!(
        matches!(error, OutgoingError::Address { why: "private", .. }),
        "{error:?}"
    );
    let nowhere = resolving(&[], &[&[]]);
    let error = nowhere.send(&get(&url)).await.unwrap_err();
    assert!(
        matches!(error, OutgoingError::Unresolved { .. }),
        "{error:?}"
    );
    assert_eq!(host.count(), 1);
}

#[tokio::test]
async fn plain_text_is_for_hosts_that_are_named() {
    let host = Host::start(&[&ok("x")]).await;
    for (allow, is_asked) in [
        (vec![], false),
        (vec!["localhost".to_owned()], false),
        (
            vec![format!("127.0.0.1:{}", host.address.port() ^ 1)],
            false,
        ),
        (vec![host.address.to_string()], true),
        (vec!["127.0.0.0/8".to_owned()], true),
    ] {
        let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
        let answered = allowing(&allow).send(&get(&host.url())).await;
        match answered {
            Ok(_) => assert!(is_asked, "{allow:?}"),
            Err(error) => {
                assert!(
                    !is_asked && matches!(error, OutgoingError::Url { .. }),
                    "{error:?}"
                );
            }
        }
    }
    assert_eq!(host.count(), 2);
}

#[test]
fn what_is_no_url_to_ask_is_refused_without_being_repeated() {
    for url in [
        "",
        "secret",
        "file:///secret",
        "ftp://secret/",
        "https://",
        "https://user:secret@example.com/",
        "https://secret@example.com/",
        "https://example.com:0/secret",
        "https://[::1/secret",
        "https://exa mple.com/secret",
    ] {
        let error = OutgoingRequest::get("test", url).unwrap_err();
        assert!(
            matches!(error, OutgoingError::Url { .. }),
            "{url}: {error:?}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let long = format!("https://example.com/{}", "a".repeat(4096));
    assert!(OutgoingRequest::get("test", &long).is_err());
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_judged_each_time() {
    let target = Host::start(&[&ok("there")]).await;
    let to = |url: &str| answer(&format!("302 Found\r\nlocation: {url}"));
    let inside = format!("http://127.0.0.2:{}/", target.address.port());
    for (location, expected) in [
        (format!("{}#part", target.url()), Ok("there")),
        (inside, Err("only hosts may be")),
        (
            "https://169.254.169.254/latest".to_owned(),
            Err("for a cloud's own machines"),
        ),
        ("https://[::ffff:10.0.0.1]/".to_owned(), Err("private")),
        (
            "file:///etc/passwd".to_owned(),
            Err("to what cannot be asked"),
        ),
        (
            "http://user:secret@127.0.0.1/".to_owned(),
            Err("to what cannot be asked"),
        ),
        ("/again".to_owned(), Err("too often")),
    ] {
        let host = Host::start(&[&to(&location)]).await;
        let request = get(&host.url())
            .with_header(header::COOKIE, "secret")
            .unwrap();
        let answered = outgoing().send(&request).await;
        match (answered, expected) {
            (Ok(answer), Ok(body)) => assert_eq!(answer.body, body),
            (Err(error), Err(words)) => {
                let error = error.to_string();
                assert!(
                    error.contains(words) && !error.contains("secret"),
                    "{location}: {error}"
                );
            }
            (answered, _) => panic!("{location}: {answered:?}"),
        }
    }
    // What was for the first host does not go to the second.
    let asked = target.asked.lock().unwrap();
    assert!(
        asked.len() == 1 && !asked[0].to_lowercase().contains("cookie"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn what_is_posted_is_sent_once_and_follows_nothing() {
    let host = Host::start(&[&answer("307 Temporary Redirect\r\nlocation: /x")]).await;
    let answered = outgoing().send(&once(&host.url())).await.unwrap();
    assert_eq!(answered.status, 307);
    let failing = Host::start(&[&answer("503 Service Unavailable\r\nretry-after: 0")]).await;
    let request = once(&failing.url());
    assert_eq!(
        (request.method.clone(), &request.body[..]),
        (Method::POST, &b"a=b%26c"[..])
    );
    assert_eq!(outgoing().send(&request).await.unwrap().status, 503);
    assert_eq!((host.count(), failing.count()), (1, 1));
    // Unless whoever asks knows that it does no harm.
    assert_eq!(
        outgoing().send(&request.repeatable()).await.unwrap().status,
        503
    );
    assert_eq!(failing.count(), 4);
}

#[tokio::test]
async fn another_attempt_is_made_when_the_host_wants_it_and_there_is_time() {
    let again = answer("503 Service Unavailable\r\nretry-after: 0");
    let host = Host::start(&[&again, &again, &ok("now")]).await;
    assert_eq!(
        outgoing().send(&get(&host.url())).await.unwrap().body,
        "now"
    );
    assert_eq!(host.count(), 3);
    let failing = Host::start(&[&answer("500 Internal Server Error")]).await;
    assert_eq!(
        outgoing().send(&get(&failing.url())).await.unwrap().status,
        500
    );
    assert_eq!(failing.count(), 3);
    // It does not wait for what comes after its time.
    let later = Host::start(&[&answer("429 Too Many Requests\r\nretry-after: 3600")]).await;
    assert_eq!(
        outgoing().send(&get(&later.url())).await.unwrap().status,
        429
    );
    assert_eq!(later.count(), 1);
    let wrong = Host::start(&[&answer("404 Not Found")]).await;
    assert_eq!(
        outgoing().send(&get(&wrong.url())).await.unwrap().status,
        404
    );
    assert_eq!(wrong.count(), 1);
    // A connection that ends without a word is tried again too.
    let mute = Host::start(&["", &ok("now")]).await;
    assert_eq!(
        outgoing().send(&get(&mute.url())).await.unwrap().body,
        "now"
    );
}

#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let endless = format!("{head}transfer-encoding: chunked\r\n\r\n");
    for (text, more) in [
        (format!("{head}\r\n"), "x"),
        (endless, "5\r\nxxxxx\r\n"),
        (format!("{head}content-length: 1001\r\n\r\n"), ""),
        (format!("{head}content-length: 1000000000000\r\n\r\n"), "x"),
    ] {
        let host = Host::with(vec![text.clone().into_bytes()], more).await;
        let error = outgoing()
            .send(&get(&host.url()).at_most(1000))
            .await
            .unwrap_err();
        let address = host.address.to_string();
        assert_eq!(
            error,
            OutgoingError::TooLong {
                host: address,
                bytes: 1000
            },
            "{text}"
        );
    }
    // Exactly as long as may be.
    let host = Host::start(&[&ok(&"x".repeat(1000))]).await;
    let answer = outgoing()
        .send(&get(&host.url()).at_most(1000))
        .await
        .unwrap();
    assert_eq!(answer.body.len(), 1000);
    // A head without end, and one with too many lines.
    for (begin, more) in [
        ("HTTP/1.1 200 OK\r\nx: ", "x"),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
    ] {
        let host = Host::with(vec![begin.as_bytes().to_vec()], more).await;
        let error = outgoing().send(&once(&host.url())).await.unwrap_err();
        assert!(
            matches!(error, OutgoingError::Connection { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_compressed_is_not_opened() {
    use std::io::Write as _;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let host = Host::with(vec![[head.as_bytes(), &bomb].concat()], "").await;
    let error = outgoing().send(&get(&host.url())).await.unwrap_err();
    assert_eq!(
        error,
        OutgoingError::Encoded {
            host: host.address.to_string()
        }
    );
}

#[tokio::test]
async fn what_is_slow_ends_when_its_time_is_over() {
    let within = Duration::from_millis(30);
    for host in [
        Host::silent().await,
        Host::start(&["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx"]).await,
    ] {
        let address = host.address.to_string();
        // The second closes after its first byte: that is no answer either.
        let error = outgoing()
            .send(&once(&host.url()).within(within))
            .await
            .unwrap_err();
        match error {
            OutgoingError::TimedOut { host, within: time } => {
                assert_eq!((host, time), (address, within));
            }
            OutgoingError::Connection { .. } => assert_eq!(host.count(), 1),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_whoever_asked() {
    let host = Host::silent().await;
    let outgoing = outgoing();
    let request = get(&host.url());
    let limit = Instant::now() + Duration::from_millis(30);
    let error = crate::deadline::until(limit, outgoing.send(&request))
        .await
        .unwrap_err();
    let OutgoingError::TimedOut { within, .. } = error else {
        panic!("{error:?}");
    };
    assert!(within <= Duration::from_millis(30));
    // Whoever waits so shortly says nothing of the host.
    for _ in 0..6 {
        let limit = Instant::now() + Duration::from_millis(1);
        let error = crate::deadline::until(limit, outgoing.send(&request))
            .await
            .unwrap_err();
        assert!(matches!(error, OutgoingError::TimedOut { .. }), "{error:?}");
    }
    assert_eq!(outgoing.shared.breakers.open("test"), 0);
}

#[tokio::test]
async fn a_host_that_fails_is_left_alone_and_tried_again_by_the_clock() {
    let mut answers = vec![answer("500 Internal Server Error"); 6];
    answers.push(ok("well"));
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    let host = Host::start(&answers).await;
    let outgoing = outgoing();
    let clock = outgoing.shared.clock.clone();
    let request = once(&host.url());
    for _ in 0..5 {
        assert_eq!(outgoing.send(&request).await.unwrap().status, 500);
    }
    let open = |seconds| OutgoingError::Open {
        host: host.address.to_string(),
        rest: Duration::from_secs(seconds),
    };
    assert_eq!(outgoing.send(&request).await.unwrap_err(), open(10));
    assert!(clock.advance_to(Ts(BEGIN.0 + 10_000_000_000)));
    assert_eq!(outgoing.send(&request).await.unwrap().status, 500);
    assert_eq!(outgoing.send(&request).await.unwrap_err(), open(20));
    assert!(clock.advance_to(Ts(BEGIN.0 + 30_000_000_000)));
    assert_eq!(outgoing.send(&request).await.unwrap().body, "well");
    assert_eq!(outgoing.send(&request).await.unwrap().body, "well");
    assert_eq!(host.count(), 8);
    assert_eq!(
        found(&outgoing),
        [("2xx", 2), ("5xx", 6), ("breaker_open", 2)]
    );
    let mut registry = prometheus_client::registry::Registry::default();
    // Copies are counted once.
    count_outgoing(&mut registry, [outgoing.clone(), outgoing].into_iter());
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    let line = r#"tickloom_outgoing_requests_total{about="test",outcome="5xx"} 6"#;
    assert!(page.contains(line), "{page}");
    assert!(
        page.contains(r#"tickloom_outgoing_open{about="test"} 0"#),
        "{page}"
    );
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    for text in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let host = Host::start(&[text]).await;
        let error = outgoing().send(&once(&host.url())).await.unwrap_err();
        assert!(
            matches!(error, OutgoingError::Connection { .. }),
            "{text}: {error:?}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let host = Host::start(&[&ok("secret")]).await;
    let answer = outgoing().send(&get(&host.url())).await.unwrap();
    let error = answer.json::<serde_json::Value>().unwrap_err().to_string();
    assert!(
        error.contains("line 1, column 1") && !error.contains("secret"),
        "{error}"
    );
    assert!(!format!("{answer:?}").contains("secret"));
}
