//! One-time codes of six digits from an app (TOTP: RFC 6238), with what every app understands: SHA-1, steps of 30 seconds, a secret of
//! 160 bits. A code of the step before or after counts too, and each step only once.

use super::{NoRandomness, random};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use tickloom_types::{NANOS_PER_SECOND, Ts};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// Bytes of a secret: the 160 bits that RFC 4226, section 4, recommends.
pub const TOTP_SECRET_BYTES: usize = 20;
/// Seconds of a step (RFC 6238, section 5.2).
pub const TOTP_STEP_S: u64 = 30;

const DIGITS: u8 = 6;
/// Steps that the clock of a phone may be off.
const SKEW: u64 = 1;

/// What a person's app and we both know.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; TOTP_SECRET_BYTES]>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpSecret(..)")
    }
}

/// An issuer or an account that cannot be in the URI that an app reads.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what} is {text:?}, expected a text without a colon")]
pub struct TotpNameError {
    /// Which of them.
    pub what: &'static str,
    /// As it was given.
    pub text: String,
}

impl TotpSecret {
    /// A new one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn make() -> Result<TotpSecret, NoRandomness> {
        Ok(TotpSecret(Zeroizing::new(random()?)))
    }

    /// One that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; TOTP_SECRET_BYTES]) -> TotpSecret {
        TotpSecret(Zeroizing::new(bytes))
    }

    /// What to store. It has to be read again, so it is not hashed: who reads it can make codes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; TOTP_SECRET_BYTES] {
        &self.0
    }

    /// The URI for an app, usually shown as a QR code (Google's Key URI Format): `otpauth://totp/ISSUER:ACCOUNT?secret=...`.
    /// It has the secret.
    ///
    /// # Errors
    /// [`TotpNameError`] if one of the names is empty or has a colon.
    pub fn uri(&self, issuer: &str, account: &str) -> Result<Zeroizing<String>, TotpNameError> {
        for (what, text) in [("the issuer", issuer), ("the account", account)] {
            if text.is_empty() || text.contains(':') {
                let text = text.to_owned();
                return Err(TotpNameError { what, text });
            }
        }
        let wrong = |_| TotpNameError {
            what: "the account",
            text: account.to_owned(),
        };
        let builder = self.builder().with_issuer(Some(issuer));
        let totp = builder.with_account_name(account).build().map_err(wrong)?;
        totp.to_url().map(Zeroizing::new).map_err(wrong)
    }

    /// The secret as a person types it into an app: 32 letters and digits (RFC 4648, section 6).
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.totp().secret().to_base32())
    }

    /// The number of the step that `code` is of, if it is right at `now` (the step then, the one before or the one after) and is
    /// later than the last step that was used. The caller stores that number, in the transaction of what the code allows.
    ///
    /// Spaces in the code are left out. The time that it takes does not depend on which digits are right.
    #[must_use]
    pub fn verify(&self, code: &str, now: Ts, last_used_step: Option<u64>) -> Option<u64> {
        let code: Zeroizing<String> =
            Zeroizing::new(code.chars().filter(|letter| *letter != ' ').collect());
        if code.len() != usize::from(DIGITS) || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let present = step(now)?;
        let totp = self.totp();
        let (mut found, mut any) = (0, Choice::from(0));
        for step in present.saturating_sub(SKEW)..=present + SKEW {
            let expected = Zeroizing::new(totp.generate(step * TOTP_STEP_S).to_string());
            let is_new = Choice::from(u8::from(last_used_step.is_none_or(|last| step > last)));
            let is_right = expected.as_bytes().ct_eq(code.as_bytes()) & is_new;
            if bool::from(is_right) {
                found = step;
            }
            any |= is_right;
        }
        bool::from(any).then_some(found)
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(TOTP_STEP_S)
            .with_secret(*self.0)
    }

    fn totp(&self) -> Totp {
        // The checks that this leaves out are of lengths, which are constants here.
        self.builder().build_noncompliant()
    }
}

/// The number of the step at `now`; `None` before the epoch.
fn step(now: Ts) -> Option<u64> {
    let seconds = u64::try_from(now.0).ok()? / NANOS_PER_SECOND.unsigned_abs();
    Some(seconds / TOTP_STEP_S)
}

#[cfg(test)]
mod tests;
