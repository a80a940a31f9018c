//! Signing out: at the wish of an application, and applications that are told of it.

use super::code::{CALLBACK, address, exchange, parameter, settings};
use super::consent::{answer, field, leads_to, location};
use super::{App, claims};
use crate::browser::Browser;
use crate::client::Client;
use crate::{ADA, ISSUER, PATIENCE, SECOND, Served, access_token, on_both, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sqlx::Row;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

const OUT: &str = "https://chart.example/out";
const LOGOUT: &str = "/auth/oauth/logout";
const ANSWER: &str = "/console/auth/logout";
const DAY: i64 = 86_400 * SECOND;

/// The server of an application: it is told, and answers as it was told to.
struct Told {
    port: u16,
    tokens: Receiver<String>,
    statuses: Sender<u16>,
    thread: Option<JoinHandle<()>>,
}

impl Told {
    fn start() -> Told {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, tokens) = channel();
        let (statuses, answers) = channel();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(body) = read(&mut stream) else {
                    return;
                };
                let status: u16 = answers.try_recv().unwrap_or(200);
                let head = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                write!(stream, "HTTP/1.1 {status} X\r\n{head}").unwrap();
                drop(told.send(body));
            }
        });
        Told {
            port,
            tokens,
            statuses,
            thread: Some(thread),
        }
    }

    /// The next logout token.
    #[track_caller]
    fn next(&self) -> String {
        let body = self.tokens.recv_timeout(PATIENCE).unwrap();
        body.strip_prefix("logout_token=").unwrap().to_owned()
    }

    /// An application that is told here.
    fn app(&self, served: &Served, administrator: &Value) -> App {
        let mut registered = settings("confidential");
        registered["post_logout_redirect_uris"] = json!([OUT]);
        let uri = format!("http://127.0.0.1:{}/logout", self.port);
        registered["backchannel_logout_uri"] = json!(uri);
        App::new(served, administrator, &registered)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // A connection that says nothing ends the thread.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The body of a form that comes, or nothing.
fn read(stream: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).unwrap();
    if first.is_empty() {
        return None;
    }
    assert_eq!(first, "POST /logout HTTP/1.1\r\n");
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if let Some(kind) = line.strip_prefix("content-type: ") {
            assert_eq!(kind, "application/x-www-form-urlencoded");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    Some(String::from_utf8(body).unwrap())
}

/// A notice, as it is kept.
#[derive(Debug)]
struct Notice {
    state: String,
    last_answer: String,
    next_at: i64,
    attempts: i64,
    lease_until: i64,
}

/// All notices, in the order of what ended, once the last was attempted so often, each was, and what came of them was noted.
fn settled(served: &Served, attempts: i64) -> Vec<Notice> {
    let database = served.database();
    let until = Instant::now() + PATIENCE;
    loop {
        let rows = async {
            let words = "SELECT state, last_answer, next_at, attempts, lease_until, key FROM effect WHERE kind = 'logout_notice'";
            sqlx::query(words)
                .fetch_all(database.reader())
                .await
                .unwrap()
        };
        let notice = |row: &sqlx::any::AnyRow| Notice {
            state: row.get(0),
            last_answer: row.get(1),
            next_at: row.get(2),
            attempts: row.get(3),
            lease_until: row.get(4),
        };
        let mut rows = served.runtime.block_on(rows);
        let ended = |row: &sqlx::any::AnyRow| {
            let key: String = row.get(5);
            key.rsplit('/').next().unwrap().to_owned()
        };
        rows.sort_by_key(ended);
        let notices: Vec<Notice> = rows.iter().map(notice).collect();
        let last = notices.last().unwrap();
        let is_noted = |notice: &Notice| notice.attempts > 0 && notice.lease_until == 0;
        if last.attempts == attempts && notices.iter().all(is_noted) {
            return notices;
        }
        assert!(Instant::now() < until, "{notices:?}");
        std::thread::yield_now();
    }
}

/// Signs somebody in at an application, and returns their ID token.
fn log_in(browser: &mut Browser<'_>, app: &App, scope: &str) -> String {
    let reply = browser.get(&address(app, &[("scope", scope)]));
    let went = match reply.status {
        303 => location(&reply).to_owned(),
        _ => leads_to(&answer(browser, &reply.body, "allow")),
    };
    let code = parameter(&went, "code").unwrap_or_else(|| panic!("{went}"));
    let issued = exchange(browser.served, app, &code, &[]).is(200).json();
    text(&issued, "id_token").to_owned()
}

fn query(pairs: &[(&str, &str)]) -> String {
    format!("{LOGOUT}?{}", super::form(pairs))
}

fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/console").status == 200
}

/// What a logout token says; all but its id is known.
#[track_caller]
fn said(token: &str, (app, sub, sid): (&App, &str, &str), now: i64) -> String {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let head: Value = serde_json::from_slice(&head.unwrap()).unwrap();
    assert_eq!(head["typ"], "logout+jwt");
    let mut claims = claims(token);
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    let seconds = now / SECOND;
    let expected = json!({"iss": ISSUER, "aud": app.id, "sub": sub, "sid": sid, "iat": seconds, "exp": seconds + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    assert_eq!(claims, expected);
    jti.as_str().unwrap().to_owned()
}

/// Whose sessions end, and who ends them.
struct Ends<'a> {
    client: Client,
    app: &'a App,
    administrator: &'a str,
    /// A token of a session of the person that is there until the suspension.
    token: &'a str,
    session: &'a Value,
    /// The account, as a path.
    path: String,
}

const WAYS: [&str; 7] = [
    "signing out",
    "ended elsewhere",
    "what was allowed is taken back",
    "one approval is ended",
    "all others are ended",
    "suspension",
    "deletion",
];

impl Ends<'_> {
    /// The id of the last one of a list of the account that is not the session of the token.
    fn last(&self, list: &str) -> String {
        let path = format!("{}/{list}", self.path);
        let all = self.client.get(&path, Some(self.token)).is(200).json();
        let all = all["items"].as_array().unwrap().clone();
        let last = all.iter().rfind(|one| one["id"] != *self.session).unwrap();
        format!("{path}/{}", text(last, "id"))
    }

    fn end(&self, way: &str, browser: &mut Browser<'_>) {
        let (own, admin) = (Some(self.token), Some(self.administrator));
        let path = &self.path;
        let gone = |path: &str, token| drop(self.client.delete(path, token).is(204));
        match way {
            "signing out" => {
                let token = browser.token("/console");
                browser.post("/console/auth/sign-out", &token, &[]).is(303);
            }
            "ended elsewhere" => gone(&self.last("sessions"), own),
            "what was allowed is taken back" => {
                gone(&format!("{path}/applications/{}", self.app.id), own);
            }
            "one approval is ended" => gone(&self.last("authorisations"), own),
            "all others are ended" => gone(&format!("{path}/sessions"), own),
            "suspension" => {
                for what in ["suspend", "resume"] {
                    let path = format!("{path}/{what}");
                    self.client.post(&path, admin, &Value::Null).is(200);
                }
            }
            _ => gone(path, admin),
        }
    }
}

#[test]
fn an_application_is_told_of_the_end_of_a_session_however_it_ends() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let bob = served.person(&ada, "bob@example.com");
        let sub = text(&bob, "account");
        let ends = Ends {
            client: served.client,
            app: &app,
            administrator: access_token(&ada),
            token: access_token(&bob),
            session: &bob["session"],
            path: format!("/auth/v1/accounts/{sub}"),
        };
        let mut ids = Vec::new();
        for way in WAYS {
            let mut browser = Browser::signed_in(&served, "bob@example.com");
            let first = claims(&log_in(&mut browser, &app, "openid"));
            let again = claims(&log_in(&mut browser, &app, "openid offline_access"));
            // One session of ours is one to the application, also for what goes on without it.
            assert_eq!(first["sid"], again["sid"], "{way}");
            assert!(text(&first, "sid").starts_with("lgn_"));
            ends.end(way, &mut browser);
            let sid = text(&first, "sid");
            ids.push(said(&told.next(), (&app, sub, sid), served.clock.now().0));
            if way == "one approval is ended" {
                // The other one of the same login is another end.
                ends.end(way, &mut browser);
                ids.push(said(&told.next(), (&app, sub, sid), served.clock.now().0));
            }
            served.advance(SECOND);
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 8);
        // Each was told once, and nothing more is to be told.
        assert_eq!(settled(&served, 1).len(), 8);
        assert!(told.tokens.try_recv().is_err());
    });
}

#[test]
fn each_approval_that_ends_is_told_of_while_others_of_the_login_go_on() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let mut browser = Browser::signed_in(&served, ADA);
        let mut new = || {
            let asked = [("scope", "openid offline_access"), ("prompt", "consent")];
            let page = browser.get(&address(&app, &asked)).is(200).body;
            let went = leads_to(&answer(&mut browser, &page, "allow"));
            let code = parameter(&went, "code").unwrap();
            let issued = exchange(&served, &app, &code, &[]).is(200).json();
            let id = claims(access_token(&issued))["sid"].clone();
            (
                issued,
                format!(
                    "/auth/v1/accounts/me/authorisations/{}",
                    id.as_str().unwrap()
                ),
            )
        };
        let (first, second) = (new(), new());
        let sid = claims(text(&first.0, "id_token"))["sid"].clone();
        let end = |path: &str| served.client.delete(path, Some(access_token(&ada))).is(204);
        end(&first.1);
        assert_eq!(claims(&told.next())["sid"], sid);
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&second.0, "refresh_token")),
        ];
        let refreshed = app.send(&served, "token", &pairs).is(200).json();
        assert_eq!(claims(text(&refreshed, "id_token"))["sid"], sid);
        end(&second.1);
        assert_eq!(claims(&told.next())["sid"], sid);
        // That was the last of this login: a new one is another.
        let (third, _) = new();
        let third = claims(text(&third, "id_token"))["sid"].clone();
        assert_ne!(third, sid);
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        assert_eq!(claims(&told.next())["sid"], third);
        assert_eq!(settled(&served, 1).len(), 3);
    });
}

#[test]
fn an_application_that_gives_up_its_last_token_is_told_at_once_and_its_login_ends() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let mut browser = Browser::signed_in(&served, ADA);
        let mut new = || {
            let asked = [("scope", "openid offline_access"), ("prompt", "consent")];
            let page = browser.get(&address(&app, &asked)).is(200).body;
            let went = leads_to(&answer(&mut browser, &page, "allow"));
            let code = parameter(&went, "code").unwrap();
            exchange(&served, &app, &code, &[]).is(200).json()
        };
        let (first, second) = (new(), new());
        let sid = claims(text(&first, "id_token"))["sid"].clone();
        assert_eq!(claims(text(&second, "id_token"))["sid"], sid);
        let revoke = |issued: &Value| {
            let pairs = [("token", text(issued, "refresh_token"))];
            app.send(&served, "revoke", &pairs).is(200);
        };
        let logins = || super::bounds::rows(&served, "client_login");
        revoke(&first);
        // The other one goes on, and the person is signed in there.
        assert_eq!(logins(), 1);
        assert_eq!(
            super::bounds::rows(&served, "effect WHERE kind = 'logout_notice'"),
            0
        );
        revoke(&second);
        assert_eq!(logins(), 0);
        let jti = said(
            &told.next(),
            (&app, text(&ada, "account"), sid.as_str().unwrap()),
            served.clock.now().0,
        );
        assert!(!jti.is_empty());
        // Again it is no error, and nothing more is told, also when the session ends.
        revoke(&second);
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        assert_eq!(settled(&served, 1).len(), 1);
    });
}

#[test]
fn of_many_sessions_that_end_at_once_an_application_is_told_as_of_all() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let bob = served.person(&ada, "bob@example.com");
        let mut sids: Vec<Value> = (0..23)
            .map(|_| {
                let mut browser = Browser::signed_in(&served, "bob@example.com");
                claims(&log_in(&mut browser, &app, "openid"))["sid"].clone()
            })
            .collect();
        let others = "/auth/v1/accounts/me/sessions";
        served
            .client
            .delete(others, Some(access_token(&bob)))
            .is(204);
        let mut of_all = 0;
        for _ in 0..21 {
            let said = claims(&told.next());
            assert_eq!(said["sub"], bob["account"]);
            match said.get("sid") {
                Some(sid) => sids.retain(|other| other != sid),
                None => of_all += 1,
            }
        }
        // Twenty by name, and one for the three that were left.
        assert_eq!((sids.len(), of_all), (3, 1));
        assert_eq!(settled(&served, 1).len(), 21);
        // Once those are told, each is told of by name again.
        let mut browser = Browser::signed_in(&served, "bob@example.com");
        let sid = claims(&log_in(&mut browser, &app, "openid"))["sid"].clone();
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        assert_eq!(claims(&told.next())["sid"], sid);
    });
}

#[test]
fn an_application_that_never_answers_keeps_no_other_waiting() {
    on_both(|place| {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = mute.local_addr().unwrap().port();
        let (begun, asked) = channel();
        let thread = std::thread::spawn(move || {
            // What was asked is kept open, and never answered.
            let mut open = Vec::new();
            for stream in mute.incoming() {
                let mut stream = stream.unwrap();
                if read(&mut stream).is_none() {
                    return;
                }
                open.push(stream);
                begun.send(()).ok();
            }
        });
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        registered["backchannel_logout_uri"] = json!(format!("http://127.0.0.1:{port}/logout"));
        // Its id is the older one, so that its notices are the first that are due.
        let silent = App::new(&served, &ada, &registered);
        let app = told.app(&served, &ada);
        // The silent one is given up on after some seconds: one after another these would be a minute.
        const SESSIONS: usize = 12;
        let mut sids = Vec::new();
        for _ in 0..SESSIONS {
            let mut browser = Browser::signed_in(&served, ADA);
            log_in(&mut browser, &silent, "openid");
            sids.push(claims(&log_in(&mut browser, &app, "openid"))["sid"].clone());
        }
        let others = "/auth/v1/accounts/me/sessions";
        let token = Some(access_token(&ada));
        served.client.delete(others, token).is(204);
        asked.recv_timeout(PATIENCE).unwrap();
        for _ in 0..SESSIONS {
            let said = claims(&told.next());
            sids.retain(|sid| *sid != said["sid"]);
        }
        assert_eq!(sids, Vec::<Value>::new());
        // One after another the silent one would have been asked of all of them before anybody else was told of one.
        assert!(asked.try_iter().count() < SESSIONS - 1);
        drop(served);
        drop(TcpStream::connect(("127.0.0.1", port)));
        thread.join().unwrap();
    });
}

#[test]
fn an_application_is_told_of_a_session_that_nobody_went_on_with() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let mut browser = Browser::signed_in(&served, ADA);
        let sid = claims(&log_in(&mut browser, &app, "openid"))["sid"].clone();
        drop(browser);
        served.advance(7 * DAY);
        let served = served.again();
        let token = told.next();
        assert_eq!(claims(&token)["sid"], sid);
        // It lets nobody in, and is no ID token.
        let me = "/auth/v1/accounts/me";
        served.client.get(me, Some(&token)).is(401);
    });
}

#[test]
fn a_notice_is_sent_until_it_is_taken_and_never_to_where_nobody_may_go() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let mut registered = settings("confidential");
        let inside = "https://10.1.2.3/logout";
        registered["backchannel_logout_uri"] = json!(inside);
        let inside = App::new(&served, &ada, &registered);
        let quiet = App::new(&served, &ada, &settings("confidential"));
        let mut browser = Browser::signed_in(&served, ADA);
        for app in [&inside, &quiet, &app] {
            log_in(&mut browser, app, "openid");
        }
        told.statuses.send(503).unwrap();
        told.statuses.send(429).unwrap();
        told.statuses.send(204).unwrap();
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        let mut tokens = Vec::new();
        for attempt in 1..=3 {
            tokens.push(told.next());
            let notices = settled(&served, attempt);
            let [inside, own] = notices.as_slice() else {
                panic!("{notices:?}");
            };
            assert_eq!(inside.state, "refused", "{notices:?}");
            let why = "10.1.2.3 is at an address that is private";
            assert!(inside.last_answer.contains(why), "{notices:?}");
            let state = if attempt < 3 { "waiting" } else { "done" };
            assert_eq!(own.state, state, "{notices:?}");
            // Half of 10 s to the whole, then of 20 s.
            let pause = own.next_at - served.clock.now().0;
            let full = (10 * SECOND) << (attempt - 1);
            assert!(
                attempt == 3 || (full / 2..full).contains(&pause),
                "{notices:?}"
            );
            served.advance(pause.max(0));
        }
        let said = |at: usize, name: &str| claims(&tokens[at])[name].clone();
        assert!(said(0, "sid") == said(1, "sid") && said(1, "sid") == said(2, "sid"));
        assert_ne!(said(0, "jti"), said(1, "jti"));
        // What the application says is wrong is not sent again.
        told.statuses.send(400).unwrap();
        let mut browser = Browser::signed_in(&served, ADA);
        log_in(&mut browser, &app, "openid");
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        let refused = told.next();
        let mut browser = Browser::signed_in(&served, ADA);
        let sid = claims(&log_in(&mut browser, &app, "openid"))["sid"].clone();
        served.advance(DAY);
        let token = browser.token("/console");
        browser.post("/console/auth/sign-out", &token, &[]).is(303);
        let next = told.next();
        assert_ne!(claims(&refused)["sid"], sid);
        assert_eq!(claims(&next)["sid"], sid);
    });
}

#[test]
fn a_person_signs_out_at_the_wish_of_an_application() {
    on_both(|place| {
        let told = Told::start();
        let (served, ada) = Served::with_administrator(&place);
        let app = told.app(&served, &ada);
        let mut browser = Browser::signed_in(&served, ADA);
        let hint = log_in(&mut browser, &app, "openid");
        let cookie = browser.cookies["tickloom-session"].clone();
        // An ID token that is over is as good.
        served.advance(400 * SECOND);
        let asked = [
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", OUT),
            ("state", "a&b"),
        ];
        let reply = browser.get(&query(&asked));
        assert_eq!(leads_to(&reply), format!("{OUT}?state=a%26b"));
        assert!(!reply.body.contains("Sign out"), "{}", reply.body);
        assert!(!browser.cookies.contains_key("tickloom-session"));
        browser
            .cookies
            .insert("tickloom-session".to_owned(), cookie);
        assert!(!is_signed_in(&mut browser));
        told.next();
        // Who is signed out already goes where they want.
        assert_eq!(
            leads_to(&browser.get(&query(&asked))),
            format!("{OUT}?state=a%26b")
        );
        let bare = browser.get(&query(&asked[..1]));
        assert_eq!(location(&bare), "/console/auth/sign-in?done=signed-out");
        // By a form of another site, without a cookie.
        let mut browser = Browser::signed_in(&served, ADA);
        let hint = log_in(&mut browser, &app, "openid");
        let body = super::form(&[("id_token_hint", &hint), asked[1]]);
        let from = [("Sec-Fetch-Site", "cross-site")];
        let sent = served.client.send_form(("POST", LOGOUT), &from, &body);
        assert_eq!(leads_to(&browser.get(location(&sent))), OUT);
        assert!(!is_signed_in(&mut browser));
    });
}

#[test]
fn who_signs_out_of_a_session_that_ended_meanwhile_is_signed_out() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        let token = browser.token("/console");
        let cookie = format!("tickloom-session={}", browser.cookies["tickloom-session"]);
        let body = super::form(&[("form_token", &token)]);
        let head = [("Cookie", cookie.as_str()), crate::browser::OWN];
        let sign_out = ("POST", "/console/auth/sign-out");
        let mut waiting = served.client.begin_form(sign_out, &head, &body);
        waiting.wait_for_continue();
        let others = "/auth/v1/accounts/me/sessions";
        served
            .client
            .delete(others, Some(access_token(&ada)))
            .is(204);
        let reply = waiting.finish(&body);
        assert_eq!(location(&reply), "/console/auth/sign-in?done=signed-out");
        assert!(!is_signed_in(&mut browser));
    });
}

#[test]
fn who_does_not_show_whose_session_it_is_has_the_person_asked() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        registered["post_logout_redirect_uris"] = json!([OUT]);
        let app = App::new(&served, &ada, &registered);
        let other = App::new(&served, &ada, &registered);
        let mut elsewhere = Browser::signed_in(&served, ADA);
        let foreign = log_in(&mut elsewhere, &app, "openid");
        let mut browser = Browser::signed_in(&served, ADA);
        let own = log_in(&mut browser, &app, "openid");
        let code = browser.get(&address(&app, &[("scope", "openid")]));
        let code = parameter(location(&code), "code").unwrap();
        let issued = exchange(&served, &app, &code, &[]).is(200).json();
        let (start, end) = own.split_at(own.len() - 9);
        let letter = if end.starts_with('A') { "B" } else { "A" };
        let mangled = format!("{start}{letter}{}", &end[1..]);
        let named = ("client_id", app.id.as_str());
        let place = ("post_logout_redirect_uri", OUT);
        for hint in [
            ("state", "x"),
            ("id_token_hint", foreign.as_str()),
            ("id_token_hint", mangled.as_str()),
            ("id_token_hint", "x"),
            ("id_token_hint", access_token(&issued)),
        ] {
            let page = browser.get(&query(&[hint, named, place])).is(200).body;
            assert!(
                page.contains("<strong>Chart</strong> asks whether you want to sign out"),
                "{page}"
            );
            assert!(!page.contains("http-equiv"), "{page}");
        }
        let page = browser.get(LOGOUT).is(200).body;
        assert!(page.contains("An application asks whether you want to sign out"));
        assert!(is_signed_in(&mut browser));
        // Nowhere else, whatever is shown.
        for wrong in [
            "https://evil.example/",
            CALLBACK,
            "https://chart.example/out/",
            "https://chart.example/out?x",
            "//chart.example/out",
            "javascript:alert(1)",
        ] {
            let wrong = ("post_logout_redirect_uri", wrong);
            let hint = ("id_token_hint", own.as_str());
            for with in [hint, named] {
                let reply = browser.get(&query(&[with, wrong])).is(400);
                assert!(!reply.body.contains("http-equiv"), "{}", reply.body);
            }
            // Of whom nobody knows it is not gone to either.
            let page = browser.get(&query(&[wrong])).is(200).body;
            let fields = [("request", field(&page, "request"))];
            assert!(!page.contains("http-equiv"), "{page}");
            assert!(fields[0].1.contains("post_logout_redirect_uri"));
        }
        let both = [
            ("id_token_hint", own.as_str()),
            ("client_id", other.id.as_str()),
            place,
        ];
        browser.get(&query(&both)).is(400);
        browser
            .get(&query(&[named, place, ("state", &"s".repeat(1025))]))
            .is(400);
        assert!(is_signed_in(&mut browser));
    });
}

#[test]
fn the_person_answers_and_nobody_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        registered["post_logout_redirect_uris"] = json!([OUT]);
        let app = App::new(&served, &ada, &registered);
        let mut elsewhere = Browser::signed_in(&served, ADA);
        let mut browser = Browser::signed_in(&served, ADA);
        let named = ("client_id", app.id.as_str());
        let place = ("post_logout_redirect_uri", OUT);
        let page = browser.get(&query(&[named, place])).is(200).body;
        let token = field(&page, "form_token");
        let request = field(&page, "request");
        let fields = [("request", request.as_str())];
        browser.post(ANSWER, "", &fields).is(403);
        let from = [("Sec-Fetch-Site", "cross-site")];
        browser.post_from(ANSWER, &token, &fields, &from).is(403);
        assert!(is_signed_in(&mut browser));
        let reply = browser.post(ANSWER, &token, &fields);
        assert_eq!(leads_to(&reply), OUT);
        assert!(!is_signed_in(&mut browser));
        assert!(is_signed_in(&mut elsewhere));
        let page = elsewhere.get(LOGOUT).is(200).body;
        let token = field(&page, "form_token");
        let reply = elsewhere.post(ANSWER, &token, &[("request", "")]);
        assert_eq!(location(&reply), "/console/auth/sign-in?done=signed-out");
        assert!(!is_signed_in(&mut elsewhere));
    });
}
