//! Knows people by tokens of the form that those of auth have, for services that are checked without auth: the same check of a token
//! ([`Verifier`]), keys of its own, and people whose grants stand here.

use super::Person;
use crate::access::token::{Algorithm, Claims, KeySet, PublicKey, TOKEN_TYPE, Verifier};
use crate::access::{
    Authenticator, Grant, Grants, Origin, ResourcePattern, Role, Subject, SubjectFuture,
    Unauthenticated, What,
};
use crate::clock::Clock;
use crate::http::RequestOrigin;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use std::sync::Arc;
use tickloom_types::{NANOS_PER_SECOND, Ts};

const ISSUER: &str = "http://localhost";
const AUDIENCE: &str = "conformance";
/// How long a token is valid, in seconds.
const TOKEN_LIFE_S: i64 = 300;

/// Knows who asks.
pub struct TestAuthenticator {
    pair: Ed25519KeyPair,
    stranger: Ed25519KeyPair,
    verifier: Verifier,
    clock: Clock,
}

impl TestAuthenticator {
    pub(super) fn new(clock: Clock) -> Arc<TestAuthenticator> {
        let pair = key_pair();
        let keys = KeySet::of_keys([&public(&pair)]);
        Arc::new(TestAuthenticator {
            verifier: Verifier::new(ISSUER, AUDIENCE, keys),
            stranger: key_pair(),
            pair,
            clock,
        })
    }

    /// A token of this person, for these actions.
    #[must_use]
    pub fn token(&self, who: &str, scope: &str) -> String {
        signed(&self.pair, &self.claims(who, scope))
    }

    /// Nobody, somebody without grants, a viewer and an administrator of everything, and an administrator's token for something else.
    #[must_use]
    pub fn people(&self) -> Vec<Person> {
        let person = |name, token| Person {
            name,
            token,
            only: None,
        };
        let known = ["person", "viewer", "administrator"];
        let known = known.map(|name| person(name, Some(self.token(name, "*"))));
        let narrow = self.token("administrator", "elsewhere.read");
        let mut people = vec![person("nobody", None)];
        people.extend(known);
        people.push(person("token for elsewhere.read", Some(narrow)));
        people
    }

    /// An administrator's tokens, each with one thing wrong.
    #[must_use]
    pub fn refused_tokens(&self) -> Vec<(&'static str, String)> {
        let claims = self.claims("administrator", "*");
        let now = self.clock.now().0 / NANOS_PER_SECOND;
        let with = |change: &dyn Fn(&mut Claims)| {
            let mut claims = claims.clone();
            change(&mut claims);
            signed(&self.pair, &claims)
        };
        vec![
            ("expired", with(&|claims| claims.exp = now)),
            (
                "of another audience",
                with(&|claims| claims.aud = vec!["elsewhere".to_owned()]),
            ),
            (
                "of another issuer",
                with(&|claims| claims.iss = "http://elsewhere".to_owned()),
            ),
            ("of another key", signed(&self.stranger, &claims)),
        ]
    }

    fn claims(&self, who: &str, scope: &str) -> Claims {
        let now = self.clock.now().0 / NANOS_PER_SECOND;
        Claims {
            iss: ISSUER.to_owned(),
            sub: who.to_owned(),
            aud: vec![AUDIENCE.to_owned()],
            client_id: "conformance".to_owned(),
            exp: now + TOKEN_LIFE_S,
            iat: now,
            nbf: None,
            jti: uuid::Uuid::now_v7().to_string(),
            sid: None,
            scope: scope.to_owned(),
            auth_time: Some(now),
            amr: Vec::new(),
        }
    }

    fn subject(&self, token: &str) -> Option<Subject> {
        let claims = self.verifier.verify(token, self.clock.now()).ok()?;
        let role = [Role::Viewer, Role::Administrator]
            .into_iter()
            .find(|role| role.name() == claims.sub);
        let grant = role.map(|role| Grant {
            id: format!("grn_{}", role.name()),
            origin: Origin::Account,
            what: What::Role(role),
            resource: ResourcePattern::all(),
            expires: None,
        });
        let scopes: Result<Vec<_>, _> = claims.scopes().map(str::parse).collect();
        Some(Subject {
            session: None,
            key: None,
            scopes: scopes.ok()?,
            grants: Arc::new(Grants::new(grant)),
            authenticated_at: Ts(claims.auth_time? * NANOS_PER_SECOND),
            account: claims.sub,
            lacks_second_factor: false,
        })
    }
}

impl Authenticator for TestAuthenticator {
    fn authenticate<'a>(&'a self, bearer: &'a str, _: &'a RequestOrigin) -> SubjectFuture<'a> {
        let known = self.subject(bearer).ok_or(Unauthenticated::Refused);
        Box::pin(async move { known })
    }
}

fn key_pair() -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    let document = document.expect("the system has randomness");
    Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("it was just made")
}

fn public(pair: &Ed25519KeyPair) -> PublicKey {
    PublicKey::new(Algorithm::EdDsa, pair.public_key().as_ref()).expect("a whole key")
}

fn signed(pair: &Ed25519KeyPair, claims: &Claims) -> String {
    let kid = public(pair).thumbprint();
    let header = json!({"alg": Algorithm::EdDsa.name(), "typ": TOKEN_TYPE, "kid": kid});
    let claims = serde_json::to_string(claims).expect("plain fields are JSON");
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header.to_string()), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    format!("{message}.{signature}")
}
