//! What stands at the root: how applications find everything (OpenID Connect Discovery; RFC 8414), and the keys that tokens are checked
//! with (RFC 7517).

use crate::Auth;
use crate::oauth::assertion::ASSERTION_ALGORITHMS;
use crate::oauth::scope::{EMAIL, OFFLINE, OPENID, PROFILE};
use crate::pages::consent::AUTHORIZE;
use crate::pages::sign_out::LOGOUT;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// How long answers may be kept elsewhere.
const KEPT: &str = "public, max-age=300";

pub(super) async fn jwks(State(auth): State<Arc<Auth>>) -> Response {
    let head = [
        (header::CONTENT_TYPE, "application/jwk-set+json"),
        (header::CACHE_CONTROL, KEPT),
    ];
    (head, auth.signing.jwks()).into_response()
}

pub(super) async fn metadata(State(auth): State<Arc<Auth>>) -> Response {
    let head = [(header::CACHE_CONTROL, KEPT)];
    (head, Json(document(&auth))).into_response()
}

fn document(auth: &Auth) -> Value {
    let issuer = auth.signing.issuer();
    let base = issuer.trim_end_matches('/');
    let at = |path: &str| format!("{base}{path}");
    json!({
        "issuer": issuer,
        "jwks_uri": at("/.well-known/jwks.json"),
        "authorization_endpoint": at(AUTHORIZE),
        "end_session_endpoint": at(LOGOUT),
        "token_endpoint": at("/auth/oauth/token"),
        "introspection_endpoint": at("/auth/oauth/introspect"),
        "revocation_endpoint": at("/auth/oauth/revoke"),
        "device_authorization_endpoint": at("/auth/oauth/device"),
        "userinfo_endpoint": at("/auth/oauth/userinfo"),
        "scopes_supported": [OPENID, PROFILE, EMAIL, OFFLINE],
        "response_types_supported": ["code"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [auth.signing.algorithm().name()],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
            "name", "email", "email_verified"],
        "acr_values_supported": ["1", "2"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "service_documentation": at("/docs"),
    })
}
