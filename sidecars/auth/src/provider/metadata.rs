//! What a provider says of itself (OpenID Connect Discovery 1.0, section 4).

use super::{ABOUT, ProviderError};
use serde::Deserialize;
use tickloom_chassis::{Outgoing, OutgoingRequest};

/// What of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    /// Whether its answers name it (RFC 9207, section 3).
    #[serde(rename = "authorization_response_iss_parameter_supported", default)]
    pub(super) says_issuer: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Asks the provider, and checks that it is the one that is meant.
    pub(super) async fn ask(outgoing: &Outgoing, issuer: &str) -> Result<Metadata, ProviderError> {
        let base = issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let request = OutgoingRequest::get(ABOUT, &url)?;
        let metadata: Metadata = outgoing.send(&request).await?.json()?;
        metadata.check(issuer)?;
        Ok(metadata)
    }

    fn check(&self, issuer: &str) -> Result<(), ProviderError> {
        let wrong = |why| Err(ProviderError::Metadata(why));
        if self.issuer != issuer {
            return wrong("its `issuer` is another than the one that is set");
        }
        // Where a browser is sent is as secret as the provider itself.
        let is_secret = self.authorization_endpoint.starts_with("https://");
        if !is_secret && issuer.starts_with("https://") {
            return wrong("its `authorization_endpoint` is not of https");
        }
        let methods = self.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return wrong("it does not take PKCE with S256");
        }
        Ok(())
    }
}
