//! Devices without a browser: a person approves them on another device with a short code (RFC 8628).

use super::approval::{Approved, approve};
use super::authorise::changed_meanwhile;
use super::bound::{Bound, end_beyond};
use super::issue::{IssuedTokens, names};
use super::token::{not_good, note_issued};
use crate::Auth;
use crate::change::By;
use crate::credential::secret::{self, SecretKind};
use crate::credential::{self, random};
use crate::flows::authentication::session;
use crate::flows::refusals::On;
use crate::flows::throttle::Attempts;
use crate::oauth::client::GrantType;
use crate::oauth::error::{OAuthCode, OAuthError};
use crate::oauth::form::Form;
use crate::oauth::scope::Scopes;
use crate::store::client::Client;
use crate::store::device_code::DeviceCode;
use crate::{AuthError, store};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write};
use tickloom_types::{NANOS_PER_SECOND, Ts};
use utoipa::ToSchema;

/// How long a device may wait: 10 minutes.
const DEVICE_S: u32 = 600;
/// Seconds between two questions of a device, and by how much they become more when it asks too often (RFC 8628, section 3.5).
const INTERVAL_S: u32 = 5;
/// Devices of one application that may wait at a time: of more, the oldest of whoever began the most gives way.
const WAITING_MAX: i64 = 1000;
/// Those of them that may be begun from one address, where a proxy tells which that is.
const OF_ADDRESS_MAX: i64 = 50;
/// Letters of the code for people: without vowels, so that no words come of it (RFC 8628, section 6.1). 20^8 are 2.6 * 10^10.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LETTERS: usize = 8;
/// Where a person types the code, below the issuer: short, as it is typed too (RFC 8628, section 3.3.1).
pub(crate) const VERIFICATION: &str = "/device";

/// What a device is told (RFC 8628, section 3.2).
#[derive(Serialize)]
pub(crate) struct DeviceStart {
    /// What the device asks with at the token endpoint.
    device_code: String,
    /// What it shows to the person.
    user_code: String,
    /// Where the person types it.
    verification_uri: String,
    /// The same with the code in it, as a picture for example.
    verification_uri_complete: String,
    /// Seconds that it waits at most.
    expires_in: u32,
    /// Seconds between two questions, at least.
    interval: u32,
}

/// A device that waits for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct WaitingDevice {
    /// Id of the application.
    pub(crate) client: String,
    /// What it is called.
    pub(crate) name: String,
    /// What it asks for, with a space between scopes.
    pub(crate) scopes: String,
    /// Services that its tokens would be for; none means this one.
    pub(crate) resources: Vec<String>,
    /// How many changes the application had: to be sent with the answer.
    pub(crate) version: i64,
}

/// What a person decides on a device.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
    /// Whether it may do what it asks for.
    pub(crate) is_allowed: bool,
    /// The version of the application that they were shown.
    pub(crate) seen: Option<i64>,
}

impl Auth {
    /// Lets a device wait for a person.
    ///
    /// # Errors
    /// What the application is told; [`ProblemCode::TooManyRequests`] while very many wait that were begun from this address.
    pub(crate) async fn begin_device(
        &self,
        by: &By,
        client: &Client,
        (form, address): (&Form, Option<&str>),
    ) -> Result<DeviceStart, AuthError> {
        client.settings.may(GrantType::DeviceCode)?;
        let issuer = self.signing.issuer();
        let scopes = client.settings.asked_scopes(form.get("scope"))?;
        let resources = client
            .settings
            .asked_resources(form.all("resource"), issuer)?;
        let (shown, stored) = secret::make(SecretKind::DeviceCode, by.now)?;
        let user_code = new_user_code()?;
        let device = DeviceCode {
            id: stored.id.clone(),
            hash: stored.hash,
            client: client.id.clone(),
            scopes: scopes.text(),
            resources: resources.join(" "),
            interval_s: i64::from(INTERVAL_S),
            last_polled: None,
            expires: by
                .now
                .0
                .saturating_add(i64::from(DEVICE_S) * NANOS_PER_SECOND),
            state: "waiting".to_owned(),
            authorisation: None,
            address: address.map(credential::hashed).unwrap_or_default(),
        };
        let mut write = self.write().await?;
        make_room(&mut write, &device, by.now).await?;
        let hash = hashed(&user_code).ok_or_else(not_good)?;
        if !store::device_code::add(&mut write, &stored, &hash, &device).await? {
            return Err(too_many());
        }
        write.commit().await?;
        let place = format!("{}{VERIFICATION}", issuer.trim_end_matches('/'));
        Ok(DeviceStart {
            device_code: shown.expose().to_owned(),
            verification_uri_complete: format!("{place}?user_code={user_code}"),
            verification_uri: place,
            user_code,
            expires_in: DEVICE_S,
            interval: INTERVAL_S,
        })
    }

    /// The device that waits with this code, for a person in their session.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::TooManyRequests`] for whoever guesses.
    pub(crate) async fn waiting_device(
        &self,
        by: &By,
        (subject, user_code): (&Subject, &str),
    ) -> Result<WaitingDevice, AuthError> {
        session(subject)?;
        let (_, client) = self.guess_device(by, subject, user_code).await?;
        Ok(client)
    }

    /// Approves the device that waits with this code, or refuses it.
    ///
    /// # Errors
    /// As [`Auth::waiting_device`]; [`ProblemCode::StepUpRequired`] for what would go on when the person is not there;
    /// [`ProblemCode::Conflict`] if the application is of another version than the one that was shown, [`ProblemCode::Refused`] if it is
    /// not registered any more for what it asked for.
    pub(crate) async fn decide_device(
        &self,
        by: &By,
        (subject, user_code): (&Subject, &str),
        decision: Decision,
    ) -> Result<(), AuthError> {
        session(subject)?;
        let (device, waiting) = self.guess_device(by, subject, user_code).await?;
        let mut write = self.write().await?;
        let client = super::clients::known_client(&mut write, &waiting.client).await?;
        let (state, authorisation) = if decision.is_allowed {
            if decision.seen != Some(client.version) {
                return Err(changed_meanwhile());
            }
            let scopes = Scopes::parse(&device.scopes)?;
            let resources: Vec<String> = names(&device.resources).map(str::to_owned).collect();
            let approved = Approved {
                issuer: self.signing.issuer(),
                client: &client,
                scopes: &scopes,
                resources: &resources,
                nonce: None,
                is_on_device: true,
            };
            let approved = (&approved, device.expires);
            let authorisation = approve(&mut write, by, subject, approved).await?;
            ("approved", Some(authorisation.id))
        } else {
            let resource = format!("account/{}/devices", subject.account);
            let detail = json!({"client": client.id});
            let action = ("device_refused", resource.as_str());
            super::audit(&mut write, by, action, AuditOutcome::Done, &detail).await?;
            ("denied", None)
        };
        let id = authorisation.as_deref();
        if !store::device_code::decide(&mut write, &device.id, state, id).await? {
            return Err(no_device());
        }
        Ok(write.commit().await?)
    }

    /// The device of a code that a person typed; each that is wrong is counted for the account.
    async fn guess_device(
        &self,
        by: &By,
        subject: &Subject,
        user_code: &str,
    ) -> Result<(DeviceCode, WaitingDevice), AuthError> {
        let attempts = Attempts::of_device_codes(&subject.account);
        let at = self.database.reader();
        let account = store::account::by_id(at, &subject.account).await?;
        let on = On::known(account.as_ref());
        self.count(&attempts, (by, "device_code", on)).await?;
        let found = match hashed(user_code) {
            Some(hash) => store::device_code::by_user_code(at, &hash).await?,
            None => None,
        };
        let waits = |one: &DeviceCode| one.state == "waiting" && one.expires > by.now.0;
        let device = found.filter(waits).ok_or_else(no_device)?;
        let client = store::client::one(at, &device.client).await?;
        let client = client.ok_or_else(no_device)?;
        attempts.undo(&self.database).await?;
        let waiting = WaitingDevice {
            version: client.version,
            client: client.id,
            name: client.settings.name,
            scopes: device.scopes.clone(),
            resources: names(&device.resources).map(str::to_owned).collect(),
        };
        Ok((device, waiting))
    }

    /// Gives a device its tokens once it was approved.
    ///
    /// # Errors
    /// [`OAuthCode::AuthorizationPending`], [`OAuthCode::SlowDown`], [`OAuthCode::ExpiredToken`], [`OAuthCode::AccessDenied`] (RFC 8628,
    /// section 3.5).
    pub(crate) async fn exchange_device_code(
        &self,
        by: By,
        client: &Client,
        form: &Form,
    ) -> Result<IssuedTokens, AuthError> {
        client.settings.may(GrantType::DeviceCode)?;
        let presented = secret::parse(form.need("device_code")?).map_err(|_| not_good())?;
        let mut write = self.write().await?;
        let found = store::device_code::by_id(write.connection(), &presented.id).await?;
        let device = found.ok_or_else(not_good)?;
        let is_right = presented.matches(SecretKind::DeviceCode, &device.hash);
        if !is_right || device.client != client.id {
            return Err(not_good().into());
        }
        if device.expires <= by.now.0 {
            let words = "nobody approved it in time";
            return Err(OAuthError::new(OAuthCode::ExpiredToken, words).into());
        }
        let id = match (device.state.as_str(), &device.authorisation) {
            ("approved", Some(id)) => id,
            ("waiting", _) => return Err(keep_waiting(write, &by, &device).await?.into()),
            _ => {
                store::device_code::drop_one(&mut write, &device.id).await?;
                write.commit().await?;
                return Err(OAuthError::new(OAuthCode::AccessDenied, "the person said no").into());
            }
        };
        let authorisation = store::authorisation::one(write.connection(), id).await?;
        let authorisation = authorisation.ok_or_else(not_good)?;
        self.check_holder(&mut write, &authorisation, by.now)
            .await?;
        store::device_code::drop_one(&mut write, &device.id).await?;
        end_beyond(&mut write, &by, &authorisation, Bound::GoingOn).await?;
        let of = (client, &authorisation);
        let issued = self.issue(&mut write, of, (form, true), by.now).await?;
        note_issued(&mut write, &by, &authorisation, "device_code").await?;
        write.commit().await?;
        Ok(issued)
    }
}

/// Makes room for one more device. Whoever fills the application from one address is refused; from many, the oldest of the address that has
/// the most gives way, so that nobody else is kept out.
async fn make_room(write: &mut Write, device: &DeviceCode, now: Ts) -> Result<(), AuthError> {
    let (client, address) = (device.client.as_str(), device.address.as_str());
    let (all, own) = store::device_code::counts(write, (client, address), now.0).await?;
    if own >= OF_ADDRESS_MAX && !address.is_empty() {
        return Err(too_many());
    }
    if all >= WAITING_MAX && !store::device_code::drop_of_most(write, client, now.0).await? {
        return Err(too_many());
    }
    Ok(())
}

fn too_many() -> AuthError {
    let detail = "too many devices of this application wait: try again later";
    Problem::new(ProblemCode::TooManyRequests, detail).into()
}

/// A device that asks too often has to ask more rarely from then on.
async fn keep_waiting(
    mut write: Write,
    by: &By,
    device: &DeviceCode,
) -> Result<OAuthError, AuthError> {
    let pause = device.interval_s.saturating_mul(NANOS_PER_SECOND);
    let is_early = device
        .last_polled
        .is_some_and(|last| by.now.0.saturating_sub(last) < pause);
    let more = if is_early { i64::from(INTERVAL_S) } else { 0 };
    let interval = device.interval_s.saturating_add(more);
    store::device_code::polled(&mut write, &device.id, by.now.0, interval).await?;
    write.commit().await?;
    Ok(if is_early {
        OAuthError::new(OAuthCode::SlowDown, "wait 5 s more between two questions")
    } else {
        OAuthError::new(OAuthCode::AuthorizationPending, "nobody has decided yet")
    })
}

/// Two times four letters, each as likely as any other: of a random byte, those of 20 * 12 = 240 values are taken.
fn new_user_code() -> Result<String, AuthError> {
    let mut letters = Vec::new();
    while letters.len() < USER_CODE_LETTERS {
        let bytes = random::<16>()?;
        let fair = bytes.iter().filter(|byte| **byte < 240);
        letters.extend(fair.filter_map(|byte| LETTERS.get(usize::from(byte % 20)).copied()));
    }
    letters.truncate(USER_CODE_LETTERS);
    letters.insert(USER_CODE_LETTERS / 2, b'-');
    Ok(letters.into_iter().map(char::from).collect())
}

/// SHA-256 of a code as a person may type it: small letters, spaces and dashes do not matter. `None` for what is none.
fn hashed(user_code: &str) -> Option<[u8; 32]> {
    let letters: Vec<u8> = user_code
        .bytes()
        .filter(|byte| !b" -".contains(byte))
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    let is_one =
        letters.len() == USER_CODE_LETTERS && letters.iter().all(|byte| LETTERS.contains(byte));
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &letters).as_ref());
    is_one.then_some(hash)
}

fn no_device() -> AuthError {
    let detail = "no device waits with this code";
    Problem::new(ProblemCode::NotFound, detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        let code = new_user_code().unwrap();
        assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
        let hash = hashed(&code).unwrap();
        assert_eq!(hashed(&code.to_lowercase().replace('-', " ")), Some(hash));
        for wrong in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "BCDA-GHJK",
            "BCD1-GHJK",
            "\u{e4}BCD-GHJ",
        ] {
            assert_eq!(hashed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn letters_of_codes_come_equally_often() {
        let mut counts = [0_u32; 20];
        for _ in 0..5000 {
            for byte in new_user_code()
                .unwrap()
                .bytes()
                .filter(|byte| *byte != b'-')
            {
                counts[LETTERS.iter().position(|letter| *letter == byte).unwrap()] += 1;
            }
        }
        // 40,000 draws, 2000 each, with a standard deviation of 44: ten of them is never.
        assert!(
            counts.iter().all(|count| (1560..=2440).contains(count)),
            "{counts:?}"
        );
    }
}
