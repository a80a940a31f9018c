//! Tests of keys: the vector of RFC 8037, and a model that holds every token against every set of keys that somebody may still have.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use tickloom_chassis::token::{TokenError, Verifier};

const ISSUER: &str = "https://auth.example";
/// 2025-09-13T12:26:40Z.
const BEGIN: Ts = Ts(1_757_766_400_000_000_000);
const HOUR_S: i64 = 3600;

fn policy() -> KeyPolicy {
    KeyPolicy::new(ISSUER).with_times(3600, 300).unwrap()
}

fn later(seconds: i64) -> Ts {
    after(BEGIN, seconds)
}

fn request() -> TokenRequest {
    TokenRequest {
        subject: "usr_1".to_owned(),
        audience: vec!["tickloom".to_owned()],
        client_id: "pages".to_owned(),
        session: Some("ses_1".to_owned()),
        scope: "runs:read".to_owned(),
        auth_time: Some(BEGIN),
        amr: vec!["pwd".to_owned()],
    }
}

fn check(jwks: &str, token: &str, now: Ts) -> Result<Claims, TokenError> {
    Verifier::new(ISSUER, "tickloom", KeySet::parse(jwks).unwrap()).verify(token, now)
}

fn states(ring: &KeyRing) -> Vec<(KeyState, Ts)> {
    ring.keys().map(|key| (key.state, key.since)).collect()
}

#[test]
fn the_vector_of_rfc_8037() {
    let seed = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap();
    // PKCS#8 of a seed alone (RFC 8410, section 7).
    let mut pkcs8 = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    pkcs8.extend(seed);
    let key = SigningKey::from_pkcs8(Algorithm::EdDsa, &pkcs8).unwrap();
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let signed = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    let expected =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(URL_SAFE_NO_PAD.encode(signed.unwrap()), expected);
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, &pkcs8).is_none());
    assert!(SigningKey::from_pkcs8(Algorithm::EdDsa, &pkcs8[1..]).is_none());
}

#[test]
fn a_token_says_what_was_asked_for_and_whose_it_is() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let ring = KeyRing::begin(policy().with_algorithm(algorithm), BEGIN).unwrap();
        let now = Ts(BEGIN.0 + 999_999_999);
        let (token, claims) = ring.issue(request(), now).unwrap();
        let jwks = ring.jwks().unwrap();
        assert_eq!(check(&jwks, &token, now).unwrap(), claims);
        assert_eq!((claims.iat, claims.exp), (1_757_766_400, 1_757_766_700));
        assert_eq!(claims.auth_time, Some(1_757_766_400));
        assert_eq!(
            (claims.iss.as_str(), claims.sub.as_str()),
            (ISSUER, "usr_1")
        );
        let (_, other) = ring.issue(request(), now).unwrap();
        assert_ne!(claims.jti, other.jti);
        assert_eq!(check(&jwks, &token, later(299)).map(|_| ()), Ok(()));
        assert_eq!(check(&jwks, &token, later(300)), Err(TokenError::Expired));
        let stranger = KeyRing::begin(policy(), BEGIN).unwrap().jwks().unwrap();
        assert_eq!(check(&stranger, &token, now), Err(TokenError::UnknownKey));
        let scope = "x".repeat(TOKEN_BYTES_MAX);
        let long = ring.issue(TokenRequest { scope, ..request() }, now);
        assert!(matches!(long, Err(KeyError::TokenTooLong { .. })));
    }
}

#[test]
fn one_key_takes_the_place_of_another_at_its_times() {
    use KeyState::{Current, Next, Retired};
    let first = KeyRing::begin(policy(), BEGIN).unwrap();
    assert_eq!(states(&first), [(Current, BEGIN), (Next, BEGIN)]);
    assert_eq!(first.next_rotation(), later(HOUR_S));
    assert!(first.rotate(Ts(later(HOUR_S).0 - 1)).unwrap().is_none());
    let second = first.rotate(later(HOUR_S)).unwrap().unwrap();
    let moment = later(HOUR_S);
    assert_eq!(
        states(&second),
        [(Current, moment), (Next, moment), (Retired, moment)]
    );
    assert_eq!(
        second.current.key.kid(),
        first.next.as_ref().unwrap().key.kid()
    );
    assert_eq!(second.retired[0].key.kid(), first.current.key.kid());
    assert!(second.rotate(moment).unwrap().is_none());
    // The retired one goes an hour and thirty seconds later, after the next rotation.
    let third = second.rotate(later(2 * HOUR_S)).unwrap().unwrap();
    assert_eq!(states(&third).len(), 4);
    assert_eq!(third.next_rotation(), later(2 * HOUR_S + 30));
    assert!(
        third
            .rotate(Ts(later(2 * HOUR_S + 30).0 - 1))
            .unwrap()
            .is_none()
    );
    let fourth = third.rotate(later(2 * HOUR_S + 30)).unwrap().unwrap();
    assert_eq!(states(&fourth).len(), 3);
    // Years late: one step, and nothing breaks.
    let late = fourth.rotate(later(90_000 * HOUR_S)).unwrap().unwrap();
    let moment = later(90_000 * HOUR_S);
    assert_eq!(
        states(&late),
        [(Current, moment), (Next, moment), (Retired, moment)]
    );
}

#[test]
fn another_algorithm_comes_as_soon_as_it_may() {
    let ring = KeyRing::begin(policy(), BEGIN).unwrap();
    let changed = policy().with_algorithm(Algorithm::Es256);
    let ring = KeyRing::restore(changed, ring.stored()).unwrap();
    assert_eq!(ring.next_rotation(), Ts(i64::MIN));
    let ring = ring.rotate(later(10)).unwrap().unwrap();
    assert_eq!(ring.current.key.algorithm(), Algorithm::EdDsa);
    assert_eq!(
        ring.next.as_ref().unwrap().key.algorithm(),
        Algorithm::Es256
    );
    assert_eq!(ring.next_rotation(), later(10 + PUBLISHED_AHEAD_S));
    assert!(ring.rotate(later(9 + PUBLISHED_AHEAD_S)).unwrap().is_none());
    let ring = ring.rotate(later(10 + PUBLISHED_AHEAD_S)).unwrap().unwrap();
    assert_eq!(ring.current.key.algorithm(), Algorithm::Es256);
    assert_eq!(ring.retired[0].key.algorithm(), Algorithm::EdDsa);
}

#[test]
fn a_ring_is_stored_and_restored_and_no_other_is_taken() {
    let ring = KeyRing::begin(policy().with_algorithm(Algorithm::Es256), BEGIN).unwrap();
    let ring = ring.rotate(later(HOUR_S)).unwrap().unwrap();
    let stored = ring.stored();
    let restored = KeyRing::restore(ring.policy.clone(), stored.clone()).unwrap();
    assert_eq!(restored.stored(), stored);
    assert_eq!(restored.jwks().unwrap(), ring.jwks().unwrap());
    let (token, _) = restored.issue(request(), BEGIN).unwrap();
    assert!(check(&ring.jwks().unwrap(), &token, BEGIN).is_ok());
    assert!(!format!("{stored:?}{ring:?}").contains("pkcs8"));

    let refused = |change: &dyn Fn(&mut Vec<StoredKey>)| {
        let mut keys = stored.clone();
        change(&mut keys);
        KeyRing::restore(policy(), keys).unwrap_err().to_string()
    };
    let ring = |current, next| {
        format!(
            "the stored keys are {current} current and {next} next ones, expected one current and at most one next"
        )
    };
    assert_eq!(refused(&|keys| keys.clear()), ring(0, 0));
    assert_eq!(
        refused(&|keys| keys[1].state = KeyState::Current),
        ring(2, 0)
    );
    assert_eq!(refused(&|keys| keys[2].state = KeyState::Next), ring(1, 2));
    let kid = &stored[0].kid;
    let other = format!("the stored key {kid} cannot be used: it is no PKCS#8 of its algorithm");
    assert_eq!(refused(&|keys| keys[0].algorithm = Algorithm::EdDsa), other);
    assert_eq!(refused(&|keys| keys[0].pkcs8.truncate(40)), other);
    let other = "the stored key x cannot be used: its name is that of another key";
    assert_eq!(refused(&|keys| keys[0].kid = "x".to_owned()), other);
    for state in [KeyState::Next, KeyState::Current, KeyState::Retired] {
        assert_eq!(KeyState::of_name(state.name()), Some(state));
    }
    assert_eq!(KeyState::of_name("x"), None);
    for (rotate, lifetime) in [
        (3599, 300),
        (3600, 0),
        (3600, 3601),
        (366 * 86_400 + 1, 300),
    ] {
        assert!(KeyPolicy::new(ISSUER).with_times(rotate, lifetime).is_err());
    }
}

/// What somebody who checks tokens fetched, and when.
struct Fetched {
    at: Ts,
    keys: KeySet,
}

/// A world with one ring, every set that may still be kept somewhere, and every token that may still be valid.
struct World {
    now: Ts,
    ring: KeyRing,
    fetched: Vec<Fetched>,
    tokens: Vec<(String, Claims)>,
}

impl World {
    fn step(&mut self, seconds: i64, rotates: bool, algorithm: Algorithm) {
        self.now = after(self.now, seconds);
        if rotates {
            let policy = self.ring.policy.clone().with_algorithm(algorithm);
            let restored = KeyRing::restore(policy, self.ring.stored()).unwrap();
            let due = restored.next_rotation() <= self.now;
            let rotated = restored.rotate(self.now).unwrap();
            assert_eq!(rotated.is_some(), due);
            // Somebody fetched the keys in the very moment before.
            self.fetch();
            self.ring = rotated.unwrap_or(restored);
        }
        self.fetch();
        self.tokens
            .push(self.ring.issue(request(), self.now).unwrap());
        let (now, kept) = (self.now, JWKS_AGE_MAX_S);
        self.fetched
            .retain(|fetched| now <= after(fetched.at, kept));
        self.tokens
            .retain(|(_, claims)| now < Ts::from_secs(claims.exp).unwrap());
    }

    fn fetch(&mut self) {
        let keys = KeySet::parse(&self.ring.jwks().unwrap()).unwrap();
        self.fetched.push(Fetched { at: self.now, keys });
    }

    fn check(&self) {
        for fetched in &self.fetched {
            let verifier = Verifier::new(ISSUER, "tickloom", fetched.keys.clone());
            for (token, claims) in &self.tokens {
                let said = verifier.verify(token, self.now);
                assert_eq!(said.as_ref(), Ok(claims), "{} by {}", self.now, fetched.at);
            }
        }
        let next = self.ring.next.as_ref().expect("there is always a next one");
        assert!(self.ring.key_set().get(next.key.kid()).is_some());
        let mut kids: Vec<&str> = self.ring.keys().map(|key| key.key.kid()).collect();
        kids.sort_unstable();
        kids.dedup();
        assert_eq!(kids.len(), self.ring.keys().count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_valid_token_is_believed_by_whoever_fetched_the_keys_lately(
        lifetime in 1_u32..=3600,
        steps in prop::collection::vec((prop_oneof![0_i64..30, 30_i64..900, 900_i64..7200], any::<bool>(), 0_u8..8), 1..40),
    ) {
        let policy = KeyPolicy::new(ISSUER).with_times(3600, lifetime).unwrap();
        let ring = KeyRing::begin(policy, BEGIN).unwrap();
        let mut world = World { now: BEGIN, ring, fetched: Vec::new(), tokens: Vec::new() };
        for (seconds, rotates, algorithm) in steps {
            let algorithm = if algorithm == 0 { Algorithm::Es256 } else { Algorithm::EdDsa };
            world.step(seconds, rotates, algorithm);
            world.check();
        }
    }
}
