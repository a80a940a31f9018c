//! What each request to a service pays before anything is done for it: a token is checked, beside the signature alone by the bare
//! `ring`, and a decision is made among 100,000 grants, beside one look into a hash map of as many.
//!
//! Rounds of all contenders alternate, so that a disturbance of the machine hits all; read the ratios.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, UnparsedPublicKey};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tickloom_auth::credential::keyring::{KeyPolicy, KeyRing, TokenRequest};
use tickloom_chassis::token::Verifier;
use tickloom_chassis::{Grant, Grants, Origin, Subject, decide};
use tickloom_types::Ts;

const GRANTS: usize = 100_000;
const ROUNDS: usize = 15;
const CHECKS: usize = 2_000;
const DECISIONS: usize = 200_000;
const NOW: Ts = Ts(1_795_910_400_000_000_000);

fn main() {
    println!(
        "{:<34} {:>9} {:>17} {:>9} {:>17} {:>7}",
        "microseconds each", "ours", "spread", "bare", "spread", "ratio"
    );
    token();
    decision();
}

fn token() {
    let policy = KeyPolicy::new("https://id.example.com");
    let keys = KeyRing::begin(policy, NOW).expect("the system has random bytes");
    let request = TokenRequest {
        subject: "usr_01990000000070008000000000000001".to_owned(),
        audience: vec!["https://id.example.com".to_owned()],
        client_id: "console".to_owned(),
        session: Some("ses_01990000000070008000000000000001".to_owned()),
        scope: "*".to_owned(),
        auth_time: Some(NOW),
        amr: vec!["pwd".to_owned()],
    };
    let (token, claims) = keys.issue(request, NOW).expect("it is signed");
    let verifier = Verifier::new(
        "https://id.example.com",
        "https://id.example.com",
        keys.key_set(),
    );
    assert_eq!(verifier.verify(&token, NOW), Ok(claims));
    let (message, signature) = token.rsplit_once('.').expect("a token has three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("it is base64url");
    let jwks: serde_json::Value =
        serde_json::from_str(&keys.jwks().expect("keys are JSON")).expect("JSON");
    let public = jwks["keys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| {
            URL_SAFE_NO_PAD
                .decode(key["x"].as_str().expect("a text"))
                .expect("base64url")
        })
        .map(|bytes| UnparsedPublicKey::new(&ED25519, bytes))
        .find(|key| key.verify(message.as_bytes(), &signature).is_ok())
        .expect("one of the keys has signed it");
    compare(
        "token, signature and claims",
        CHECKS,
        |_| drop(black_box(verifier.verify(black_box(&token), NOW)).expect("it is right")),
        |_| {
            black_box(public.verify(black_box(message.as_bytes()), &signature))
                .expect("it is right")
        },
    );
}

fn decision() {
    let name = |number: usize| format!("topic/venue/{number}");
    let grants = (0..GRANTS).map(|number| Grant {
        id: format!("grn_{number}"),
        origin: Origin::Account,
        what: "topic.read".parse().expect("an action"),
        resource: name(number).parse().expect("a resource"),
        expires: None,
    });
    let mut subject = Subject::local();
    subject.account = "usr_1".to_owned();
    subject.grants = Arc::new(Grants::new(grants));
    let names: Vec<String> = (0..GRANTS).map(name).collect();
    let map: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    // A step that shares no divisor with their number goes over all of them, in no order that a cache likes.
    let at = |turn: usize| turn.wrapping_mul(7_919) % GRANTS;
    compare(
        "decision, allowed, 100,000 grants",
        DECISIONS,
        |turn| assert!(black_box(decide(&subject, "topic.read", &names[at(turn)], NOW)).allow),
        |turn| {
            assert_eq!(
                black_box(map.get(names[at(turn)].as_str())),
                Some(&at(turn))
            )
        },
    );
    let absent: Vec<String> = (0..GRANTS)
        .map(|number| format!("topic/nowhere/{number}"))
        .collect();
    compare(
        "decision, refused, 100,000 grants",
        DECISIONS,
        |turn| assert!(!black_box(decide(&subject, "topic.read", &absent[at(turn)], NOW)).allow),
        |turn| assert_eq!(black_box(map.get(absent[at(turn)].as_str())), None),
    );
}

/// Times both in turns, and prints what one of each takes.
fn compare(what: &str, count: usize, mut ours: impl FnMut(usize), mut bare: impl FnMut(usize)) {
    let (mut us, mut them) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let time = |work: &mut dyn FnMut(usize)| {
            let began = Instant::now();
            (0..count).for_each(&mut *work);
            began.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(count).expect("few"))
        };
        let (our_time, their_time) = (time(&mut ours), time(&mut bare));
        // The first round warms up.
        if round > 0 {
            us.push(our_time);
            them.push(their_time);
        }
    }
    let (our_time, our_spread) = middle(&mut us);
    let (their_time, their_spread) = middle(&mut them);
    println!(
        "{what:<34} {our_time:>9.3} {our_spread:>17} {their_time:>9.3} {their_spread:>17} {:>7.2}",
        our_time / their_time
    );
}

/// The median, and from where to where they go.
fn middle(times: &mut [f64]) -> (f64, String) {
    times.sort_by(f64::total_cmp);
    let spread = format!("{:.3} to {:.3}", times[0], times[times.len() - 1]);
    (times[times.len() / 2], spread)
}
