//! A provider that says what it is told to say: a small HTTP server with keys of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is said under a path, and what was asked: path and body.
#[derive(Default)]
struct State {
    says: HashMap<&'static str, (u16, String)>,
    asked: Vec<(String, String)>,
}

/// The provider, until the process ends.
pub(crate) struct Outside {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
    key: EcdsaKeyPair,
}

impl Outside {
    /// One that says what it should, but for a token.
    pub(crate) fn start() -> Outside {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let answering = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &answering);
            }
        });
        let outside = Outside {
            key: new_key(),
            issuer,
            state,
        };
        outside.says("/.well-known/openid-configuration", &outside.metadata());
        outside.publishes(&[("k1", &outside.key)]);
        outside.says("/userinfo", &json!({"sub": "1"}));
        outside
    }

    /// What it publishes of itself.
    pub(crate) fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "authorization_response_iss_parameter_supported": true,
            "code_challenge_methods_supported": ["plain", "S256"],
        })
    }

    pub(crate) fn says(&self, path: &'static str, body: &Value) {
        self.says_with(path, 200, body.to_string());
    }

    pub(crate) fn says_with(&self, path: &'static str, status: u16, body: String) {
        self.state.lock().unwrap().says.insert(path, (status, body));
    }

    /// Publishes these keys, by name.
    pub(crate) fn publishes(&self, keys: &[(&str, &EcdsaKeyPair)]) {
        let jwk = |(kid, key): &(&str, &EcdsaKeyPair)| {
            let point = key.public_key().as_ref();
            let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y})
        };
        let keys: Vec<Value> = keys.iter().map(jwk).collect();
        self.says("/jwks", &json!({ "keys": keys }));
    }

    /// Answers a code with an ID token that has these claims.
    pub(crate) fn signs(&self, claims: &Value) {
        let token = signed(&json!({"alg": "ES256", "kid": "k1"}), claims, &self.key);
        self.gives(&token);
    }

    /// Answers a code with this ID token.
    pub(crate) fn gives(&self, token: &str) {
        let answer = json!({"access_token": "access", "token_type": "Bearer", "id_token": token});
        self.says("/token", &answer);
    }

    pub(crate) fn key(&self) -> &EcdsaKeyPair {
        &self.key
    }

    /// What was asked under a path.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let of_path = state.asked.iter().filter(|(asked, _)| asked == path);
        of_path.map(|(_, body)| body.clone()).collect()
    }
}

pub(crate) fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

/// A token of this header and these claims, signed by a key.
pub(crate) fn signed(header: &Value, claims: &Value, key: &EcdsaKeyPair) -> String {
    let message = format!(
        "{}.{}",
        base64(header.to_string()),
        base64(claims.to_string())
    );
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", base64(signature))
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    let mut state = state.lock().unwrap();
    let (status, said) = state
        .says
        .get(path.as_str())
        .cloned()
        .unwrap_or((404, String::new()));
    state
        .asked
        .push((path, format!("{head}{}", String::from_utf8(body).unwrap())));
    drop(state);
    let length = said.len();
    let text = format!(
        "HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}"
    );
    stream.write_all(text.as_bytes()).ok();
}
