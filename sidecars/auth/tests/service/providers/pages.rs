//! Providers in a browser: signing in, authenticating once more, linking.

use super::{Begun, Outside, begin, carl, finish, go, serve, sessions};
use crate::browser::Browser;
use crate::client::Reply;
use crate::factor::{code, set};
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both};
use serde_json::{Value, json};
use url::Url;

const SIGN_IN: &str = "/console/auth/sign-in";
const COOKIE: &str = "tickloom-provider";
const SESSION: &str = "tickloom-session";
const KEYS: &str = "/console/auth/accounts/me/keys/new";

fn location(reply: &Reply) -> &str {
    reply.header("location").unwrap()
}

/// Presses a button of a page that leads to the provider, and reads there what it is asked.
fn leave(browser: &mut Browser<'_>, page: &str, path: &str, next: &str) -> Begun {
    let token = browser.token(page);
    let going = browser.post(path, &token, &[("next", next)]).is(200).body;
    let (_, rest) = going.split_once("content=\"0;url=").unwrap();
    let url = rest.split('"').next().unwrap().replace("&amp;", "&");
    assert!(browser.cookies.contains_key(COOKIE), "{going}");
    Begun {
        path: String::new(),
        request: String::new(),
        query: Url::parse(&url)
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect(),
    }
}

/// Where the provider sends a browser back to.
fn callback(outside: &Outside, begun: &Begun) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", "the code");
    query.append_pair("state", &begun.query["state"]);
    query.append_pair("iss", &outside.issuer);
    // Some providers say more (OpenID Connect Session Management, section 2).
    query.append_pair("session_state", "x");
    format!("/auth/v1/providers/op/callback?{}", query.finish())
}

/// Comes back as somebody.
fn back(
    browser: &mut Browser<'_>,
    outside: &Outside,
    begun: &Begun,
    (subject, more): (&str, Value),
) -> Reply {
    outside.signs(&begun.claims(&outside.issuer, subject, &more));
    browser.get(&callback(outside, begun))
}

fn sign_in(browser: &mut Browser<'_>, outside: &Outside, who: (&str, Value)) -> Reply {
    let path = "/console/auth/providers/op/sign-in";
    let begun = leave(browser, SIGN_IN, path, "/console/auth/profile");
    back(browser, outside, &begun, who)
}

#[test]
fn a_browser_signs_in_with_a_provider_and_nobody_is_signed_in_by_an_address() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let mut browser = Browser::new(&served);
        let shown = browser.get(SIGN_IN).is(200).body;
        assert!(shown.contains("Sign in with Example"), "{shown}");
        let path = "/console/auth/providers/op/sign-in";
        let begun = leave(&mut browser, SIGN_IN, path, "/console/auth/profile");
        // An address with what came back is worth nothing in another browser.
        outside.signs(&begun.claims(&outside.issuer, "1", &carl()));
        let mut other = Browser::new(&served);
        let nothing = other.get(&callback(&outside, &begun)).is(200).body;
        assert!(nothing.contains("Go back to the program"), "{nothing}");
        assert!(!other.cookies.contains_key(SESSION));
        // Nor is what came back for somebody else in this one.
        let foreign = begin(&served, "op/sign-in", None);
        let refused = browser.get(&callback(&outside, &foreign)).is(422);
        assert!(!browser.cookies.contains_key(SESSION), "{refused:?}");

        let entered = back(&mut browser, &outside, &begun, ("1", carl())).is(303);
        assert_eq!(location(&entered), "/console/auth/profile");
        assert!(!browser.cookies.contains_key(COOKIE));
        let profile = browser.get("/console/auth/profile").is(200).body;
        assert!(profile.contains("carl@example.com"), "{profile}");
        // It was good once.
        let again = browser.get(&callback(&outside, &begun)).is(200).body;
        assert!(again.contains("Go back to the program"), "{again}");
        // Who has no account is told so on the page on which one signs in.
        outside.says("/userinfo", &json!({"sub": "2"}));
        let refused = sign_in(&mut other, &outside, ("2", json!({}))).is(422);
        assert!(
            refused.body.contains("No account is linked"),
            "{}",
            refused.body
        );
        assert!(!other.cookies.contains_key(SESSION));
    });
}

#[test]
fn the_second_factor_is_asked_for_on_a_page() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let token = Some(access_token(&ada));
        go(&served, &outside, ("op/link", token), ("1", json!({}))).is(201);
        let (secret, _) = set(&served, &ada);
        served.advance(30 * SECOND);
        let mut browser = Browser::new(&served);
        let asked = sign_in(&mut browser, &outside, ("1", json!({}))).is(200);
        assert!(
            asked.body.contains("<h1>Second factor</h1>"),
            "{}",
            asked.body
        );
        assert!(!browser.cookies.contains_key(SESSION));
        let path = "/console/auth/providers/op/second-factor";
        let token = browser.token(SIGN_IN);
        browser.post(path, &token, &[("code", "000000")]).is(422);
        let good = code(&secret, served.clock.now().0);
        let entered = browser.post(path, &token, &[("code", &good)]).is(303);
        assert_eq!(location(&entered), "/console/auth/profile");
        browser.get("/console").is(200);
        let methods: Vec<_> = sessions(&served, access_token(&ada))
            .iter()
            .map(|session| session["methods"].clone())
            .collect();
        assert!(methods.contains(&json!("fed otp")), "{methods:?}");
        // What it waited for is over.
        browser.post(path, &token, &[("code", &good)]).is(403);
    });
}

#[test]
fn somebody_without_a_password_authenticates_once_more_on_the_way() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let mut browser = Browser::new(&served);
        sign_in(&mut browser, &outside, ("1", carl())).is(303);
        let led = location(&browser.get(KEYS).is(303)).to_owned();
        let page = browser.get(&led).is(200).body;
        assert!(page.contains("Authenticate with Example"), "{page}");
        assert!(!page.contains("type=\"password\""), "{page}");
        let path = "/console/auth/providers/op/step-up";
        let begun = leave(&mut browser, &led, path, KEYS);
        assert_eq!(begun.query["prompt"], "login");
        let stale = back(&mut browser, &outside, &begun, ("1", json!({}))).is(422);
        assert!(
            stale.body.contains("did not authenticate you anew"),
            "{}",
            stale.body
        );
        let begun = leave(&mut browser, &led, path, KEYS);
        let before = browser.cookies[SESSION].clone();
        let now = BEGIN.0 / SECOND;
        let more = json!({"auth_time": now});
        let done = back(&mut browser, &outside, &begun, ("1", more)).is(303);
        assert_eq!(location(&done), KEYS);
        assert_ne!(browser.cookies[SESSION], before);
        browser.get(KEYS).is(200);
    });
}

#[test]
fn a_person_links_and_unlinks_on_a_page() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let mut browser = Browser::signed_in(&served, ADA);
        let page = "/console/auth/accounts/me/identities";
        let shown = browser.get(page).is(200).body;
        assert!(shown.contains("There is none."), "{shown}");
        let path = "/console/auth/providers/op/link";
        let begun = leave(&mut browser, page, path, page);
        // In another session of the same person it links nothing.
        let mut other = Browser::signed_in(&served, ADA);
        let cookie = browser.cookies[COOKIE].clone();
        other.cookies.insert(COOKIE.to_owned(), cookie);
        back(&mut other, &outside, &begun, ("1", json!({}))).is(422);
        let linked = back(&mut browser, &outside, &begun, ("1", carl())).is(303);
        assert_eq!(location(&linked), format!("{page}?done=linked"));
        let shown = browser.get(page).is(200).body;
        assert!(shown.contains(&outside.issuer), "{shown}");
        let (_, rest) = shown.split_once("name=\"identity\" value=\"").unwrap();
        let identity = rest.split('"').next().unwrap().to_owned();
        let token = browser.token(page);
        let gone = browser.post(
            &format!("{page}/unlink"),
            &token,
            &[("identity", &identity)],
        );
        assert_eq!(location(&gone.is(303)), format!("{page}?done=unlinked"));
        let begun = begin(&served, "op/sign-in", None);
        outside.signs(&begun.claims(&outside.issuer, "1", &json!({})));
        let answer = begun.answer(&outside.issuer);
        finish(&served, &begun, None, &answer).refused(422, "refused");
        // Nothing of it is offered where there is no provider.
        let place = served.place.clone();
        drop(browser);
        drop(other);
        drop(served);
        let served = Served::start(&place);
        let mut browser = Browser::signed_in(&served, ADA);
        let menu = browser.get("/console").is(200).body;
        assert!(!menu.contains(page), "{menu}");
    });
}
