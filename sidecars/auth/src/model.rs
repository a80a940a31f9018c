//! Accounts, and what can become of them. Nothing here asks a database or the time.

pub(crate) mod organisation;

use crate::events::AuthEvent;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tickloom_types::Ts;
use utoipa::ToSchema;

/// Longest e-mail address (RFC 5321, section 4.5.3.1.3), in bytes.
const EMAIL_BYTES_MAX: usize = 254;
/// Longest name, in characters.
const NAME_MAX: usize = 200;
/// Passkeys of an account.
pub(crate) const PASSKEYS_MAX: i64 = 20;
/// Keys of an account that are valid.
pub(crate) const KEYS_MAX: i64 = 100;
/// Outside identities of an account.
pub(crate) const IDENTITIES_MAX: usize = 10;

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountKind {
    /// A person, who signs in.
    Person,
    /// A program, which has keys and nothing else.
    Machine,
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountState {
    /// It can.
    Active,
    /// An administrator said that it cannot.
    Suspended,
    /// It was given up, and what is personal of it is gone.
    Deleted,
}

/// Who keeps an account from being used: who lets it be used again has to be as much. The later ones are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Suspender {
    /// An administrator of the organisation that the program belongs to.
    Organisation,
    /// Somebody who was granted it for this account.
    Grantee,
    /// Whoever may suspend every account.
    Firm,
}

impl Suspender {
    /// Its word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Suspender::Firm => "firm",
            Suspender::Grantee => "grantee",
            Suspender::Organisation => "organisation",
        }
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Account {
    /// Its id: `usr_…` of a person, `mch_…` of a program.
    pub(crate) id: String,
    /// How many changes it had.
    pub(crate) version: i64,
    /// Whose it is.
    pub(crate) kind: AccountKind,
    /// Whether it can be used.
    pub(crate) state: AccountState,
    /// E-mail address of a person, in lower case.
    pub(crate) email: Option<String>,
    /// Whether the person showed that the address is theirs.
    pub(crate) is_email_verified: bool,
    /// What it is called.
    pub(crate) name: String,
    /// Whether codes of an app are its second factor.
    pub(crate) has_second_factor: bool,
    /// How many passkeys it has, each of which is a second factor too, and signs in alone.
    pub(crate) passkeys: i64,
    /// Whether an administrator demands that it has a second factor; its organisations and the settings may too.
    pub(crate) is_second_factor_demanded: bool,
    /// Who keeps it from being used; null if it can be used.
    pub(crate) suspended_by: Option<Suspender>,
    /// When it was created, in nanoseconds since the epoch.
    pub(crate) created: i64,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("the account is suspended")]
    Suspended,
    #[error("the account was deleted")]
    Deleted,
    #[error("the account is active")]
    Active,
    #[error("only a person has this")]
    NotAPerson,
    #[error("keys of a person are made by the person alone")]
    NotAMachine,
    #[error("a second factor is set already: remove it first")]
    HasSecondFactor,
    #[error("there is no second factor")]
    NoSecondFactor,
    #[error("passkeys of a person are changed by the person alone")]
    NotTheOwner,
    #[error("this passkey is registered already")]
    PasskeyKnown,
    #[error("there are {PASSKEYS_MAX} passkeys already: remove one first")]
    TooManyPasskeys,
    #[error("there are {KEYS_MAX} keys already: revoke one first")]
    TooManyKeys,
    #[error(
        "nothing else signs in to the account: set a password, or add a passkey or another outside identity first"
    )]
    OnlyWayIn,
    #[error(
        "no passkey has been used yet: authenticate once more with one first, so that it is sure that it signs in"
    )]
    NoUsedPasskey,
    #[error("there is no password")]
    NoPassword,
    #[error("this outside identity is linked with an account already")]
    IdentityTaken,
    #[error("an account has at most {IDENTITIES_MAX} outside identities: unlink one first")]
    TooManyIdentities,
    #[error("this would leave nobody who may do everything")]
    LastAdministrator,
    #[error(
        "this would leave an organisation without an administrator who can sign in: make another member one, or delete it"
    )]
    LastOrganisationAdministrator,
    #[error("the organisation was deleted")]
    OrganisationDeleted,
    #[error(
        "an organisation has nothing on accounts, organisations, grants or the audit log, nor on everything: grant it to accounts"
    )]
    NotForOrganisations,
    #[error(
        "the program belongs to an organisation, and may do what the organisation may: grant it to the organisation"
    )]
    OfOrganisation,
    #[error("the program belongs to the organisation: delete it")]
    StaysInOrganisation,
    #[error("the organisation has as many members as one can have")]
    ManyMembers,
    #[error("the organisation has as many programs as one can have")]
    ManyMachines,
    #[error("you administer as many organisations as one can create")]
    ManyOrganisations,
    #[error("as many invitations as can be were created within a day: wait")]
    ManyInvitations,
}

impl AccountKind {
    /// What ids of accounts of this kind begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            AccountKind::Person => "usr",
            AccountKind::Machine => "mch",
        }
    }
}

impl Account {
    /// An account to which nothing has happened yet.
    pub(crate) fn new(id: String, kind: AccountKind) -> Account {
        Account {
            id,
            version: 0,
            kind,
            state: AccountState::Active,
            email: None,
            is_email_verified: false,
            name: String::new(),
            has_second_factor: false,
            passkeys: 0,
            is_second_factor_demanded: false,
            suspended_by: None,
            created: 0,
        }
    }

    /// As it is in the log and in permissions: `account/usr_…`.
    pub(crate) fn resource(&self) -> String {
        format!("account/{}", self.id)
    }

    /// The account after an event.
    #[must_use]
    pub(crate) fn after(mut self, event: &AuthEvent, at: Ts) -> Account {
        self.version += 1;
        match event {
            AuthEvent::Created { kind, email, name } => {
                self.kind = *kind;
                self.email.clone_from(email);
                self.name.clone_from(name);
                self.created = at.0;
            }
            AuthEvent::EmailVerified => self.is_email_verified = true,
            AuthEvent::EmailChanged { email, is_verified } => {
                // Of whoever was deleted later nothing can be read.
                self.email = Some(email.clone()).filter(|email| !email.is_empty());
                self.is_email_verified = *is_verified;
            }
            AuthEvent::Renamed { name } => self.name.clone_from(name),
            AuthEvent::SecondFactorSet => self.has_second_factor = true,
            AuthEvent::SecondFactorRemoved => self.has_second_factor = false,
            AuthEvent::SecondFactorDemanded => self.is_second_factor_demanded = true,
            AuthEvent::SecondFactorDemandEnded => self.is_second_factor_demanded = false,
            AuthEvent::Suspended => {
                self.state = AccountState::Suspended;
                self.suspended_by = Some(Suspender::Firm);
            }
            AuthEvent::SuspendedByOrganisation => {
                self.state = AccountState::Suspended;
                // Nobody's person belongs to an organisation: whoever did it before there was a word for it was granted it for the account.
                self.suspended_by = Some(match self.kind {
                    AccountKind::Machine => Suspender::Organisation,
                    AccountKind::Person => Suspender::Grantee,
                });
            }
            AuthEvent::SuspendedByGrantee => {
                self.state = AccountState::Suspended;
                self.suspended_by = Some(Suspender::Grantee);
            }
            AuthEvent::Resumed => {
                self.state = AccountState::Active;
                self.suspended_by = None;
            }
            AuthEvent::Deleted => {
                self.state = AccountState::Deleted;
                self.email = None;
                self.name = String::new();
                self.is_email_verified = false;
                self.has_second_factor = false;
                self.passkeys = 0;
                self.is_second_factor_demanded = false;
                self.suspended_by = None;
            }
            AuthEvent::PasskeyAdded { .. } => self.passkeys += 1,
            AuthEvent::PasskeyRemoved { .. } => self.passkeys -= 1,
            AuthEvent::PasswordSet
            | AuthEvent::PasswordRemoved
            | AuthEvent::PasskeyRenamed { .. }
            | AuthEvent::GrantCreated { .. }
            | AuthEvent::GrantRevoked { .. }
            | AuthEvent::KeyCreated { .. }
            | AuthEvent::KeyExpiryMoved { .. }
            | AuthEvent::KeyRevoked { .. }
            | AuthEvent::CurveKeyCreated { .. }
            | AuthEvent::CurveKeyExpiryMoved { .. }
            | AuthEvent::CurveKeyRevoked { .. }
            | AuthEvent::Joined { .. }
            | AuthEvent::RoleSet { .. }
            | AuthEvent::Left { .. }
            | AuthEvent::IdentityLinked { .. }
            | AuthEvent::IdentityUnlinked { .. } => {}
        }
        self
    }

    /// Whether anything can be done with it.
    pub(crate) fn usable(&self) -> Result<(), Refusal> {
        match self.state {
            AccountState::Active => Ok(()),
            AccountState::Suspended => Err(Refusal::Suspended),
            AccountState::Deleted => Err(Refusal::Deleted),
        }
    }

    /// Whether it is a person's and can be used.
    pub(crate) fn person(&self) -> Result<(), Refusal> {
        self.usable()?;
        match self.kind {
            AccountKind::Person => Ok(()),
            AccountKind::Machine => Err(Refusal::NotAPerson),
        }
    }

    /// Whether a password alone does not sign in to it.
    pub(crate) fn needs_second_factor(&self) -> bool {
        self.has_second_factor || self.passkeys > 0
    }

    /// What suspends it; who is more takes over what others suspended.
    pub(crate) fn suspend(&self, by: Suspender) -> Result<AuthEvent, Refusal> {
        match self.suspended_by {
            Some(before) if by > before => {}
            _ => self.usable()?,
        }
        Ok(match by {
            Suspender::Firm => AuthEvent::Suspended,
            Suspender::Grantee => AuthEvent::SuspendedByGrantee,
            Suspender::Organisation => AuthEvent::SuspendedByOrganisation,
        })
    }

    /// What lets it be used again.
    pub(crate) fn resume(&self) -> Result<AuthEvent, Refusal> {
        match self.state {
            AccountState::Suspended => Ok(AuthEvent::Resumed),
            AccountState::Active => Err(Refusal::Active),
            AccountState::Deleted => Err(Refusal::Deleted),
        }
    }

    /// What gives it up for good.
    pub(crate) fn delete(&self) -> Result<AuthEvent, Refusal> {
        match self.state {
            AccountState::Deleted => Err(Refusal::Deleted),
            AccountState::Active | AccountState::Suspended => Ok(AuthEvent::Deleted),
        }
    }
}

/// An e-mail address in the one form in which it is kept: without space around it, in lower case. What is no address is `None`.
///
/// Of the part before the `@` only the letters A to Z have another case: a letter that merely looks like one of them is somebody else's
/// (the sign of the Kelvin is no K). The domain has none that differ by case alone, as with IDNA (RFC 5895).
///
/// Whether mail arrives is found out by sending some; this only keeps out what cannot be one.
pub(crate) fn email(text: &str) -> Option<String> {
    let (user, domain) = text.trim().rsplit_once('@')?;
    let (user, domain) = (user.to_ascii_lowercase(), domain.to_lowercase());
    let is_plain = |text: &str| {
        !text.is_empty()
            && !text.chars().any(|letter| {
                letter.is_whitespace() || letter.is_control() || "<>()[],;:\\\"".contains(letter)
            })
    };
    let labels = domain.split('.').all(|label| !label.is_empty());
    let text = format!("{user}@{domain}");
    let is_one = text.len() <= EMAIL_BYTES_MAX
        && is_plain(&user)
        && is_plain(&domain)
        && !user.contains('@')
        && labels;
    is_one.then_some(text)
}

/// A name without space around it, of 1 to 200 characters on one line, all of which are seen. What is none is `None`.
pub(crate) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let is_one = (1..=NAME_MAX).contains(&text.chars().count())
        && !text.chars().any(is_hidden)
        && !text.chars().all(is_joiner);
    is_one.then(|| text.to_owned())
}

/// Joins letters or keeps them apart, as some scripts and pictures need it; by itself it is not seen.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// Is not seen, ends a line or turns the text around it: what a name looks like would not be what it is (Unicode Technical Standard 39,
/// section 3.1; Unicode Standard Annex 9, section 2).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (text, expected) in [
            (" Ada@Example.com ", Some("ada@example.com")),
            ("a+b.c@x", Some("a+b.c@x")),
            ("ü@exämple.com", Some("ü@exämple.com")),
            ("Ü@EXÄMPLE.com", Some("Ü@exämple.com")),
            ("bo\u{212A}@x.y", Some("bo\u{212A}@x.y")),
            ("boK@x.y", Some("bok@x.y")),
            ("", None),
            ("ada", None),
            ("@x", None),
            ("ada@", None),
            ("ada@x..y", None),
            ("a b@x.y", None),
            ("a@b@x.y", None),
            ("a@x.y\nBcc: b@x.y", None),
            ("Ada <a@x.y>", None),
        ] {
            assert_eq!(email(text).as_deref(), expected, "{text}");
        }
        let longest = format!("{}@x.y", "a".repeat(250));
        assert!(email(&longest).is_some());
        assert!(email(&format!("a{longest}")).is_none());
    }

    #[test]
    fn a_name_is_what_it_looks_like() {
        for (text, expected) in [
            (" Ada ", Some("Ada")),
            ("Ärger Straße", Some("Ärger Straße")),
            ("عائشة", Some("عائشة")),
            ("می\u{200c}خواهم", Some("می\u{200c}خواهم")),
            ("👩\u{200d}🔬", Some("👩\u{200d}🔬")),
            ("", None),
            ("\u{200b}", None),
            ("\u{200d}\u{200c}", None),
            ("\u{feff}", None),
            ("\u{3164}", None),
            ("\u{202e}evil", None),
            ("x\u{2066}y", None),
            ("x\u{2028}y", None),
            ("x\ny", None),
            ("x\u{85}y", None),
            ("A\u{e0041}", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{}", text.escape_unicode());
        }
        assert!(name(&"a".repeat(200)).is_some() && name(&"a".repeat(201)).is_none());
    }

    #[test]
    fn what_is_deleted_has_nothing_personal_and_stays_deleted() {
        let created = AuthEvent::Created {
            kind: AccountKind::Person,
            email: Some("a@x.y".to_owned()),
            name: "Ada".to_owned(),
        };
        let account = Account::new("usr_1".to_owned(), AccountKind::Person);
        let account = account
            .after(&created, Ts(5))
            .after(&AuthEvent::EmailVerified, Ts(6));
        assert_eq!((account.version, account.created), (2, 5));
        assert_eq!(account.email.as_deref(), Some("a@x.y"));
        let deleted = account.delete().unwrap();
        let account = account.after(&deleted, Ts(7));
        assert_eq!(
            (account.email.as_deref(), account.name.as_str()),
            (None, "")
        );
        assert_eq!(account.usable(), Err(Refusal::Deleted));
        assert_eq!(account.resume(), Err(Refusal::Deleted));
        assert_eq!(account.delete(), Err(Refusal::Deleted));
        for by in [Suspender::Firm, Suspender::Organisation] {
            assert_eq!(account.suspend(by), Err(Refusal::Deleted));
        }
    }
}
