//! Passkeys: what an authenticator says when one is registered and when one signs in, and whether it is to be believed (Web
//! Authentication Level 3). Pure: bytes, keys and the time are arguments.
//!
//! Attestation is not asked for. What is taken is `none`, and `packed` where the key attests itself, which browsers hand through. What is
//! deliberately absent: certificates of makers, extensions, and origins other than the one of the relying party.

mod authenticator_data;
mod challenge;
mod client_data;
mod public_key;
mod relying_party;
#[cfg(test)]
mod tests;

pub use authenticator_data::{AttestationObject, AuthenticatorData};
pub use challenge::{CHALLENGE_LIFETIME_NS, ChallengeKey, Purpose, UsedChallenge};
pub use client_data::ClientData;
pub use public_key::{ALGORITHMS, PublicKey};
pub use relying_party::{NoRelyingParty, RelyingParty};

use ring::digest::{SHA256, digest};
use thiserror::Error;
use tickloom_types::Ts;

/// Longest id of a credential, in bytes (section 4, credential ID).
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

/// Characters of a text of a stranger that an error tells.
const SHOWN_MAX: usize = 300;

/// Why what an authenticator says is not believed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PasskeyError {
    /// The client data is no JSON object of the members that it has to have.
    #[error("the client data cannot be read")]
    ClientData,
    /// It is of the other ceremony.
    #[error("the client data is of type `{0}`")]
    Type(String),
    /// The challenge is none of ours, or of another session or purpose.
    #[error("the challenge was not given for this")]
    Challenge,
    /// The challenge is too old.
    #[error("the challenge has expired: begin again")]
    Expired,
    /// Another page asked.
    #[error("it was made for `{0}`")]
    Origin(String),
    /// The page that asked was in a frame of a page of another origin.
    #[error("it was made in a frame of another page")]
    CrossOrigin,
    /// It is cut off, goes on behind its end, or is no CBOR that authenticators write.
    #[error("{0} cannot be read")]
    Bytes(&'static str),
    /// It is for another relying party.
    #[error("it is for another relying party")]
    RelyingParty,
    /// Nobody touched the authenticator.
    #[error("the authenticator did not see anybody")]
    NotPresent,
    /// The authenticator did not ask for a PIN, a finger or a face.
    #[error("the authenticator did not verify who used it")]
    NotVerified,
    /// A passkey says that it is backed up, and that it cannot be; or that it can be, and once that it cannot.
    #[error("what it says of backups contradicts itself")]
    Backup,
    /// The algorithm is none that was offered, or its key is none of it.
    #[error("the key is of no algorithm that was offered")]
    Algorithm,
    /// The attestation is none that was asked for.
    #[error("an attestation of the format `{0}` is not taken")]
    Attestation(String),
    /// The signature is of another key, or of something else.
    #[error("the signature is wrong")]
    Signature,
    /// The counter did not go up: there is a copy of the authenticator.
    #[error("the counter of the passkey went back: it may have been copied")]
    CounterBack,
}

/// A text of a stranger as an error tells it: no longer than an origin is.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// What is kept of a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What the authenticator calls it.
    pub id: Vec<u8>,
    /// Its public key, as a COSE key (RFC 9052, section 7).
    pub public_key: Vec<u8>,
    /// How often it signed, as it says; zero if it does not count.
    pub sign_count: u32,
    /// Whether it can be on more than one device.
    pub is_backup_eligible: bool,
    /// Whether it was backed up when it was last used.
    pub is_backed_up: bool,
}

/// What an authenticator says of a new passkey, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Attestation<'a> {
    /// What the browser saw, as JSON.
    pub client_data_json: &'a [u8],
    /// What the authenticator made of it, as CBOR.
    pub attestation_object: &'a [u8],
}

/// What an authenticator says to sign in, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// What the browser saw, as JSON.
    pub client_data_json: &'a [u8],
    /// What the authenticator says.
    pub authenticator_data: &'a [u8],
    /// The signature of both.
    pub signature: &'a [u8],
}

/// What a passkey is used for, by whom it was asked, and when.
#[derive(Clone, Copy, Debug)]
pub struct Ceremony<'a> {
    /// Who asks.
    pub relying_party: &'a RelyingParty,
    /// What challenges are made with.
    pub key: &'a ChallengeKey,
    /// What for.
    pub purpose: Purpose,
    /// In which session; empty before there is one.
    pub session: &'a str,
    /// Now.
    pub now: Ts,
}

/// What is to be kept of a passkey after it signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The counter from now on.
    pub sign_count: u32,
    /// Whether it is backed up.
    pub is_backed_up: bool,
}

impl Ceremony<'_> {
    /// Whether an authenticator made a passkey as it was asked to, and what is to be kept of it (section 7.1).
    ///
    /// # Errors
    /// [`PasskeyError`] with what is wrong first.
    pub fn register(
        &self,
        shown: &Attestation<'_>,
    ) -> Result<(Credential, UsedChallenge), PasskeyError> {
        let challenge = self.client_data(shown.client_data_json, "webauthn.create")?;
        let object = AttestationObject::parse(shown.attestation_object)?;
        let data = object.authenticator_data()?;
        self.check(&data, true)?;
        let attested = data
            .attested
            .as_ref()
            .ok_or(PasskeyError::Bytes("the new credential"))?;
        object.check_statement(attested, shown.client_data_json)?;
        let credential = Credential {
            id: attested.credential_id.to_vec(),
            public_key: attested.cose.to_vec(),
            sign_count: data.sign_count,
            is_backup_eligible: data.is_backup_eligible(),
            is_backed_up: data.is_backed_up(),
        };
        Ok((credential, challenge))
    }

    /// The challenge that an authenticator says that it signs. One that was used is told before its counter is looked at, which a message
    /// that comes again shows a second time: that is no copy of the authenticator.
    ///
    /// # Errors
    /// [`PasskeyError`] if what the browser saw is not what was asked.
    pub fn challenge(&self, shown: &Assertion<'_>) -> Result<UsedChallenge, PasskeyError> {
        self.client_data(shown.client_data_json, "webauthn.get")
    }

    /// Whether an authenticator signed as it was asked to, with the key of this passkey (section 7.2).
    ///
    /// # Errors
    /// [`PasskeyError`] with what is wrong first; [`PasskeyError::CounterBack`] only if all else is right.
    pub fn authenticate(
        &self,
        shown: &Assertion<'_>,
        known: &Credential,
    ) -> Result<Signed, PasskeyError> {
        self.challenge(shown)?;
        let data = AuthenticatorData::parse(shown.authenticator_data)?;
        self.check(&data, self.purpose.needs_verification())?;
        if data.attested.is_some() {
            return Err(PasskeyError::Bytes("the authenticator data"));
        }
        if data.is_backup_eligible() != known.is_backup_eligible {
            return Err(PasskeyError::Backup);
        }
        let (key, _) = PublicKey::parse(&known.public_key)?;
        let message = signed_bytes(shown.authenticator_data, shown.client_data_json);
        key.verify(&message, shown.signature)?;
        let is_counted = data.sign_count > 0 || known.sign_count > 0;
        if is_counted && data.sign_count <= known.sign_count {
            return Err(PasskeyError::CounterBack);
        }
        Ok(Signed {
            sign_count: data.sign_count,
            is_backed_up: data.is_backed_up(),
        })
    }

    fn client_data(&self, json: &[u8], expected: &str) -> Result<UsedChallenge, PasskeyError> {
        let data = ClientData::parse(json)?;
        if data.kind != expected {
            return Err(PasskeyError::Type(shown(&data.kind)));
        }
        let bound = (self.purpose, self.session);
        let used = self.key.check(&data.challenge, bound, self.now)?;
        if data.origin != self.relying_party.origin() {
            return Err(PasskeyError::Origin(shown(&data.origin)));
        }
        if data.is_cross_origin {
            return Err(PasskeyError::CrossOrigin);
        }
        Ok(used)
    }

    fn check(
        &self,
        data: &AuthenticatorData<'_>,
        needs_verification: bool,
    ) -> Result<(), PasskeyError> {
        let expected = digest(&SHA256, self.relying_party.id().as_bytes());
        if data.rp_id_hash != expected.as_ref() {
            return Err(PasskeyError::RelyingParty);
        }
        if !data.is_user_present() {
            return Err(PasskeyError::NotPresent);
        }
        if needs_verification && !data.is_user_verified() {
            return Err(PasskeyError::NotVerified);
        }
        if data.is_backed_up() && !data.is_backup_eligible() {
            return Err(PasskeyError::Backup);
        }
        Ok(())
    }
}

/// What an authenticator signs: its data, and the SHA-256 of the client data behind it (sections 6.3.3 and 8.2).
fn signed_bytes(authenticator_data: &[u8], client_data_json: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, client_data_json);
    [authenticator_data, hash.as_ref()].concat()
}
