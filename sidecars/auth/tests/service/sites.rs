//! Sites behind a proxy that asks who is there; with a real nginx too, run with the configuration of docs/forward-auth.md.

use crate::browser::Browser;
use crate::client::{Client, PROXY, Reply};
use crate::postgres::ports::Port;
use crate::{ADA, BEGIN, ISSUER, PASSWORD, PATIENCE, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;
use tickloom_chassis::{Clock, Place};

const SITE: &str = "https://app.example.com";
const ASK: &str = "/auth/forward/auth-request";
const COOKIE: &str = "__Host-tickloom-site";
const STATE: &str = "__Host-tickloom-site-state";
const PAGE: &str = include_str!("../../../../docs/forward-auth.md");

fn start(place: &Place) -> (Served, Value) {
    let served = Served::with(place, Clock::standing(BEGIN), |config| {
        config.sites = [SITE, "https://other.example.com"]
            .map(str::to_owned)
            .into();
    });
    served.set_up(&served.setup_link()).is(200);
    let ada = served.sign_in(ADA, PASSWORD);
    (served, ada)
}

/// What a proxy in front of a site hands on.
fn through(served: &Served, host: &str, path: &str, more: &[(&str, &str)]) -> Reply {
    let head = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", host)];
    let (method, head) = ("GET", [&head, more].concat());
    served
        .client
        .as_proxy()
        .send_text((method, path), &head, "")
}

fn at_site(served: &Served, path: &str, more: &[(&str, &str)]) -> Reply {
    through(served, "app.example.com", path, more)
}

/// A cookie that an answer sets.
#[track_caller]
fn cookie(reply: &Reply, name: &str) -> String {
    let mut set = reply.head.iter().filter(|(key, _)| key == "set-cookie");
    let found = set.find_map(|(_, line)| line.strip_prefix(&format!("{name}=")));
    let line = found.unwrap_or_else(|| panic!("{reply:?}"));
    format!("{name}={}", line.split(';').next().unwrap())
}

#[track_caller]
fn location(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{}", reply.body);
    reply.header("location").unwrap().to_owned()
}

/// Begins at the site: what the browser keeps, and where it goes at auth.
fn begin(served: &Served, to: &str) -> (String, String) {
    let begun = at_site(served, &format!("/.tickloom/begin?to={to}"), &[]);
    let place = location(&begun, 303);
    let path = place.strip_prefix(ISSUER).unwrap().to_owned();
    (cookie(&begun, STATE), path)
}

/// Where a browser in which somebody is signed in comes back to.
#[track_caller]
fn ticket(browser: &mut Browser<'_>, path: &str) -> String {
    let place = location(&browser.get(path), 303);
    place.strip_prefix(SITE).unwrap().to_owned()
}

/// The cookie of somebody at the site.
fn entered(served: &Served, browser: &mut Browser<'_>) -> String {
    let (state, path) = begin(served, "/");
    let back = ticket(browser, &path);
    let entered = at_site(served, &back, &[("Cookie", &state)]);
    assert_eq!(location(&entered, 303), "/");
    cookie(&entered, COOKIE)
}

#[test]
fn a_browser_signs_in_for_a_site_and_the_proxy_is_told_who_is_there() {
    on_both(|place| {
        let (served, ada) = start(&place);
        let uri = ("X-Forwarded-Uri", "/x?a=b&c");
        let expected = format!("{SITE}/.tickloom/begin?to=%2Fx%3Fa%3Db%26c");
        assert_eq!(location(&at_site(&served, ASK, &[uri]), 401), expected);
        let forward = "/auth/forward/forward-auth";
        let html = ("Accept", "text/html,*/*");
        assert_eq!(
            location(&at_site(&served, forward, &[uri, html]), 302),
            expected
        );
        at_site(&served, forward, &[uri]).is(401);
        let post = ("X-Forwarded-Method", "POST");
        at_site(&served, forward, &[uri, html, post]).is(401);
        let (state, path) = begin(&served, "%2Fx%3Fa%3Db%26c");
        let mut browser = Browser::new(&served);
        let sign_in = location(&browser.get(&path), 303);
        assert!(sign_in.starts_with("/console/auth/sign-in?next=%2Fauth%2Fforward%2Fsign-in"));
        let next = path.as_str();
        let fields = [("email", ADA), ("password", PASSWORD), ("next", next)];
        // From a page, as it leads to another site.
        browser.fill(&sign_in, &fields).is(200);
        let back = ticket(&mut browser, &path);
        let entered = at_site(&served, &back, &[("Cookie", &state)]);
        assert_eq!(location(&entered, 303), "/x?a=b&c");
        let set: Vec<&str> = entered
            .head
            .iter()
            .filter(|(key, _)| key == "set-cookie")
            .map(|(_, line)| line.as_str())
            .collect();
        assert!(
            set[0].ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
            "{set:?}"
        );
        assert!(set[1].starts_with(&format!("{STATE}=;")), "{set:?}");
        let shown = cookie(&entered, COOKIE);
        for asked in [ASK, forward] {
            let told = at_site(&served, asked, &[("Cookie", &shown)]).is(200);
            assert_eq!(told.header("remote-user"), ada["account"].as_str());
            assert_eq!(told.header("remote-name"), Some("Ada"));
            // Nobody showed that it is hers.
            assert_eq!(told.header("remote-email"), None);
            assert_eq!(told.header("cache-control"), Some("no-store"));
        }
        // It opens this site and nothing else.
        let other = through(&served, "other.example.com", ASK, &[("Cookie", &shown)]);
        other.is(401);
        let secret = shown.split_once('=').unwrap().1;
        served
            .client
            .get("/auth/v1/accounts/me", Some(secret))
            .is(401);
        at_site(
            &served,
            ASK,
            &[("Authorization", &format!("Bearer {secret}"))],
        )
        .is(401);
        browser
            .cookies
            .insert("tickloom-session".to_owned(), secret.to_owned());
        browser.get("/console").is(303);
        // Nor is the console's own cookie one of the site.
        let console = Browser::signed_in(&served, ADA).cookies["tickloom-session"].clone();
        for name in [COOKIE, "tickloom-site", "tickloom-session"] {
            let cookie = format!("{name}={console}");
            at_site(&served, ASK, &[("Cookie", &cookie)]).is(401);
        }
    });
}

#[test]
fn nobody_is_led_to_another_site_or_into_one_as_somebody_else() {
    on_both(|place| {
        let (served, _) = start(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        for host in [
            "evil.example",
            "app.example.com.evil.example",
            "app.example.com:8443",
            "",
        ] {
            for path in [
                ASK,
                "/auth/forward/forward-auth",
                "/.tickloom/begin",
                "/.tickloom/finish",
            ] {
                let reply = through(&served, host, path, &[]).is(403);
                assert_eq!(reply.header("location"), None);
            }
        }
        served.client.get(ASK, None).is(403);
        let (state, path) = begin(&served, "/");
        for wrong in [
            path.replace("app.example.com", "evil.example"),
            path.replace("to=%2F", "to=https%3A%2F%2Fevil.example"),
            path.replace("to=%2F", "to=%2F%2Fevil.example"),
            path.replace("state=", "state=x"),
            path.split('&').next().unwrap().to_owned(),
        ] {
            let reply = browser.get(&wrong).is(400);
            assert_eq!(reply.header("location"), None, "{wrong}");
        }
        for to in [
            "https://evil.example",
            "//evil.example",
            "%2F%5Cevil.example",
            "%2Fa%23b",
        ] {
            let (_, path) = begin(&served, to);
            assert!(path.contains("&to=%2F&"), "{path}");
        }
        // A ticket is good once, at its site, in time, and for whoever began.
        let finish = |back: &str, state: &str| at_site(&served, back, &[("Cookie", state)]);
        let back = ticket(&mut browser, &path);
        location(&finish(&back, &state), 303);
        finish(&back, &state).is(422);
        let (stranger, _) = begin(&served, "/");
        for state in ["", "x=y", &stranger, &state.replace('=', "=A")] {
            let back = ticket(&mut browser, &path);
            finish(&back, state).is(422);
            // It was in wrong hands, and is gone.
            finish(&back, &stranger).is(422);
        }
        let back = ticket(&mut browser, &path);
        through(&served, "other.example.com", &back, &[("Cookie", &state)]).is(422);
        let back = ticket(&mut browser, &path);
        served.advance(60 * SECOND);
        finish(&back, &state).is(422);
        finish("/.tickloom/finish", &state).is(422);
        let to = ticket(&mut browser, &path).replace("to=%2F", "to=%2F%2Fevil.example");
        assert_eq!(location(&finish(&to, &state), 303), "/");
    });
}

#[test]
fn what_a_request_says_of_a_site_is_believed_of_a_named_proxy_alone() {
    on_both(|place| {
        let (served, ada) = start(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        let shown = entered(&served, &mut browser);
        let (state, path) = begin(&served, "/");
        let back = ticket(&mut browser, &path);
        let head = [
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "app.example.com"),
            ("X-Forwarded-Uri", "/"),
            ("X-Forwarded-For", PROXY),
            ("Cookie", &format!("{shown}; {state}")),
        ];
        let forward = "/auth/forward/forward-auth";
        for path in [ASK, forward, "/.tickloom/begin", &back] {
            // A program on this machine that is no proxy, with all that a proxy sends, and with nothing.
            for head in [&head[..], &head[..2], &[]] {
                let reply = served.client.send_text(("GET", path), head, "");
                let reply = reply.refused(403, "forbidden");
                assert!(text(&reply.json(), "detail").contains("`proxies`"));
                assert_eq!(reply.header("location"), None);
                assert_eq!(reply.header("remote-user"), None);
            }
        }
        // Nothing of it was used: the proxy is told who is there, and the ticket is good.
        let told = at_site(&served, ASK, &head[2..]).is(200);
        assert_eq!(told.header("remote-user"), ada["account"].as_str());
        location(&at_site(&served, &back, &head[3..]), 303);
    });
}

#[test]
fn a_ticket_of_a_session_that_is_over_by_the_clock_opens_nothing() {
    on_both(|place| {
        let (served, _) = start(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        let day = 86_400 * SECOND;
        for step in [6 * day, 6 * day, 6 * day, 6 * day, 6 * day - 30 * SECOND] {
            served.advance(step);
            browser.get("/console").is(200);
        }
        let (state, path) = begin(&served, "/");
        let (first, second) = (ticket(&mut browser, &path), ticket(&mut browser, &path));
        let finish = |back: &str| at_site(&served, back, &[("Cookie", &state)]);
        let entered = finish(&first);
        assert_eq!(location(&entered, 303), "/");
        let shown = cookie(&entered, COOKIE);
        at_site(&served, ASK, &[("Cookie", &shown)]).is(200);
        // The ticket is good for a minute, and the session for thirty days.
        served.advance(30 * SECOND);
        finish(&second).is(422);
        at_site(&served, ASK, &[("Cookie", &shown)]).is(401);
    });
}

#[test]
fn who_may_open_a_site_is_granted_and_ends_at_once() {
    on_both(|place| {
        let (served, ada) = start(&place);
        let bob = served.person(&ada, "bob@example.com");
        let mut browser = Browser::signed_in(&served, "bob@example.com");
        let (state, path) = begin(&served, "/");
        let page = browser.get(&path).is(403).body;
        assert!(page.contains("site.open on site/app.example.com"), "{page}");
        let grant = served.grant(&ada, &bob["account"], "site.open", "site/app.example.com");
        let back = ticket(&mut browser, &path);
        let shown = cookie(&at_site(&served, &back, &[("Cookie", &state)]), COOKIE);
        let asks = |cookie: &str| at_site(&served, ASK, &[("Cookie", cookie)]).status;
        assert_eq!(asks(&shown), 200);
        let account = text(&bob, "account");
        let path = format!("/auth/v1/accounts/{account}/grants/{grant}");
        served
            .client
            .delete(&path, Some(access_token(&ada)))
            .is(204);
        assert_eq!(asks(&shown), 403);
        served.grant(&ada, &bob["account"], "site.*", "site/*");
        assert_eq!(asks(&shown), 200);
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        assert_eq!(asks(&shown), 401);
        let shown = entered(&served, &mut Browser::signed_in(&served, "bob@example.com"));
        let suspend = format!("/auth/v1/accounts/{account}/suspend");
        served
            .client
            .post(&suspend, Some(access_token(&ada)), &Value::Null)
            .is(200);
        assert_eq!(asks(&shown), 401);
        let shown = entered(&served, &mut Browser::signed_in(&served, ADA));
        served.advance(7 * 86_400 * SECOND);
        assert_eq!(asks(&shown), 401);
        // Programs show keys and tokens, which are narrowed by their scopes.
        let ada = served.sign_in(ADA, PASSWORD);
        let key = |scopes: &[&str]| {
            let body = json!({"name": "k", "scopes": scopes});
            let made =
                served
                    .client
                    .post("/auth/v1/accounts/me/keys", Some(access_token(&ada)), &body);
            text(&made.is(201).json(), "secret").to_owned()
        };
        let shows = |secret: &str| {
            let head = format!("Bearer {secret}");
            at_site(&served, ASK, &[("Authorization", &head)]).status
        };
        assert_eq!(shows(&key(&["site.open"])), 200);
        // What is good for more, the application behind the site could do more with.
        for scopes in [
            &["run.read"][..],
            &["site.*"],
            &["*"],
            &["site.open", "run.read"],
        ] {
            assert_eq!(shows(&key(scopes)), 403, "{scopes:?}");
        }
        assert_eq!(shows(access_token(&ada)), 403);
        assert_eq!(shows("tlk_0"), 401);
    });
}

#[test]
fn who_enters_a_site_is_noted_and_stays_no_longer_than_their_session() {
    on_both(|place| {
        let (served, ada) = start(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        let asks = |cookie: &str| at_site(&served, ASK, &[("Cookie", cookie)]).status;
        let shown: Vec<String> = (0..21)
            .map(|_| {
                served.advance(SECOND);
                entered(&served, &mut browser)
            })
            .collect();
        // Of one session the newest twenty, and those of another session for themselves.
        let statuses: Vec<u16> = shown.iter().map(|cookie| asks(cookie)).collect();
        assert_eq!(statuses[0], 401);
        assert_eq!(statuses[1..], [200; 20]);
        let other = entered(&served, &mut Browser::signed_in(&served, ADA));
        assert_eq!((asks(&shown[1]), asks(&other)), (200, 200));
        let audit = "/auth/v1/audit?limit=1000";
        let audit = served.client.get(audit, Some(access_token(&ada)));
        let audit = audit.is(200).json();
        let entries = audit["items"].as_array().unwrap().iter();
        let entries: Vec<&Value> = entries
            .filter(|entry| entry["action"] == "site_entered")
            .collect();
        assert_eq!(entries.len(), 22);
        let account = text(&ada, "account");
        for entry in entries {
            assert_eq!(entry["actor"], format!("account/{account}"));
            assert_eq!(entry["resource"], "site/app.example.com");
            assert!(text(entry, "detail").contains("\"ses_"), "{entry}");
        }
        // A page that asks by itself, day and night, keeps no session.
        for _ in 0..6 {
            served.advance(86_400 * SECOND);
            assert_eq!(asks(&other), 200);
        }
        served.advance(86_400 * SECOND);
        assert_eq!(asks(&other), 401);
    });
}

/// nginx, while it lives.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Nginx {
    /// With the configuration of the page, between these ports; `None` where there is no nginx.
    fn start(folder: &Path, (own, auth, app): (&Port, u16, u16)) -> Option<Nginx> {
        let (_, server) = PAGE.split_once("```nginx\n").unwrap();
        let server = server.split("```").next().unwrap();
        let server = server
            .replace("127.0.0.1:8090", &own.address())
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{auth}"))
            .replace("127.0.0.1:3000", &format!("127.0.0.1:{app}"));
        let at = folder.display();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|name| format!("{name}_temp_path {at}/{name};"));
        let user = if is_root() { "user root;" } else { "" };
        let text = format!(
            "{user} daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
             http {{ access_log off; proxy_bind {PROXY}; {} \n{server}}}",
            paths.join(" ")
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let started = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.join("error.log"))
            .spawn();
        let mut nginx = Nginx(started.ok()?);
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(own.address()).is_err() {
            let said = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
            assert!(nginx.0.try_wait().unwrap().is_none(), "{said}");
            assert!(Instant::now() < until, "{said}");
            std::thread::yield_now();
        }
        Some(nginx)
    }
}

/// Whether whoever runs this is root: workers of nginx are somebody else then, who may not read the folder.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// An application that knows nobody, and answers with what it is told.
fn application() -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(&stream).lines();
            let Some(Ok(first)) = lines.next() else {
                return;
            };
            let head = lines.map(Result::unwrap);
            let mut told: Vec<String> = head
                .take_while(|line| !line.is_empty())
                .filter(|line| {
                    let name = line.split(':').next().unwrap().to_lowercase();
                    let is_told = ["authorization", "cookie", "x-forwarded-for"];
                    name.starts_with("remote") || is_told.contains(&name.as_str())
                })
                .collect();
            told.sort();
            let body = format!("{first}|{}", told.join(";"));
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nRemote-User: {}\r\nContent-Length: {}\r\n\r\n{body}",
                told.join(";"),
                body.len()
            )
            .unwrap();
        }
    });
    (port, thread)
}

/// Ends the thread of an application: a connection that says nothing does.
fn end((port, thread): (u16, std::thread::JoinHandle<()>)) {
    drop(TcpStream::connect(("127.0.0.1", port)));
    thread.join().unwrap();
}

/// Says that there is no nginx, which is a fault in CI.
fn without_nginx() {
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "there is no nginx");
    println!("skipped: there is no nginx (Debian's package `nginx`)");
}

/// What a browser sends to a host, of the cookies that it got from the console and from a site: it does not look at ports.
fn cookies_for(host: &str, console: &Browser<'_>, (site, own): (&str, &[&str])) -> String {
    let issuer = ISSUER.strip_prefix("http://").unwrap();
    let name = |host: &str| {
        host.rsplit_once(':')
            .map_or(host, |(name, _)| name)
            .to_owned()
    };
    let of_console = console.cookies.iter();
    let of_console = of_console.map(|(name, value)| format!("{name}={value}"));
    let mut sent: Vec<String> = Vec::new();
    if name(issuer) == name(host) {
        sent.extend(of_console);
    }
    if name(site) == name(host) {
        sent.extend(own.iter().map(|&cookie| cookie.to_owned()));
    }
    sent.join("; ")
}

#[test]
fn nginx_asks_with_the_configuration_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let own = Port::reserve();
    let (host, site) = (own.address(), format!("http://{}", own.address()));
    let served = Served::with(&place, Clock::standing(BEGIN), |config| {
        config.sites = vec![site.clone()];
    });
    served.set_up(&served.setup_link()).is(200);
    let ada = served.sign_in(ADA, PASSWORD);
    let app = application();
    let ports = (&own, served.client.port(), app.0);
    let Some(nginx) = Nginx::start(folder.path(), ports) else {
        end(app);
        return without_nginx();
    };
    let client = Client::new(own.address().parse().unwrap());
    let get = |path: &str, head: &[(&str, &str)]| {
        let head = [&[("Host", host.as_str())], head].concat();
        client.send_text(("GET", path), &head, "")
    };
    let away = get("/x?a=b", &[("Remote-User", "usr_evil")]);
    let begin = location(&away, 302);
    assert_eq!(begin, format!("{site}/.tickloom/begin?to=%2Fx%3Fa%3Db"));
    // Nobody asks in the place of the proxy.
    get("/.tickloom/ask", &[]).is(404);
    let begun = get(begin.strip_prefix(&site).unwrap(), &[]);
    let place = location(&begun, 303);
    let mut browser = Browser::signed_in(&served, ADA);
    let back = location(&browser.get(place.strip_prefix(ISSUER).unwrap()), 303);
    let state = cookie(&begun, "tickloom-site-state");
    let entered = get(back.strip_prefix(&site).unwrap(), &[("Cookie", &state)]);
    assert_eq!(location(&entered, 303), "/x?a=b");
    let shown = cookie(&entered, "tickloom-site");
    let of_site = (host.as_str(), &[shown.as_str(), "theme=dark"][..]);
    let sent = cookies_for(&host, &browser, of_site);
    let head = [
        ("Cookie", sent.as_str()),
        ("Remote-User", "usr_evil"),
        ("Remote-Email", "evil@example.com"),
        ("Remote_Email", "evil@example.com"),
        ("X-Forwarded-For", "203.0.113.7"),
    ];
    let reply = get("/x?a=b", &head).is(200);
    let account = text(&ada, "account");
    let expected = format!(
        "GET /x?a=b HTTP/1.0|Cookie: {shown}; theme=dark;Remote-Name: Ada;Remote-User: {account};X-Forwarded-For: 203.0.113.7"
    );
    assert_eq!(reply.body, expected);
    // The console's cookie is there, and is not sent to the host of the site.
    assert!(browser.cookies.contains_key("tickloom-session"));
    let body = json!({"name": "site", "scopes": ["site.open"]});
    let key = |tokens: &Value| {
        let keys = "/auth/v1/accounts/me/keys";
        let made = served.client.post(keys, Some(access_token(tokens)), &body);
        format!("Bearer {}", text(&made.is(201).json(), "secret"))
    };
    let reply = get("/", &[("Authorization", &key(&ada))]).is(200);
    let expected = format!("GET / HTTP/1.0|Remote-Name: Ada;Remote-User: {account}");
    assert_eq!(reply.body, expected);
    let bob = served.person(&ada, "bob@example.com");
    get("/", &[("Authorization", &key(&bob))]).is(403);
    let bearer = format!("Bearer {}", access_token(&ada));
    get("/", &[("Authorization", &bearer)]).is(403);
    let token = browser.token("/console");
    browser.post("/console/auth/sign-out", &token, &[]).is(303);
    let out = location(&get("/", &head), 302);
    assert_eq!(out, format!("{site}/.tickloom/begin?to=%2F"));
    drop(nginx);
    end(app);
}

#[test]
fn nginx_says_itself_for_whom_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let own = Port::reserve();
    // One that says what it is told in the place of auth.
    let (auth, app) = (application(), application());
    let Some(nginx) = Nginx::start(folder.path(), (&own, auth.0, app.0)) else {
        end(auth);
        end(app);
        return without_nginx();
    };
    let client = Client::new(own.address().parse().unwrap());
    let forged = [("X-Forwarded-For", "203.0.113.7")];
    let get = |path: &str| client.send_text(("GET", path), &forged, "").is(200).body;
    let expected = "GET /.tickloom/begin HTTP/1.0|X-Forwarded-For: 127.0.0.1";
    assert_eq!(get("/.tickloom/begin"), expected);
    // What auth was told it answers as who is there.
    let expected =
        "GET / HTTP/1.0|Remote-User: X-Forwarded-For: 127.0.0.1;X-Forwarded-For: 203.0.113.7";
    assert_eq!(get("/"), expected);
    drop(nginx);
    end(auth);
    end(app);
}

#[test]
fn auth_does_not_start_at_an_address_that_is_no_origin() {
    use tickloom_auth::Auth;
    use tickloom_chassis::{Clock, Place, Runner, Stop};
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for issuer in ["", "https://tickloom.example.com/#f"] {
        let (_told, stop) = Stop::new();
        let mut config = crate::config();
        config.issuer = issuer.to_owned();
        let started = Runner::start::<Auth>(&place, Clock::System, config, &stop);
        let refused = runtime.block_on(started).err().unwrap().to_string();
        assert!(refused.contains("`auth.issuer`"), "{refused}");
    }
}
