//! Rows that come from events and from nothing else, so that they can be dropped and made again.

pub(crate) mod curve;
pub(crate) mod organisation;

use crate::events::organisation::OrganisationEvent;
use crate::events::{AuthEvent, BODY_VERSION};
use crate::model::organisation::Organisation;
use crate::model::{Account, AccountKind, AccountState, Suspender};
use crate::store::account;
use crate::store::account::folded;
use std::collections::HashMap;
use tickloom_chassis::{Projection, ProjectionFuture, Result, StoredEvent, Write};
use tickloom_types::Ts;

/// An address is one account's; of two that take it at the same time the second adds nothing.
const ADD_ACCOUNT: &str = "INSERT INTO account \
    (id, version, kind, state, email, is_email_verified, name, has_second_factor, passkeys, created, suspended_by, name_folded, is_factor_demanded) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
const SET_ACCOUNT: &str = "UPDATE account SET version = $2, state = $3, email = $4, is_email_verified = $5, name = $6, \
    has_second_factor = $7, passkeys = $8, suspended_by = $9, name_folded = $10, is_factor_demanded = $11 WHERE id = $1";
const ADD_GRANT: &str = "INSERT INTO granted (id, account, what, resource, expires, created, created_by) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const DROP_GRANT: &str = "DELETE FROM granted WHERE id = $1";
const DROP_GRANTS: &str = "DELETE FROM granted WHERE account = $1";
const ADD_KEY: &str = "INSERT INTO access_key (id, account, name, scopes, created, expires) VALUES ($1, $2, $3, $4, $5, $6)";
const SET_KEY: &str = "UPDATE access_key SET expires = $2 WHERE id = $1";
const DROP_KEY: &str = "DELETE FROM access_key WHERE id = $1";
const DROP_KEYS: &str = "DELETE FROM access_key WHERE account = $1";
const ADD_PASSKEY: &str = "INSERT INTO passkey (id, account, name, is_backup_eligible, created) VALUES ($1, $2, $3, $4, $5)";
const RENAME_PASSKEY: &str = "UPDATE passkey SET name = $2 WHERE id = $1";
const DROP_PASSKEY: &str = "DELETE FROM passkey WHERE id = $1";
const DROP_PASSKEYS: &str = "DELETE FROM passkey WHERE account = $1";
const ADD_IDENTITY: &str = "INSERT INTO identity (id, account, issuer, subject, email, created) VALUES ($1, $2, $3, $4, $5, $6)";
const DROP_IDENTITY: &str = "DELETE FROM identity WHERE id = $1";
const DROP_IDENTITIES: &str = "DELETE FROM identity WHERE account = $1";
/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    ADD_ACCOUNT,
    SET_ACCOUNT,
    ADD_GRANT,
    DROP_GRANT,
    DROP_GRANTS,
    ADD_KEY,
    SET_KEY,
    DROP_KEY,
    DROP_KEYS,
    ADD_PASSKEY,
    RENAME_PASSKEY,
    DROP_PASSKEY,
    DROP_PASSKEYS,
    ADD_IDENTITY,
    DROP_IDENTITY,
    DROP_IDENTITIES,
];

/// Writes down what an event made of an account. Whether it could: an address may be another account's.
pub(crate) async fn project(
    write: &mut Write,
    after: &Account,
    event: &AuthEvent,
    (at, actor): (Ts, &str),
) -> Result<bool> {
    match event {
        AuthEvent::Created { .. } => return add_account(write, after).await,
        AuthEvent::GrantCreated {
            id,
            what,
            resource,
            expires,
        } => {
            let grant = (id.as_str(), what.as_str(), resource.as_str(), *expires);
            add_grant(write, &after.id, grant, (at, actor)).await?;
        }
        AuthEvent::KeyCreated {
            id,
            name,
            scopes,
            expires,
        } => {
            let key = (id.as_str(), name.as_str(), scopes.as_str(), *expires);
            add_key(write, &after.id, key, at).await?;
        }
        AuthEvent::KeyExpiryMoved { id, expires } => {
            let moved = sqlx::query(SET_KEY).bind(id).bind(*expires);
            moved.execute(write.connection()).await?;
        }
        AuthEvent::GrantRevoked { id } => drop_rows(write, &[DROP_GRANT], id).await?,
        AuthEvent::KeyRevoked { id } => drop_rows(write, &[DROP_KEY], id).await?,
        AuthEvent::PasskeyAdded { .. }
        | AuthEvent::PasskeyRenamed { .. }
        | AuthEvent::PasskeyRemoved { .. } => project_passkey(write, after, event, at).await?,
        AuthEvent::IdentityLinked { .. } => project_identity(write, after, event, at).await?,
        AuthEvent::IdentityUnlinked { id } => drop_rows(write, &[DROP_IDENTITY], id).await?,
        AuthEvent::Deleted => {
            let all = [DROP_GRANTS, DROP_KEYS, DROP_PASSKEYS, DROP_IDENTITIES];
            drop_rows(write, &all, &after.id).await?;
            curve::drop_of(write, &after.id).await?;
            organisation::leave_all(write, &after.id).await?;
        }
        AuthEvent::CurveKeyCreated { .. }
        | AuthEvent::CurveKeyExpiryMoved { .. }
        | AuthEvent::CurveKeyRevoked { .. } => {
            if !curve::project(write, &after.id, event, at).await? {
                return Ok(false);
            }
        }
        AuthEvent::Joined { .. } | AuthEvent::RoleSet { .. } | AuthEvent::Left { .. } => {
            organisation::set_member(write, &after.id, event, at).await?;
        }
        AuthEvent::EmailVerified
        | AuthEvent::EmailChanged { .. }
        | AuthEvent::Renamed { .. }
        | AuthEvent::PasswordSet
        | AuthEvent::PasswordRemoved
        | AuthEvent::SecondFactorSet
        | AuthEvent::SecondFactorRemoved
        | AuthEvent::SecondFactorDemanded
        | AuthEvent::SecondFactorDemandEnded
        | AuthEvent::Suspended
        | AuthEvent::SuspendedByOrganisation
        | AuthEvent::SuspendedByGrantee
        | AuthEvent::Resumed => {}
    }
    set_account(write, after).await?;
    Ok(true)
}

async fn project_passkey(
    write: &mut Write,
    after: &Account,
    event: &AuthEvent,
    at: Ts,
) -> Result<()> {
    let row = match event {
        AuthEvent::PasskeyAdded {
            id,
            name,
            is_backup_eligible,
        } => sqlx::query(ADD_PASSKEY)
            .bind(id)
            .bind(&after.id)
            .bind(name)
            .bind(i64::from(*is_backup_eligible))
            .bind(at.0),
        AuthEvent::PasskeyRenamed { id, name } => sqlx::query(RENAME_PASSKEY).bind(id).bind(name),
        AuthEvent::PasskeyRemoved { id } => sqlx::query(DROP_PASSKEY).bind(id),
        _ => return Ok(()),
    };
    row.execute(write.connection()).await?;
    Ok(())
}

async fn add_key(
    write: &mut Write,
    account: &str,
    (id, name, scopes, expires): (&str, &str, &str, Option<i64>),
    at: Ts,
) -> Result<()> {
    let added = sqlx::query(ADD_KEY)
        .bind(id)
        .bind(account)
        .bind(name)
        .bind(scopes)
        .bind(at.0)
        .bind(expires);
    added.execute(write.connection()).await?;
    Ok(())
}

/// Adds a grant of an account or an organisation.
async fn add_grant(
    write: &mut Write,
    holder: &str,
    (id, what, resource, expires): (&str, &str, &str, Option<i64>),
    (at, actor): (Ts, &str),
) -> Result<()> {
    let added = sqlx::query(ADD_GRANT)
        .bind(id)
        .bind(holder)
        .bind(what)
        .bind(resource)
        .bind(expires)
        .bind(at.0)
        .bind(actor);
    added.execute(write.connection()).await?;
    Ok(())
}

async fn project_identity(
    write: &mut Write,
    after: &Account,
    event: &AuthEvent,
    at: Ts,
) -> Result<()> {
    let AuthEvent::IdentityLinked {
        id,
        issuer,
        subject,
        email,
    } = event
    else {
        return Ok(());
    };
    // Whoever was deleted later is somebody there no more: it may be linked with another account since.
    if subject.is_empty() {
        return Ok(());
    }
    let added = sqlx::query(ADD_IDENTITY)
        .bind(id)
        .bind(&after.id)
        .bind(issuer)
        .bind(subject)
        .bind(email)
        .bind(at.0);
    added.execute(write.connection()).await?;
    Ok(())
}

async fn add_account(write: &mut Write, account: &Account) -> Result<bool> {
    let added = sqlx::query(ADD_ACCOUNT)
        .bind(&account.id)
        .bind(account.version)
        .bind(kind_word(account.kind))
        .bind(state_word(account.state))
        .bind(&account.email)
        .bind(i64::from(account.is_email_verified))
        .bind(&account.name)
        .bind(i64::from(account.has_second_factor))
        .bind(account.passkeys)
        .bind(account.created)
        .bind(account.suspended_by.map(Suspender::name))
        .bind(folded(&account.name))
        .bind(i64::from(account.is_second_factor_demanded));
    let added = added.execute(write.connection()).await?;
    Ok(added.rows_affected() == 1)
}

async fn set_account(write: &mut Write, account: &Account) -> Result<()> {
    let set = sqlx::query(SET_ACCOUNT)
        .bind(&account.id)
        .bind(account.version)
        .bind(state_word(account.state))
        .bind(&account.email)
        .bind(i64::from(account.is_email_verified))
        .bind(&account.name)
        .bind(i64::from(account.has_second_factor))
        .bind(account.passkeys)
        .bind(account.suspended_by.map(Suspender::name))
        .bind(folded(&account.name))
        .bind(i64::from(account.is_second_factor_demanded));
    set.execute(write.connection()).await?;
    Ok(())
}

async fn drop_rows(write: &mut Write, statements: &[&'static str], id: &str) -> Result<()> {
    for statement in statements {
        let dropped = sqlx::query(*statement).bind(id);
        dropped.execute(write.connection()).await?;
    }
    Ok(())
}

/// The rows of accounts and organisations, and of what they have, made again from the log.
#[derive(Default)]
pub(crate) struct Accounts {
    /// As the events so far left them.
    accounts: HashMap<String, Account>,
    organisations: HashMap<String, Organisation>,
}

impl Projection for Accounts {
    fn tables(&self) -> &'static [&'static str] {
        &[
            "account",
            "granted",
            "access_key",
            "curve_key",
            "organisation",
            "member",
            "passkey",
            "identity",
        ]
    }

    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a> {
        Box::pin(self.event(write, event))
    }
}

impl Accounts {
    async fn event(&mut self, write: &mut Write, stored: &StoredEvent) -> Result<()> {
        if stored.v != BODY_VERSION {
            let why = format!("it is of version {}, expected {BODY_VERSION}", stored.v);
            return Err(stored.unreadable(why));
        }
        let aggregate = &stored.aggregate;
        if let Some(id) = aggregate.strip_prefix("account/") {
            return replay_account(write, &mut self.accounts, (id, stored)).await;
        }
        if let Some(id) = aggregate.strip_prefix("organisation/") {
            return replay_organisation(write, &mut self.organisations, (id, stored)).await;
        }
        let why = format!("`{aggregate}` is no account and no organisation");
        Err(stored.unreadable(why))
    }
}

async fn replay_organisation(
    write: &mut Write,
    organisations: &mut HashMap<String, Organisation>,
    (id, stored): (&str, &StoredEvent),
) -> Result<()> {
    let key = account::person_key(write.connection(), id).await?;
    let event = OrganisationEvent::read(&stored.kind, &stored.body, key.as_ref());
    let event = event.map_err(|why| stored.unreadable(why))?;
    let before = organisations
        .remove(id)
        .unwrap_or_else(|| Organisation::new(id.to_owned()));
    let after = before.after(&event, stored.at);
    let by = (stored.at, stored.actor.as_str());
    organisation::project(write, &after, &event, by).await?;
    organisations.insert(id.to_owned(), after);
    Ok(())
}

async fn replay_account(
    write: &mut Write,
    accounts: &mut HashMap<String, Account>,
    (id, stored): (&str, &StoredEvent),
) -> Result<()> {
    let wrong = |why: String| stored.unreadable(why);
    let key = account::person_key(write.connection(), id).await?;
    let event = AuthEvent::read(&stored.kind, &stored.body, key.as_ref()).map_err(wrong)?;
    let before = accounts.remove(id).unwrap_or_else(|| {
        // The kind comes with the first event.
        Account::new(id.to_owned(), AccountKind::Person)
    });
    let mut after = before.after(&event, stored.at);
    if key.is_none() {
        // Whoever was deleted later had an address once, which may be another's now.
        after.email = None;
    }
    let by = (stored.at, stored.actor.as_str());
    if !project(write, &after, &event, by).await? {
        let why = "its address or public key is another account's";
        return Err(wrong(why.to_owned()));
    }
    accounts.insert(id.to_owned(), after);
    Ok(())
}

fn kind_word(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Person => "person",
        AccountKind::Machine => "machine",
    }
}

fn state_word(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::Suspended => "suspended",
        AccountState::Deleted => "deleted",
    }
}
