//! What the browser saw, as JSON (Web Authentication Level 3, section 5.8.1).

use super::PasskeyError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Longest client data that is looked at, in bytes.
const CLIENT_DATA_BYTES_MAX: usize = 8192;

/// What the browser saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientData {
    /// The ceremony: `webauthn.create` or `webauthn.get`.
    pub kind: String,
    /// The challenge, as bytes.
    pub challenge: Vec<u8>,
    /// The origin of the page that asked.
    pub origin: String,
    /// Whether that page was in a frame of another origin.
    pub is_cross_origin: bool,
}

/// A member that is not named here may be there (section 5.8.1: it may grow); one that comes twice may not.
#[derive(Deserialize)]
struct Members {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

impl ClientData {
    /// Reads it.
    ///
    /// # Errors
    /// [`PasskeyError::ClientData`].
    pub fn parse(json: &[u8]) -> Result<ClientData, PasskeyError> {
        if json.len() > CLIENT_DATA_BYTES_MAX {
            return Err(PasskeyError::ClientData);
        }
        let members: Members =
            serde_json::from_slice(json).map_err(|_| PasskeyError::ClientData)?;
        let challenge = URL_SAFE_NO_PAD.decode(&members.challenge);
        Ok(ClientData {
            kind: members.r#type,
            challenge: challenge.map_err(|_| PasskeyError::ClientData)?,
            origin: members.origin,
            is_cross_origin: members.cross_origin == Some(true) || members.top_origin.is_some(),
        })
    }
}
