//! Who somebody is, and what they may do: accounts of people and programs, sessions, tokens, keys, grants, for all services of a
//! process.

mod admit;
mod authenticator;
mod by_hand;
mod change;
pub mod credential;
mod error;
mod events;
mod flows;
mod keep;
mod link_requests;
mod logout_notices;
mod mail_pace;
mod mails;
mod migrations;
mod model;
pub mod oauth;
mod origin;
mod pages;
mod passkey_messages;
mod projections;
mod provider;
mod rest;
mod seal;
mod signing;
mod site;
mod store;

use crate::authenticator::GrantCache;
pub use crate::by_hand::PasswordLink;
use crate::change::By;
use crate::credential::encryption::{EncryptionKeySource, EncryptionKeys};
use crate::credential::passkey::{ChallengeKey, NoRelyingParty, RelyingParty};
use crate::credential::password::{BreachedList, HashParams, Hasher, Rules};
use crate::credential::secret::Secret;
use crate::error::AuthError;
pub use crate::flows::grants::Explained;
use crate::flows::links::{SETUP, make_link};
use crate::keep::{Cleaning, KEY_ROTATION, KeyRotation, LeftOut, follow_keys};
use crate::link_requests::LinkRequests;
use crate::logout_notices::LogoutNotices;
use crate::mail_pace::MailTurns;
use crate::pages::links::SET_UP;
use crate::projections::Accounts;
use crate::provider::Provider;
pub use crate::provider::{ClientAuthentication, ClientSecret, ProviderConfig};
use crate::signing::Signing;
use crate::site::Site;
pub use crate::store::encrypted::EncryptedSecrets;
use axum::Router;
use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use tickloom_chassis::console::BrowserSessions;
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{
    AuditOutcome, AuditVerification, Authenticator, ChassisError, Clock, Context, Database,
    EffectHandler, JobHandler, MailConfig, Mailer, Migrations, Outgoing, Pages, Projection, Result,
    Service, Stop, TimerHandler, Write, hold_events, set_timer,
};
use tickloom_types::Ts;
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

/// A session that is not gone on with for so long is over: 7 days.
pub(crate) const IDLE_NS: i64 = 7 * 86_400_000_000_000;
/// Passwords that wait to be looked at, at most.
const WAITING_MAX: u16 = 64;

/// The service.
#[derive(Debug)]
pub struct Auth {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// The address under which the service is reached.
    pub(crate) issuer: String,
    pub(crate) hasher: Hasher,
    pub(crate) signing: Arc<Signing>,
    /// What secrets are encrypted with.
    pub(crate) keys: Arc<EncryptionKeys>,
    pub(crate) grants: GrantCache,
    /// How applications are told that somebody signed out.
    outgoing: Outgoing,
    /// Who sends mail, if some is sent.
    mailer: Option<Arc<Mailer>>,
    /// Whether people sign up on their own.
    pub(crate) is_open: bool,
    /// Who asks for passkeys, if there can be some under the address of the service.
    pub(crate) relying_party: std::result::Result<RelyingParty, NoRelyingParty>,
    pub(crate) challenge_key: ChallengeKey,
    pub(crate) providers: Vec<Provider>,
    /// For whom proxies ask who is there.
    pub(crate) sites: Vec<Site>,
    setup: Option<Secret>,
}

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// Who makes tokens: the address under which the service is reached.
    pub issuer: String,
    /// Where mail is handed to; without it none is sent.
    pub mail: Option<MailConfig>,
    /// Whether people sign up on their own, which needs mail.
    pub sign_up: bool,
    /// File of passwords that were found elsewhere, sorted lines of `SHA-1:COUNT`.
    pub breached: Option<PathBuf>,
    /// What the hash of a password costs.
    pub hash: HashParams,
    /// What tokens are signed with.
    pub algorithm: Algorithm,
    /// What secrets in the database are encrypted with.
    pub encryption_keys: EncryptionKeySource,
    /// With whom people may sign in, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Sites for which a proxy asks who is there, as origins: `https://app.example.com`.
    pub sites: Vec<String>,
    /// Whether a second factor is demanded of all people.
    pub demand_second_factor: bool,
}

impl Auth {
    async fn make(context: Context, config: AuthConfig) -> std::result::Result<Auth, AuthError> {
        let Context {
            database,
            clock,
            outgoing,
        } = context;
        let breached = match &config.breached {
            Some(path) => Some(BreachedList::open(path).map_err(|error| start(&error))?),
            None => None,
        };
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = u16::try_from(at_once).ok().and_then(NonZeroU16::new);
        let at_once = at_once.unwrap_or(NonZeroU16::MIN);
        let hasher = Hasher::new(config.hash, Rules::new(breached), at_once, WAITING_MAX);
        let now = clock.now();
        let keys = config.encryption_keys.open();
        let keys = keys.map_err(|error| start(&error))?;
        let names = (config.issuer.as_str(), config.algorithm);
        let signing = Signing::begin(&database, Arc::clone(&keys), names, now).await?;
        set_key_rotation(&database, &signing, now).await?;
        let signing = Arc::new(signing);
        let mailer = config.mail.as_ref().map(Mailer::new).transpose()?;
        let mut providers = Vec::new();
        for (name, provider) in config.providers {
            providers.push(Provider::new((&name, provider), &config.issuer, &outgoing)?);
        }
        let sites = Site::all(&config.sites, &config.issuer).map_err(|error| start(&error))?;
        set_demand(&database, config.demand_second_factor, now).await?;
        let setup = setup_link(&database, &clock).await?;
        let challenge_key = challenge_key(&database, &keys).await?;
        Ok(Auth {
            relying_party: RelyingParty::of_issuer(&config.issuer),
            challenge_key,
            hasher,
            signing,
            keys,
            grants: GrantCache::default(),
            outgoing,
            mailer: mailer.map(Arc::new),
            is_open: config.sign_up,
            issuer: config.issuer,
            providers,
            sites,
            setup,
            database,
            clock,
        })
    }

    /// Whether mail is sent.
    pub(crate) fn has_mail(&self) -> bool {
        self.mailer.is_some()
    }

    /// The address of a page of ours that takes a link, with the link.
    pub(crate) fn link_address(&self, page: &str, link: &Secret) -> String {
        mails::address(&self.issuer, page, link)
    }

    /// Begins to change something. The log is locked first, and then what is changed, always: two changes never wait for each other.
    pub(crate) async fn write(&self) -> Result<Write> {
        let mut write = self.database.write().await?;
        hold_events(&mut write).await?;
        Ok(write)
    }
}

fn start(error: &dyn std::error::Error) -> ChassisError {
    ChassisError::Start(error.to_string())
}

/// Changes keys that sign if it is time, as at a start after a while or with another algorithm, and sets the timer at which they change next.
async fn set_key_rotation(
    database: &Database,
    signing: &Signing,
    now: Ts,
) -> std::result::Result<(), AuthError> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    let next = signing.rotate(&mut write, now).await?;
    set_timer(&mut write, KEY_ROTATION, KEY_ROTATION, next).await?;
    write.commit().await?;
    signing.reload(database).await
}

/// What challenges are made with: the same for all processes of the database.
async fn challenge_key(
    database: &Database,
    keys: &EncryptionKeys,
) -> std::result::Result<ChallengeKey, AuthError> {
    let mut write = database.write().await?;
    let key = store::passkey::set_challenge_key(&mut write, &ChallengeKey::make()?, keys).await?;
    write.commit().await?;
    Ok(key)
}

/// Demands a second factor of all people, or does not any more, as the settings say. Any change is an entry of the audit log.
async fn set_demand(
    database: &Database,
    is_demanded: bool,
    now: Ts,
) -> std::result::Result<(), AuthError> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    if store::account::set_demand(&mut write, is_demanded).await? {
        let action = if is_demanded {
            "second_factor_demanded"
        } else {
            "second_factor_demand_ended"
        };
        let by = By::named("service/auth", String::new(), now);
        by.audit(&mut write, action, "account/*", AuditOutcome::Done)
            .await?;
    }
    Ok(write.commit().await?)
}

/// A link for the first administrator while there is none; those that were made before are not good any more.
async fn setup_link(
    database: &Database,
    clock: &Clock,
) -> std::result::Result<Option<Secret>, AuthError> {
    let mut write = database.write().await?;
    hold_events(&mut write).await?;
    store::secret::drop_setup_links(&mut write).await?;
    store::account::fold_names(&mut write).await?;
    let known = store::account::administrators(write.connection()).await?;
    if !known.is_empty() {
        write.commit().await?;
        return Ok(None);
    }
    let by = By::named("service/auth", String::new(), clock.now());
    let link = make_link(&mut write, &by, None, SETUP).await?;
    write.commit().await?;
    Ok(Some(link))
}

impl Service for Auth {
    const NAME: &'static str = "auth";
    const MIGRATIONS: Migrations = migrations::ALL;
    const STATEMENTS: &'static [&'static [&'static str]] = store::STATEMENTS;
    type Config = AuthConfig;

    async fn admit(existing: Option<&Database>, config: &AuthConfig) -> Result<()> {
        admit::settings(config)?;
        admit::keys(existing, &config.encryption_keys).await
    }

    async fn new(context: Context, config: AuthConfig) -> Result<Arc<Auth>> {
        match Auth::make(context, config).await {
            Ok(auth) => Ok(Arc::new(auth)),
            Err(AuthError::Chassis(error)) => Err(error),
            Err(error) => Err(start(&error)),
        }
    }

    fn rest(self: &Arc<Auth>) -> OpenApiRouter {
        rest::router(self)
    }

    fn root(self: &Arc<Auth>) -> Router {
        rest::root(self)
    }

    fn authenticator(self: &Arc<Auth>) -> Option<Arc<dyn Authenticator>> {
        Some(Arc::<Auth>::clone(self))
    }

    fn projections() -> Vec<Box<dyn Projection>> {
        vec![Box::new(Accounts::default())]
    }

    fn effects(self: &Arc<Auth>) -> Vec<Arc<dyn EffectHandler>> {
        let mut handlers: Vec<Arc<dyn EffectHandler>> = vec![Arc::new(LogoutNotices {
            database: self.database.clone(),
            clock: self.clock.clone(),
            signing: Arc::clone(&self.signing),
            outgoing: self.outgoing.clone(),
        })];
        if let Some(mailer) = &self.mailer {
            handlers.push(Arc::<Mailer>::clone(mailer));
            handlers.push(Arc::new(LinkRequests {
                database: self.database.clone(),
                clock: self.clock.clone(),
                issuer: self.issuer.clone(),
            }));
        }
        handlers
    }

    fn timers(self: &Arc<Auth>) -> Vec<Arc<dyn TimerHandler>> {
        let (signing, database) = (Arc::clone(&self.signing), self.database.clone());
        vec![
            Arc::new(Cleaning(Arc::clone(self))),
            Arc::new(KeyRotation { database, signing }),
            Arc::new(LeftOut),
            Arc::new(MailTurns),
        ]
    }

    fn jobs(self: &Arc<Auth>) -> Vec<Arc<dyn JobHandler>> {
        vec![Arc::new(AuditVerification)]
    }

    fn pages(self: &Arc<Auth>) -> Pages {
        pages::pages(self)
    }

    fn browser_sessions(self: &Arc<Auth>) -> Option<Arc<dyn BrowserSessions>> {
        Some(Arc::<Auth>::clone(self))
    }

    fn start(self: &Arc<Auth>, stop: &Stop) -> Vec<JoinHandle<()>> {
        let (signing, database) = (Arc::clone(&self.signing), self.database.clone());
        vec![tokio::spawn(follow_keys(signing, database, stop.clone()))]
    }

    fn startup_notice(&self) -> Option<String> {
        let link = self.setup.as_ref()?;
        let address = self.link_address(SET_UP, link);
        Some(format!(
            "nobody is an administrator yet: open this link, which is shown once, to create the first one \
             (or send what is behind its # to POST /auth/v1/links/finish with email, name and password): {address}"
        ))
    }
}
