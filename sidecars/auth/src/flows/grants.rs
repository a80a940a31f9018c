//! What accounts may do: granted, revoked, explained.

use crate::Auth;
use crate::change::{By, apply, known};
use crate::events::AuthEvent;
use crate::flows::effective::grants_of;
use crate::model::{Account, Refusal, email};
use crate::store::account::Granted;
use crate::{AuthError, store};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use std::sync::Arc;
use tickloom_chassis::{
    ActionPattern, Because, Problem, ProblemCode, ResourcePattern, Subject, What, Write, decide,
};
use tickloom_types::Ts;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is to be granted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGrant {
    /// What it allows: `administrator`, `viewer`, or a pattern of actions such as `run.read`.
    pub(crate) what: String,
    /// On which resources: `run/today`, `run/*` or `*`.
    pub(crate) resource: String,
    /// From when on it allows nothing, in nanoseconds since the epoch; never if it is left out.
    pub(crate) expires: Option<i64>,
}

impl NewGrant {
    /// What it allows, on what.
    pub(crate) fn parsed(&self, now: Ts) -> Result<(What, ResourcePattern), AuthError> {
        let (what, resource): (What, ResourcePattern) =
            (self.what.parse()?, self.resource.parse()?);
        what.check_known_on(&resource)?;
        if self.expires.is_some_and(|at| at <= now.0) {
            let detail = "`expires` is not later than now";
            return Err(Problem::new(ProblemCode::BadRequest, detail).into());
        }
        Ok((what, resource))
    }
}

/// Whether an account may do something, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explained {
    /// Id of the account.
    pub account: String,
    /// Whether it may.
    pub allow: bool,
    /// Why.
    pub because: Because,
    /// The same in words.
    pub reason: String,
}

impl Explained {
    /// Whether a subject may do something, and why.
    pub(crate) fn of(subject: Subject, (action, resource): (&str, &str), now: Ts) -> Explained {
        let decision = decide(&subject, action, resource, now);
        Explained {
            account: subject.account,
            allow: decision.allow,
            reason: decision.because.to_string(),
            because: decision.because,
        }
    }
}

impl Auth {
    /// Grants something to an account.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] for what is no grant; [`ProblemCode::BadRequest`] for one that has expired.
    pub(crate) async fn create_grant(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account): (&Subject, &str),
        new: NewGrant,
    ) -> Result<Granted, AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, account).await?;
        account.usable()?;
        let of = store::organisation::of_machine(write.connection(), &account.id).await?;
        if of.is_some() {
            return Err(Refusal::OfOrganisation.into());
        }
        let (what, resource) = new.parsed(by.now)?;
        give(write, by, account, (&what, &resource, new.expires)).await
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`Refusal::LastAdministrator`].
    pub(crate) async fn revoke_grant(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, account).await?;
        let found = store::account::grant(write.connection(), &account.id, id).await?;
        let granted = found.ok_or_else(|| {
            let detail = format!("the account has no grant `{id}`");
            Problem::new(ProblemCode::NotFound, detail)
        })?;
        apply(
            write,
            by,
            account,
            AuthEvent::GrantRevoked { id: granted.id },
        )
        .await?;
        some_administrator(write).await
    }
}

/// The account of an id or e-mail address.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(crate) async fn named(at: &mut AnyConnection, account: &str) -> Result<Account, AuthError> {
    let found = match (
        store::account::by_id(&mut *at, account).await?,
        email(account),
    ) {
        (None, Some(address)) => store::account::by_email(&mut *at, &address).await?,
        (found, _) => found,
    };
    found.ok_or_else(|| {
        let detail = format!("there is no account `{account}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}

/// Whether an account may do something now, with a token or key for everything. The account is named by its id or e-mail address.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(crate) async fn explain(
    at: &mut AnyConnection,
    account: &str,
    asked: (&str, &str),
    now: Ts,
) -> Result<Explained, AuthError> {
    let found = named(at, account).await?;
    let lacks_second_factor = store::account::lacks_factor(&mut *at, &found.id).await?;
    explained(at, found, asked, (now, lacks_second_factor)).await
}

/// The same of what somebody did before: a second factor that is demanded since changes nothing of it.
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(crate) async fn explain_before(
    at: &mut AnyConnection,
    account: &str,
    asked: (&str, &str),
    now: Ts,
) -> Result<Explained, AuthError> {
    let found = named(at, account).await?;
    explained(at, found, asked, (now, false)).await
}

async fn explained(
    at: &mut AnyConnection,
    found: Account,
    (action, resource): (&str, &str),
    (now, lacks_second_factor): (Ts, bool),
) -> Result<Explained, AuthError> {
    if let Err(refusal) = found.usable() {
        return Ok(Explained {
            account: found.id,
            allow: false,
            because: Because::Inactive,
            reason: refusal.to_string(),
        });
    }
    let subject = Subject {
        session: None,
        key: None,
        scopes: vec![ActionPattern::ALL],
        grants: Arc::new(grants_of(at, &found.id).await?),
        authenticated_at: now,
        lacks_second_factor,
        account: found.id,
    };
    Ok(Explained::of(subject, (action, resource), now))
}

/// Grants something to an account.
pub(crate) async fn give(
    write: &mut Write,
    by: &By,
    account: Account,
    (what, resource, expires): (&What, &ResourcePattern, Option<i64>),
) -> Result<Granted, AuthError> {
    let granted = Granted {
        id: format!("grn_{}", Uuid::now_v7().simple()),
        what: what.to_string(),
        resource: resource.to_string(),
        expires,
        created: by.now.0,
        created_by: by.actor.clone(),
    };
    let event = AuthEvent::GrantCreated {
        id: granted.id.clone(),
        what: granted.what.clone(),
        resource: granted.resource.clone(),
        expires,
    };
    apply(write, by, account, event).await?;
    Ok(granted)
}

/// Whether somebody is left who may do everything.
///
/// # Errors
/// [`Refusal::LastAdministrator`]: the transaction is to be dropped.
pub(crate) async fn some_administrator(write: &mut Write) -> Result<(), AuthError> {
    if store::account::administrators(write.connection())
        .await?
        .is_empty()
    {
        return Err(Refusal::LastAdministrator.into());
    }
    Ok(())
}
