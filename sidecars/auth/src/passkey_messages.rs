//! What is said to a browser and what comes back when passkeys are made and used, as the JSON of Web Authentication Level 3 (section 5.1,
//! `parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON` and `toJSON`). Bytes are base64url without padding.

use crate::AuthError;
use crate::credential::passkey::{
    ALGORITHMS, Assertion, Attestation, CHALLENGE_LIFETIME_NS, RelyingParty,
};
use crate::model::Account;
use crate::store::passkey::NamedPasskey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tickloom_chassis::{Problem, ProblemCode};
use utoipa::ToSchema;

/// What all passkeys and credentials are called (section 5.8.2).
const PUBLIC_KEY: &str = "public-key";
/// What people read where the relying party has a name beside its id.
const NAME: &str = "Tickloom";
/// How long a browser may take.
const TIMEOUT_MS: i64 = CHALLENGE_LIFETIME_NS / 1_000_000;
/// Ways to reach an authenticator (section 5.8.4); others are not kept.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

/// What `navigator.credentials.create` is asked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreationOptions {
    rp: Rp,
    user: User,
    /// To be signed, within 5 minutes.
    challenge: String,
    pub_key_cred_params: Vec<Parameters>,
    /// In milliseconds.
    timeout: i64,
    /// Passkeys that the account has: an authenticator that has one of them makes no other.
    exclude_credentials: Vec<Descriptor>,
    authenticator_selection: Selection,
    /// Always `none`.
    attestation: &'static str,
}

/// What `navigator.credentials.get` is asked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestOptions {
    /// To be signed, within 5 minutes.
    challenge: String,
    /// In milliseconds.
    timeout: i64,
    /// The name that passkeys belong to.
    rp_id: String,
    /// Passkeys of the account, once it is known; empty before: the authenticator finds those that it has.
    allow_credentials: Vec<Descriptor>,
    /// Whether a PIN, a finger or a face is asked for: `required`, or `preferred`.
    user_verification: &'static str,
}

/// The relying party.
#[derive(Serialize, ToSchema)]
struct Rp {
    id: String,
    name: &'static str,
}

/// Whose passkey it will be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct User {
    /// Random bytes, which say nothing of the person.
    id: String,
    name: String,
    display_name: String,
}

/// An algorithm that is taken.
#[derive(Serialize, ToSchema)]
struct Parameters {
    r#type: &'static str,
    /// Its number in IANA's registry of COSE.
    alg: i64,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
struct Descriptor {
    r#type: &'static str,
    id: String,
    transports: Vec<String>,
}

/// What an authenticator has to be able to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Selection {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// A passkey that an authenticator made: what `toJSON` gives. Other members are not looked at.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationResponse {
    /// What the authenticator calls it.
    id: String,
    /// Always `public-key`.
    r#type: String,
    response: AttestationResponse,
}

/// What the authenticator says of it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
    /// How the authenticator can be reached.
    #[serde(default)]
    transports: Vec<String>,
}

/// What an authenticator signed: what `toJSON` gives. Other members are not looked at.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthenticationResponse {
    /// What the authenticator calls the passkey.
    id: String,
    /// Always `public-key`.
    r#type: String,
    response: AssertionResponse,
}

/// What the authenticator says.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

/// A passkey that an authenticator made, as bytes.
#[derive(Debug)]
pub(crate) struct NewPasskey {
    pub(crate) credential: Vec<u8>,
    client_data_json: Vec<u8>,
    attestation_object: Vec<u8>,
    /// With a space between the words.
    pub(crate) transports: String,
}

/// What an authenticator signed, as bytes.
#[derive(Debug)]
pub(crate) struct SignedPasskey {
    pub(crate) credential: Vec<u8>,
    client_data_json: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
}

impl CreationOptions {
    pub(crate) fn new(
        relying_party: &RelyingParty,
        challenge: &[u8],
        (account, handle): (&Account, &[u8]),
        known: &[NamedPasskey],
    ) -> CreationOptions {
        let parameters = |alg| Parameters {
            r#type: PUBLIC_KEY,
            alg,
        };
        CreationOptions {
            rp: Rp {
                id: relying_party.id().to_owned(),
                name: NAME,
            },
            user: User {
                id: encode(handle),
                name: account.email.clone().unwrap_or_default(),
                display_name: account.name.clone(),
            },
            challenge: encode(challenge),
            pub_key_cred_params: ALGORITHMS.map(parameters).into(),
            timeout: TIMEOUT_MS,
            exclude_credentials: known.iter().map(Descriptor::new).collect(),
            authenticator_selection: Selection {
                resident_key: "required",
                require_resident_key: true,
                user_verification: "required",
            },
            attestation: "none",
        }
    }
}

impl RequestOptions {
    pub(crate) fn new(
        relying_party: &RelyingParty,
        challenge: &[u8],
        known: &[NamedPasskey],
        needs_verification: bool,
    ) -> RequestOptions {
        RequestOptions {
            challenge: encode(challenge),
            timeout: TIMEOUT_MS,
            rp_id: relying_party.id().to_owned(),
            allow_credentials: known.iter().map(Descriptor::new).collect(),
            user_verification: if needs_verification {
                "required"
            } else {
                "preferred"
            },
        }
    }
}

impl Descriptor {
    fn new(known: &NamedPasskey) -> Descriptor {
        let words = known.transports.split_ascii_whitespace();
        Descriptor {
            r#type: PUBLIC_KEY,
            id: encode(&known.credential),
            transports: words.map(str::to_owned).collect(),
        }
    }
}

impl RegistrationResponse {
    /// As bytes.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what is no base64url, or no passkey.
    pub(crate) fn read(&self) -> Result<NewPasskey, AuthError> {
        check_type(&self.r#type)?;
        let said = &self.response.transports;
        let known = TRANSPORTS.into_iter();
        let known = known.filter(|word| said.iter().any(|said| said == word));
        Ok(NewPasskey {
            credential: decode("id", &self.id)?,
            client_data_json: decode("clientDataJSON", &self.response.client_data_json)?,
            attestation_object: decode("attestationObject", &self.response.attestation_object)?,
            transports: known.collect::<Vec<_>>().join(" "),
        })
    }
}

impl AuthenticationResponse {
    /// As bytes.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] for what is no base64url, or no passkey.
    pub(crate) fn read(&self) -> Result<SignedPasskey, AuthError> {
        check_type(&self.r#type)?;
        let said = &self.response;
        let handle = said.user_handle.as_deref().filter(|text| !text.is_empty());
        Ok(SignedPasskey {
            credential: decode("id", &self.id)?,
            client_data_json: decode("clientDataJSON", &said.client_data_json)?,
            authenticator_data: decode("authenticatorData", &said.authenticator_data)?,
            signature: decode("signature", &said.signature)?,
            user_handle: handle.map(|text| decode("userHandle", text)).transpose()?,
        })
    }
}

impl NewPasskey {
    pub(crate) fn attestation(&self) -> Attestation<'_> {
        Attestation {
            client_data_json: &self.client_data_json,
            attestation_object: &self.attestation_object,
        }
    }
}

impl SignedPasskey {
    pub(crate) fn assertion(&self) -> Assertion<'_> {
        Assertion {
            client_data_json: &self.client_data_json,
            authenticator_data: &self.authenticator_data,
            signature: &self.signature,
        }
    }
}

fn check_type(found: &str) -> Result<(), AuthError> {
    if found == PUBLIC_KEY {
        return Ok(());
    }
    let detail = "`type` of the passkey is not `public-key`";
    Err(Problem::new(ProblemCode::BadRequest, detail).into())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(member: &str, text: &str) -> Result<Vec<u8>, AuthError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        let detail = format!("`{member}` of the passkey is no base64url without padding");
        Problem::new(ProblemCode::BadRequest, detail).into()
    })
}
