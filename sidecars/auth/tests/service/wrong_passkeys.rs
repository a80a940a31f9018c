//! What an authenticator, a browser or somebody between says wrong of passkeys is refused here, and by a second verifier as well.

use crate::authenticator::{
    Authenticator, MINE, Said, add, creation, noted, register, request, sign_in, sign_in_with_both,
    step_up, step_up_request,
};
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

/// What is other than it should be in a registration, and what is said of it. `challenge_of` is one that was given for something else.
const WRONG_REGISTRATIONS: [(&str, &str); 20] = [
    (
        r#"{"origin": "http://localhost:8081"}"#,
        "it was made for `http://localhost:8081`",
    ),
    (
        r#"{"origin": "https://localhost:8080"}"#,
        "it was made for `https://localhost:8080`",
    ),
    (
        r#"{"origin": "http://localhost:8080.example"}"#,
        "it was made for `http://localhost:8080.example`",
    ),
    (r#"{"rp_id": "example"}"#, "it is for another relying party"),
    (
        r#"{"type": "webauthn.get"}"#,
        "the client data is of type `webauthn.get`",
    ),
    (
        r#"{"challenge": "AAAA"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"challenge_of": "sign_in"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"challenge_of": "step_up"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"flags": 65}"#,
        "the authenticator did not verify who used it",
    ),
    (r#"{"flags": 68}"#, "the authenticator did not see anybody"),
    (r#"{"flags": 5}"#, "the authenticator data cannot be read"),
    (
        r#"{"flags": 85}"#,
        "what it says of backups contradicts itself",
    ),
    (r#"{"cut": 1}"#, "the public key cannot be read"),
    (r#"{"cut": 80}"#, "the authenticator data cannot be read"),
    (r#"{"more": "AA"}"#, "the authenticator data cannot be read"),
    (
        r#"{"cut_object": 1}"#,
        "the attestation object cannot be read",
    ),
    (
        r#"{"format": "of-mine"}"#,
        "an attestation of the format `of-mine` is not taken",
    ),
    (
        r#"{"statement": true}"#,
        "an attestation of the format `none` is not taken",
    ),
    (
        r#"{"cose_algorithm": -8}"#,
        "the key is of no algorithm that was offered",
    ),
    (
        r#"{"cose_algorithm": -35}"#,
        "the key is of no algorithm that was offered",
    ),
];
/// What the second verifier lets pass: something in an attestation that is none, a key that says that it is of
/// another algorithm (which fails there at its first use), and a passkey that once could be backed up and once not.
const LENIENT: [&str; 3] = [
    r#"{"statement": true}"#,
    r#"{"cose_algorithm": -8}"#,
    r#"{"flags": 13}"#,
];
/// The same of a signature.
const WRONG_SIGNATURES: [(&str, &str); 16] = [
    (
        r#"{"origin": "http://localhost:8081"}"#,
        "it was made for `http://localhost:8081`",
    ),
    (
        r#"{"rp_id": "localhost.example"}"#,
        "it is for another relying party",
    ),
    (
        r#"{"type": "webauthn.create"}"#,
        "the client data is of type `webauthn.create`",
    ),
    (
        r#"{"challenge_of": "used"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"challenge_of": "second_factor"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"challenge_of": "step_up"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"challenge_of": "creation"}"#,
        "the challenge was not given for this",
    ),
    (
        r#"{"flags": 1}"#,
        "the authenticator did not verify who used it",
    ),
    (r#"{"flags": 4}"#, "the authenticator did not see anybody"),
    (
        r#"{"flags": 13}"#,
        "what it says of backups contradicts itself",
    ),
    (r#"{"flags": 69}"#, "the authenticator data cannot be read"),
    (r#"{"cut": 1}"#, "the authenticator data cannot be read"),
    (r#"{"more": "AA"}"#, "the authenticator data cannot be read"),
    (r#"{"signer": "key"}"#, "the signature is wrong"),
    (r#"{"signer": "bobs"}"#, "the signature is wrong"),
    (r#"{"signature": ""}"#, "the signature is wrong"),
];

/// What is wrong, with the challenge that it names.
fn wrong(served: &Served, tokens: &Value, used: &Value, text: &str) -> Value {
    let mut wrong: Value = serde_json::from_str(text).unwrap();
    let options = match wrong["challenge_of"].as_str() {
        None => return wrong,
        Some("used") => used.clone(),
        Some("step_up") => step_up_request(served, tokens),
        Some("creation") => creation(served, tokens),
        Some(purpose) => request(served, purpose),
    };
    wrong["challenge"] = options["challenge"].clone();
    wrong
}

#[test]
fn what_a_registration_says_wrong_is_refused_here_and_elsewhere() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        for (said, why) in WRONG_REGISTRATIONS {
            let options = creation(&served, &ada);
            let wrong = wrong(&served, &ada, &Value::Null, said);
            let made = authenticator.create(&options, "wrong", &wrong);
            assert_eq!(made.taken, LENIENT.contains(&said), "{said}: {made:?}");
            let refused = add(&served, &ada, "wrong", &made).refused(422, "refused");
            let detail = format!("the passkey is not taken: {why}");
            assert_eq!(text(&refused.json(), "detail"), detail, "{said}");
        }
        let unread = json!({"clientDataJSON": "?", "attestationObject": ""});
        let empty = json!({"clientDataJSON": "", "attestationObject": ""});
        for passkey in [
            json!({"id": "AA", "type": "public-key", "response": unread}),
            json!({"id": "AA", "type": "password", "response": empty}),
            json!({"id": "AA", "type": "public-key", "response": {}}),
        ] {
            let body = json!({"name": "x", "passkey": passkey});
            let answer = served.client.post(MINE, token, &body);
            answer.refused(400, "bad_request");
        }
        assert_eq!(served.client.get(MINE, token).json()["items"], json!([]));
    });
}

#[test]
fn a_challenge_is_good_once_in_its_session_for_five_minutes() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let mut made =
            |options: &Value, name: &str| authenticator.create(options, name, &json!({}));
        let once = creation(&served, &ada);
        let (first, second) = (made(&once, "first"), made(&once, "second"));
        add(&served, &ada, "first", &first).is(201);
        add(&served, &ada, "second", &second).refused(422, "refused");
        let theirs = made(&creation(&served, &ada), "third");
        let in_time = made(&creation(&served, &ada), "third");
        let late = made(&creation(&served, &ada), "fourth");
        let said = authenticator.get(&request(&served, "sign_in"), "first", &json!({}));
        let elsewhere = sign_in(&served, &said).is(201).json();
        add(&served, &elsewhere, "third", &theirs).refused(422, "refused");
        served.advance(299 * SECOND);
        add(&served, &ada, "third", &in_time).is(201);
        served.advance(SECOND);
        let body = json!({"refresh_token": ada["refresh_token"]});
        let again = served.client.post("/auth/v1/tokens/refresh", None, &body);
        let session = again.is(200).json();
        let refused = add(&served, &session, "fourth", &late).refused(422, "refused");
        assert!(refused.body.contains("has expired"), "{}", refused.body);
    });
}

/// Signs in rightly, which lets what was wrong before be forgotten.
fn right(served: &Served, authenticator: &mut Authenticator) {
    let said = authenticator.get(&request(served, "sign_in"), "phone", &json!({}));
    assert!(said.taken, "{said:?}");
    sign_in(served, &said).is(201);
}

#[test]
fn what_a_signature_says_wrong_is_refused_here_and_elsewhere() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let phone = register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let ed25519 = json!({"algorithm": -8});
        register(&served, &ada, &mut authenticator, ("key", &ed25519));
        register(&served, &bob, &mut authenticator, ("bobs", &json!({})));
        let used = request(&served, "sign_in");
        let said = authenticator.get(&used, "phone", &json!({}));
        sign_in(&served, &said).is(201);
        sign_in(&served, &said).refused(401, "unauthenticated");
        for (said, why) in WRONG_SIGNATURES {
            let asked = request(&served, "sign_in");
            let wrong = wrong(&served, &ada, &used, said);
            let shown = authenticator.get(&asked, "phone", &wrong);
            assert_eq!(shown.taken, LENIENT.contains(&said), "{said}: {shown:?}");
            sign_in(&served, &shown).refused(401, "unauthenticated");
            let expected = json!({"passkey": phone["id"], "why": why});
            let entries = noted(&served, &ada, "sign_in");
            let last = entries.last().unwrap();
            assert_eq!(last, &("refused".to_owned(), expected), "{said}");
            right(&served, &mut authenticator);
        }
    });
}

#[test]
fn a_passkey_is_of_one_account_and_its_challenge_of_one_session() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        register(&served, &bob, &mut authenticator, ("bobs", &json!({})));
        let bobs_handle = text(&creation(&served, &bob)["user"], "id").to_owned();
        // Whose it is has to be said, and to be true.
        for handle in [json!(bobs_handle), json!(""), json!("AAAA"), Value::Null] {
            let wrong = json!({"handle": handle});
            let said = authenticator.get(&request(&served, "sign_in"), "phone", &wrong);
            sign_in(&served, &said).refused(401, "unauthenticated");
        }
        right(&served, &mut authenticator);
        // That of somebody else is no second factor, and steps nobody up.
        let asked = request(&served, "second_factor");
        let said = authenticator.get(&asked, "bobs", &json!({}));
        let both = json!({"passkey": said.credential});
        sign_in_with_both(&served, ADA, both).refused(401, "unauthenticated");
        let refused = |said: &Said| {
            step_up(&served, &ada, said).refused(401, "unauthenticated");
        };
        let asked = step_up_request(&served, &ada);
        refused(&authenticator.get(&asked, "bobs", &json!({})));
        let asked = step_up_request(&served, &bob);
        refused(&authenticator.get(&asked, "phone", &json!({})));
        let asked = step_up_request(&served, &ada);
        refused(&authenticator.get(&asked, "phone", &json!({"flags": 1})));
        let said = authenticator.get(&step_up_request(&served, &ada), "phone", &json!({}));
        step_up(&served, &ada, &said).is(204);
    });
}

#[test]
fn a_counter_that_goes_back_is_refused_and_noted() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let added = register(
            &served,
            &ada,
            &mut authenticator,
            ("phone", &json!({"count": 7})),
        );
        let mut at = |count: u32| {
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &json!({"count": count}));
            (said.taken, sign_in(&served, &said))
        };
        let (taken, answer) = at(9);
        assert!(taken);
        answer.is(201);
        for count in [9, 8, 0] {
            let (taken, answer) = at(count);
            assert!(!taken, "{count}");
            answer.refused(401, "unauthenticated");
        }
        at(10).1.is(201);
        let detail = json!({"passkey": added["id"], "why": "the counter of the passkey went back: it may have been copied"});
        let expected = ("refused".to_owned(), detail);
        assert_eq!(
            noted(&served, &ada, "passkey_counter_back"),
            vec![expected; 3]
        );
        let list = served.client.get(MINE, Some(access_token(&ada))).json();
        assert_eq!(list["items"][0]["last_used"], BEGIN.0);
    });
}

#[test]
fn wrong_passkeys_have_to_wait_as_wrong_passwords_do_and_neither_for_the_other() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let before = noted(&served, &ada, "sign_in").len();
        // One that nobody has makes no account wait, and is on none.
        let unknown = json!({"passkey": {"id": "AAAA", "type": "public-key",
            "response": {"clientDataJSON": "AAAA", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "AAAA"}}});
        for _ in 0..7 {
            let answer = served
                .client
                .post("/auth/v1/sessions/passkey", None, &unknown);
            answer.refused(401, "unauthenticated");
        }
        assert_eq!(noted(&served, &ada, "sign_in").len(), before + 7);
        for _ in 0..5 {
            served
                .try_sign_in(ADA, "another one of no sense")
                .refused(401, "unauthenticated");
        }
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(429, "too_many_requests");
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let tokens = sign_in(&served, &right).is(201).json();
        for _ in 0..5 {
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &json!({"flags": 1}));
            sign_in(&served, &said).refused(401, "unauthenticated");
        }
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let waits = sign_in(&served, &right).refused(429, "too_many_requests");
        assert_eq!(waits.header("retry-after"), Some("1"));
        // Not on a device on which the account was signed in.
        let body = json!({"passkey": right.credential, "device_token": tokens["device_token"]});
        let answer = served.client.post("/auth/v1/sessions/passkey", None, &body);
        assert!(answer.is(201).json()["device_token"].is_null());
        served.advance(SECOND);
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &right).is(201);
    });
}
