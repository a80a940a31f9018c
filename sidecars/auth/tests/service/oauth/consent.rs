//! The pages on which a person is asked: signing in on the way, allowing and refusing, and who would like to answer for them.

use super::code::{CALLBACK, address, exchange, parameter, settings};
use super::{App, CLIENTS, claims};
use crate::browser::{Browser, OWN};
use crate::client::Reply;
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const SIGN_IN: &str = "/console/auth/sign-in";
const STEP_UP: &str = "/console/auth/step-up";
const ANSWER: &str = "/console/auth/consent";

/// Where an answer sends the browser.
#[track_caller]
pub(super) fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.header("location").unwrap()
}

/// Where a page leads by itself.
#[track_caller]
pub(super) fn leads_to(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let (_, rest) = reply.body.split_once("content=\"0;url=").unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// The value of a field that a page has.
pub(super) fn field(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// Sends what the person answered on a page.
pub(super) fn answer(browser: &mut Browser<'_>, page: &str, answer: &str) -> Reply {
    let (request, version) = (field(page, "request"), field(page, "version"));
    let fields = [
        ("request", request.as_str()),
        ("version", version.as_str()),
        ("answer", answer),
    ];
    browser.post(ANSWER, &field(page, "form_token"), &fields)
}

#[test]
fn a_person_signs_in_on_the_way_and_the_application_gets_a_code() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let mut browser = Browser::new(&served);
        let asked = address(&app, &[]);
        let sent = browser.get(&asked);
        let sign_in = location(&sent).to_owned();
        assert!(sign_in.starts_with(&format!("{SIGN_IN}?next=%2Fauth%2Foauth%2Fauthorize%3F")));
        let page = browser.get(&sign_in).is(200).body;
        let next = field(&page, "next");
        let fields = [("email", ADA), ("password", PASSWORD), ("next", &next)];
        let token = field(&page, "form_token");
        let going_on = browser.post(SIGN_IN, &token, &fields);
        assert_eq!(leads_to(&going_on), next);
        let page = browser.get(&next).is(200).body;
        for words in [
            "<strong>Chart</strong> asks for access to your account.",
            "Know which account is yours <code>openid</code>",
            "See accounts, with their sessions and keys <code>account.read</code>",
            "Never more than you may do yourself.",
            "Then you go back to <strong>chart.example</strong>",
            "You are signed in as <strong>Ada</strong>",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains("Any program can say"));
        let went = leads_to(&answer(&mut browser, &page, "allow"));
        assert!(went.starts_with(CALLBACK), "{went}");
        assert_eq!(parameter(&went, "state").as_deref(), Some("s-1"));
        let issuer = parameter(&went, "iss");
        assert_eq!(issuer.as_deref(), Some("http%3A%2F%2Flocalhost%3A8080"));
        let code = parameter(&went, "code").unwrap();
        exchange(&served, &app, &code, &[]).is(200);
        // Allowed once, the browser goes through without a page.
        let through = browser.get(&asked);
        assert!(location(&through).starts_with(&format!("{CALLBACK}?code=")));
        let page = browser
            .get(&address(&app, &[("prompt", "consent")]))
            .is(200);
        let went = leads_to(&answer(&mut browser, &page.body, "refuse"));
        assert_eq!(parameter(&went, "error").as_deref(), Some("access_denied"));
        assert_eq!(parameter(&went, "code"), None);
        // OpenID Connect lets an application send its request by a form too, which comes without a cookie.
        let (path, query) = asked.split_once('?').unwrap();
        let kind = [("Sec-Fetch-Site", "cross-site")];
        let sent = served.client.send_form(("POST", path), &kind, query);
        let again = browser.get(location(&sent));
        assert!(location(&again).starts_with(CALLBACK));
    });
}

#[test]
fn who_wants_nobody_asked_gets_nobody_else_than_whom_they_mean() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        served.person(&ada, "bob@example.com");
        let mut bobs = Browser::new(&served);
        let fields = [("email", "bob@example.com"), ("password", PASSWORD)];
        bobs.fill(SIGN_IN, &fields).is(303);
        let mut adas = Browser::signed_in(&served, ADA);
        let id_token = |browser: &mut Browser<'_>| {
            let page = browser.get(&address(&app, &[])).is(200).body;
            let went = leads_to(&answer(browser, &page, "allow"));
            let code = parameter(&went, "code").unwrap();
            let issued = exchange(&served, &app, &code, &[]).is(200).json();
            issued["id_token"].as_str().unwrap().to_owned()
        };
        let (of_bob, of_ada) = (id_token(&mut bobs), id_token(&mut adas));
        let mut silent = |hint: &str| {
            let asked = [("prompt", "none"), ("id_token_hint", hint)];
            let went = location(&adas.get(&address(&app, &asked))).to_owned();
            (
                parameter(&went, "code").is_some(),
                parameter(&went, "error"),
            )
        };
        assert_eq!(silent(&of_ada), (true, None));
        assert_eq!(silent(""), (true, None));
        let refused = (false, Some("login_required".to_owned()));
        for hint in [of_bob.as_str(), "x", &of_ada[..of_ada.len() - 9]] {
            assert_eq!(silent(hint), refused, "{hint}");
        }
        // An ID token that is over says whom it means, too.
        served.advance(400 * SECOND);
        assert_eq!(silent(&of_ada), (true, None));
        assert_eq!(silent(&of_bob), refused);
    });
}

#[test]
fn whom_an_application_means_signs_in_or_it_gets_no_code() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let bob = served.person(&ada, "bob@example.com");
        let mut browser = Browser::new(&served);
        let of_bob = [("email", "bob@example.com"), ("password", PASSWORD)];
        browser.fill(SIGN_IN, &of_bob).is(303);
        let page = browser.get(&address(&app, &[])).is(200).body;
        let went = leads_to(&answer(&mut browser, &page, "allow"));
        let issued = exchange(&served, &app, &parameter(&went, "code").unwrap(), &[]);
        let hint = text(&issued.is(200).json(), "id_token").to_owned();
        let bobs = address(&app, &[("id_token_hint", &hint)]);
        // Nobody is asked who is meant, and has allowed it.
        assert!(parameter(location(&browser.get(&bobs)), "code").is_some());
        // Ada allowed it too, and is told all the same.
        let mut browser = Browser::signed_in(&served, ADA);
        let consent = browser.get(&address(&app, &[])).is(200).body;
        let went = leads_to(&answer(&mut browser, &consent, "allow"));
        assert!(parameter(&went, "code").is_some());
        let back = format!("{CALLBACK}?error=login_required&amp;");
        for more in [
            &[][..],
            &[("prompt", "consent")],
            &[("prompt", "login")],
            &[("max_age", "0")],
        ] {
            let asked = [&[("id_token_hint", hint.as_str())], more].concat();
            let page = browser.get(&address(&app, &asked)).is(200).body;
            assert!(page.contains("<strong>Chart</strong> asks for another account than yours"));
            assert!(page.contains("You are signed in as <strong>Ada</strong>"));
            assert!(page.contains(&format!("href=\"{back}")), "{page}");
            assert!(!page.contains("name=\"answer\""), "{page}");
        }
        // What was shown of another request is no answer to this one.
        let asked = address(&app, &[("prompt", "consent")]);
        let page = browser.get(&asked).is(200).body;
        let request = bobs.split_once('?').unwrap().1;
        let fields = [("request", request), ("version", "1"), ("answer", "allow")];
        let reply = browser.post(ANSWER, &field(&page, "form_token"), &fields);
        let path = leads_to(&reply);
        let page = browser.get(&path).is(200).body;
        assert!(page.contains("asks for another account"), "{page}");
        // Bob signs in in her place, and the application gets his code.
        let next = field(&page, "next");
        let token = field(&page, "form_token");
        let out = browser.post("/console/auth/sign-out", &token, &[("next", &next)]);
        let sign_in = location(&out).to_owned();
        let next = field(&browser.get(&sign_in).is(200).body, "next");
        // As Ada once more it is the same again.
        let of_ada = [("email", ADA), ("password", PASSWORD), ("next", &next)];
        let path = leads_to(&browser.fill(&sign_in, &of_ada));
        let page = browser.get(&path).is(200).body;
        assert!(page.contains("asks for another account"), "{page}");
        let mut browser = Browser::new(&served);
        let sent = location(&browser.get(&bobs)).to_owned();
        assert!(sent.starts_with(SIGN_IN), "{sent}");
        let of_bob = [&of_bob[..], &[("next", &next)]].concat();
        let path = leads_to(&browser.fill(&sent, &of_bob));
        let went = location(&browser.get(&path)).to_owned();
        let code = parameter(&went, "code").unwrap();
        let issued = exchange(&served, &app, &code, &[]).is(200).json();
        assert_eq!(claims(text(&issued, "id_token"))["sub"], bob["account"]);
        // A hint that means nobody who could be known is told to the application.
        let asked = address(&app, &[("id_token_hint", "x")]);
        let went = location(&browser.get(&asked)).to_owned();
        assert_eq!(
            parameter(&went, "error").as_deref(),
            Some("invalid_request")
        );
    });
}

#[test]
fn a_page_of_ones_own_is_told_whom_an_application_means() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let bob = served.person(&ada, "bob@example.com");
        let send = |tokens: &Value, request: &str, answer: Value| {
            let mut body = json!({"request": request.split_once('?').unwrap().1});
            let answer = answer.as_object().unwrap().clone();
            body.as_object_mut().unwrap().extend(answer);
            let token = Some(access_token(tokens));
            served.client.post("/auth/v1/authorisations", token, &body)
        };
        let allow = json!({"allow": true, "version": 1});
        let went = send(&bob, &address(&app, &[]), allow.clone())
            .is(200)
            .json();
        let code = parameter(text(&went, "location"), "code").unwrap();
        let issued = exchange(&served, &app, &code, &[]).is(200).json();
        let hint = text(&issued, "id_token");
        let asked = address(&app, &[("id_token_hint", hint), ("max_age", "0")]);
        let step = send(&ada, &asked, json!({})).is(200).json();
        assert_eq!(step["step"], "other_account");
        assert_eq!(step["account"], bob["account"]);
        let back = text(&step, "location");
        assert_eq!(parameter(back, "error").as_deref(), Some("login_required"));
        // Whatever she says to it.
        send(&ada, &asked, allow.clone()).refused(422, "refused");
        let refused = send(&ada, &asked, json!({"allow": false})).is(200).json();
        let error = parameter(text(&refused, "location"), "error");
        assert_eq!(error.as_deref(), Some("access_denied"));
        // Bob goes on with what came.
        served.advance(SECOND);
        let bob = served.sign_in("bob@example.com", PASSWORD);
        let request = format!("?{}", text(&step, "request"));
        let step = send(&bob, &request, json!({})).is(200).json();
        assert_eq!(step["step"], "answer");
        let code = parameter(text(&step, "location"), "code");
        assert!(code.is_some(), "{step}");
    });
}

#[test]
fn nobody_answers_for_a_person() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let mut browser = Browser::signed_in(&served, ADA);
        let page = browser.get(&address(&app, &[])).is(200).body;
        let (token, request) = (field(&page, "form_token"), field(&page, "request"));
        let right = [
            ("request", request.as_str()),
            ("version", "1"),
            ("answer", "allow"),
        ];
        let mut stranger = Browser::signed_in(&served, ADA);
        let foreign = stranger.token("/console");
        for (token, from) in [
            ("", OWN),
            (foreign.as_str(), OWN),
            (token.as_str(), ("Sec-Fetch-Site", "cross-site")),
            (token.as_str(), ("Sec-Fetch-Site", "same-site")),
            (token.as_str(), ("Origin", "https://chart.example")),
        ] {
            browser.post_from(ANSWER, token, &right, &[from]).is(403);
        }
        browser.get(ANSWER).is(405);
        // What is sent is read anew: no other redirect, scope or application comes with a right token.
        let changed = |name: &str, value: &str| {
            let changed = address(&app, &[(name, value)]);
            changed.split_once('?').unwrap().1.to_owned()
        };
        for (name, value) in [
            ("redirect_uri", "https://evil.example/callback"),
            ("client_id", "cli_0"),
            ("redirect_uri", ""),
        ] {
            let request = changed(name, value);
            let fields = [("request", request.as_str()), right[1], right[2]];
            let reply = browser.post(ANSWER, &token, &fields).is(400);
            assert!(!reply.body.contains("evil.example"), "{}", reply.body);
            assert!(!reply.body.contains("http-equiv"), "{}", reply.body);
        }
        let request = changed("scope", "grant.change");
        let fields = [("request", request.as_str()), right[1], right[2]];
        let went = leads_to(&browser.post(ANSWER, &token, &fields));
        assert_eq!(parameter(&went, "error").as_deref(), Some("invalid_scope"));
        for answer in ["", "yes", "Allow"] {
            let fields = [right[0], right[1], ("answer", answer)];
            browser.post(ANSWER, &token, &fields).is(400);
        }
        // Who is not signed in any more is sent to sign in, and nothing is given.
        let cookie = browser.cookies.remove("tickloom-session").unwrap();
        let anonymous = browser.token(SIGN_IN);
        let reply = browser.post(ANSWER, &anonymous, &right);
        assert!(location(&reply).starts_with(SIGN_IN));
        browser
            .cookies
            .insert("tickloom-session".to_owned(), cookie);
        let list = "/auth/v1/accounts/me/applications";
        let list = served.client.get(list, Some(access_token(&ada))).is(200);
        assert_eq!(list.json()["items"], json!([]));
    });
}

#[test]
fn what_is_allowed_is_what_was_shown() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        let app = App::new(&served, &ada, &registered);
        let mut browser = Browser::signed_in(&served, ADA);
        let asked = address(&app, &[]);
        let page = browser.get(&asked).is(200).body;
        registered["name"] = json!("Another");
        let path = format!("{CLIENTS}/{}", app.id);
        let token = Some(access_token(&ada));
        served.client.put(&path, token, &registered).is(200);
        // It is looked at anew, under its new name.
        let back = leads_to(&answer(&mut browser, &page, "allow"));
        assert!(back.starts_with("/auth/oauth/authorize?"), "{back}");
        let page = browser.get(&back).is(200).body;
        assert!(page.contains("<strong>Another</strong> asks"));
        let went = leads_to(&answer(&mut browser, &page, "allow"));
        assert!(parameter(&went, "code").is_some());
        // Over the API the same.
        let more = address(&app, &[("scope", "openid run.read")]);
        let request = more.split_once('?').unwrap().1;
        let path = "/auth/v1/authorisations";
        let body = json!({"request": request, "allow": true});
        let reply = served.client.post(path, token, &body);
        reply.refused(400, "bad_request");
        let body = json!({"request": request, "allow": true, "version": 1});
        served
            .client
            .post(path, token, &body)
            .refused(409, "conflict");
        let body = json!({"request": request, "allow": true, "version": 2});
        served.client.post(path, token, &body).is(200);
        // One that is gone, and one that never was, are pages, and nothing is sent anywhere.
        served
            .client
            .delete(&format!("{CLIENTS}/{}", app.id), token)
            .is(204);
        let reply = browser.get(&asked).is(400);
        assert_eq!(reply.header("location"), None);
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        browser.get("/auth/oauth/authorize").is(400);
        browser.get("/auth/oauth/authorize?client_id=%").is(400);
    });
}

#[test]
fn how_recently_a_person_signed_in_is_as_the_application_and_the_scope_ask() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let mut browser = Browser::new(&served);
        let silent = browser.get(&address(&app, &[("prompt", "none")]));
        let error = |reply: &Reply| parameter(location(reply), "error").unwrap();
        assert_eq!(error(&silent), "login_required");
        browser.sign_in(PASSWORD).is(303);
        let silent = browser.get(&address(&app, &[("prompt", "none")]));
        assert_eq!(error(&silent), "consent_required");
        let page = browser.get(&address(&app, &[])).is(200).body;
        answer(&mut browser, &page, "allow");
        served.advance(100 * SECOND);
        for change in [("prompt", "login"), ("max_age", "99"), ("max_age", "0")] {
            let sent = browser.get(&address(&app, &[change]));
            let step_up = location(&sent).to_owned();
            assert!(
                step_up.starts_with(&format!("{STEP_UP}?next=")),
                "{step_up}"
            );
            let page = browser.get(&step_up).is(200).body;
            let next = field(&page, "next");
            // Going on without it leads there again.
            let without = browser.get(&next);
            assert!(location(&without).starts_with(STEP_UP), "{change:?}");
            let fields = [("password", PASSWORD), ("next", &next)];
            let on = browser.post(STEP_UP, &field(&page, "form_token"), &fields);
            let through = browser.get(&leads_to(&on));
            assert!(location(&through).starts_with(CALLBACK), "{change:?}");
            served.advance(100 * SECOND);
        }
        // What goes on without the person needs a proof of the last quarter of an hour, whatever was allowed before.
        let lasting = address(&app, &[("scope", "openid offline_access")]);
        let page = browser.get(&lasting).is(200).body;
        assert!(page.contains("Go on for up to 30 days when you are not there"));
        served.advance(900 * SECOND);
        let back = leads_to(&answer(&mut browser, &page, "allow"));
        let sent = browser.get(&back);
        let step_up = location(&sent).to_owned();
        assert!(step_up.starts_with(STEP_UP));
        let silent = address(
            &app,
            &[("scope", "openid offline_access"), ("prompt", "none")],
        );
        let silent = browser.get(&silent);
        assert_eq!(error(&silent), "login_required");
        browser.fill(&step_up, &[("password", PASSWORD)]).is(303);
        let page = browser.get(&lasting).is(200).body;
        let went = leads_to(&answer(&mut browser, &page, "allow"));
        let code = parameter(&went, "code").unwrap();
        let issued = exchange(&served, &app, &code, &[]).is(200).json();
        assert!(issued["refresh_token"].is_string());
        // A scope without it goes on as before.
        served.advance(900 * SECOND);
        let through = browser.get(&address(&app, &[]));
        assert!(location(&through).starts_with(CALLBACK));
    });
}

#[test]
fn another_account_can_be_taken_on_the_way() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        served.person(&ada, "bob@example.com");
        let app = App::new(&served, &ada, &settings("confidential"));
        let mut browser = Browser::signed_in(&served, ADA);
        let asked = address(&app, &[]);
        let page = browser.get(&asked).is(200).body;
        let next = field(&page, "next");
        let token = field(&page, "form_token");
        let out = browser.post("/console/auth/sign-out", &token, &[("next", &next)]);
        let sign_in = location(&out).to_owned();
        assert!(!browser.cookies.contains_key("tickloom-session"));
        let fields = [
            ("email", "bob@example.com"),
            ("password", PASSWORD),
            ("next", &next),
        ];
        let going_on = browser.fill(&sign_in, &fields);
        let page = browser.get(&leads_to(&going_on)).is(200).body;
        assert!(page.contains("You are signed in as <strong>Bob</strong>"));
        // Nor does signing out lead to somebody else's address.
        let token = field(&page, "form_token");
        let away = [("next", "https://evil.example/")];
        let out = browser.post("/console/auth/sign-out", &token, &away);
        assert_eq!(location(&out), "/console/auth/sign-in?next=%2Fconsole");
    });
}

#[test]
fn what_acts_for_a_person_is_seen_and_taken_back_on_a_page() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let app = App::new(&served, &ada, &settings("confidential"));
        let mut browser = Browser::signed_in(&served, ADA);
        let path = "/console/auth/accounts/me/applications";
        assert!(browser.get(path).is(200).body.contains("There is none"));
        let lasting = address(&app, &[("scope", "openid offline_access account.read")]);
        let issued = |browser: &mut Browser<'_>| {
            let reply = browser.get(&lasting);
            let went = match reply.status {
                303 => location(&reply).to_owned(),
                _ => leads_to(&answer(browser, &reply.body, "allow")),
            };
            let code = parameter(&went, "code").unwrap();
            exchange(&served, &app, &code, &[]).is(200).json()
        };
        let (one, two) = (issued(&mut browser), issued(&mut browser));
        let me = |tokens: &serde_json::Value| {
            let token = Some(access_token(tokens));
            served.client.get("/auth/v1/accounts/me", token).status
        };
        let page = browser.get(path).is(200).body;
        assert!(page.contains("Go on for up to 30 days"), "{page}");
        let given = "/auth/v1/accounts/me/authorisations";
        let token = Some(access_token(&ada));
        let list = served.client.get(given, token).is(200).json();
        let ids: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        let sid = |tokens| super::claims(access_token(tokens))["sid"].clone();
        assert_eq!((json!(ids[0]), json!(ids[1])), (sid(&one), sid(&two)));
        let first = &list["items"][0];
        assert_eq!(first["name"], "Chart");
        assert_eq!(first["ends_with_session"], false);
        assert_eq!(
            first["expires"].as_i64().unwrap() - first["began"].as_i64().unwrap(),
            7 * 86_400 * SECOND
        );
        // One of them.
        let token = field(&page, "form_token");
        let end = format!("{path}/end");
        let reply = browser.post(&end, &token, &[("authorisation", ids[0])]);
        assert_eq!(location(&reply), format!("{path}?done=ended"));
        assert_eq!((me(&one), me(&two)), (401, 200));
        browser
            .post(&end, &token, &[("authorisation", ids[0])])
            .is(404);
        // Nobody else's.
        let bobs = Some(access_token(&bob));
        let other = format!("{given}/{}", ids[1]);
        served.client.delete(&other, bobs).refused(404, "not_found");
        let account = ada["account"].as_str().unwrap();
        let other = format!("/auth/v1/accounts/{account}/authorisations/{}", ids[1]);
        served.client.delete(&other, bobs).refused(403, "forbidden");
        assert_eq!(me(&two), 200);
        // All that the application was allowed.
        let revoke = format!("{path}/revoke");
        let reply = browser.post(&revoke, &token, &[("client", &app.id)]);
        assert_eq!(location(&reply), format!("{path}?done=revoked"));
        assert_eq!(me(&two), 401);
        assert!(browser.get(path).is(200).body.contains("There is none"));
    });
}
