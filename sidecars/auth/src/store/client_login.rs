//! Applications in which people are signed in by sessions of ours.

use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};
use tickloom_chassis::{Result, Write};

/// The one that is there already keeps its id: an application sees one session of ours as one.
const OF: &str = "INSERT INTO client_login (id, session, client, account) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (session, client) DO UPDATE SET account = excluded.account RETURNING id";
const ONE: &str = "SELECT id, session, client, account FROM client_login WHERE id = $1";
const TAKE_OF_ACCOUNT: &str =
    "DELETE FROM client_login WHERE account = $1 RETURNING id, session, client, account";
const TAKE_OF_BOTH: &str = "DELETE FROM client_login WHERE account = $1 AND client = $2 RETURNING id, session, client, account";
/// Those whose session is over, however it ended.
const TAKE_OVER_OF: &str = "DELETE FROM client_login WHERE account = $1 \
    AND NOT EXISTS (SELECT 1 FROM session WHERE session.id = client_login.session) RETURNING id, session, client, account";
const TAKE_OVER: &str = "DELETE FROM client_login WHERE id IN (SELECT login.id FROM client_login AS login \
    WHERE NOT EXISTS (SELECT 1 FROM session WHERE session.id = login.session) LIMIT $1) RETURNING id, session, client, account";
const DROP_UNLESS_USED: &str = "DELETE FROM client_login WHERE id = $1 AND NOT EXISTS \
    (SELECT 1 FROM authorisation AS other WHERE other.account = $2 AND other.client = $3 AND other.login = $1)";
const DROP_OF_CLIENT: &str = "DELETE FROM client_login WHERE client = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    OF,
    ONE,
    DROP_UNLESS_USED,
    TAKE_OF_ACCOUNT,
    TAKE_OF_BOTH,
    TAKE_OVER_OF,
    TAKE_OVER,
    DROP_OF_CLIENT,
];

/// Those that are taken in one transaction, at most, where nobody waits for them.
const PORTION: i64 = 1000;

/// An application in which somebody is signed in by a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientLogin {
    /// Its id: `lgn_…`. In ID tokens it is `sid`.
    pub(crate) id: String,
    pub(crate) session: String,
    pub(crate) client: String,
    pub(crate) account: String,
}

/// Those that are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Logins<'a> {
    /// All of an account.
    OfAccount(&'a str),
    /// Those of an account with an application.
    OfBoth(&'a str, &'a str),
    /// Those of an account whose sessions are over.
    OverOf(&'a str),
    /// Those of anybody whose sessions are over, up to 1000.
    Over,
}

/// The id of the login of an application in a session: that of `new` if there was none.
pub(crate) async fn of(write: &mut Write, new: &ClientLogin) -> Result<String> {
    let set = sqlx::query(OF)
        .bind(&new.id)
        .bind(&new.session)
        .bind(&new.client)
        .bind(&new.account);
    Ok(set.fetch_one(write.connection()).await?.try_get(0)?)
}

pub(crate) async fn one<'e>(
    at: impl Executor<'e, Database = Any>,
    id: &str,
) -> Result<Option<ClientLogin>> {
    let row = sqlx::query(ONE).bind(id).fetch_optional(at).await?;
    row.as_ref().map(login).transpose()
}

/// Removes those that are meant, and returns them.
pub(crate) async fn take(write: &mut Write, logins: Logins<'_>) -> Result<Vec<ClientLogin>> {
    let taken = match logins {
        Logins::OfAccount(account) => sqlx::query(TAKE_OF_ACCOUNT).bind(account),
        Logins::OfBoth(account, client) => sqlx::query(TAKE_OF_BOTH).bind(account).bind(client),
        Logins::OverOf(account) => sqlx::query(TAKE_OVER_OF).bind(account),
        Logins::Over => sqlx::query(TAKE_OVER).bind(PORTION),
    };
    let rows = taken.fetch_all(write.connection()).await?;
    rows.iter().map(login).collect()
}

/// Removes one unless an authorisation is of it. Whether it was removed.
pub(crate) async fn drop_unless_used(
    write: &mut Write,
    (id, account, client): (&str, &str, &str),
) -> Result<bool> {
    let dropped = sqlx::query(DROP_UNLESS_USED)
        .bind(id)
        .bind(account)
        .bind(client);
    let dropped = dropped.execute(write.connection()).await?;
    Ok(dropped.rows_affected() > 0)
}

pub(crate) async fn drop_of_client(write: &mut Write, client: &str) -> Result<()> {
    let dropped = sqlx::query(DROP_OF_CLIENT).bind(client);
    dropped.execute(write.connection()).await?;
    Ok(())
}

fn login(row: &AnyRow) -> Result<ClientLogin> {
    Ok(ClientLogin {
        id: row.try_get(0)?,
        session: row.try_get(1)?,
        client: row.try_get(2)?,
        account: row.try_get(3)?,
    })
}
