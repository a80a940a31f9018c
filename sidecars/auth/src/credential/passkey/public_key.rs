//! The public key of a passkey: a COSE key (RFC 9052, section 7) in the form that authenticators write (Web Authentication Level 3,
//! section 6.5.1.1).

use super::PasskeyError;
use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

/// ECDSA on P-256 with SHA-256 (RFC 9053, section 2.1).
const ES256: i64 = -7;
/// Ed25519 (RFC 9053, section 2.2).
const EDDSA: i64 = -8;
/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8812, section 2), which TPMs of many computers have alone.
const RS256: i64 = -257;
/// Algorithms of keys that are taken, the one that is liked best first, by their numbers in IANA's registry of COSE.
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

/// A key has so many members at most.
const MEMBERS_MAX: u64 = 5;
const UNREADABLE: PasskeyError = PasskeyError::Bytes("the public key");

/// The public key of a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// ECDSA on P-256: 4, x and y (SEC 1, section 2.3.3).
    Es256(Vec<u8>),
    /// Ed25519.
    EdDsa(Vec<u8>),
    /// RSA: modulus and exponent, the highest byte first.
    Rs256(Vec<u8>, Vec<u8>),
}

/// The members of a key by their labels.
#[derive(Default)]
struct Members<'a> {
    numbers: Vec<(i64, i64)>,
    bytes: Vec<(i64, &'a [u8])>,
}

impl<'a> Members<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Members<'a>, PasskeyError> {
        let count = decoder.map().ok().flatten().ok_or(UNREADABLE)?;
        if count > MEMBERS_MAX {
            return Err(UNREADABLE);
        }
        let mut members = Members::default();
        for _ in 0..count {
            let label = decoder.i64().map_err(|_| UNREADABLE)?;
            if members.number(label).is_some() || members.text(label).is_some() {
                return Err(UNREADABLE);
            }
            if matches!(decoder.datatype(), Ok(Type::Bytes)) {
                let bytes = decoder.bytes().map_err(|_| UNREADABLE)?;
                members.bytes.push((label, bytes));
            } else {
                let number = decoder.i64().map_err(|_| UNREADABLE)?;
                members.numbers.push((label, number));
            }
        }
        Ok(members)
    }

    fn number(&self, label: i64) -> Option<i64> {
        let found = self.numbers.iter().find(|(known, _)| *known == label);
        found.map(|(_, number)| *number)
    }

    fn text(&self, label: i64) -> Option<&'a [u8]> {
        let found = self.bytes.iter().find(|(known, _)| *known == label);
        found.map(|(_, bytes)| *bytes)
    }

    fn count(&self) -> usize {
        self.numbers.len() + self.bytes.len()
    }
}

impl PublicKey {
    /// Reads a key at the front of `bytes`; what follows it is not looked at. Returns how many bytes it has.
    ///
    /// # Errors
    /// [`PasskeyError::Bytes`] for what is no key; [`PasskeyError::Algorithm`] for one that was not asked for, has something else than
    /// its algorithm needs, or is of another length.
    pub fn parse(bytes: &[u8]) -> Result<(PublicKey, usize), PasskeyError> {
        let mut decoder = Decoder::new(bytes);
        let members = Members::read(&mut decoder)?;
        // Labels: 1 is the kind of key, 3 the algorithm; of a curve -1 is which, -2 and -3 are x and y; of RSA they are n and e.
        let numbers = |label| members.number(label);
        let text = |label| members.text(label);
        let of_32 =
            |bytes: Option<&[u8]>| bytes.filter(|bytes| bytes.len() == 32).map(<[u8]>::to_vec);
        let key = match (numbers(3), numbers(1), numbers(-1), members.count()) {
            (Some(ES256), Some(2), Some(1), 5) => {
                let (x, y) = (of_32(text(-2)), of_32(text(-3)));
                let (x, y) = x.zip(y).ok_or(PasskeyError::Algorithm)?;
                PublicKey::Es256([vec![4], x, y].concat())
            }
            (Some(EDDSA), Some(1), Some(6), 4) => {
                PublicKey::EdDsa(of_32(text(-2)).ok_or(PasskeyError::Algorithm)?)
            }
            (Some(RS256), Some(3), None, 4) => {
                let (n, e) = text(-1).zip(text(-2)).ok_or(PasskeyError::Algorithm)?;
                PublicKey::Rs256(n.to_vec(), e.to_vec())
            }
            _ => return Err(PasskeyError::Algorithm),
        };
        Ok((key, decoder.position()))
    }

    /// The number of its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> i64 {
        match self {
            PublicKey::Es256(_) => ES256,
            PublicKey::EdDsa(_) => EDDSA,
            PublicKey::Rs256(..) => RS256,
        }
    }

    /// Whether the signature is of this key and of these bytes (section 6.5.5: ECDSA in ASN.1).
    ///
    /// # Errors
    /// [`PasskeyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), PasskeyError> {
        let verified = match self {
            PublicKey::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            PublicKey::EdDsa(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            PublicKey::Rs256(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        verified.map_err(|_| PasskeyError::Signature)
    }
}
