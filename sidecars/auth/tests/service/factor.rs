//! The second factor, whose codes are worked out here from the words of RFC 6238 alone.

use crate::browser::Browser;
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both, text};
use ring::hmac;
use serde_json::{Value, json};
use tickloom_auth::Auth;

/// The secret that an app reads: base 32 (RFC 4648) without padding.
pub(crate) fn secret(base32: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in base32.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            other => panic!("{other}"),
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

/// The code of a secret at a time (RFC 6238, RFC 4226).
pub(crate) fn code(base32: &str, now: i64) -> String {
    let step = u64::try_from(now / (30 * SECOND)).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret(base32));
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

pub(crate) fn sign_in(served: &Served, code: Option<&str>) -> crate::Reply {
    let body = json!({"email": ADA, "password": PASSWORD, "code": code});
    served.client.post("/auth/v1/sessions", None, &body)
}

/// Sets a second factor; returns its secret and the recovery codes.
pub(crate) fn set(served: &Served, tokens: &Value) -> (String, Vec<String>) {
    let token = Some(access_token(tokens));
    let path = "/auth/v1/accounts/me/second-factor";
    let begun = served
        .client
        .send(("POST", path), token, &[], None)
        .is(201)
        .json();
    let secret = text(&begun, "secret").to_owned();
    assert!(
        text(&begun, "uri").starts_with("otpauth://totp/Tickloom:ada%40example.com?secret="),
        "{begun}"
    );
    let confirm = |code: &str| {
        let body = json!({"code": code});
        served.client.post(&format!("{path}/confirm"), token, &body)
    };
    confirm("000000").refused(401, "unauthenticated");
    // It does not count before it is confirmed.
    sign_in(served, None).is(201);
    let codes = confirm(&code(&secret, served.clock.now().0)).is(200).json();
    let codes = codes["recovery_codes"].as_array().unwrap().iter();
    let codes: Vec<String> = codes
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10);
    (secret, codes)
}

#[test]
fn codes_of_the_rfc_come_out_here() {
    // RFC 6238, appendix B: the secret is "12345678901234567890", the codes are cut to six digits.
    let base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    assert_eq!(secret(base32), b"12345678901234567890");
    for (seconds, expected) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (20_000_000_000 / 10, "279037"),
    ] {
        assert_eq!(code(base32, seconds * SECOND), expected, "{seconds}");
    }
}

#[test]
fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (secret, recovery) = set(&served, &tokens);
        let now = || served.clock.now().0;
        sign_in(&served, None).refused(401, "second_factor_required");
        // The code with which it was confirmed was used.
        sign_in(&served, Some(&code(&secret, now()))).refused(401, "unauthenticated");
        served.advance(30 * SECOND);
        let good = code(&secret, now());
        sign_in(&served, Some(&good)).is(201);
        sign_in(&served, Some(&good)).refused(401, "unauthenticated");
        served.advance(30 * SECOND);
        // The step before is taken too, but not once a newer one was.
        sign_in(&served, Some(&code(&secret, now() - 30 * SECOND))).refused(401, "unauthenticated");
        served.advance(60 * SECOND);
        sign_in(&served, Some(&code(&secret, now() - 30 * SECOND))).is(201);
        let on_paper = recovery[3].to_lowercase();
        sign_in(&served, Some(&on_paper)).is(201);
        sign_in(&served, Some(&on_paper)).refused(401, "unauthenticated");
        sign_in(&served, Some(&recovery[4])).is(201);
        assert!(now() > BEGIN.0);
    });
}

/// Guesses fifteen passwords of Ada's on a device that nobody knows; the wait after the last begins now.
pub(crate) fn guess_fifteen(served: &Served) {
    for number in 0..15 {
        served.advance(if number > 0 { 900 * SECOND } else { 0 });
        let wrong = served.try_sign_in(ADA, "another one of no sense");
        wrong.refused(401, "unauthenticated");
    }
    let waits = served.try_sign_in(ADA, PASSWORD);
    let waits = waits.refused(429, "too_many_requests");
    assert_eq!(waits.header("retry-after"), Some("900"));
}

/// Where a page asks for the code of an app.
pub(crate) const CODE: &str = "/console/auth/sign-in/code";

#[test]
fn who_guesses_passwords_keeps_nobody_with_a_second_factor_off_the_pages() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (secret, _) = set(&served, &tokens);
        guess_fifteen(&served);
        served.advance(900 * SECOND);
        let mut browser = Browser::new(&served);
        browser.sign_in(PASSWORD).is(303);
        let good = code(&secret, served.clock.now().0);
        browser.fill(CODE, &[("code", &good)]).is(303);
        // All was right: what was guessed is forgotten.
        sign_in(&served, None).refused(401, "second_factor_required");
        // Codes are counted all the same, whatever password was right between.
        let start = code_number(&secret, &served);
        let guess = |at: usize| {
            let mut browser = Browser::new(&served);
            browser.sign_in(PASSWORD).is(303);
            let wrong = format!("{:06}", (start + at) % 1_000_000);
            browser.fill(CODE, &[("code", &wrong)]).is(422).body
        };
        for at in 1..=5 {
            let page = guess(at);
            assert!(page.contains("The code is wrong"), "{page}");
        }
        let page = guess(6);
        assert!(page.contains("Too many attempts: wait 1 s."), "{page}");
        // Who guesses codes keeps nobody from them on a device that is known.
        browser.cookies.retain(|name, _| name.ends_with("device"));
        assert_eq!(browser.cookies.len(), 1);
        served.advance(30 * SECOND);
        browser.sign_in(PASSWORD).is(303);
        let good = code(&secret, served.clock.now().0);
        browser.fill(CODE, &[("code", &good)]).is(303);
    });
}

#[test]
fn codes_cannot_be_guessed_and_the_factor_is_removed_with_a_proof() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (secret, _) = set(&served, &tokens);
        let wrong = |at: usize| format!("{:06}", (code_number(&secret, &served) + at) % 1_000_000);
        for at in 1..=5 {
            sign_in(&served, Some(&wrong(at))).refused(401, "unauthenticated");
        }
        sign_in(&served, Some(&wrong(6))).refused(429, "too_many_requests");
        let token = Some(access_token(&tokens));
        let path = "/auth/v1/accounts/me/second-factor";
        served
            .client
            .send(("POST", path), token, &[], None)
            .refused(422, "refused");
        served.client.delete(path, token).is(204);
        served.client.delete(path, token).refused(422, "refused");
        served.advance(SECOND);
        sign_in(&served, None).is(201);
    });
}

#[test]
fn a_right_password_without_a_code_lets_no_wrong_codes_be_forgotten() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (secret, _) = set(&served, &tokens);
        let start = code_number(&secret, &served);
        for at in 1..=5 {
            let wrong = format!("{:06}", (start + at) % 1_000_000);
            sign_in(&served, Some(&wrong)).refused(401, "unauthenticated");
            if at < 5 {
                sign_in(&served, None).refused(401, "second_factor_required");
            }
        }
        sign_in(&served, None).refused(429, "too_many_requests");
    });
}

#[test]
fn sessions_that_were_begun_without_the_factor_end_with_it() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let other = served.sign_in(ADA, PASSWORD);
        set(&served, &tokens);
        let path = "/auth/v1/accounts/me/second-factor";
        served
            .client
            .delete(path, Some(access_token(&other)))
            .refused(401, "unauthenticated");
        served
            .client
            .delete(path, Some(access_token(&tokens)))
            .is(204);
    });
}

/// A number that is the code neither of this step nor of the ones beside it, nor are the next few.
pub(crate) fn code_number(secret: &str, served: &Served) -> usize {
    let now = served.clock.now().0;
    let taken = [-30, 0, 30].map(|at| code(secret, now + at * SECOND).parse::<usize>().unwrap());
    let is_free = |start: usize| {
        (1..=6).all(|at| taken.iter().all(|taken| *taken != (start + at) % 1_000_000))
    };
    (0..).step_by(10).find(|start| is_free(*start)).unwrap()
}

#[test]
fn recovery_codes_are_counted_and_made_anew() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let path = "/auth/v1/accounts/me/recovery-codes";
        let token = Some(access_token(&ada));
        let renew = || served.client.send(("POST", path), token, &[], None);
        let left = || served.client.get(path, token).is(200).json()["left"].clone();
        assert_eq!(left(), 0);
        renew().refused(422, "refused");
        let (_, old) = set(&served, &ada);
        assert_eq!(left(), 10);
        sign_in(&served, Some(&old[0])).is(201);
        assert_eq!(left(), 9);
        let new = renew().is(200).json();
        let new: Vec<&str> = new["recovery_codes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|code| code.as_str().unwrap())
            .collect();
        assert_eq!((new.len(), left()), (10, json!(10)));
        sign_in(&served, Some(&old[1])).refused(401, "unauthenticated");
        sign_in(&served, Some(new[9])).is(201);
        assert_eq!(left(), 9);
        let audit = served
            .client
            .get("/auth/v1/audit?action=recovery_codes_made", token)
            .is(200);
        assert_eq!(audit.json()["items"].as_array().unwrap().len(), 1);
        assert!(!audit.body.contains(new[0]));
        // A fresh proof is needed.
        served.advance(240 * SECOND);
        let ada = served.refreshed(&ada);
        served.advance(240 * SECOND);
        let ada = served.refreshed(&ada);
        served.advance(240 * SECOND);
        let ada = served.refreshed(&ada);
        served.advance(240 * SECOND);
        let late = served
            .client
            .send(("POST", path), Some(access_token(&ada)), &[], None);
        late.refused(403, "step_up_required");
    });
}

#[test]
fn a_lost_second_factor_is_given_up_by_an_administrator_or_the_operator() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let (adas, bobs) = (text(&ada, "account"), text(&bob, "account"));
        let drop = |tokens: &Value, account: &str| {
            let path = format!("/auth/v1/accounts/{account}/second-factor");
            served.client.delete(&path, Some(access_token(tokens)))
        };
        drop(&ada, bobs).refused(422, "refused");
        set(&served, &ada);
        // Nobody does it for themselves, nor without being an administrator.
        drop(&ada, adas).refused(422, "refused");
        drop(&bob, adas).refused(403, "forbidden");
        served.grant(&ada, &bob["account"], "administrator", "*");
        let other = sign_in(&served, None);
        other.refused(401, "second_factor_required");
        let dropped = drop(&bob, adas).is(200).json();
        assert_eq!(dropped["has_second_factor"], false);
        served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&ada)))
            .is(401);
        let ada = sign_in(&served, None).is(201).json();
        let left = served.client.get(
            "/auth/v1/accounts/me/recovery-codes",
            Some(access_token(&ada)),
        );
        assert_eq!(left.is(200).json()["left"], 0);
        // The operator does it with the database alone.
        set(&served, &ada);
        let database = served.database();
        let operator = |account: &str| {
            let done = Auth::drop_second_factor(&database, account, served.clock.now());
            served.runtime.block_on(done)
        };
        assert_eq!(operator(ADA).unwrap(), adas);
        assert!(operator(ADA).is_err());
        sign_in(&served, None).is(201);
        let audit = "/auth/v1/audit?action=second_factor_removed";
        let audit = served
            .client
            .get(audit, Some(access_token(&bob)))
            .is(200)
            .json();
        let actors: Vec<&str> = audit["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| text(entry, "actor"))
            .collect();
        assert_eq!(actors, [format!("account/{bobs}").as_str(), "operator"]);
    });
}
