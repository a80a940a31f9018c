//! Accounts, what they were granted, and the keys of persons.

use crate::model::{Account, AccountKind, AccountState, Suspender};
use crate::seal::PersonKey;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{ChassisError, Result, Write};
use utoipa::ToSchema;

const COLUMNS_BY_ID: &str = "SELECT id, version, kind, state, email, is_email_verified, name, has_second_factor, created, passkeys, suspended_by, is_factor_demanded \
    FROM account WHERE id = $1";
const BY_EMAIL: &str = "SELECT id, version, kind, state, email, is_email_verified, name, has_second_factor, created, passkeys, suspended_by, is_factor_demanded \
    FROM account WHERE email = $1";
const AFTER: &str = "SELECT id, version, kind, state, email, is_email_verified, name, has_second_factor, created, passkeys, suspended_by, is_factor_demanded \
    FROM account WHERE id > $1 ORDER BY id LIMIT $2";
/// Part of a name or an address, in lower case, or a whole id.
const SEARCH: &str = "SELECT id, version, kind, state, email, is_email_verified, name, has_second_factor, created, passkeys, suspended_by, is_factor_demanded \
    FROM account WHERE id > $1 AND (id = $2 OR email LIKE $3 ESCAPE '!' OR name_folded LIKE $3 ESCAPE '!') ORDER BY id LIMIT $4";
const GRANTS: &str = "SELECT id, what, resource, expires, created, created_by FROM granted WHERE account = $1 ORDER BY id";
const GRANTS_AFTER: &str = "SELECT id, what, resource, expires, created, created_by FROM granted \
    WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";
const GRANT: &str = "SELECT id, what, resource, expires, created, created_by FROM granted WHERE account = $1 AND id = $2";
/// People who can sign in, with a password or a passkey, and may do everything for good: a program changes no rights.
const ADMINISTRATORS: &str = "SELECT DISTINCT account.id FROM account JOIN granted ON granted.account = account.id \
    WHERE account.state = 'active' AND account.kind = 'person' AND granted.what = 'administrator' AND granted.resource = '*' AND granted.expires IS NULL \
    AND (account.passkeys > 0 OR EXISTS (SELECT 1 FROM password WHERE password.account = account.id)) ORDER BY account.id LIMIT 2";
const UNFOLDED: &str =
    "SELECT id, name FROM account WHERE name <> '' AND name_folded = '' LIMIT 1000";
const FOLD: &str = "UPDATE account SET name_folded = $2 WHERE id = $1";
const LACKS_FACTOR: &str = concat!("SELECT ", lacks_factor!(), " FROM account WHERE id = $1");
const DEMAND: &str = "INSERT INTO demand (what) VALUES ($1) ON CONFLICT (what) DO NOTHING";
const DROP_DEMAND: &str = "DELETE FROM demand WHERE what = $1";
const ADD_PERSON_KEY: &str = "INSERT INTO person_key (account, key) VALUES ($1, $2)";
const PERSON_KEY: &str = "SELECT key FROM person_key WHERE account = $1";
const DROP_PERSON_KEY: &str = "DELETE FROM person_key WHERE account = $1";

/// What is demanded of all people.
const SECOND_FACTOR: &str = "second_factor";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    COLUMNS_BY_ID,
    BY_EMAIL,
    AFTER,
    SEARCH,
    GRANTS,
    GRANTS_AFTER,
    GRANT,
    ADMINISTRATORS,
    UNFOLDED,
    FOLD,
    LACKS_FACTOR,
    DEMAND,
    DROP_DEMAND,
    ADD_PERSON_KEY,
    PERSON_KEY,
    DROP_PERSON_KEY,
];

/// Something that an account was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Granted {
    /// Its id: `grn_…`.
    pub(crate) id: String,
    /// What it allows: a role, or a pattern of actions.
    pub(crate) what: String,
    /// On which resources.
    pub(crate) resource: String,
    /// From when on it allows nothing, in nanoseconds since the epoch; never if it is null.
    pub(crate) expires: Option<i64>,
    /// When it was created, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// Who gave it.
    pub(crate) created_by: String,
}

pub(crate) async fn by_id<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Account>> {
    let row = sqlx::query(COLUMNS_BY_ID)
        .bind(id)
        .fetch_optional(at)
        .await?;
    row.as_ref().map(account).transpose()
}

pub(crate) async fn by_email<'e>(
    at: impl Executor<'e, Database = Any>,
    email: &str,
) -> Result<Option<Account>> {
    let row = sqlx::query(BY_EMAIL).bind(email).fetch_optional(at).await?;
    row.as_ref().map(account).transpose()
}

/// Accounts with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    rows: i64,
) -> Result<Vec<Account>> {
    let rows = sqlx::query(AFTER).bind(id).bind(rows).fetch_all(at).await?;
    rows.iter().map(account).collect()
}

/// Accounts of this id, or with this text in their name or address, with ids above one, by id.
pub(crate) async fn search<'e>(
    at: impl Executor<'e, Database = Any>,
    text: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Account>> {
    let plain = folded(text);
    let plain = plain
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    let rows = sqlx::query(SEARCH)
        .bind(id)
        .bind(text)
        .bind(format!("%{plain}%"))
        .bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(account).collect()
}

/// All that an account was granted.
pub(crate) async fn grants<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Vec<Granted>> {
    let rows = sqlx::query(GRANTS).bind(id).fetch_all(at).await?;
    rows.iter().map(granted).collect()
}

/// What an account was granted with ids above one.
pub(crate) async fn grants_after<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Granted>> {
    let rows = sqlx::query(GRANTS_AFTER).bind(account).bind(id).bind(rows);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(granted).collect()
}

pub(crate) async fn grant<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
) -> Result<Option<Granted>> {
    let row = sqlx::query(GRANT).bind(account).bind(id);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(granted).transpose()
}

/// Writes the folded names of accounts that have none yet, which versions before this one did not write.
pub(crate) async fn fold_names(write: &mut Write) -> Result<()> {
    loop {
        let rows = sqlx::query(UNFOLDED).fetch_all(write.connection()).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let set = sqlx::query(FOLD).bind(id).bind(folded(&name));
            set.execute(write.connection()).await?;
        }
    }
}

/// A name as accounts are searched by it.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Two of the accounts that may do everything for good, or all if there are fewer.
pub(crate) async fn administrators<'e>(
    at: impl Executor<'e, Database = Any>,
) -> Result<Vec<String>> {
    let rows = sqlx::query(ADMINISTRATORS).fetch_all(at).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Whether a second factor is demanded of an account, and it has none.
pub(crate) async fn lacks_factor<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<bool> {
    let row = sqlx::query(LACKS_FACTOR).bind(id);
    let row = row.fetch_optional(at).await?;
    let found: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(found.is_some_and(|lacks| lacks != 0))
}

/// Demands a second factor of all people, or does not any more. Whether that is another demand than there was.
pub(crate) async fn set_demand(write: &mut Write, is_demanded: bool) -> Result<bool> {
    let statement = if is_demanded { DEMAND } else { DROP_DEMAND };
    let set = sqlx::query(statement).bind(SECOND_FACTOR);
    let set = set.execute(write.connection()).await?;
    Ok(set.rows_affected() > 0)
}

pub(crate) async fn add_person_key(write: &mut Write, id: &str, key: &PersonKey) -> Result<()> {
    let added = sqlx::query(ADD_PERSON_KEY).bind(id).bind(key.bytes());
    added.execute(write.connection()).await?;
    Ok(())
}

/// The key of a person's data, unless the account was deleted.
pub(crate) async fn person_key<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<PersonKey>> {
    let row = sqlx::query(PERSON_KEY).bind(id).fetch_optional(at).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let bytes: Vec<u8> = row.try_get(0)?;
    let key = PersonKey::of_bytes(&bytes).map_err(|error| unreadable("person_key", id, error))?;
    Ok(Some(key))
}

pub(crate) async fn drop_person_key(write: &mut Write, id: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_PERSON_KEY).bind(id);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn account(row: &AnyRow) -> Result<Account> {
    let id: String = row.try_get(0)?;
    let kind: String = row.try_get(2)?;
    let state: String = row.try_get(3)?;
    Ok(Account {
        version: row.try_get(1)?,
        kind: kind_of(&id, &kind)?,
        state: state_of(&id, &state)?,
        email: row.try_get(4)?,
        is_email_verified: row.try_get::<i64, _>(5)? == 1,
        name: row.try_get(6)?,
        has_second_factor: row.try_get::<i64, _>(7)? == 1,
        created: row.try_get(8)?,
        passkeys: row.try_get(9)?,
        suspended_by: suspender_of(&id, row.try_get(10)?)?,
        is_second_factor_demanded: row.try_get::<i64, _>(11)? == 1,
        id,
    })
}

pub(super) fn kind_of(id: &str, word: &str) -> Result<AccountKind> {
    match word {
        "person" => Ok(AccountKind::Person),
        "machine" => Ok(AccountKind::Machine),
        other => Err(no_word(id, other)),
    }
}

pub(super) fn state_of(id: &str, word: &str) -> Result<AccountState> {
    match word {
        "active" => Ok(AccountState::Active),
        "suspended" => Ok(AccountState::Suspended),
        "deleted" => Ok(AccountState::Deleted),
        other => Err(no_word(id, other)),
    }
}

fn suspender_of(id: &str, word: Option<String>) -> Result<Option<Suspender>> {
    match word.as_deref() {
        None => Ok(None),
        Some("firm") => Ok(Some(Suspender::Firm)),
        Some("grantee") => Ok(Some(Suspender::Grantee)),
        Some("organisation") => Ok(Some(Suspender::Organisation)),
        Some(other) => Err(no_word(id, other)),
    }
}

fn no_word(id: &str, found: &str) -> ChassisError {
    unreadable("account", id, format!("`{found}` is no word of ours"))
}

/// A grant, of which the row has the columns first.
pub(super) fn granted(row: &AnyRow) -> Result<Granted> {
    Ok(Granted {
        id: row.try_get(0)?,
        what: row.try_get(1)?,
        resource: row.try_get(2)?,
        expires: row.try_get(3)?,
        created: row.try_get(4)?,
        created_by: row.try_get(5)?,
    })
}

/// A row that this version cannot read.
pub(crate) fn unreadable(table: &'static str, id: &str, why: impl ToString) -> ChassisError {
    ChassisError::Row {
        table,
        id: id.to_owned(),
        why: why.to_string(),
    }
}
