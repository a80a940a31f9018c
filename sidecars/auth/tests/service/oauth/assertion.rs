//! Applications that show a signed assertion in the place of a secret.

use super::{App, CLIENTS, form, refused};
use crate::client::Reply;
use crate::{ISSUER, SECOND, Served, access_token, on_both, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::sync::Barrier;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key of an application.
pub(super) enum Key {
    EdDsa(Box<Ed25519KeyPair>),
    Es256(Box<EcdsaKeyPair>),
}

impl Key {
    pub(super) fn eddsa(seed: u8) -> Key {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Key::EdDsa(Box::new(pair))
    }

    fn es256() -> Key {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        Key::Es256(Box::new(pair))
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Key::EdDsa(pair) => {
                let x = coordinate(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})
            }
            Key::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (coordinate(&point[1..33]), coordinate(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid})
            }
        }
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let alg = match self {
            Key::EdDsa(_) => "EdDSA",
            Key::Es256(_) => "ES256",
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": alg, "kid": kid});
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = match self {
            Key::EdDsa(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Key::Es256(pair) => {
                let signed = pair.sign(&SystemRandom::new(), message.as_bytes());
                signed.unwrap().as_ref().to_vec()
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An application of a program that shows keys.
pub(super) fn registered(served: &Served, administrator: &Value, keys: &[Value]) -> (App, Value) {
    let token = Some(access_token(administrator));
    let body = json!({"kind": "machine", "name": "risk"});
    let account = served.client.post("/auth/v1/accounts", token, &body);
    let account = account.is(201).json()["id"].clone();
    let settings = json!({"name": "risk", "kind": "confidential", "grant_types": ["client_credentials"],
        "scopes": ["account.read"], "account": account, "jwks": {"keys": keys}});
    let app = App::new(served, administrator, &settings);
    assert_eq!(app.secret, None);
    (app, settings)
}

fn show(served: &Served, endpoint: &str, assertion: &str, more: &[(&str, &str)]) -> Reply {
    let own = [
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    let path = format!("/auth/oauth/{endpoint}");
    let body = form(&[&own, more].concat());
    served.client.send_form(("POST", &path), &[], &body)
}

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

fn claims(served: &Served, app: &App, jti: &str) -> Value {
    let now = served.clock.now().0 / SECOND;
    json!({"iss": app.id, "sub": app.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti})
}

#[test]
fn an_application_shows_each_assertion_once() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (first, second) = (Key::eddsa(7), Key::es256());
        let (app, _) = registered(&served, &ada, &[first.jwk("a"), second.jwk("b")]);
        let (other, _) = registered(&served, &ada, &[first.jwk("a")]);
        for (number, key, kid) in [("1", &first, "a"), ("2", &second, "b")] {
            let one = key.sign(kid, &claims(&served, &app, number));
            let issued = show(&served, "token", &one, &GRANT).is(200).json();
            assert_eq!(issued["scope"], "account.read");
            refused(&show(&served, "token", &one, &GRANT), 401, "invalid_client");
            let told = [("token", access_token(&issued))];
            refused(
                &show(&served, "introspect", &one, &told),
                401,
                "invalid_client",
            );
            let next = key.sign(kid, &claims(&served, &app, &format!("{number}-next")));
            let told = show(&served, "introspect", &next, &told).is(200).json();
            assert_eq!(
                (&told["active"], &told["client_id"]),
                (&json!(true), &json!(app.id))
            );
        }
        // The id of an assertion is of one application.
        let same = first.sign("a", &claims(&served, &other, "1"));
        show(&served, "token", &same, &GRANT).is(200);
        // Of many at the same time one is taken.
        let (one, gate) = (
            first.sign("a", &claims(&served, &app, "3")),
            Barrier::new(6),
        );
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let show = || {
                gate.wait();
                show(&served, "token", &one, &GRANT).status
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(show)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
        assert_eq!((count(200), count(401)), (1, 5), "{statuses:?}");
        // Once it is over it is refused for that.
        let late = first.sign("a", &claims(&served, &app, "4"));
        served.advance(90 * SECOND);
        refused(
            &show(&served, "token", &late, &GRANT),
            401,
            "invalid_client",
        );
    });
}

#[test]
fn nobody_shows_an_assertion_of_somebody_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let (own, stranger) = (Key::eddsa(7), Key::eddsa(8));
        let (app, mut settings) = registered(&served, &ada, &[own.jwk("a")]);
        let (other, _) = registered(&served, &ada, &[stranger.jwk("a")]);
        let wrong = |assertion: &str, more: &[(&str, &str)]| {
            let pairs = [&GRANT[..], more].concat();
            show(&served, "token", assertion, &pairs)
        };
        let right = |jti: &str| own.sign("a", &claims(&served, &app, jti));
        let forged = stranger.sign("a", &claims(&served, &app, "1"));
        refused(&wrong(&forged, &[]), 401, "invalid_client");
        let mut mixed = claims(&served, &app, "2");
        mixed["iss"] = json!(other.id);
        refused(&wrong(&own.sign("a", &mixed), &[]), 401, "invalid_client");
        for aud in [
            json!(format!("{ISSUER}/auth/oauth/token")),
            json!([ISSUER, "https://b.example"]),
        ] {
            let mut elsewhere = claims(&served, &app, "3");
            elsewhere["aud"] = aud;
            refused(
                &wrong(&own.sign("a", &elsewhere), &[]),
                401,
                "invalid_client",
            );
        }
        let named = ("client_id", other.id.as_str());
        refused(&wrong(&right("4"), &[named]), 400, "invalid_request");
        wrong(&right("4"), &[("client_id", &app.id)]).is(200);
        // It has no secret, and gets none.
        let path = format!("{CLIENTS}/{}", app.id);
        let rotate = format!("{path}/secret");
        let body = json!({"grace_s": 0});
        served
            .client
            .post(&rotate, token, &body)
            .refused(422, "refused");
        refused(&app.send(&served, "token", &GRANT), 401, "invalid_client");
        // Another key takes the place of the first at once.
        settings["jwks"] = json!({"keys": [stranger.jwk("a")]});
        served.client.put(&path, token, &settings).is(200);
        refused(&wrong(&right("5"), &[]), 401, "invalid_client");
        let next = stranger.sign("a", &claims(&served, &app, "6"));
        wrong(&next, &[]).is(200);
    });
}

#[test]
fn keys_take_the_place_of_a_secret_and_are_public() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (token, own) = (Some(access_token(&ada)), Key::eddsa(7));
        // One with a secret that is given keys has the secret no more.
        let (_, with_secret) = super::program(&served, &ada, &["run.read"]);
        with_secret.send(&served, "token", &GRANT).is(200);
        let path = format!("{CLIENTS}/{}", with_secret.id);
        let mut settings = served.client.get(&path, token).is(200).json();
        for name in ["id", "version", "created", "created_by"] {
            settings.as_object_mut().unwrap().remove(name);
        }
        settings["jwks"] = json!({"keys": [own.jwk("a")]});
        served.client.put(&path, token, &settings).is(200);
        refused(
            &with_secret.send(&served, "token", &GRANT),
            401,
            "invalid_client",
        );
        // What cannot be registered.
        for (jwks, words) in [
            (json!({"keys": []}), "no key for Ed25519 or P-256"),
            (json!("x"), "not a set of keys"),
            (
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "x", "d": "x", "kid": "a"}]}),
                "private key",
            ),
        ] {
            settings["jwks"] = jwks;
            let reply = served
                .client
                .post(CLIENTS, token, &settings)
                .refused(400, "bad_request");
            let detail = text(&reply.json(), "detail").to_owned();
            assert!(detail.contains(words), "{detail}");
        }
    });
}
