//! Codes that come with a person's browser, and who would like to have them.

use super::browser::Browser;
use super::{App, CLIENTS, claims, form, refused};
use crate::client::Reply;
use crate::{ISSUER, SECOND, Served, access_token, on_both, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

pub(super) const CALLBACK: &str = "https://chart.example/callback";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(super) fn settings(kind: &str) -> Value {
    json!({"name": "Chart", "kind": kind, "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [CALLBACK, "https://chart.example/other"],
        "scopes": ["openid", "profile", "email", "offline_access", "account.read", "run.*"],
        "resources": ["https://other.example"]})
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// The address of a right request, with other values for some parameters; one that is empty is left out.
pub(super) fn address(app: &App, changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let right = [
        ("response_type", "code"),
        ("client_id", app.id.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "openid account.read"),
        ("state", "s-1"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let kept = right
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    let pairs: Vec<(&str, &str)> = kept.chain(changes.iter().copied()).collect();
    format!("/auth/oauth/authorize?{}", form(&pairs))
}

/// A parameter of the address to which a browser went.
pub(super) fn parameter(place: &str, name: &str) -> Option<String> {
    let (_, query) = place.split_once('?').unwrap();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name);
    let value = found.next()?.1.to_owned();
    assert!(found.next().is_none(), "{place}");
    Some(value)
}

fn code(place: &str) -> String {
    assert!(place.starts_with(CALLBACK), "{place}");
    assert_eq!(parameter(place, "state").as_deref(), Some("s-1"));
    // Who answered (RFC 9207), so that an application that knows several is not mixed up.
    assert_eq!(
        parameter(place, "iss").as_deref(),
        Some("http%3A%2F%2Flocalhost%3A8080")
    );
    parameter(place, "code").unwrap_or_else(|| panic!("{place}"))
}

pub(super) fn exchange(served: &Served, app: &App, code: &str, more: &[(&str, &str)]) -> Reply {
    let right = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    let kept = right
        .into_iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let pairs: Vec<(&str, &str)> = kept.chain(more.iter().copied()).collect();
    app.send(served, "token", &pairs)
}

fn browser(served: &Served) -> Browser {
    Browser::new(served.client)
}

/// A browser in which Ada is signed in, who allowed the application what it asks for without more.
fn signed_in(served: &Served, app: &App) -> Browser {
    let browser = browser(served);
    browser.allow(&address(app, &[]));
    browser
}

pub(super) fn me(served: &Served, tokens: &Value) -> u16 {
    served
        .client
        .get("/auth/v1/accounts/me", Some(access_token(tokens)))
        .status
}

#[test]
fn a_code_is_good_once_and_in_the_right_hands() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let other = App::new(&served, &ada, &settings("public"));
        let browser = signed_in(&served, &app);
        browser.allow(&address(
            &app,
            &[("scope", "openid offline_access account.read")],
        ));
        let new = || {
            code(
                browser
                    .open(&address(
                        &app,
                        &[("scope", "openid offline_access account.read")],
                    ))
                    .elsewhere(),
            )
        };
        // Twice: all that came of it ends.
        let one = new();
        let issued = exchange(&served, &app, &one, &[]).is(200).json();
        assert_eq!(me(&served, &issued), 200);
        refused(&exchange(&served, &app, &one, &[]), 400, "invalid_grant");
        assert_eq!(me(&served, &issued), 401);
        let again = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&issued, "refresh_token")),
        ];
        refused(&app.send(&served, "token", &again), 400, "invalid_grant");
        // Without its proof, with another's, or by another application: it is gone for everybody.
        for wrong in [
            ("code_verifier", ""),
            (
                "code_verifier",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ),
            ("code_verifier", &challenge()),
            ("redirect_uri", "https://chart.example/other"),
        ] {
            let stolen = new();
            refused(
                &exchange(&served, &app, &stolen, &[wrong]),
                400,
                "invalid_grant",
            );
            refused(&exchange(&served, &app, &stolen, &[]), 400, "invalid_grant");
        }
        let stolen = new();
        refused(
            &exchange(&served, &other, &stolen, &[]),
            400,
            "invalid_grant",
        );
        refused(&exchange(&served, &app, &stolen, &[]), 400, "invalid_grant");
        // Too late.
        let late = new();
        served.advance(60 * SECOND);
        refused(&exchange(&served, &app, &late, &[]), 400, "invalid_grant");
        let in_time = new();
        served.advance(60 * SECOND - 1);
        exchange(&served, &app, &in_time, &[]).is(200);
        let audit = served
            .client
            .get("/auth/v1/audit?limit=1000", Some(access_token(&ada)));
        assert!(audit.is(200).body.contains("code_misused"));
    });
}

#[test]
fn somebody_elses_code_is_of_no_use_in_a_session_of_ones_own() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let browser = signed_in(&served, &app);
        // The code was asked for with a challenge of Ada's; who injects it has another verifier.
        let injected = code(browser.open(&address(&app, &[])).elsewhere());
        let own = [(
            "code_verifier",
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        )];
        refused(
            &exchange(&served, &app, &injected, &own),
            400,
            "invalid_grant",
        );
        // A confidential application shows its secret, whatever code it has.
        let code = code(browser.open(&address(&app, &[])).elsewhere());
        let bare = App {
            id: app.id.clone(),
            secret: None,
        };
        refused(&exchange(&served, &bare, &code, &[]), 401, "invalid_client");
        exchange(&served, &app, &code, &[]).is(200);
    });
}

#[test]
fn a_token_is_for_the_service_that_was_asked_for() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let browser = signed_in(&served, &app);
        let both = format!(
            "{}&resource=https://other.example&resource={ISSUER}",
            address(&app, &[])
        );
        browser.allow(&both);
        let new = |address: &str| code(browser.open(address).elsewhere());
        let first = new(&both);
        let issued = exchange(&served, &app, &first, &[]).is(200).json();
        assert_eq!(
            claims(access_token(&issued))["aud"],
            "https://other.example"
        );
        assert_eq!(me(&served, &issued), 401);
        let second = new(&both);
        let issued = exchange(&served, &app, &second, &[("resource", ISSUER)])
            .is(200)
            .json();
        assert_eq!(me(&served, &issued), 200);
        // What was not authorised, though the application may ask for it.
        let third = new(&address(&app, &[]));
        let reply = exchange(
            &served,
            &app,
            &third,
            &[("resource", "https://other.example")],
        );
        refused(&reply, 400, "invalid_target");
        // An ID token opens nothing.
        let id_token = text(&issued, "id_token").to_owned();
        served
            .client
            .get("/auth/v1/accounts/me", Some(&id_token))
            .is(401);
    });
}

#[test]
fn a_person_allows_it_and_the_application_gets_tokens() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let browser = browser(&served);
        let at = browser.open(&address(&app, &[]));
        let asked = json!({"step": "ask", "client": app.id, "name": "Chart", "scopes": "openid account.read",
            "resources": [], "redirect_uri": CALLBACK, "version": 1});
        assert_eq!(at.here(200), asked);
        let first = code(browser.answer(&at, true).elsewhere());
        let issued = exchange(&served, &app, &first, &[("redirect_uri", CALLBACK)])
            .is(200)
            .json();
        assert_eq!(issued["scope"], "openid account.read");
        assert!(issued.get("refresh_token").is_none());
        assert_eq!(me(&served, &issued), 200);
        let said = claims(text(&issued, "id_token"));
        let whose = (&said["iss"], &said["aud"], &said["nonce"]);
        assert_eq!(whose, (&json!(ISSUER), &json!(app.id), &json!("n-1")));
        let whom = (&said["sub"], &said["exp"]);
        assert_eq!(whom, (&ada["account"], &json!(1_700_000_300)));
        // Allowed once, it is not asked again, unless it is more.
        code(browser.open(&address(&app, &[])).elsewhere());
        code(
            browser
                .open(&address(&app, &[("prompt", "none")]))
                .elsewhere(),
        );
        let more = browser.open(&address(&app, &[("scope", "openid run.read")]));
        assert_eq!(more.here(200)["scopes"], "openid run.read");
        let silent = address(&app, &[("scope", "openid run.read"), ("prompt", "none")]);
        let error = |at: &str| parameter(at, "error").unwrap();
        assert_eq!(error(browser.open(&silent).elsewhere()), "consent_required");
        let at = browser.open(&address(&app, &[("prompt", "consent")]));
        let at = browser.answer(&at, false);
        assert_eq!(error(at.elsewhere()), "access_denied");
        assert_eq!(parameter(at.elsewhere(), "state").as_deref(), Some("s-1"));
        // A key of hers authorises nothing, whatever it may do.
        let body = json!({"name": "k", "scopes": ["*"]});
        let token = Some(access_token(&ada));
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", token, &body);
        let key = key.is(201).json();
        let asked = address(&app, &[]);
        let body = json!({"request": asked.split_once('?').unwrap().1, "allow": true});
        let path = "/auth/v1/authorisations";
        let reply = served.client.post(path, Some(text(&key, "secret")), &body);
        reply.refused(403, "step_up_required");
        // Nor does a token of an application.
        let reply = served.client.post(path, Some(access_token(&issued)), &body);
        reply.refused(403, "forbidden");
    });
}

#[test]
fn what_was_allowed_is_kept_within_bounds_and_for_where_it_went() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        let app = App::new(&served, &ada, &registered);
        let browser = browser(&served);
        let scopes = |letter: char| -> String {
            let names = ('a'..='s').map(|other| format!("run.{letter}{other}"));
            names.collect::<Vec<String>>().join(" ")
        };
        // Nineteen at a time, all within `run.*`: together they are more than can be asked for, and the newest stay.
        for letter in ['a', 'b'] {
            let at = browser.open(&address(&app, &[("scope", &scopes(letter))]));
            at.here(200);
            code(browser.answer(&at, true).elsewhere());
        }
        let newest = address(&app, &[("scope", &scopes('b'))]);
        code(browser.open(&newest).elsewhere());
        let older = browser.open(&address(&app, &[("scope", &scopes('a'))]));
        assert_eq!(older.here(200)["step"], "ask");
        // A name is no other place; another place is asked about anew.
        let path = format!("{CLIENTS}/{}", app.id);
        let token = Some(access_token(&ada));
        registered["name"] = json!("Charts");
        served.client.put(&path, token, &registered).is(200);
        code(browser.open(&newest).elsewhere());
        registered["redirect_uris"] = json!([CALLBACK, "https://evil.example/callback"]);
        served.client.put(&path, token, &registered).is(200);
        assert_eq!(browser.open(&newest).here(200)["step"], "ask");
    });
}

#[test]
fn a_resource_that_was_taken_from_an_application_is_not_obtained_any_more() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut registered = settings("confidential");
        let app = App::new(&served, &ada, &registered);
        let browser = browser(&served);
        let changes = [
            ("resource", "https://other.example"),
            ("scope", "offline_access run.read"),
        ];
        let at = browser.open(&address(&app, &changes));
        let first = code(browser.answer(&at, true).elsewhere());
        let pairs = [("redirect_uri", CALLBACK)];
        let issued = exchange(&served, &app, &first, &pairs).is(200).json();
        assert_eq!(
            claims(access_token(&issued))["aud"],
            "https://other.example"
        );
        registered["resources"] = json!([]);
        let path = format!("{CLIENTS}/{}", app.id);
        let token = Some(access_token(&ada));
        served.client.put(&path, token, &registered).is(200);
        let refresh = text(&issued, "refresh_token");
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let reply = app.send(&served, "token", &pairs).is(400).json();
        assert_eq!(reply["error"], "invalid_target");
    });
}

#[test]
fn nothing_is_sent_to_where_the_application_is_not_registered() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let browser = signed_in(&served, &app);
        for redirect in [
            "https://evil.example/callback",
            "https://chart.example/callback/",
            "https://chart.example/callback?next=https://evil.example",
            "https://chart.example/callback/../../evil",
            "https://chart.example:443/callback",
            "https://chart.example@evil.example/callback",
            "https://chart.example.evil.example/callback",
            "https://chart.example/CALLBACK",
            "http://chart.example/callback",
            "//evil.example",
            "javascript:alert(1)",
            "",
        ] {
            // Whatever else is wrong with it.
            for scope in ["openid", "*"] {
                let asked = address(&app, &[("redirect_uri", redirect), ("scope", scope)]);
                let at = browser.open(&asked);
                assert_eq!(at.here(400)["code"], "bad_request", "{redirect}");
                assert_eq!(browser.answer(&at, true).here(400)["code"], "bad_request");
                assert_eq!(browser.answer(&at, false).here(400)["code"], "bad_request");
            }
        }
        let unknown = App {
            id: "cli_0".to_owned(),
            secret: None,
        };
        browser.open(&address(&unknown, &[])).here(400);
        // Two of them: whichever is right, the other is not.
        let twice = format!("{}&redirect_uri=https://evil.example", address(&app, &[]));
        browser.open(&twice).here(400);
    });
}

#[test]
fn what_is_wrong_is_told_to_the_application_in_its_words() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let browser = signed_in(&served, &app);
        for (name, value, error) in [
            ("code_challenge", "", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "id_token", "unsupported_response_type"),
            ("response_mode", "fragment", "invalid_request"),
            ("scope", "*", "invalid_scope"),
            ("scope", "openid grant.change", "invalid_scope"),
            ("resource", "https://evil.example", "invalid_target"),
            (
                "request_uri",
                "https://evil.example",
                "request_uri_not_supported",
            ),
        ] {
            let at = browser.open(&address(&app, &[(name, value)]));
            let place = at.elsewhere();
            assert!(place.starts_with(CALLBACK), "{place}");
            assert_eq!(
                parameter(place, "error").as_deref(),
                Some(error),
                "{name}={value}"
            );
            assert_eq!(parameter(place, "code"), None);
            assert!(parameter(place, "iss").is_some());
        }
    });
}

#[test]
fn how_long_ago_a_person_signed_in_is_as_the_application_asks() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("public"));
        let mut browser = signed_in(&served, &app);
        served.advance(100 * SECOND);
        let silent = |max_age: &str| address(&app, &[("max_age", max_age), ("prompt", "none")]);
        code(browser.open(&silent("100")).elsewhere());
        let at = browser.open(&silent("99"));
        assert_eq!(
            parameter(at.elsewhere(), "error").as_deref(),
            Some("login_required")
        );
        for change in [("max_age", "99"), ("max_age", "0"), ("prompt", "login")] {
            let at = browser.open(&address(&app, &[change]));
            let told = at.here(200);
            assert_eq!(told["step"], "sign_in", "{change:?}");
            assert_eq!(browser.answer(&at, true).here(422)["code"], "refused");
            browser.sign_in();
            let place = browser.open(&format!("?{}", text(&told, "request")));
            let code = code(place.elsewhere());
            let issued = exchange(&served, &app, &code, &[]).is(200).json();
            let said = claims(text(&issued, "id_token"));
            let now = served.clock.now().0 / SECOND;
            assert_eq!(said["auth_time"], now, "{change:?}");
            served.advance(100 * SECOND);
        }
    });
}

#[test]
fn our_own_applications_ask_nobody_unless_anybody_could_say_to_be_them() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let mut own = settings("confidential");
        own["is_first_party"] = json!(true);
        let app = App::new(&served, &ada, &own);
        let browser = browser(&served);
        code(browser.open(&address(&app, &[])).elsewhere());
        let mut native = settings("public");
        native["redirect_uris"] = json!(["http://127.0.0.1/callback"]);
        native["is_first_party"] = json!(true);
        let native = App::new(&served, &ada, &native);
        let callback = "http://127.0.0.1:54321/callback";
        let asked = address(&native, &[("redirect_uri", callback)]);
        for _ in 0..2 {
            let at = browser.open(&asked);
            assert_eq!(at.here(200)["step"], "ask");
            let at = browser.answer(&at, true);
            assert!(
                at.elsewhere()
                    .starts_with("http://127.0.0.1:54321/callback?code=")
            );
        }
    });
}
