//! The page on which a person approves a device.

use super::consent::{field, location};
use super::device::{app, begin, poll};
use super::refused;
use crate::browser::{Browser, OWN};
use crate::{ADA, PASSWORD, SECOND, Served, on_both, text};
use serde_json::Value;

const DEVICE: &str = "/console/auth/device";
const DECIDE: &str = "/console/auth/device/decide";

/// The path of an address that a device shows.
fn path<'a>(begun: &'a Value, name: &str) -> &'a str {
    text(begun, name).strip_prefix(crate::ISSUER).unwrap()
}

#[test]
fn a_person_connects_a_device_on_a_page() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = begin(&served, &app, "openid run.read");
        let code = text(&begun, "user_code");
        let mut browser = Browser::new(&served);
        let short = browser.get(path(&begun, "verification_uri"));
        assert_eq!(location(&short), DEVICE);
        let whole = browser.get(path(&begun, "verification_uri_complete"));
        let at = format!("{DEVICE}?user_code={code}");
        assert_eq!(location(&whole), at);
        let away = browser.get(&at);
        let sign_in = location(&away).to_owned();
        let fields = [
            ("email", crate::ADA),
            ("password", PASSWORD),
            ("next", at.as_str()),
        ];
        assert_eq!(location(&browser.fill(&sign_in, &fields)), at);
        // The code is there, and nothing is looked at before it is sent.
        let page = browser.get(&at).is(200).body;
        assert_eq!(field(&page, "user_code\" type=\"text"), code);
        assert!(!page.contains("Terminal"));
        let typed = code.to_lowercase().replace('-', " ");
        let page = browser.fill(DEVICE, &[("user_code", &typed)]).is(200).body;
        for words in [
            "<strong>Terminal</strong> on another device asks",
            "See runs, with their fills and signals <code>run.read</code>",
            "Any program can say that it is Terminal.",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let token = field(&page, "form_token");
        assert_eq!(field(&page, "version"), "1");
        let fields = [
            ("user_code", typed.as_str()),
            ("version", "1"),
            ("answer", "allow"),
        ];
        for (token, from) in [
            ("", OWN),
            (token.as_str(), ("Sec-Fetch-Site", "cross-site")),
        ] {
            browser.post_from(DECIDE, token, &fields, &[from]).is(403);
        }
        browser.post(DECIDE, &token, &fields[..2]).is(400);
        refused(&poll(&served, &app, &begun), 400, "authorization_pending");
        // Not if it is another application than was shown.
        for version in ["", "0", "2"] {
            let fields = [fields[0], ("version", version), fields[2]];
            let page = browser.post(DECIDE, &token, &fields).is(422).body;
            assert!(page.contains("was changed meanwhile"), "{page}");
        }
        let reply = browser.post(DECIDE, &token, &fields);
        assert_eq!(location(&reply), format!("{DEVICE}?done=device-allowed"));
        served.advance(10 * SECOND);
        poll(&served, &app, &begun).is(200);
        browser.post(DECIDE, &token, &fields).is(422);
        let begun = begin(&served, &app, "openid");
        let fields = [
            ("user_code", text(&begun, "user_code")),
            ("answer", "refuse"),
        ];
        let reply = browser.post(DECIDE, &token, &fields);
        assert_eq!(location(&reply), format!("{DEVICE}?done=device-refused"));
        refused(&poll(&served, &app, &begun), 400, "access_denied");
    });
}

#[test]
fn who_guesses_codes_on_the_page_waits_and_a_link_guesses_nothing() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = begin(&served, &app, "run.read");
        let mut browser = Browser::signed_in(&served, ADA);
        for _ in 0..20 {
            browser
                .get(&format!("{DEVICE}?user_code=BCDF-GHJK"))
                .is(200);
        }
        let token = browser.token(DEVICE);
        let mut guess = |code: &str| {
            let page = browser.post(DEVICE, &token, &[("user_code", code)]);
            (page.status, page.body)
        };
        for wrong in ["", "x", "BCDF-GHJK", "BCDF-GHJL", "BCDF-GHJM"] {
            let (status, page) = guess(wrong);
            assert_eq!(status, 422);
            assert!(page.contains("No device waits with this code."), "{page}");
        }
        let (status, page) = guess(text(&begun, "user_code"));
        assert_eq!(status, 422);
        assert!(page.contains("Too many attempts: wait 1 s."), "{page}");
        served.advance(SECOND);
        assert_eq!(guess(text(&begun, "user_code")).0, 200);
    });
}

#[test]
fn a_device_that_goes_on_alone_needs_a_fresh_proof() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let mut browser = Browser::signed_in(&served, ADA);
        served.advance(900 * SECOND);
        let begun = begin(&served, &app, "run.read offline_access");
        let code = text(&begun, "user_code");
        let reply = browser.fill(DEVICE, &[("user_code", code)]);
        let step_up = location(&reply).to_owned();
        let expected =
            format!("/console/auth/step-up?next=%2Fconsole%2Fauth%2Fdevice%3Fuser_code%3D{code}");
        assert_eq!(step_up, expected);
        // Not by leaving the page out either.
        let token = browser.token(DEVICE);
        let fields = [("user_code", code), ("version", "1"), ("answer", "allow")];
        let reply = browser.post(DECIDE, &token, &fields);
        assert!(location(&reply).starts_with("/console/auth/step-up"));
        refused(&poll(&served, &app, &begun), 400, "authorization_pending");
        browser.fill(&step_up, &[("password", PASSWORD)]).is(303);
        let page = browser.fill(DEVICE, &[("user_code", code)]).is(200).body;
        let reply = browser.post(DECIDE, &field(&page, "form_token"), &fields);
        assert_eq!(location(&reply), format!("{DEVICE}?done=device-allowed"));
        served.advance(10 * SECOND);
        let issued = poll(&served, &app, &begun).is(200).json();
        assert!(issued["refresh_token"].is_string());
    });
}
