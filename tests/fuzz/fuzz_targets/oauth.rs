//! Any text is a form, a request of an application, scopes or a redirect URI, or refused; what is read is written again as the same, and
//! whatever is answered goes to the place that was registered.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_auth::oauth::assertion::{claimed_client, verify};
use tickloom_auth::oauth::client::{ClientKind, ClientSettings, GrantType};
use tickloom_auth::oauth::form::Form;
use tickloom_auth::oauth::pkce::{is_challenge, verifies};
use tickloom_auth::oauth::request::{AuthoriseRequest, Target};
use tickloom_auth::oauth::scope::Scopes;
use tickloom_auth::oauth::uri::{is_resource, is_same, redirect_fault};
use tickloom_chassis::token::KeySet;
use tickloom_types::Ts;

const ISSUER: &str = "https://auth.example";
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}]}"#;
const PLACE: &str = "https://a.example/callback";

fn settings() -> ClientSettings {
    ClientSettings {
        name: "x".to_owned(),
        kind: ClientKind::Public,
        grant_types: vec![GrantType::AuthorizationCode],
        redirect_uris: vec![PLACE.to_owned()],
        scopes: vec!["openid".to_owned(), "run.*".to_owned()],
        resources: Vec::new(),
        serves: Vec::new(),
        account: None,
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        jwks: None,
        is_first_party: false,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(scopes) = Scopes::parse(&text) {
        assert_eq!(
            Scopes::parse(&scopes.text()).expect("own scopes are read"),
            scopes
        );
        assert!(scopes.covers(&scopes));
    }
    assert!(!verifies(&text, "") && !verifies("", &text));
    let _ = (is_challenge(&text), is_resource(&text));
    if redirect_fault(&text).is_none() {
        assert!(is_same(&text, &text, false) && !text.contains('#') && text.contains(':'));
    }
    assert!(!is_same(PLACE, &text, true) || text == PLACE);
    // Nobody signs one by chance.
    let _ = claimed_client(&text);
    let keys = KeySet::parse(KEYS).expect("a set of keys");
    assert!(verify(&text, &keys, ("cli_1", ISSUER), Ts(0)).is_err());
    let Ok(form) = Form::parse(bytes) else {
        return;
    };
    let again = Form::parse(form.encoded().as_bytes());
    assert_eq!(again.expect("own forms are read"), form);
    let Ok(target) = Target::of(&form) else {
        return;
    };
    if !settings().has_redirect(&target.redirect_uri) {
        return;
    }
    match AuthoriseRequest::parse(&form, target.clone(), (&settings(), ISSUER)) {
        Ok(request) => assert!(settings().scopes().covers(&request.scopes)),
        Err(error) => {
            let place = target.refuse(ISSUER, &error);
            assert!(place.starts_with("https://a.example/callback?error="));
        }
    }
});
