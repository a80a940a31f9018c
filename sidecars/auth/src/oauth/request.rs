//! What an application asks when it sends a browser to be authorised (OAuth 2.1, section 4.1.1; OpenID Connect Core, section 3.1.2.1).

use super::client::{ClientSettings, GrantType};
use super::error::{OAuthCode, OAuthError};
use super::form::{Form, encode};
use super::pkce::is_challenge;
use super::scope::Scopes;
use super::uri::with_query;

/// Longest `state` and `nonce`, in bytes.
const ECHO_BYTES_MAX: usize = 1024;

/// Who asks, and where the browser goes back to: until both are known to belong together, nothing is sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The application.
    pub client: String,
    /// Where the browser is to be sent back to.
    pub redirect_uri: String,
    /// What the application gets back as it was.
    pub state: Option<String>,
}

/// A request that is well-formed and within what the application was registered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoriseRequest {
    /// Who asks, and where the answer goes.
    pub target: Target,
    /// What tokens are to be for.
    pub scopes: Scopes,
    /// Which services they are to be for; none means this one.
    pub resources: Vec<String>,
    /// What the ID token is to repeat.
    pub nonce: Option<String>,
    /// What the code will be exchanged with: S256 of it.
    pub challenge: String,
    /// That nobody is to be asked anything.
    pub is_silent: bool,
    /// That the person is to sign in, even if they are signed in.
    pub wants_sign_in: bool,
    /// That the person is to be asked, even if they allowed it before.
    pub wants_consent: bool,
    /// Seconds since the person authenticated, at most.
    pub max_age: Option<i64>,
}

impl Target {
    /// What a request says of itself.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidRequest`], which is for the person's eyes alone.
    pub fn of(form: &Form) -> Result<Target, OAuthError> {
        Ok(Target {
            client: form.need("client_id")?.to_owned(),
            redirect_uri: form.need("redirect_uri")?.to_owned(),
            state: form.get("state").map(str::to_owned),
        })
    }

    /// Where the browser goes with these answers, `state` as it came, and who answers (RFC 9207).
    #[must_use]
    pub fn answer(&self, issuer: &str, answers: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = answers.iter().copied().chain(state);
        let query = encode(all.chain([("iss", issuer)]));
        with_query(&self.redirect_uri, &query)
    }

    /// Where the browser goes with an error.
    #[must_use]
    pub fn refuse(&self, issuer: &str, error: &OAuthError) -> String {
        let words = [
            ("error", error.code.name()),
            ("error_description", &error.description),
        ];
        self.answer(issuer, &words)
    }
}

impl AuthoriseRequest {
    /// Reads the rest of a request whose target is registered.
    ///
    /// # Errors
    /// What the application is told.
    pub fn parse(
        form: &Form,
        target: Target,
        (settings, issuer): (&ClientSettings, &str),
    ) -> Result<AuthoriseRequest, OAuthError> {
        refuse_objects(form)?;
        settings.may(GrantType::AuthorizationCode)?;
        if form.need("response_type")? != "code" {
            let words = "`response_type` is not code";
            return Err(OAuthError::new(OAuthCode::UnsupportedResponseType, words));
        }
        if form
            .get("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return Err(OAuthError::request("`response_mode` is not query"));
        }
        for (name, value) in [
            ("state", &target.state),
            ("nonce", &form.get("nonce").map(str::to_owned)),
        ] {
            if value
                .as_ref()
                .is_some_and(|value| value.len() > ECHO_BYTES_MAX)
            {
                let words = format!("`{name}` has more than {ECHO_BYTES_MAX} bytes");
                return Err(OAuthError::request(words));
            }
        }
        let prompts: Vec<&str> = form.get("prompt").unwrap_or_default().split(' ').collect();
        let asks = |word: &str| prompts.contains(&word);
        let known = ["", "none", "login", "consent", "select_account"];
        if !prompts.iter().all(|word| known.contains(word)) || (asks("none") && prompts.len() > 1) {
            return Err(OAuthError::request(
                "`prompt` is none, or some of login, consent and select_account",
            ));
        }
        Ok(AuthoriseRequest {
            scopes: settings.asked_scopes(form.get("scope"))?,
            resources: settings.asked_resources(form.all("resource"), issuer)?,
            nonce: form.get("nonce").map(str::to_owned),
            challenge: challenge(form)?,
            is_silent: asks("none"),
            wants_sign_in: asks("login") || asks("select_account"),
            wants_consent: asks("consent"),
            max_age: max_age(form)?,
            target,
        })
    }
}

/// Requests that are texts or places of their own are not looked at: who signs or serves one is another question (OpenID Connect Core,
/// section 6).
fn refuse_objects(form: &Form) -> Result<(), OAuthError> {
    for (name, code) in [
        ("request", OAuthCode::RequestNotSupported),
        ("request_uri", OAuthCode::RequestUriNotSupported),
    ] {
        if form.get(name).is_some() {
            return Err(OAuthError::new(code, format!("`{name}` is not supported")));
        }
    }
    Ok(())
}

fn challenge(form: &Form) -> Result<String, OAuthError> {
    let challenge = form.need("code_challenge")?;
    // Left out it means `plain` (RFC 7636, section 4.3), which proves nothing to whoever reads along.
    if form.get("code_challenge_method") != Some("S256") {
        return Err(OAuthError::request("`code_challenge_method` is not S256"));
    }
    if !is_challenge(challenge) {
        return Err(OAuthError::request(
            "`code_challenge` is not base64url of 32 bytes",
        ));
    }
    Ok(challenge.to_owned())
}

fn max_age(form: &Form) -> Result<Option<i64>, OAuthError> {
    let Some(text) = form.get("max_age") else {
        return Ok(None);
    };
    let seconds = text.parse::<u32>();
    let seconds = seconds.map_err(|_| OAuthError::request("`max_age` is no number of seconds"))?;
    Ok(Some(i64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::client::ClientKind;
    use proptest::prelude::*;

    const ISSUER: &str = "https://auth.example";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn settings() -> ClientSettings {
        ClientSettings {
            name: "x".to_owned(),
            kind: ClientKind::Public,
            grant_types: vec![GrantType::AuthorizationCode],
            redirect_uris: vec!["https://a.example/cb".to_owned()],
            scopes: vec!["openid".to_owned(), "run.read".to_owned()],
            resources: Vec::new(),
            serves: Vec::new(),
            account: None,
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            jwks: None,
            is_first_party: false,
        }
    }

    /// A right request with other values for some parameters; an empty one is left out.
    fn parse(changes: &[(&str, &str)]) -> Result<AuthoriseRequest, OAuthError> {
        let mut form = Form::default();
        for (name, value) in [
            ("client_id", "cli_1"),
            ("redirect_uri", "https://a.example/cb"),
            ("response_type", "code"),
            ("scope", "openid run.read"),
            ("state", "s&1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ] {
            if !changes.iter().any(|(other, _)| *other == name) {
                form = form.with(name, value);
            }
        }
        for (name, value) in changes {
            form = form.with(name, value);
        }
        let target = Target::of(&form)?;
        AuthoriseRequest::parse(&form, target, (&settings(), ISSUER))
    }

    #[test]
    fn a_request_is_read_whole() {
        let read = parse(&[
            ("prompt", "login consent"),
            ("max_age", "60"),
            ("nonce", "n"),
            ("unknown", "x"),
        ])
        .unwrap();
        assert_eq!(read.scopes.text(), "openid run.read");
        assert!(read.wants_sign_in && read.wants_consent && !read.is_silent);
        assert_eq!((read.max_age, read.nonce.as_deref()), (Some(60), Some("n")));
        assert_eq!(
            read.target.answer(ISSUER, &[("code", "c")]),
            "https://a.example/cb?code=c&state=s%261&iss=https%3A%2F%2Fauth.example"
        );
    }

    #[test]
    fn each_fault_has_the_word_of_the_standard() {
        let long = "n".repeat(1025);
        for (name, value, expected) in [
            ("response_type", "token", "unsupported_response_type"),
            (
                "response_type",
                "code id_token",
                "unsupported_response_type",
            ),
            ("response_type", "", "invalid_request"),
            ("response_mode", "fragment", "invalid_request"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", "short", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("prompt", "none login", "invalid_request"),
            ("prompt", "create", "invalid_request"),
            ("max_age", "-1", "invalid_request"),
            ("max_age", "soon", "invalid_request"),
            ("nonce", &long, "invalid_request"),
            ("state", &long, "invalid_request"),
            ("scope", "", "invalid_scope"),
            ("scope", "*", "invalid_scope"),
            ("resource", "https://b.example", "invalid_target"),
            ("request", "eyJ", "request_not_supported"),
            (
                "request_uri",
                "https://b.example",
                "request_uri_not_supported",
            ),
            ("client_id", "", "invalid_request"),
            ("redirect_uri", "", "invalid_request"),
        ] {
            let refused = parse(&[(name, value)]).unwrap_err();
            assert_eq!(refused.code.name(), expected, "{name}={value}");
        }
    }

    proptest! {
        #[test]
        fn any_request_is_answered_at_its_own_target_alone(query in "[ -~]{0,200}", state in "[^\0]{0,40}") {
            let Ok(form) = Form::parse(query.as_bytes()) else { return Ok(()); };
            let target = Target { client: "c".to_owned(), redirect_uri: "https://a.example/cb".to_owned(), state: Some(state.clone()) };
            if let Err(error) = AuthoriseRequest::parse(&form, target.clone(), (&settings(), ISSUER)) {
                let place = target.refuse(ISSUER, &error);
                prop_assert!(place.starts_with("https://a.example/cb?error="));
                let (_, query) = place.split_once('?').unwrap();
                let read = Form::parse(query.as_bytes()).unwrap();
                let expected = (!state.is_empty()).then_some(state.as_str());
                prop_assert_eq!(read.get("state"), expected);
                prop_assert_eq!(read.get("iss"), Some(ISSUER));
            }
        }
    }
}
