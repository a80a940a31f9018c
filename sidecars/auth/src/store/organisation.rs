//! Organisations, their members, and what holds through them.

use super::account::{Granted, unreadable};
use crate::model::organisation::{MemberRole, Organisation, OrganisationState};
use crate::model::{AccountKind, AccountState};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::Result;
use utoipa::ToSchema;

const BY_ID: &str =
    "SELECT id, version, state, name, created, demands_factor FROM organisation WHERE id = $1";
const AFTER: &str = "SELECT id, version, state, name, created, demands_factor FROM organisation \
    WHERE id > $1 AND state = 'active' ORDER BY id LIMIT $2";
const MEMBERS_AFTER: &str = "SELECT member.account, account.kind, account.state, account.name, account.email, member.role, member.since \
    FROM member JOIN account ON account.id = member.account \
    WHERE member.organisation = $1 AND member.account > $2 ORDER BY member.account LIMIT $3";
const MEMBER: &str = "SELECT member.account, account.kind, account.state, account.name, account.email, member.role, member.since \
    FROM member JOIN account ON account.id = member.account WHERE member.organisation = $1 AND member.account = $2";
const HAS_ADDRESS: &str = "SELECT member.account FROM member JOIN account ON account.id = member.account \
    WHERE member.organisation = $1 AND account.email = $2";
const COUNTS: &str = "SELECT CAST(count(*) AS BIGINT), \
    CAST(coalesce(sum(CASE WHEN account.kind = 'machine' THEN 1 ELSE 0 END), 0) AS BIGINT) \
    FROM member JOIN account ON account.id = member.account WHERE member.organisation = $1";
const MEMBERSHIPS: &str = "SELECT member.organisation, organisation.name, member.role, member.since FROM member \
    JOIN organisation ON organisation.id = member.organisation \
    WHERE member.account = $1 AND member.organisation > $2 ORDER BY member.organisation LIMIT $3";
/// People who can sign in and administer it.
const ADMINISTRATORS: &str = "SELECT member.account FROM member JOIN account ON account.id = member.account \
    WHERE member.organisation = $1 AND member.role = 'administrator' AND account.state = 'active' AND account.kind = 'person' \
    ORDER BY member.account LIMIT 2";
/// The one that a program belongs to.
const OF_MACHINE: &str = "SELECT member.organisation FROM member JOIN account ON account.id = member.account \
    WHERE member.account = $1 AND account.kind = 'machine'";
const GRANTS: &str = "SELECT granted.id, granted.what, granted.resource, granted.expires, granted.created, granted.created_by, \
    member.organisation, member.role FROM member JOIN granted ON granted.account = member.organisation \
    WHERE member.account = $1 ORDER BY granted.id";
const MACHINES: &str = "SELECT member.organisation, machine.account FROM member \
    JOIN member machine ON machine.organisation = member.organisation JOIN account ON account.id = machine.account \
    WHERE member.account = $1 AND member.role = 'administrator' AND account.kind = 'machine' ORDER BY machine.account";
const VERSION: &str = "SELECT CAST(coalesce(sum(organisation.version), 0) AS BIGINT) FROM member \
    JOIN organisation ON organisation.id = member.organisation WHERE member.account = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    BY_ID,
    AFTER,
    MEMBERS_AFTER,
    MEMBER,
    HAS_ADDRESS,
    COUNTS,
    MEMBERSHIPS,
    ADMINISTRATORS,
    OF_MACHINE,
    GRANTS,
    MACHINES,
    VERSION,
];

/// The version of an account, and the sum of those of the organisations that it is a member of. While the first is the same, so are the
/// memberships, as joining, leaving and another role are changes of the account; then the sum only grows. So the same pair never comes
/// again for other grants.
pub(crate) type GrantVersion = (i64, i64);

/// A member of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Member {
    /// Id of the account.
    pub(crate) account: String,
    /// Whose it is.
    pub(crate) kind: AccountKind,
    /// Whether the account can be used.
    pub(crate) state: AccountState,
    /// What it is called.
    pub(crate) name: String,
    /// E-mail address of a person.
    pub(crate) email: Option<String>,
    /// Its role.
    pub(crate) role: MemberRole,
    /// Since when it is a member, in nanoseconds since the epoch.
    pub(crate) since: i64,
}

/// That an account is a member of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Membership {
    /// Id of the organisation.
    pub(crate) organisation: String,
    /// What the organisation is called.
    pub(crate) name: String,
    /// The account's role there.
    pub(crate) role: MemberRole,
    /// Since when, in nanoseconds since the epoch.
    pub(crate) since: i64,
}

/// A grant that holds through an organisation.
#[derive(Debug)]
pub(crate) struct GrantThrough {
    pub(crate) granted: Granted,
    pub(crate) organisation: String,
    pub(crate) role: MemberRole,
}

/// How many members an organisation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemberCounts {
    pub(crate) members: usize,
    /// Those of them that are programs.
    pub(crate) machines: usize,
}

pub(crate) async fn by_id<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<Organisation>> {
    let row = sqlx::query(BY_ID).bind(id).fetch_optional(at).await?;
    row.as_ref().map(organisation).transpose()
}

/// Organisations that are there with ids above one, by id.
pub(crate) async fn after<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
    rows: i64,
) -> Result<Vec<Organisation>> {
    let rows = sqlx::query(AFTER).bind(id).bind(rows).fetch_all(at).await?;
    rows.iter().map(organisation).collect()
}

/// Members with ids above one, by id.
pub(crate) async fn members_after<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Member>> {
    let found = sqlx::query(MEMBERS_AFTER)
        .bind(organisation)
        .bind(id)
        .bind(rows);
    let rows = found.fetch_all(at).await?;
    rows.iter().map(member_of).collect()
}

pub(crate) async fn member<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
    account: &str,
) -> Result<Option<Member>> {
    let row = sqlx::query(MEMBER).bind(organisation).bind(account);
    let row = row.fetch_optional(at).await?;
    row.as_ref().map(member_of).transpose()
}

/// Whether a member has this e-mail address.
pub(crate) async fn has_address<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
    email: &str,
) -> Result<bool> {
    let row = sqlx::query(HAS_ADDRESS).bind(organisation).bind(email);
    Ok(row.fetch_optional(at).await?.is_some())
}

pub(crate) async fn counts<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
) -> Result<MemberCounts> {
    let row = sqlx::query(COUNTS).bind(organisation).fetch_one(at).await?;
    let number = |at: usize| -> Result<usize> {
        let number: i64 = row.try_get(at)?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    };
    Ok(MemberCounts {
        members: number(0)?,
        machines: number(1)?,
    })
}

/// What an account is a member of, with ids above one, by id.
pub(crate) async fn memberships<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
    id: &str,
    rows: i64,
) -> Result<Vec<Membership>> {
    let found = sqlx::query(MEMBERSHIPS).bind(account).bind(id).bind(rows);
    let rows = found.fetch_all(at).await?;
    let one = |row: &AnyRow| {
        let organisation: String = row.try_get(0)?;
        Ok(Membership {
            name: row.try_get(1)?,
            role: role(&organisation, row.try_get(2)?)?,
            since: row.try_get(3)?,
            organisation,
        })
    };
    rows.iter().map(one).collect()
}

/// Two of the people who administer it and can sign in, or all if there are fewer.
pub(crate) async fn administrators<'e>(
    at: impl Executor<'e, Database = Any>,
    organisation: &str,
) -> Result<Vec<String>> {
    let rows = sqlx::query(ADMINISTRATORS).bind(organisation);
    let rows = rows.fetch_all(at).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The organisation that a program belongs to, if it belongs to one; none for a person.
pub(crate) async fn of_machine<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Option<String>> {
    let row = sqlx::query(OF_MACHINE).bind(account);
    let row = row.fetch_optional(at).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// What was granted to the organisations of an account.
pub(crate) async fn grants_through<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Vec<GrantThrough>> {
    let rows = sqlx::query(GRANTS).bind(account).fetch_all(at).await?;
    let one = |row: &AnyRow| {
        let organisation: String = row.try_get(6)?;
        Ok(GrantThrough {
            granted: super::account::granted(row)?,
            role: role(&organisation, row.try_get(7)?)?,
            organisation,
        })
    };
    rows.iter().map(one).collect()
}

/// Programs of the organisations that an account administers: the organisation and the program of each.
pub(crate) async fn machines_administered<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query(MACHINES).bind(account).fetch_all(at).await?;
    let one = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(one).collect()
}

/// The sum of the versions of an account's organisations.
pub(crate) async fn version<'e>(
    at: impl Executor<'e, Database = Any>,
    account: &str,
) -> Result<i64> {
    let row = sqlx::query(VERSION).bind(account).fetch_one(at).await?;
    Ok(row.try_get(0)?)
}

fn organisation(row: &AnyRow) -> Result<Organisation> {
    let id: String = row.try_get(0)?;
    let state: String = row.try_get(2)?;
    let known = OrganisationState::of_name(&state);
    let state = known.ok_or_else(|| {
        let why = format!("`{state}` is no word of ours");
        unreadable("organisation", &id, why)
    })?;
    Ok(Organisation {
        version: row.try_get(1)?,
        state,
        name: row.try_get(3)?,
        created: row.try_get(4)?,
        demands_second_factor: row.try_get::<i64, _>(5)? == 1,
        id,
    })
}

fn member_of(row: &AnyRow) -> Result<Member> {
    let account: String = row.try_get(0)?;
    let (kind, state): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    Ok(Member {
        kind: super::account::kind_of(&account, &kind)?,
        state: super::account::state_of(&account, &state)?,
        name: row.try_get(3)?,
        email: row.try_get(4)?,
        role: role(&account, row.try_get(5)?)?,
        since: row.try_get(6)?,
        account,
    })
}

fn role(of: &str, word: String) -> Result<MemberRole> {
    MemberRole::of_name(&word)
        .ok_or_else(|| unreadable("member", of, format!("`{word}` is no word of ours")))
}
