//! Another e-mail address for an account: asked for after a fresh proof, confirmed by who reads its mail, in a session of the account.

use crate::client::Reply;
use crate::mail::{finish, opened, served, settled};
use crate::postgres::ports::Port;
use crate::smtp::{Server, python};
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const NEW: &str = "lovelace@example.com";

fn ask(served: &Served, tokens: &Value, account: &str, email: &str) -> Reply {
    let path = format!("/auth/v1/accounts/{account}/email");
    let body = json!({"email": email});
    let reply = served.client.post(&path, Some(access_token(tokens)), &body);
    settled(served);
    reply
}

fn confirm(served: &Served, tokens: &Value, link: &str) -> Reply {
    let path = "/auth/v1/accounts/me/email/confirm";
    let body = json!({"link": link});
    let reply = served.client.post(path, Some(access_token(tokens)), &body);
    settled(served);
    reply
}

fn me(served: &Served, tokens: &Value) -> Value {
    let token = Some(access_token(tokens));
    served
        .client
        .get("/auth/v1/accounts/me", token)
        .is(200)
        .json()
}

/// Ada, the administrator, and Bob, signed in.
fn people(served: &Served, mails: &Server) -> (Value, Value) {
    served.set_up(&served.setup_link()).is(200);
    let ada = served.sign_in(ADA, PASSWORD);
    let bob = json!({"email": "bob@example.com", "name": "Bob"});
    served.client.post("/auth/v1/sign-up", None, &bob).is(202);
    settled(served);
    let (_, link) = opened(&mails.message());
    finish(served, &link.unwrap(), PASSWORD).is(200);
    (ada, served.sign_in("bob@example.com", PASSWORD))
}

#[test]
fn who_reads_the_mail_of_a_new_address_confirms_it_in_the_session_of_the_account() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        let (ada, bob) = people(&served, &mails);
        // What is asked for is no address of the account yet, and the answer is the same for one that another account has.
        assert_eq!(
            ask(&served, &ada, "me", " Lovelace@Example.com ")
                .is(202)
                .body,
            ""
        );
        let (to, link) = opened(&mails.message());
        assert_eq!(to, NEW);
        let link = link.unwrap();
        assert_eq!(text(&me(&served, &ada), "email"), ADA);
        served.try_sign_in(NEW, PASSWORD).is(401);
        served.advance(60 * SECOND);
        assert_eq!(ask(&served, &ada, "me", "bob@example.com").is(202).body, "");
        // The link chooses no password, and is good for nobody else's account.
        finish(&served, &link, "quite other words 9 of none").refused(422, "refused");
        confirm(&served, &bob, &link).refused(422, "refused");
        // Links to the address before die with it.
        served
            .client
            .post("/auth/v1/recovery", None, &json!({"email": ADA}))
            .is(202);
        settled(&served);
        let (to, old) = opened(&mails.message());
        assert_eq!(to, ADA);
        let changed = confirm(&served, &ada, &link).is(200).json();
        assert_eq!(
            (text(&changed, "email"), &changed["is_email_verified"]),
            (NEW, &json!(true))
        );
        assert_eq!(opened(&mails.message()), (ADA.to_owned(), None));
        confirm(&served, &ada, &link).refused(422, "refused");
        finish(&served, &old.unwrap(), PASSWORD).refused(422, "refused");
        served.try_sign_in(ADA, PASSWORD).is(401);
        served.sign_in(NEW, PASSWORD);
    });
}

#[test]
fn a_link_for_an_address_is_the_newest_and_of_an_address_that_nobody_has() {
    let Some(python) = python() else { return };
    on_both(|place| {
        let port = Port::reserve();
        let mails = Server::start(&python, &port.address(), None);
        let served = served(&place, &port);
        let (ada, bob) = people(&served, &mails);
        ask(&served, &bob, "me", NEW).is(202);
        let (to, link) = opened(&mails.message());
        assert_eq!(to, NEW);
        // It is taken by the time that it is confirmed.
        let token = Some(access_token(&ada));
        let first = json!({"kind": "person", "name": "First", "email": NEW});
        served
            .client
            .post("/auth/v1/accounts", token, &first)
            .is(201);
        settled(&served);
        mails.message();
        confirm(&served, &bob, &link.unwrap()).refused(409, "conflict");
        // One mail a minute of an account, and a link of an hour, of which the newest alone is good.
        ask(&served, &bob, "me", "x@example.com").is(202);
        served.advance(60 * SECOND);
        ask(&served, &bob, "me", "y@example.com").is(202);
        let (to, y) = opened(&mails.message());
        assert_eq!(to, "y@example.com");
        // Each pause is twice as long.
        served.advance(120 * SECOND - 1);
        ask(&served, &bob, "me", "w@example.com").is(202);
        served.advance(1);
        ask(&served, &bob, "me", "z@example.com").is(202);
        let (to, z) = opened(&mails.message());
        assert_eq!(to, "z@example.com");
        confirm(&served, &bob, &y.unwrap()).refused(422, "refused");
        let bob = served.sign_in("bob@example.com", PASSWORD);
        served.advance(240 * SECOND);
        let asked = format!("account/{}", text(&bob, "account"));
        confirm(&served, &bob, &z.unwrap()).is(200);
        let audit = format!("/auth/v1/audit?action=email_changed&resource={asked}");
        let ada = served.sign_in(ADA, PASSWORD);
        let audit = served.client.get(&audit, Some(access_token(&ada))).is(200);
        assert_eq!(audit.json()["items"].as_array().unwrap().len(), 1);
        assert!(!audit.body.contains("z@example.com"));
    });
}

#[test]
fn an_address_is_changed_with_a_fresh_proof_and_by_who_may() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let bobs = text(&bob, "account");
        // Without mail nobody can confirm one.
        ask(&served, &bob, "me", NEW).refused(422, "refused");
        ask(&served, &bob, text(&ada, "account"), NEW).refused(403, "forbidden");
        for wrong in ["", "bob", "a@b@c"] {
            ask(&served, &ada, bobs, wrong).refused(400, "bad_request");
        }
        ask(&served, &ada, bobs, "BOB@example.com").refused(422, "refused");
        ask(&served, &ada, bobs, ADA).refused(409, "conflict");
        let set = ask(&served, &ada, bobs, NEW).is(200).json();
        assert_eq!(
            (
                text(&set, "email"),
                &set["is_email_verified"],
                set.get("link")
            ),
            (NEW, &json!(false), None)
        );
        served.sign_in(NEW, PASSWORD);
        // Who has not signed in yet gets another link, and the one before is not good.
        let token = Some(access_token(&ada));
        let eve = json!({"kind": "person", "name": "Eve", "email": "eev@example.com"});
        let eve = served
            .client
            .post("/auth/v1/accounts", token, &eve)
            .is(201)
            .json();
        let set = ask(&served, &ada, text(&eve, "id"), "eve@example.com")
            .is(200)
            .json();
        let choose = |link: &Value| {
            let body = json!({"link": link, "password": PASSWORD});
            served.client.post("/auth/v1/links/finish", None, &body)
        };
        choose(&eve["link"]).refused(422, "refused");
        choose(&set["link"]).is(200);
        served.sign_in("eve@example.com", PASSWORD);
        let machine = json!({"kind": "machine", "name": "m"});
        let machine = served
            .client
            .post("/auth/v1/accounts", token, &machine)
            .is(201)
            .json();
        ask(&served, &ada, text(&machine, "id"), "m@example.com").refused(422, "refused");
        served.advance(240 * SECOND);
        let ada = served.refreshed(&ada);
        served.advance(660 * SECOND);
        let ada = served.refreshed(&ada);
        ask(&served, &ada, bobs, "late@example.com").refused(403, "step_up_required");
    });
}
