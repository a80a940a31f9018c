//! What a provider says, and which of it is believed: claims, signatures, keys, and whose answer it is.

use super::outside::{Outside, base64, new_key, signed};
use super::{Begun, MINUTE, begin, carl, finish, serve, sign_in};
use crate::{BEGIN, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

#[test]
fn what_a_provider_says_is_believed_only_if_all_of_it_is_right() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let now = BEGIN.0 / SECOND;
        for (more, words) in [
            (
                json!({"iss": "https://other.example.com"}),
                "of another issuer",
            ),
            (
                json!({"iss": format!("{}/", outside.issuer)}),
                "of another issuer",
            ),
            (json!({"aud": "other"}), "for somebody else"),
            (json!({"aud": []}), "for somebody else"),
            (json!({"aud": ["tickloom", "other"]}), "for somebody else"),
            (
                json!({"aud": ["tickloom", "other"], "azp": "other"}),
                "for somebody else",
            ),
            (json!({"azp": "other"}), "for somebody else"),
            (json!({"nonce": "another"}), "of another sign-in"),
            (json!({"nonce": null}), "of another sign-in"),
            (json!({"exp": now - 60}), "has expired"),
            (json!({"exp": null}), "cannot be read"),
            (json!({"iat": now + 61}), "of another time"),
            (json!({"nbf": now + 61}), "of another time"),
            (
                json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
                "does not belong",
            ),
            (json!({"sub": ""}), "does not say who"),
            (json!({"sub": "x".repeat(256)}), "does not say who"),
        ] {
            let begun = begin(&served, "op/sign-in", None);
            let mut claims = begun.claims(&outside.issuer, "1", &carl());
            for (name, value) in more.as_object().unwrap() {
                claims[name] = value.clone();
            }
            outside.signs(&claims);
            let refused = finish(&served, &begun, None, &begun.answer(&outside.issuer));
            let refused = refused.refused(422, "refused").json();
            assert!(
                text(&refused, "detail").contains(words),
                "{more}: {refused}"
            );
        }
        // Several readers, and it says that it was made for us; a hash that is right.
        let hash = ring::digest::digest(&ring::digest::SHA256, b"access");
        let mut more = carl();
        more["aud"] = json!(["other", "tickloom"]);
        more["azp"] = json!("tickloom");
        more["at_hash"] = json!(base64(&hash.as_ref()[..16]));
        sign_in(&served, &outside, "1", more).is(201);
    });
}

#[test]
fn a_token_is_signed_by_a_key_that_is_published_and_in_no_other_way() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let (foreign, header) = (new_key(), json!({"alg": "ES256", "kid": "k1"}));
        let begun = begin(&served, "op/sign-in", None);
        let claims = begun.claims(&outside.issuer, "1", &carl());
        let message = |header: &Value| {
            format!(
                "{}.{}",
                base64(header.to_string()),
                base64(claims.to_string())
            )
        };
        let hs256 = message(&json!({"alg": "HS256", "kid": "k1"}));
        let none = message(&json!({"alg": "none"}));
        let unknown = json!({"alg": "ES256", "kid": "k2"});
        let critical = json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]});
        for (token, words) in [
            (format!("{none}."), "signed in a way"),
            (format!("{hs256}.{}", base64("x")), "signed in a way"),
            (signed(&critical, &claims, outside.key()), "signed in a way"),
            (signed(&unknown, &claims, outside.key()), "does not publish"),
            (
                signed(
                    &json!({"alg": "RS256", "kid": "k1"}),
                    &claims,
                    outside.key(),
                ),
                "does not publish",
            ),
            (
                signed(&header, &claims, &foreign),
                "signature of its ID token is wrong",
            ),
            (message(&header), "cannot be read"),
            (
                format!("{}.", message(&header)),
                "signature of its ID token is wrong",
            ),
            ("x".repeat(20_000), "cannot be read"),
        ] {
            let begun = begin(&served, "op/sign-in", None);
            outside.gives(&token);
            let refused = finish(&served, &begun, None, &begun.answer(&outside.issuer));
            let refused = refused.refused(422, "refused").json();
            assert!(
                text(&refused, "detail").contains(words),
                "{token}: {refused}"
            );
        }
        assert_eq!(outside.asked("/userinfo").len(), 0);
    });
}

const NOT_YOURS: &str = "this is not the answer to your sign-in: begin again";

/// Why a request is not finished.
fn refusal(served: &Served, begun: &Begun, token: Option<&str>, answer: &Value) -> String {
    let reply = finish(served, begun, token, answer).refused(422, "refused");
    text(&reply.json(), "detail").to_owned()
}

#[test]
fn an_answer_is_good_once_for_whoever_began_it() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let issuer = &outside.issuer;
        let (begun, other) = (
            begin(&served, "op/sign-in", None),
            begin(&served, "op/sign-in", None),
        );
        outside.signs(&begun.claims(issuer, "1", &carl()));
        let answer = begun.answer(issuer);
        let with = |name: &str, value: Value| {
            let mut answer = answer.clone();
            answer[name] = value;
            answer
        };
        // Nothing of this uses the request up.
        for wrong in [
            with("state", json!(other.query["state"])),
            with("state", json!("")),
            with("iss", json!("https://other.example.com")),
            with("request", json!(other.request)),
            with("request", json!("tlp_0")),
        ] {
            assert_eq!(refusal(&served, &begun, None, &wrong), NOT_YOURS, "{wrong}");
        }
        let elsewhere = Begun {
            path: begun.path.replace("/op/", "/trusted/"),
            ..begin(&served, "op/sign-in", None)
        };
        assert_eq!(refusal(&served, &elsewhere, None, &answer), NOT_YOURS);
        finish(&served, &begun, None, &answer).is(201);
        assert_eq!(refusal(&served, &begun, None, &answer), NOT_YOURS);
        // This does: what a provider refuses, and what it does not name itself in though it should.
        for (name, value, words) in [
            (
                "error",
                json!("access_denied"),
                "the provider did not sign you in",
            ),
            ("code", json!(null), "the provider did not sign you in"),
            ("iss", json!(null), NOT_YOURS),
        ] {
            let begun = begin(&served, "op/sign-in", None);
            let mut answer = begun.answer(issuer);
            answer[name] = value;
            assert_eq!(refusal(&served, &begun, None, &answer), words);
            assert_eq!(
                refusal(&served, &begun, None, &begun.answer(issuer)),
                NOT_YOURS
            );
        }
    });
}

#[test]
fn a_request_of_a_session_is_good_there_and_each_for_ten_minutes() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let issuer = &outside.issuer;
        let tokens = sign_in(&served, &outside, "1", carl()).is(201).json();
        // A request of a session is good in that session, and for what it was begun for.
        let other = sign_in(
            &served,
            &outside,
            "1",
            json!({"auth_time": BEGIN.0 / SECOND}),
        );
        let other = other.is(201).json();
        let link = begin(&served, "op/link", Some(access_token(&other)));
        outside.signs(&link.claims(issuer, "2", &json!({})));
        let answer = link.answer(issuer);
        assert_eq!(
            refusal(&served, &link, Some(access_token(&tokens)), &answer),
            NOT_YOURS
        );
        let as_sign_in = Begun {
            path: "/auth/v1/providers/op/sign-in".to_owned(),
            ..begin(&served, "op/sign-in", None)
        };
        assert_eq!(refusal(&served, &as_sign_in, None, &answer), NOT_YOURS);
        finish(&served, &link, Some(access_token(&other)), &answer).is(201);
        // Ten minutes.
        let late = begin(&served, "op/sign-in", None);
        served.advance(10 * MINUTE);
        assert_eq!(
            refusal(&served, &late, None, &late.answer(issuer)),
            NOT_YOURS
        );
        served
            .client
            .post("/auth/v1/providers/none/sign-in", None, &json!({}))
            .refused(404, "not_found");
    });
}

#[test]
fn keys_that_change_are_found_and_not_asked_for_more_than_once_a_minute() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        sign_in(&served, &outside, "1", carl()).is(201);
        let asked = || outside.asked("/jwks").len();
        assert_eq!(asked(), 1);
        let next = new_key();
        let with_next = || {
            let begun = begin(&served, "op/sign-in", None);
            let claims = begun.claims(&outside.issuer, "1", &json!({}));
            outside.gives(&signed(
                &json!({"alg": "ES256", "kid": "k2"}),
                &claims,
                &next,
            ));
            finish(&served, &begun, None, &begun.answer(&outside.issuer))
        };
        outside.publishes(&[("k1", outside.key()), ("k2", &next)]);
        with_next().refused(422, "refused");
        assert_eq!(asked(), 1);
        served.advance(MINUTE);
        with_next().is(201);
        assert_eq!(asked(), 2);
        with_next().is(201);
        // Away, it is known for a day.
        assert_eq!(
            (
                asked(),
                outside.asked("/.well-known/openid-configuration").len()
            ),
            (2, 1)
        );
        outside.says_with("/jwks", 404, String::new());
        outside.says_with("/.well-known/openid-configuration", 404, String::new());
        served.advance(55 * MINUTE);
        with_next().is(201);
        served.advance(24 * 60 * MINUTE);
        let path = "/auth/v1/providers/op/sign-in";
        served
            .client
            .post(path, None, &json!({}))
            .refused(503, "unavailable");
    });
}
