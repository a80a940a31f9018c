//! What applications are told when something is not done, in the words of the standards.

use std::fmt;
use thiserror::Error;

/// Why a request of an application is not granted (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5; RFC 8707, section 2; OpenID
/// Connect Core, section 3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthCode {
    /// A parameter is missing, twice there or malformed.
    InvalidRequest,
    /// The application is not known, or did not show that it is the one.
    InvalidClient,
    /// A code, refresh token or device code is not good, or another application's.
    InvalidGrant,
    /// The application is not registered for this way.
    UnauthorizedClient,
    /// There is no such way.
    UnsupportedGrantType,
    /// Only `code` is answered.
    UnsupportedResponseType,
    /// A scope is malformed, or more than the application is registered for.
    InvalidScope,
    /// A resource is none that the application is registered for.
    InvalidTarget,
    /// The person said no.
    AccessDenied,
    /// Nobody is signed in, and nobody is to be asked.
    LoginRequired,
    /// Nobody has allowed it, and nobody is to be asked.
    ConsentRequired,
    /// The person has to do something else first, and nobody is to be asked.
    InteractionRequired,
    /// Requests as JWTs are not read.
    RequestNotSupported,
    /// Requests by reference are not fetched.
    RequestUriNotSupported,
    /// Nobody has decided yet.
    AuthorizationPending,
    /// The device asks too often.
    SlowDown,
    /// The device code is over.
    ExpiredToken,
}

/// Why a request of an application is not granted, with a sentence for whoever builds it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{description}")]
pub struct OAuthError {
    /// The word of the standard.
    pub code: OAuthCode,
    /// What is wrong.
    pub description: String,
}

impl OAuthCode {
    /// The word, as it is sent.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OAuthCode::InvalidRequest => "invalid_request",
            OAuthCode::InvalidClient => "invalid_client",
            OAuthCode::InvalidGrant => "invalid_grant",
            OAuthCode::UnauthorizedClient => "unauthorized_client",
            OAuthCode::UnsupportedGrantType => "unsupported_grant_type",
            OAuthCode::UnsupportedResponseType => "unsupported_response_type",
            OAuthCode::InvalidScope => "invalid_scope",
            OAuthCode::InvalidTarget => "invalid_target",
            OAuthCode::AccessDenied => "access_denied",
            OAuthCode::LoginRequired => "login_required",
            OAuthCode::ConsentRequired => "consent_required",
            OAuthCode::InteractionRequired => "interaction_required",
            OAuthCode::RequestNotSupported => "request_not_supported",
            OAuthCode::RequestUriNotSupported => "request_uri_not_supported",
            OAuthCode::AuthorizationPending => "authorization_pending",
            OAuthCode::SlowDown => "slow_down",
            OAuthCode::ExpiredToken => "expired_token",
        }
    }
}

impl OAuthError {
    /// One with these words.
    #[must_use]
    pub fn new(code: OAuthCode, description: impl Into<String>) -> OAuthError {
        OAuthError {
            code,
            description: description.into(),
        }
    }

    /// A request that is malformed.
    #[must_use]
    pub fn request(description: impl Into<String>) -> OAuthError {
        OAuthError::new(OAuthCode::InvalidRequest, description)
    }
}

impl fmt::Display for OAuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
