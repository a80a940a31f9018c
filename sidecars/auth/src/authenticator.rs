//! Whose token or key something is, for every operation of every service of the process.

use crate::Auth;
use crate::change::By;
use crate::credential::secret::{self, SecretKind};
use crate::flows::authentication::{is_over, living};
use crate::flows::demand::lacks;
use crate::flows::effective::grants_of;
use crate::flows::oauth::bearer::{is_application, stands};
use crate::store::account::unreadable;
use crate::store::organisation::GrantVersion;
use crate::{AuthError, store};
use serde_json::json;
use sqlx::AnyConnection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_chassis::{
    Access, ActionPattern, Allowed, Authenticator, ChassisError, Database, Grants, NotedFuture,
    Problem, ProblemCode, RefusedAccess, RequestOrigin, Subject, SubjectFuture, Unauthenticated,
    Write,
};
use tickloom_types::Ts;

/// Accounts whose grants are kept in memory.
const ACCOUNTS_MAX: usize = 10_000;
/// What ids of sessions begin with.
pub(crate) const SESSION: &str = "ses_";
/// How exactly the last use of a key is noted: a minute.
const LAST_USED_NS: i64 = 60_000_000_000;

/// Grants of accounts as they were read, with the version that they are of: any change of them is a new version.
#[derive(Debug, Default)]
pub(crate) struct GrantCache {
    by_account: Mutex<HashMap<String, (GrantVersion, Arc<Grants>)>>,
}

impl GrantCache {
    /// What an account of this version was granted.
    pub(crate) async fn of(
        &self,
        database: &Database,
        account: &str,
        version: GrantVersion,
    ) -> Result<Arc<Grants>, ChassisError> {
        if let Some(grants) = self.get(account, version) {
            return Ok(grants);
        }
        let mut connection = database.reader().acquire().await?;
        self.read(&mut connection, account, version).await
    }

    /// The same in a transaction in which nothing was changed yet, on its connection: it waits for no other one.
    pub(crate) async fn within(
        &self,
        write: &mut Write,
        account: &str,
        version: GrantVersion,
    ) -> Result<Arc<Grants>, ChassisError> {
        if let Some(grants) = self.get(account, version) {
            return Ok(grants);
        }
        self.read(write.connection(), account, version).await
    }

    async fn read(
        &self,
        at: &mut AnyConnection,
        account: &str,
        version: GrantVersion,
    ) -> Result<Arc<Grants>, ChassisError> {
        let grants = Arc::new(grants_of(at, account).await?);
        let mut all = self
            .by_account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ACCOUNTS_MAX {
            all.clear();
        }
        all.insert(account.to_owned(), (version, Arc::clone(&grants)));
        Ok(grants)
    }

    fn get(&self, account: &str, version: GrantVersion) -> Option<Arc<Grants>> {
        let all = self
            .by_account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (of, grants) = all.get(account)?;
        (*of == version).then(|| Arc::clone(grants))
    }
}

impl Authenticator for Auth {
    fn authenticate<'a>(&'a self, bearer: &'a str, origin: &'a RequestOrigin) -> SubjectFuture<'a> {
        Box::pin(async move {
            if bearer.starts_with(SecretKind::Key.prefix()) && !bearer.contains('.') {
                self.subject_of_key(bearer, origin).await
            } else {
                self.subject_of_token(bearer).await
            }
        })
    }

    fn note_refused<'a>(&'a self, refused: RefusedAccess<'a>) -> NotedFuture<'a> {
        Box::pin(async move {
            let noted = self.note_access_refused(refused).await;
            noted.map_err(|error| match error {
                AuthError::Chassis(error) => error,
                other => ChassisError::Start(other.to_string()),
            })
        })
    }
}

impl Auth {
    async fn subject_of_token(&self, token: &str) -> Result<Subject, Unauthenticated> {
        let now = self.clock.now();
        let claims = self.signing.verify(token, now);
        let claims = claims.map_err(|_| Unauthenticated::Refused)?;
        let session = claims.sid.clone().filter(|id| id.starts_with(SESSION));
        let Some(id) = session else {
            return self.subject_of_application(&claims, now).await;
        };
        let shown = store::session::shown(self.database.reader(), &id).await;
        let shown = shown.map_err(Unauthenticated::Failed)?;
        let shown = shown.ok_or(Unauthenticated::Refused)?;
        let is_over = is_over((shown.expires, shown.last_used), now);
        if is_over || shown.state != "active" || shown.account != claims.sub {
            return Err(Unauthenticated::Refused);
        }
        let scopes: Result<Vec<ActionPattern>, _> = claims.scopes().map(str::parse).collect();
        let grants = self
            .grants
            .of(&self.database, &shown.account, shown.version);
        Ok(Subject {
            session: Some(id),
            key: None,
            scopes: scopes.map_err(|_| Unauthenticated::Refused)?,
            grants: grants.await.map_err(Unauthenticated::Failed)?,
            authenticated_at: Ts(shown.authenticated_at),
            lacks_second_factor: lacks(shown.lacks_factor, &shown.methods),
            account: shown.account,
        })
    }

    async fn subject_of_key(
        &self,
        key: &str,
        origin: &RequestOrigin,
    ) -> Result<Subject, Unauthenticated> {
        let now = self.clock.now();
        let presented = secret::parse(key).map_err(|_| Unauthenticated::Refused)?;
        let shown = store::key::shown(self.database.reader(), &presented.id).await;
        let shown = shown.map_err(Unauthenticated::Failed)?;
        let wrong = match &shown {
            None => Some("revoked"),
            Some(shown) if !presented.matches(SecretKind::Key, &shown.hash) => Some("secret"),
            Some(shown) if shown.expires.is_some_and(|at| at <= now.0) => Some("expired"),
            Some(shown) if shown.state != "active" => Some("not_usable"),
            Some(_) => None,
        };
        let (Some(shown), None) = (&shown, wrong) else {
            let account = shown.map(|shown| shown.account);
            let of = (presented.id.as_str(), account, wrong.unwrap_or_default());
            let noted = self.note_key_refused(origin, of).await;
            noted.map_err(failed)?;
            return Err(Unauthenticated::Refused);
        };
        if shown.last_used.is_none_or(|at| at <= now.0 - LAST_USED_NS) {
            let noted = self.note_use(&presented.id, now).await;
            noted.map_err(Unauthenticated::Failed)?;
        }
        let scopes: Result<Vec<ActionPattern>, _> =
            shown.scopes.split(' ').map(str::parse).collect();
        let wrong = |error| Unauthenticated::Failed(unreadable("access_key", &presented.id, error));
        let grants = self
            .grants
            .of(&self.database, &shown.account, shown.version);
        Ok(Subject {
            session: None,
            scopes: scopes.map_err(wrong)?,
            grants: grants.await.map_err(Unauthenticated::Failed)?,
            authenticated_at: Ts(i64::MIN),
            lacks_second_factor: shown.lacks_factor,
            account: shown.account.clone(),
            key: Some(presented.id),
        })
    }

    /// Notes that a key was shown that is not good: of an account that has it, or had it until it was revoked. Nothing is noted of one that
    /// nobody ever had.
    async fn note_key_refused(
        &self,
        origin: &RequestOrigin,
        (key, account, why): (&str, Option<String>, &str),
    ) -> Result<(), AuthError> {
        let account = match account {
            Some(account) => Some(account),
            None => store::refusal::revoked_key(self.database.reader(), key).await?,
        };
        let Some(account) = account else {
            return Ok(());
        };
        let by = By::nobody(origin, self.clock.now());
        let on = format!("account/{account}");
        self.note_refused(&by, ("key_refused", &on), &json!({"key": key, "why": why}))
            .await
    }

    /// Decides again in a transaction in which nothing else can change: the account, its session or key and its grants as they are now, and
    /// whether it lacks a second factor, unless it is what sets one up.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`], [`ProblemCode::Forbidden`] or [`ProblemCode::SecondFactorDemanded`].
    pub(crate) async fn decide_again<A: Access>(
        &self,
        write: &mut Write,
        Allowed {
            subject, resource, ..
        }: &Allowed<A>,
    ) -> Result<(), AuthError> {
        let over = || {
            let detail = "the token or key is not valid any more";
            AuthError::from(Problem::new(ProblemCode::Unauthenticated, detail))
        };
        let account = store::account::by_id(write.connection(), &subject.account).await?;
        let account = account.filter(|account| account.usable().is_ok());
        let account = account.ok_or_else(over)?;
        let now = self.clock.now();
        let mut methods = String::new();
        if let Some(session) = &subject.session {
            let session = living(write, session, now).await?;
            methods = session.ok_or_else(over)?.methods;
        }
        let basis = subject.key.as_deref().filter(|id| is_application(id));
        if let Some(basis) = basis
            && !stands(write, (basis, &subject.account), now).await?
        {
            return Err(over());
        }
        if let Some(key) = subject.key.as_ref().filter(|id| !is_application(id)) {
            let found = store::key::shown(write.connection(), key).await?;
            let is_good = |key: &store::key::ShownKey| key.expires.is_none_or(|at| at > now.0);
            found.filter(is_good).ok_or_else(over)?;
        }
        // Neither the account nor its organisations can change meanwhile, so that what was granted to these versions is what is granted.
        let organisations = store::organisation::version(write.connection(), &account.id).await?;
        let version = (account.version, organisations);
        let grants = self.grants.within(write, &account.id, version);
        let grants = grants.await?;
        // Of what sets one up it was decided before whether it is one's own.
        let account_lacks = !A::ENROLS
            && basis.is_none()
            && store::account::lacks_factor(write.connection(), &account.id).await?;
        let again = Subject {
            grants,
            lacks_second_factor: lacks(account_lacks, &methods),
            ..subject.clone()
        };
        super::flows::authentication::require(&again, (A::ACTION, resource), now)
    }

    async fn note_use(&self, id: &str, now: Ts) -> Result<(), ChassisError> {
        let mut write = self.database.write().await?;
        store::key::used(&mut write, id, now.0).await?;
        write.commit().await
    }
}

/// Why it is not known whose key it is, when nothing of it is wrong.
fn failed(error: AuthError) -> Unauthenticated {
    match error {
        AuthError::Chassis(error) => Unauthenticated::Failed(error),
        other => Unauthenticated::Failed(ChassisError::Start(other.to_string())),
    }
}
