//! Sessions of browsers: their cookies, their limits, and forms that only a page of ours can send.

use crate::browser::{Browser, OWN};
use crate::factor::{code, set};
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both};
use serde_json::json;
use tickloom_chassis::Clock;

const SIGN_IN: &str = "/console/auth/sign-in";
const SESSION: &str = "tickloom-session";
const DAY: i64 = 86_400 * SECOND;

fn location(reply: &crate::Reply) -> &str {
    reply.header("location").unwrap()
}

/// What the cookies of an answer say, but for their values.
fn cookies(reply: &crate::Reply) -> Vec<String> {
    let set = reply.head.iter().filter(|(name, _)| name == "set-cookie");
    let without_value = |(_, line): &(String, String)| {
        let (name, rest) = line.split_once('=').unwrap();
        let (_, attributes) = rest.split_once(';').unwrap();
        format!("{name};{attributes}")
    };
    set.map(without_value).collect()
}

#[test]
fn a_browser_signs_in_with_a_session_that_the_api_knows() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let mut browser = Browser::new(&served);
        let page = browser.get("/console").is(303);
        assert_eq!(location(&page), "/console/auth/sign-in?next=%2Fconsole");
        let page = browser.get("/console/auth/accounts?search=a").is(303);
        assert_eq!(
            location(&page),
            "/console/auth/sign-in?next=%2Fconsole%2Fauth%2Faccounts%3Fsearch%3Da"
        );
        let page = browser.get(SIGN_IN).is(200);
        assert_eq!(
            cookies(&page),
            ["tickloom-forms; HttpOnly; SameSite=Lax; Path=/"]
        );
        let wrong = browser.sign_in("not the password 7").is(422);
        let unknown = [("email", "eve@example.com"), ("password", PASSWORD)];
        let unknown = browser.fill(SIGN_IN, &unknown).is(422);
        let said = "The e-mail address, the password or the code is wrong.";
        assert!(wrong.body.contains(said) && unknown.body.contains(said));
        assert!(!wrong.body.contains("not the password 7"));
        let reply = browser.sign_in(PASSWORD).is(303);
        assert_eq!(location(&reply), "/console");
        assert_eq!(
            cookies(&reply),
            [
                "tickloom-session; HttpOnly; SameSite=Lax; Path=/",
                "tickloom-sign-in; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
                "tickloom-device; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000",
            ]
        );
        assert!(browser.get("/console").is(200).body.contains("Ada"));
        let listed = served
            .client
            .get("/auth/v1/accounts/me/sessions", Some(access_token(&tokens)));
        assert_eq!(listed.is(200).json()["items"].as_array().unwrap().len(), 2);
        // The device is known from now on.
        browser.cookies.remove(SESSION);
        let again = browser.sign_in(PASSWORD).is(303);
        assert!(
            !cookies(&again)
                .iter()
                .any(|set| set.starts_with("tickloom-device"))
        );
        // Secrets are not in the database as they are.
        let cookie = browser.cookies[SESSION].clone();
        assert!(cookie.starts_with("tlb_"));
    });
}

#[test]
fn behind_tls_cookies_are_of_this_host_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = tickloom_chassis::Place::Folder(folder.path().to_owned());
    let served = Served::with(&place, Clock::standing(crate::BEGIN), |config| {
        "https://auth.example.com".clone_into(&mut config.issuer);
    });
    served.set_up(&served.setup_link()).is(200);
    let mut browser = Browser::new(&served);
    let reply = browser.sign_in(PASSWORD).is(303);
    assert_eq!(
        cookies(&reply),
        [
            "__Host-tickloom-session; HttpOnly; SameSite=Lax; Secure; Path=/",
            "__Host-tickloom-sign-in; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
            "__Host-tickloom-device; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000",
        ]
    );
    browser.get("/console").is(200);
    // A name without the prefix is nothing here: another host of the domain could have set it.
    let cookie = browser.cookies.remove("__Host-tickloom-session").unwrap();
    browser.cookies.insert(SESSION.to_owned(), cookie);
    browser.get("/console").is(303);
}

#[test]
fn a_form_of_another_page_changes_nothing() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let mut stranger = Browser::new(&served);
        let foreign = stranger.token(SIGN_IN);
        let mut browser = Browser::new(&served);
        let anonymous = browser.token(SIGN_IN);
        let fields = [("email", ADA), ("password", PASSWORD)];
        for (token, from) in [
            ("", [OWN]),
            ("x", [OWN]),
            (foreign.as_str(), [OWN]),
            (anonymous.as_str(), [("Sec-Fetch-Site", "cross-site")]),
            (anonymous.as_str(), [("Sec-Fetch-Site", "same-site")]),
            (anonymous.as_str(), [("Sec-Fetch-Site", "none")]),
            (anonymous.as_str(), [("Origin", "http://evil.example")]),
            (anonymous.as_str(), [("Origin", "null")]),
            (anonymous.as_str(), [("X-Nothing", "is said")]),
        ] {
            let refused = browser.post_from(SIGN_IN, token, &fields, &from).is(403);
            assert_eq!(
                refused.header("content-type").unwrap(),
                "text/html; charset=utf-8"
            );
            assert!(!browser.cookies.contains_key(SESSION));
        }
        let signed_in = browser.post_from(
            SIGN_IN,
            &anonymous,
            &fields,
            &[("Origin", "http://localhost")],
        );
        signed_in.is(303);
        // The token of before the sign-in is none of the session.
        browser
            .post("/console/auth/sign-out", &anonymous, &[])
            .is(403);
        browser.get("/console").is(200);
        let listed = served
            .client
            .get("/auth/v1/accounts/me/sessions", Some(access_token(&tokens)));
        assert_eq!(listed.is(200).json()["items"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn a_cookie_lets_nobody_into_the_api() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let mut browser = Browser::new(&served);
        browser.sign_in(PASSWORD).is(303);
        browser.get("/console").is(200);
        browser
            .get("/auth/v1/accounts/me")
            .refused(401, "unauthenticated");
        let cookie = browser.cookies[SESSION].clone();
        served
            .client
            .get("/auth/v1/accounts/me", Some(&cookie))
            .refused(401, "unauthenticated");
        let token = browser.token("/console");
        browser
            .post("/auth/v1/accounts/me/second-factor", &token, &[])
            .refused(401, "unauthenticated");
    });
}

#[test]
fn a_cookie_is_new_with_each_sign_in_and_each_step_up() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let mut browser = Browser::new(&served);
        let planted = "tlb_01981c4f2d7a7c3e9f1b2a3c4d5e6f70_Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9Qm3vT9x_000000";
        browser
            .cookies
            .insert(SESSION.to_owned(), planted.to_owned());
        browser.sign_in(PASSWORD).is(303);
        let first = browser.cookies[SESSION].clone();
        assert_ne!(first, planted);
        let step_up = "/console/auth/step-up";
        browser
            .fill(step_up, &[("password", "not the password 7")])
            .is(422);
        assert_eq!(browser.cookies[SESSION], first);
        let next = ("next", "/console?a=b");
        let reply = browser
            .fill(step_up, &[("password", PASSWORD), next])
            .is(303);
        assert_eq!(location(&reply), "/console?a=b");
        let second = browser.cookies[SESSION].clone();
        assert_ne!(first, second);
        browser.get("/console").is(200);
        browser.cookies.insert(SESSION.to_owned(), first);
        browser.get("/console").is(303);
    });
}

/// What a cookie is renewed for is not done if the cookie is not renewed.
#[test]
fn a_step_up_and_a_new_password_come_with_their_cookie_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = tickloom_chassis::Place::Folder(folder.path().to_owned());
    let (served, _) = Served::with_administrator(&place);
    let mut browser = Browser::new(&served);
    browser.sign_in(PASSWORD).is(303);
    let database = served.database();
    let run = |statement: &'static str| {
        let ran = sqlx::query(statement).execute(database.reader());
        served.runtime.block_on(ran).unwrap();
    };
    let authenticated = || {
        let row = sqlx::query_scalar("SELECT CAST(max(authenticated_at) AS BIGINT) FROM session");
        let row = row.fetch_one(database.reader());
        served.runtime.block_on(row).unwrap()
    };
    let first: i64 = authenticated();
    served.advance(SECOND);
    run(
        "CREATE TRIGGER no_cookie BEFORE UPDATE ON browser_session BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    let step_up = "/console/auth/step-up";
    let password = "/console/auth/profile/password";
    let new = "other words of no sense 8";
    let change = [("present", PASSWORD), ("new", new)];
    browser.fill(step_up, &[("password", PASSWORD)]).is(500);
    assert_eq!(authenticated(), first);
    browser.fill(password, &change).is(500);
    served.try_sign_in(ADA, new).is(401);
    served.sign_in(ADA, PASSWORD);
    browser.get("/console").is(200);
    run("DROP TRIGGER no_cookie");
    let cookie = browser.cookies[SESSION].clone();
    browser.fill(password, &change).is(303);
    assert_ne!(browser.cookies[SESSION], cookie);
    served.sign_in(ADA, new);
    browser.get("/console").is(200);
}

#[test]
fn a_session_of_a_browser_ends_at_its_limits_and_at_sign_out() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let mut browser = Browser::new(&served);
        browser.sign_in(PASSWORD).is(303);
        // Used every six days it goes on, but not for more than thirty.
        for _ in 0..4 {
            served.advance(6 * DAY);
            browser.get("/console").is(200);
        }
        served.advance(6 * DAY);
        browser.get("/console").is(303);
        browser.sign_in(PASSWORD).is(303);
        served.advance(7 * DAY);
        browser.get("/console").is(303);
        browser.sign_in(PASSWORD).is(303);
        let cookie = browser.cookies[SESSION].clone();
        let token = browser.token("/console");
        let reply = browser.post("/console/auth/sign-out", &token, &[]).is(303);
        assert_eq!(
            cookies(&reply),
            ["tickloom-session; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"]
        );
        browser.cookies.insert(SESSION.to_owned(), cookie);
        browser.get("/console").is(303);
    });
}

#[test]
fn the_second_factor_is_a_second_step() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (secret, recovery) = set(&served, &tokens);
        served.advance(60 * SECOND);
        let mut browser = Browser::new(&served);
        let reply = browser.sign_in(PASSWORD).is(303);
        let path = "/console/auth/sign-in/code";
        assert_eq!(location(&reply), format!("{path}?next=%2Fconsole"));
        assert!(!browser.cookies.contains_key(SESSION));
        browser.get("/console").is(303);
        browser.fill(path, &[("code", "000000")]).is(422);
        let now = served.clock.now().0;
        let right = code(&secret, now);
        browser.fill(path, &[("code", &right)]).is(303);
        browser.get("/console").is(200);
        // Neither the code nor the step is good again.
        let mut other = Browser::new(&served);
        other.sign_in(PASSWORD).is(303);
        other.fill(path, &[("code", &right)]).is(422);
        other.fill(path, &[("code", &recovery[0])]).is(303);
        other.get("/console").is(200);
        // It waits for five minutes.
        let mut late = Browser::new(&served);
        late.sign_in(PASSWORD).is(303);
        served.advance(300 * SECOND);
        late.fill(path, &[("code", &recovery[1])]).is(422);
        // Guesses of codes are slowed down as those of passwords are.
        late.sign_in(PASSWORD).is(303);
        for _ in 0..5 {
            late.fill(path, &[("code", "000000")]).is(422);
        }
        let slowed = late.fill(path, &[("code", &recovery[1])]).is(422);
        assert!(
            slowed.body.contains("Too many attempts: wait 1 s."),
            "{}",
            slowed.body
        );
    });
}

#[test]
fn nobody_is_sent_to_another_address() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        for (next, expected) in [
            (
                "/console/auth/step-up?next=%2Fconsole",
                "/console/auth/step-up?next=%2Fconsole",
            ),
            ("https://evil.example/", "/console"),
            ("//evil.example/", "/console"),
            ("/\\evil.example/", "/console"),
        ] {
            let mut browser = Browser::new(&served);
            let fields = [("email", ADA), ("password", PASSWORD), ("next", next)];
            let reply = browser.fill(SIGN_IN, &fields).is(303);
            assert_eq!(location(&reply), expected);
        }
        // What is no page of the console may end at another site: the browser goes there from a page.
        let mut browser = Browser::new(&served);
        let fields = [
            ("email", ADA),
            ("password", PASSWORD),
            ("next", "/auth/authorize?a=b&c=d"),
        ];
        let reply = browser.fill(SIGN_IN, &fields).is(200);
        let refresh = r#"<meta http-equiv="refresh" content="0;url=/auth/authorize?a=b&amp;c=d">"#;
        assert!(reply.body.contains(refresh), "{}", reply.body);
    });
}

#[test]
fn every_page_says_how_browsers_are_to_treat_it() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let mut browser = Browser::new(&served);
        for (path, status) in [
            (SIGN_IN, 200),
            ("/console", 303),
            ("/console/nothing", 404),
            ("/console/auth/sign-out", 405),
        ] {
            let reply = browser.get(path).is(status);
            let said = |name: &str| reply.header(name).unwrap_or("").to_owned();
            // One signs in with a passkey too, by a script of ours.
            let scripts = match path {
                SIGN_IN => "; script-src 'self'; connect-src 'self'",
                _ => "",
            };
            let policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
            assert_eq!(
                said("content-security-policy"),
                format!("{policy}{scripts}")
            );
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(said(name), value, "{path} {name}");
            }
        }
        let body = json!({"email": ADA, "password": PASSWORD});
        let refused = served.client.post(SIGN_IN, None, &body);
        refused.is(403);
    });
}

#[test]
fn accounts_are_found_by_a_part_of_a_name_or_an_address() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        served.person(&tokens, "bob@example.com");
        let mut browser = Browser::new(&served);
        browser.sign_in(PASSWORD).is(303);
        for (search, found) in [
            ("BOB%40", vec!["bob@example.com"]),
            ("ada", vec![ADA]),
            ("example.com", vec![ADA, "bob@example.com"]),
            ("b_b", vec![]),
            ("%25", vec![]),
            ("!", vec![]),
        ] {
            let path = format!("/console/auth/accounts?search={search}");
            let page = browser.get(&path).is(200).body;
            for email in [ADA, "bob@example.com"] {
                let cell = format!("<td data-label=\"E-mail address\">{email}</td>");
                assert_eq!(page.contains(&cell), found.contains(&email), "{search}");
            }
        }
    });
}
