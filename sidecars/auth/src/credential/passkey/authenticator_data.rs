//! What an authenticator says: its data (Web Authentication Level 3, section 6.1), and the object around it when a passkey is made
//! (section 6.5.4).

use super::{CREDENTIAL_ID_BYTES_MAX, PasskeyError, PublicKey, signed_bytes};
use minicbor::Decoder;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

const DATA: PasskeyError = PasskeyError::Bytes("the authenticator data");
const OBJECT: PasskeyError = PasskeyError::Bytes("the attestation object");

/// What an authenticator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the id of the relying party.
    pub rp_id_hash: &'a [u8],
    flags: u8,
    /// How often it signed; zero if it does not count.
    pub sign_count: u32,
    /// A new credential.
    pub attested: Option<Attested<'a>>,
}

/// A new credential (section 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested<'a> {
    /// The model of the authenticator; zeros if it does not say.
    pub aaguid: &'a [u8],
    /// What the authenticator calls it.
    pub credential_id: &'a [u8],
    /// Its public key.
    pub public_key: PublicKey,
    /// The same as it came.
    pub cose: &'a [u8],
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], PasskeyError> {
    let (taken, left) = rest.split_at_checked(count).ok_or(DATA)?;
    *rest = left;
    Ok(taken)
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it, to its last byte.
    ///
    /// # Errors
    /// [`PasskeyError::Bytes`]; [`PasskeyError::Algorithm`] for a new credential whose key is of none that was offered.
    pub fn parse(bytes: &'a [u8]) -> Result<AuthenticatorData<'a>, PasskeyError> {
        let mut rest = bytes;
        let rp_id_hash = take(&mut rest, 32)?;
        let flags = take(&mut rest, 1)?.iter().fold(0, |_, byte| *byte);
        let count = take(&mut rest, 4)?.iter();
        let sign_count = count.fold(0, |count: u32, byte| count << 8 | u32::from(*byte));
        let attested = if flags & HAS_CREDENTIAL == 0 {
            None
        } else {
            Some(Attested::take(&mut rest)?)
        };
        if flags & HAS_EXTENSIONS != 0 {
            // None was asked for; one that is there all the same is passed over.
            let mut decoder = Decoder::new(rest);
            decoder.map().map_err(|_| DATA)?;
            let mut decoder = Decoder::new(rest);
            decoder.skip().map_err(|_| DATA)?;
            let end = decoder.position();
            take(&mut rest, end)?;
        }
        if !rest.is_empty() {
            return Err(DATA);
        }
        Ok(AuthenticatorData {
            rp_id_hash,
            flags,
            sign_count,
            attested,
        })
    }

    /// Whether somebody touched the authenticator.
    #[must_use]
    pub fn is_user_present(&self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    /// Whether the authenticator verified who used it.
    #[must_use]
    pub fn is_user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Whether the passkey can be on more than one device.
    #[must_use]
    pub fn is_backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether it is backed up now.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl<'a> Attested<'a> {
    fn take(rest: &mut &'a [u8]) -> Result<Attested<'a>, PasskeyError> {
        let aaguid = take(rest, 16)?;
        let length = take(rest, 2)?.iter();
        let length = length.fold(0, |length, byte| length << 8 | usize::from(*byte));
        if !(1..=CREDENTIAL_ID_BYTES_MAX).contains(&length) {
            return Err(DATA);
        }
        let credential_id = take(rest, length)?;
        let (public_key, length) = PublicKey::parse(rest)?;
        Ok(Attested {
            aaguid,
            credential_id,
            public_key,
            cose: take(rest, length)?,
        })
    }
}

/// What an authenticator makes of a new passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationObject<'a> {
    format: &'a str,
    statement: &'a [u8],
    data: &'a [u8],
}

impl<'a> AttestationObject<'a> {
    /// Reads it, to its last byte: a map of `fmt`, `attStmt` and `authData`.
    ///
    /// # Errors
    /// [`PasskeyError::Bytes`].
    pub fn parse(bytes: &'a [u8]) -> Result<AttestationObject<'a>, PasskeyError> {
        let mut decoder = Decoder::new(bytes);
        let (mut format, mut statement, mut data) = (None, None, None);
        if decoder.map().map_err(|_| OBJECT)? != Some(3) {
            return Err(OBJECT);
        }
        for _ in 0..3 {
            match decoder.str().map_err(|_| OBJECT)? {
                "fmt" if format.is_none() => {
                    format = Some(decoder.str().map_err(|_| OBJECT)?);
                }
                "attStmt" if statement.is_none() => {
                    let begin = decoder.position();
                    decoder.skip().map_err(|_| OBJECT)?;
                    let read = bytes.get(begin..decoder.position());
                    statement = Some(read.ok_or(OBJECT)?);
                }
                "authData" if data.is_none() => {
                    data = Some(decoder.bytes().map_err(|_| OBJECT)?);
                }
                _ => return Err(OBJECT),
            }
        }
        let (Some(format), Some(statement), Some(data)) = (format, statement, data) else {
            return Err(OBJECT);
        };
        if decoder.position() != bytes.len() {
            return Err(OBJECT);
        }
        Ok(AttestationObject {
            format,
            statement,
            data,
        })
    }

    /// What the authenticator says.
    ///
    /// # Errors
    /// As [`AuthenticatorData::parse`].
    pub fn authenticator_data(&self) -> Result<AuthenticatorData<'a>, PasskeyError> {
        AuthenticatorData::parse(self.data)
    }

    /// Whether it has no attestation (section 8.7), or one of the key itself (section 8.2.1): a signature of the new key.
    ///
    /// # Errors
    /// [`PasskeyError::Attestation`] for any other; [`PasskeyError::Signature`].
    pub(super) fn check_statement(
        &self,
        attested: &Attested<'_>,
        client_data_json: &[u8],
    ) -> Result<(), PasskeyError> {
        let other = || PasskeyError::Attestation(super::shown(self.format));
        let mut decoder = Decoder::new(self.statement);
        let members = decoder.map().map_err(|_| OBJECT)?;
        match (self.format, members) {
            ("none", Some(0)) => Ok(()),
            ("packed", Some(2)) => {
                let (mut algorithm, mut signature) = (None, None);
                for _ in 0..2 {
                    match decoder.str().map_err(|_| OBJECT)? {
                        "alg" => algorithm = Some(decoder.i64().map_err(|_| OBJECT)?),
                        "sig" => signature = Some(decoder.bytes().map_err(|_| OBJECT)?),
                        _ => return Err(other()),
                    }
                }
                if algorithm != Some(attested.public_key.algorithm()) {
                    return Err(PasskeyError::Algorithm);
                }
                let message = signed_bytes(self.data, client_data_json);
                let signature = signature.ok_or(OBJECT)?;
                attested.public_key.verify(&message, signature)
            }
            _ => Err(other()),
        }
    }
}
