//! Signing up and choosing a password anew, by real mail.

use crate::authenticator::{Authenticator, register, request, sign_in};
use crate::browser::Browser;
use crate::factor;
use crate::postgres::ports::Port;
use crate::smtp::{Server, python};
use crate::{ADA, BEGIN, PASSWORD, PATIENCE, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use std::time::Instant;
use tickloom_chassis::{Clock, MailConfig, Place};

pub(crate) fn served(place: &Place, port: &Port) -> Served {
    let server = format!("smtp://{}?tls=none", port.address());
    Served::with(place, Clock::standing(BEGIN), |config| {
        config.mail = Some(MailConfig::new(&server, "Tickloom <no-reply@example.com>"));
        config.sign_up = true;
    })
}

/// To whom a mail is, and the link in it.
pub(crate) fn opened(mail: &Value) -> (String, Option<String>) {
    let said = mail["parts"][0][1].as_str().unwrap();
    let is_link = |line: &&str| line.starts_with("tlo_") || line.contains("#tlo_");
    let link = said.lines().find(is_link);
    let to = mail["to"][0].as_str().unwrap().to_owned();
    let code = link.and_then(|link| link.rsplit('#').next());
    (to, code.map(str::to_owned))
}

pub(crate) fn finish(served: &Served, link: &str, password: &str) -> crate::Reply {
    let body = json!({"link": link, "password": password});
    served.client.post("/auth/v1/links/finish", None, &body)
}

/// Waits until all that was asked for is done or refused.
pub(crate) fn settled(served: &Served) {
    let began = Instant::now();
    let database = served.database();
    let waiting = || {
        served.runtime.block_on(async {
            let rows = sqlx::query("SELECT key FROM effect WHERE state = 'waiting'");
            rows.fetch_all(database.reader()).await.unwrap().len()
        })
    };
    while waiting() > 0 {
        assert!(began.elapsed() < PATIENCE, "effects wait");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn people_sign_up_and_choose_a_password_anew_by_mail() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        served.set_up(&served.setup_link()).is(200);
        let ask = |path: &str, body: &Value| {
            let reply = served.client.post(path, None, body).is(202);
            assert_eq!(reply.body, "");
            settled(&served);
        };
        let bob = json!({"email": "Bob@example.com", "name": "Bob"});
        ask("/auth/v1/sign-up", &bob);
        let (to, link) = opened(&mails.message());
        assert_eq!(to, "bob@example.com");
        let link = link.unwrap();
        served
            .try_sign_in("bob@example.com", PASSWORD)
            .refused(401, "unauthenticated");
        let created = finish(&served, &link, PASSWORD).is(200).json();
        assert_eq!(
            (text(&created, "name"), &created["is_email_verified"]),
            ("Bob", &json!(true))
        );
        finish(&served, &link, PASSWORD).refused(422, "refused");
        let tokens = served.sign_in("bob@example.com", PASSWORD);
        // Who has an account is told so by mail, and by nothing else. One mail a minute to an address.
        ask("/auth/v1/sign-up", &bob);
        served.advance(60 * SECOND);
        ask("/auth/v1/sign-up", &bob);
        assert_eq!(
            opened(&mails.message()),
            ("bob@example.com".to_owned(), None)
        );
        ask("/auth/v1/recovery", &json!({"email": "nobody@example.com"}));
        ask("/auth/v1/recovery", &json!({"email": ADA}));
        let (to, link) = opened(&mails.message());
        assert_eq!(to, ADA);
        let new = "quite other words 9 of none";
        served.advance(3600 * SECOND - 1);
        finish(&served, &link.unwrap(), new).is(200);
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(401, "unauthenticated");
        served.sign_in(ADA, new);
        served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&tokens)))
            .is(401);
        served.advance(60 * SECOND);
        ask("/auth/v1/recovery", &json!({"email": ADA}));
        let (_, link) = opened(&mails.message());
        served.advance(3600 * SECOND);
        finish(&served, &link.unwrap(), PASSWORD).refused(422, "refused");
    });
}

#[test]
fn a_link_that_was_sent_is_not_in_the_file() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let port = Port::reserve();
    let mails = Server::start(&python, &port.address(), None);
    let served = served(&place, &port);
    let mut links = Vec::new();
    for number in 0..20 {
        let body = json!({"email": format!("p{number}@example.com"), "name": "Bob"});
        served.client.post("/auth/v1/sign-up", None, &body).is(202);
        settled(&served);
        links.push(opened(&mails.message()).1.unwrap());
    }
    drop(served);
    // The last to let go empties the log, and removes it.
    let kept = std::fs::read(folder.path().join("auth.db")).unwrap();
    assert!(!folder.path().join("auth.db-wal").exists());
    let has = |part: &str| kept.windows(part.len()).any(|at| at == part.as_bytes());
    assert!(has("effect"), "it is the database");
    for link in links {
        assert!(!has(&link), "{link}");
    }
}

#[test]
fn a_new_password_by_mail_does_not_get_past_the_passkey() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let added = register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let body = json!({"email": ADA});
        served.client.post("/auth/v1/recovery", None, &body).is(202);
        let (_, link) = opened(&mails.message());
        let new = "quite other words 9 of none";
        finish(&served, &link.unwrap(), new).is(200);
        let sign_in_with = |code: &Value| {
            let body = json!({"email": ADA, "password": new, "code": code});
            served.client.post("/auth/v1/sessions", None, &body)
        };
        sign_in_with(&Value::Null).refused(401, "second_factor_required");
        let code = &added["recovery_codes"][9];
        sign_in_with(code).is(201);
        sign_in_with(code).refused(401, "unauthenticated");
        // The passkey is what it was.
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &said).is(201);
    });
}

#[test]
fn who_chose_a_password_with_a_link_shows_the_second_factor_whatever_strangers_guess() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        served.set_up(&served.setup_link()).is(200);
        let (secret, _) = factor::set(&served, &served.sign_in(ADA, PASSWORD));
        let new = "quite other words 9 of none";
        let recovered = || {
            let body = json!({"email": ADA});
            served.client.post("/auth/v1/recovery", None, &body).is(202);
            let (_, link) = opened(&mails.message());
            let finished = finish(&served, &link.unwrap(), new).is(200).json();
            text(&finished, "device_token").to_owned()
        };
        let sign_in = |device: &str, code: &str| {
            let body = json!({"email": ADA, "password": new, "code": code, "device_token": device});
            served.client.post("/auth/v1/sessions", None, &body)
        };
        let good = || factor::code(&secret, served.clock.now().0);
        factor::guess_fifteen(&served);
        let device = recovered();
        // In a browser too, which keeps the cookie.
        let mut browser = Browser::new(&served);
        let cookie = ("tickloom-device".to_owned(), device.clone());
        browser.cookies.extend([cookie]);
        browser.sign_in(new).is(303);
        browser.fill(factor::CODE, &[("code", &good())]).is(303);
        browser.get("/console").is(200);
        // Each link does not let codes be guessed anew.
        let start = factor::code_number(&secret, &served);
        for at in 1..=5 {
            let wrong = format!("{:06}", (start + at) % 1_000_000);
            sign_in(&device, &wrong).refused(401, "unauthenticated");
        }
        served.advance(60 * SECOND);
        let wrong = |at: usize| format!("{:06}", (start + at) % 1_000_000);
        sign_in(&device, &wrong(1)).refused(401, "unauthenticated");
        let device = recovered();
        let waits = sign_in(&device, &wrong(2)).refused(429, "too_many_requests");
        assert_eq!(waits.header("retry-after"), Some("2"));
        served.advance(2 * SECOND);
        let signed_in = sign_in(&device, &good()).is(201).json();
        // The device is known from now on as any other is.
        let device = text(&signed_in, "device_token");
        served.advance(30 * SECOND);
        let again = sign_in(device, &good()).is(201).json();
        assert_eq!(again.get("device_token"), None);
    });
}

#[test]
fn where_no_mail_is_sent_everybody_is_told_the_same() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        for (path, body) in [
            (
                "/auth/v1/sign-up",
                json!({"email": "bob@example.com", "name": "Bob"}),
            ),
            ("/auth/v1/recovery", json!({"email": ADA})),
            ("/auth/v1/recovery", json!({"email": "bob@example.com"})),
        ] {
            let reply = served
                .client
                .post(path, None, &body)
                .refused(422, "refused");
            assert_eq!(
                text(&reply.json(), "detail"),
                "no mail is sent from here: ask an administrator"
            );
        }
    });
}

#[test]
fn people_are_invited_by_mail_and_make_an_account_where_people_sign_up() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let body = json!({"email": "bob@example.com", "name": "Bob"});
        served.client.post("/auth/v1/sign-up", None, &body).is(202);
        settled(&served);
        let (_, link) = opened(&mails.message());
        finish(&served, &link.unwrap(), PASSWORD).is(200);
        let bob = served.sign_in("bob@example.com", PASSWORD);
        // Bob may make no accounts; who is invited makes their own, as if they signed up.
        let organisation = served.organisation(&bob, "Buy now at http://example.com");
        let invite = |tokens: &Value, email: &str| {
            let invited = served.invite(tokens, &organisation, email, "viewer");
            let invited = invited.is(201).json();
            assert!(invited.get("link").is_none(), "{invited}");
            settled(&served);
            let mail = mails.message();
            assert!(!mail.to_string().contains("Buy now"), "{mail}");
            let (to, link) = opened(&mail);
            assert_eq!(to, email);
            link.unwrap()
        };
        let link = invite(&bob, "eve@example.com");
        let body = json!({"link": link, "name": "Eve", "password": PASSWORD});
        let accepted = served
            .client
            .post("/auth/v1/invitations/accept", None, &body)
            .is(200)
            .json();
        // Whoever has the link reads the mail of the address.
        assert_eq!(
            (text(&accepted, "email"), &accepted["is_email_verified"]),
            ("eve@example.com", &json!(true))
        );
        served.sign_in("eve@example.com", PASSWORD);
        let link = invite(&bob, ADA);
        let joined = served.accept(&ada, &json!(link)).is(201).json();
        assert_eq!(text(&joined, "role"), "viewer");
        let me = served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&ada)));
        assert_eq!(me.is(200).json()["is_email_verified"], true);
        // Who has an account gets no second one.
        let link = invite(&bob, "carl@example.com");
        let body = json!({"email": "carl@example.com", "name": "Carl"});
        served.client.post("/auth/v1/sign-up", None, &body).is(202);
        settled(&served);
        mails.message();
        let body = json!({"link": link, "name": "Carl", "password": PASSWORD});
        served
            .client
            .post("/auth/v1/invitations/accept", None, &body)
            .refused(422, "refused");
    });
}
