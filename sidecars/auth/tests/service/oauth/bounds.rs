//! What is bounded: authorisations, what was allowed, what is kept of tokens, devices that wait, and tokens that were revoked.

use super::browser::Browser;
use super::code::{address, exchange, me, parameter, settings};
use super::device::{app as device_app, begin, poll};
use super::{App, CLIENTS, claims, form, program, refused};
use crate::{ISSUER, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use sqlx::Row;

const DAY: i64 = 86_400 * SECOND;
const OTHER: &str = "https://other.example";

fn code(place: &str) -> String {
    parameter(place, "code").unwrap_or_else(|| panic!("{place}"))
}

/// How many rows a table has.
pub(super) fn rows(served: &Served, table: &str) -> i64 {
    let database = served.database();
    let statement = sqlx::AssertSqlSafe(format!("SELECT CAST(count(*) AS BIGINT) FROM {table}"));
    let counted = async {
        let row = sqlx::query(statement).fetch_one(database.reader()).await;
        row.unwrap().get::<i64, _>(0)
    };
    served.runtime.block_on(counted)
}

#[test]
fn with_a_hundred_and_one_authorisations_the_oldest_ends() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let other = App::new(&served, &ada, &settings("confidential"));
        let browser = Browser::new(served.client);
        let issued = |app: &App| {
            let asked = address(app, &[("scope", "offline_access account.read")]);
            let code = code(&browser.allow(&asked));
            exchange(&served, app, &code, &[]).is(200).json()
        };
        let others = issued(&other);
        let (first, second) = (issued(&app), issued(&app));
        for _ in 0..98 {
            issued(&app);
        }
        assert_eq!((me(&served, &first), me(&served, &second)), (200, 200));
        let last = issued(&app);
        assert_eq!((me(&served, &first), me(&served, &second)), (401, 200));
        assert_eq!((me(&served, &last), me(&served, &others)), (200, 200));
        let id = |tokens: &Value| text(&claims(access_token(tokens)), "sid").to_owned();
        let (ended, new) = (id(&first), id(&last));
        let detail = json!({"client": app.id, "for": new}).to_string();
        assert_eq!(ends(&served, &ada), [(ended, detail)]);
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&first, "refresh_token")),
        ];
        refused(&app.send(&served, "token", &pairs), 400, "invalid_grant");
    });
}

/// What the audit log says of authorisations that ended: which, and more of each.
fn ends(served: &Served, administrator: &Value) -> Vec<(String, String)> {
    let (mut ends, mut path) = (Vec::new(), "/auth/v1/audit?limit=1000".to_owned());
    loop {
        let read = served.client.get(&path, Some(access_token(administrator)));
        let read = read.is(200).json();
        for entry in read["items"].as_array().unwrap() {
            if entry["action"] == "authorisation_ended" {
                let (_, id) = text(entry, "resource").rsplit_once('/').unwrap();
                ends.push((id.to_owned(), text(entry, "detail").to_owned()));
            }
        }
        if read["more"] == false {
            return ends;
        }
        let next = text(&read, "next");
        path = format!("/auth/v1/audit?limit=1000&after={next}");
    }
}

#[test]
fn codes_that_nobody_redeems_end_nothing_that_somebody_has() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let browser = Browser::new(served.client);
        let asked = address(&app, &[("scope", "offline_access account.read")]);
        let new = || code(&browser.allow(&asked));
        let issued = exchange(&served, &app, &new(), &[]).is(200).json();
        // Whoever has the browser sent here again and again.
        let codes: Vec<String> = (0..121).map(|_| new()).collect();
        assert_eq!(me(&served, &issued), 200);
        assert_eq!(ends(&served, &ada).len(), 101);
        let gone = exchange(&served, &app, &codes[100], &[]);
        refused(&gone, 400, "invalid_grant");
        for code in [&codes[101], &codes[120]] {
            let issued = exchange(&served, &app, code, &[]).is(200).json();
            assert_eq!(me(&served, &issued), 200);
        }
        // Those of devices are counted with them, until the device asks.
        let device = device_app(&served, &ada);
        let token = Some(access_token(&ada));
        let begun: Vec<Value> = (0..21)
            .map(|_| {
                let begun = begin(&served, &device, "account.read");
                let body = json!({"user_code": begun["user_code"], "allow": true, "version": 1});
                served.client.post("/auth/v1/devices", token, &body).is(204);
                begun
            })
            .collect();
        let gone = poll(&served, &device, &begun[0]);
        refused(&gone, 400, "invalid_grant");
        poll(&served, &device, &begun[1]).is(200);
        assert_eq!(ends(&served, &ada).len(), 102);
    });
}

#[test]
fn what_was_allowed_at_one_service_is_asked_about_at_another() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        let app = App::new(&served, &ada, &registered);
        let browser = Browser::new(served.client);
        let here = address(&app, &[]);
        let named = address(&app, &[("resource", ISSUER)]);
        let there = address(&app, &[("resource", OTHER)]);
        let both = format!("{there}&resource={ISSUER}");
        let is_asked = |address: &str| {
            let at = browser.open(address);
            matches!(at, super::browser::At::Here { .. })
        };
        browser.allow(&here);
        // This service by its name is this service.
        assert!(!is_asked(&here) && !is_asked(&named));
        assert!(is_asked(&there) && is_asked(&both));
        assert_eq!(browser.open(&there).here(200)["resources"], json!([OTHER]));
        browser.allow(&there);
        assert!(!is_asked(&there) && !is_asked(&both) && !is_asked(&here));
        // More at one is no more at the other.
        let more = |resource: &str| {
            let scope = ("scope", "openid account.read run.read");
            address(&app, &[scope, ("resource", resource)])
        };
        browser.allow(&more(OTHER));
        assert!(!is_asked(&more(OTHER)) && is_asked(&more(ISSUER)));
        let token = Some(access_token(&ada));
        let list = "/auth/v1/accounts/me/applications";
        let list = served.client.get(list, token).is(200).json();
        let created = crate::BEGIN.0;
        let expected = json!([{"client": app.id, "name": "Chart", "allowed": [
            {"resource": "", "scopes": "openid account.read", "created": created},
            {"resource": OTHER, "scopes": "openid account.read run.read", "created": created}]}]);
        assert_eq!(list["items"], expected);
        // A service that the application is taken from and given again is asked about anew.
        let path = format!("{CLIENTS}/{}", app.id);
        for resources in [json!([]), json!([OTHER])] {
            registered["resources"] = resources;
            served.client.put(&path, token, &registered).is(200);
        }
        assert!(is_asked(&there) && !is_asked(&here));
    });
}

#[test]
fn used_refresh_tokens_are_kept_for_as_long_as_they_could_have_been_used() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = device_app(&served, &ada);
        let begun = begin(&served, &app, "offline_access account.read");
        let body = json!({"user_code": begun["user_code"], "allow": true, "version": 1});
        let token = Some(access_token(&ada));
        served.client.post("/auth/v1/devices", token, &body).is(204);
        let issued = poll(&served, &app, &begun).is(200).json();
        let refresh = |token: &str| {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
            app.send(&served, "token", &pairs)
        };
        let session = |token: &str| {
            let body = json!({"refresh_token": token});
            served.client.post("/auth/v1/tokens/refresh", None, &body)
        };
        let mut of_app = vec![text(&issued, "refresh_token").to_owned()];
        let mut of_session = vec![text(&ada, "refresh_token").to_owned()];
        for day in 0..9 {
            served.advance(DAY);
            let next = refresh(&of_app[day]).is(200).json();
            of_app.push(text(&next, "refresh_token").to_owned());
            let next = session(&of_session[day]).is(200).json();
            of_session.push(text(&next, "refresh_token").to_owned());
        }
        // Ten each; those that were used seven days ago and before are gone: the first two.
        assert_eq!(rows(&served, "authorisation_refresh"), 8);
        assert_eq!(rows(&served, "refresh"), 8);
        // They are refused, and nothing ends; one that was used later is a copy, and all ends.
        refused(&refresh(&of_app[1]), 400, "invalid_grant");
        session(&of_session[1]).is(401);
        let next = refresh(&of_app[9]).is(200).json();
        let next_of_session = session(&of_session[9]).is(200).json();
        refused(&refresh(&of_app[2]), 400, "invalid_grant");
        session(&of_session[2]).is(401);
        refused(&refresh(text(&next, "refresh_token")), 400, "invalid_grant");
        session(text(&next_of_session, "refresh_token")).is(401);
        assert_eq!(rows(&served, "authorisation_refresh"), 0);
    });
}

#[test]
fn who_fills_the_devices_of_an_application_keeps_nobody_out() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = device_app(&served, &ada);
        let body = form(&[("client_id", &app.id), ("scope", "run.read")]);
        let from = |address: &str| {
            let asked = ("POST", "/auth/oauth/device");
            if address.is_empty() {
                return served.client.send_form(asked, &[], &body);
            }
            let head = [("X-Forwarded-For", address)];
            served.client.as_proxy().send_form(asked, &head, &body)
        };
        for number in 0..50 {
            // What stands before the last was sent by whoever asks, and not by the proxy.
            from(&format!("198.51.100.{number}, 203.0.113.7")).is(200);
        }
        from("203.0.113.7").refused(429, "too_many_requests");
        from("::ffff:203.0.113.7").refused(429, "too_many_requests");
        let kept = from("203.0.113.8").is(200).json();
        for number in 0..50 {
            from(&format!("2001:db8:1:2::{number:x}")).is(200);
        }
        from("2001:db8:1:2:ffff::1").refused(429, "too_many_requests");
        from("2001:db8:1:3::1").is(200);
        // Very many without an address, as programs on this machine have none: the oldest of them give way, and nobody else does.
        let oldest = from("").is(200).json();
        served.advance(SECOND);
        for _ in 0..900 {
            from("").is(200);
        }
        assert_eq!(rows(&served, "device_code"), 1000);
        refused(&poll(&served, &app, &oldest), 400, "invalid_grant");
        refused(&poll(&served, &app, &kept), 400, "authorization_pending");
        from("203.0.113.9").is(200);
        // Those that nobody decided on in time are in nobody's way, though their rows are there.
        served.advance(600 * SECOND);
        from("203.0.113.7").is(200);
    });
}

#[test]
fn a_token_that_is_revoked_meanwhile_does_nothing() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (account, app) = program(&served, &ada, &["account.*"]);
        let asked = [("grant_type", "client_credentials")];
        let issued = app.send(&served, "token", &asked).is(200).json();
        let token = access_token(&issued);
        let path = format!("/auth/v1/accounts/{}", account.as_str().unwrap());
        let body = json!({"name": "another"}).to_string();
        let name = || {
            let read = served.client.get(&path, Some(access_token(&ada)));
            read.is(200).json()["name"].clone()
        };
        let mut waiting = served.client.begin(("PATCH", &path), token, &body);
        waiting.wait_for_continue();
        app.send(&served, "revoke", &[("token", token)]).is(200);
        waiting.finish(&body).refused(401, "unauthenticated");
        assert_eq!(name(), "risk");
        let issued = app.send(&served, "token", &asked).is(200).json();
        let token = access_token(&issued);
        let mut waiting = served.client.begin(("PATCH", &path), token, &body);
        waiting.wait_for_continue();
        waiting.finish(&body).is(200);
        assert_eq!(name(), "another");
    });
}
