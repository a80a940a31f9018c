//! Settings of `tickloom serve`, from the command line and a file, checked before anything runs.

use super::http::{HttpKeys, OwnIssuer, TlsFiles};
use super::providers::{ProviderFile, providers};
use super::{Args, Name};
use crate::output;
use crate::services::DATA;
use anyhow::{Context, anyhow};
use clap::ValueEnum;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tickloom_auth::AuthConfig;
use tickloom_auth::credential::encryption::EncryptionKeySource;
use tickloom_auth::credential::password::HashParams;
use tickloom_chassis::identity::{Peers, TrustDomain};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{
    HttpOptions, MailConfig, Network, OutgoingConfig, Place, RateLimit, TracesConfig, test_clock_at,
};
use tickloom_types::Ts;

const PORT: u16 = 8080;
/// Keys that encrypt secrets in the database of auth, beside the databases.
const AUTH_KEYS: &str = "auth.keys";

/// A configuration file. Unknown keys are refused with their line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    /// Address of HTTP.
    http: Option<SocketAddr>,
    /// Names under which it is asked, beside those of this machine.
    hosts: Vec<String>,
    /// Proxies in front of it.
    proxies: Vec<Network>,
    /// Who sees how it is, beside this machine.
    observers: Vec<Network>,
    /// What is shown over TLS.
    tls: Option<TlsFiles>,
    /// How many requests one address may make.
    rate: RateLimit,
    /// When time stands still, and moves by `POST /test/clock` alone, in nanoseconds since 1970: for tests.
    test_clock: Option<i64>,
    /// Address of gRPC.
    grpc: Option<SocketAddr>,
    /// Folder with certificates.
    identity: Option<PathBuf>,
    /// Services that may call over gRPC.
    caller: Vec<String>,
    /// Folder of SQLite's files.
    data: Option<PathBuf>,
    /// PostgreSQL server.
    database: Option<String>,
    /// What services may ask of others over HTTP.
    outgoing: OutgoingConfig,
    /// Where traces are sent.
    traces: Option<TracesConfig>,
    /// What runs did.
    activity: ActivityFile,
    /// Who somebody is.
    auth: AuthFile,
}

/// Who somebody is, and what they may do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthFile {
    /// Who makes tokens, as a URL.
    issuer: Option<String>,
    /// Whether people sign up on their own.
    sign_up: bool,
    /// Whether a second factor is demanded of all people.
    demand_second_factor: bool,
    /// File of passwords that were found elsewhere.
    breached: Option<PathBuf>,
    /// What tokens are signed with.
    algorithm: Algorithm,
    /// File of keys that encrypt secrets in the database.
    encryption_keys: Option<PathBuf>,
    /// What the hash of a password costs.
    hash: HashFile,
    /// Where mail is handed to.
    mail: Option<MailConfig>,
    /// Sites for which a proxy asks who is there, as origins.
    sites: Vec<String>,
    /// With whom people may sign in, by name.
    provider: BTreeMap<String, ProviderFile>,
}

/// What the hash of a password costs (Argon2id): each is OWASP's least if it is left out, and never less.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HashFile {
    /// Memory.
    memory_kib: Option<u32>,
    /// Passes over it.
    passes: Option<u32>,
    /// Lanes.
    lanes: Option<u32>,
}

impl HashFile {
    fn params(&self) -> Result<HashParams, anyhow::Error> {
        let (memory_kib, passes, lanes) = HashParams::default().parts();
        Ok(HashParams::new(
            self.memory_kib.unwrap_or(memory_kib),
            self.passes.unwrap_or(passes),
            self.lanes.unwrap_or(lanes),
        )?)
    }
}

/// What runs did.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ActivityFile {
    /// Directories of `tickloom run --record`.
    record: Vec<PathBuf>,
}

/// Settings, checked.
pub(super) struct Settings {
    pub(super) http: HttpOptions,
    pub(super) grpc: Option<Grpc>,
    pub(super) place: Place,
    pub(super) outgoing: OutgoingConfig,
    pub(super) traces: Option<TracesConfig>,
    /// When time stands still, if it does.
    pub(super) test_clock: Option<Ts>,
    pub(super) names: Vec<Name>,
    pub(super) records: Vec<PathBuf>,
    /// Those of auth, if it runs.
    pub(super) auth: Option<AuthConfig>,
    /// Who makes tokens, if the configuration does not say.
    own_issuer: Option<OwnIssuer>,
}

impl Settings {
    /// The address that was bound, for whoever asked for any port.
    pub(super) fn at(mut self, bound: SocketAddr) -> Settings {
        if let (Some(auth), Some(own)) = (&mut self.auth, &self.own_issuer) {
            auth.issuer = own.at(bound);
        }
        self
    }
}

/// Settings of gRPC, checked.
pub(super) struct Grpc {
    pub(super) address: SocketAddr,
    /// Folder with certificates, and who may call.
    pub(super) identity: Option<(PathBuf, Peers)>,
}

pub(super) fn settings(args: Args) -> Result<Settings, anyhow::Error> {
    let file = read(args.config.as_deref())?;
    let http = args.http.or(file.http);
    let address = http.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, PORT).into());
    let own = OwnIssuer::new(file.tls.is_some(), &file.hosts);
    let keys = HttpKeys {
        hosts: file.hosts,
        proxies: file.proxies,
        observers: file.observers,
        tls: file.tls,
        rate: file.rate,
        moves_clock: file.test_clock.is_some(),
    };
    let test_clock = file.test_clock.map(test_clock_at).transpose()?;
    let callers = if args.caller.is_empty() {
        file.caller
    } else {
        args.caller
    };
    let grpc = grpc(
        args.grpc.or(file.grpc),
        args.identity.or(file.identity),
        callers,
    )?;
    let on_line = args.database.is_some() || args.data.is_some();
    let (database, data) = if on_line {
        (args.database, args.data)
    } else {
        (file.database, file.data)
    };
    let folder = data.clone().unwrap_or_else(|| DATA.into());
    let place = match (database, data) {
        (Some(_), Some(_)) => {
            return Err(anyhow!("both data and database are set, expected one"));
        }
        (Some(url), None) => Place::server(&url)?,
        (None, data) => Place::Folder(data.unwrap_or_else(|| DATA.into())),
    };
    let records = if args.record.is_empty() {
        file.activity.record
    } else {
        args.record
    };
    let names = names(args.names, &records)?;
    let own_issuer = file.auth.issuer.is_none().then(|| own.clone());
    let runs_auth = names.contains(&Name::Auth);
    if runs_auth && !file.auth.sites.is_empty() && keys.proxies.is_empty() {
        return Err(anyhow!(
            "auth.sites: what is said of a site is believed of a proxy that `proxies` names alone, and `proxies` names none"
        ));
    }
    let issuer = file.auth.issuer.clone();
    let issuer = issuer.unwrap_or_else(|| own.at(address));
    let http = keys.options(address, runs_auth.then_some(issuer.as_str()))?;
    let auth = match runs_auth {
        true => Some(auth(file.auth, issuer, &folder)?),
        false => None,
    };
    Ok(Settings {
        http,
        grpc,
        place,
        outgoing: file.outgoing,
        traces: file.traces,
        names,
        records,
        auth,
        own_issuer,
        test_clock,
    })
}

/// What a file says.
fn read(config: Option<&Path>) -> Result<File, anyhow::Error> {
    let Some(path) = config else {
        return Ok(File::default());
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn auth(file: AuthFile, issuer: String, folder: &Path) -> Result<AuthConfig, anyhow::Error> {
    let keys = file.encryption_keys;
    let keys = keys.unwrap_or_else(|| folder.join(AUTH_KEYS));
    let (hash, providers) = (file.hash.params()?, providers(file.provider)?);
    Ok(AuthConfig {
        issuer,
        mail: file.mail,
        sign_up: file.sign_up,
        breached: file.breached,
        hash,
        algorithm: file.algorithm,
        encryption_keys: EncryptionKeySource::File(keys),
        providers,
        sites: file.sites,
        demand_second_factor: file.demand_second_factor,
    })
}

/// The services that run: those that are named, or all that have what they need.
fn names(named: Vec<Name>, records: &[PathBuf]) -> Result<Vec<Name>, anyhow::Error> {
    if named.contains(&Name::Activity) && records.is_empty() {
        return Err(anyhow!(
            "activity has nothing to follow: --record DIR names the directory of a `tickloom run --record`"
        ));
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let mut all = Name::value_variants().to_vec();
    if records.is_empty() {
        output::note(
            "activity does not run, as it has nothing to follow: --record DIR names the directory of a `tickloom run --record`",
        );
        all.retain(|name| *name != Name::Activity);
    }
    Ok(all)
}

fn grpc(
    address: Option<SocketAddr>,
    identity: Option<PathBuf>,
    callers: Vec<String>,
) -> Result<Option<Grpc>, anyhow::Error> {
    let Some(address) = address else {
        if identity.is_some() || !callers.is_empty() {
            return Err(anyhow!(
                "--identity and --caller are about gRPC, which --grpc ADDRESS serves"
            ));
        }
        return Ok(None);
    };
    if identity.is_none() && !callers.is_empty() {
        return Err(anyhow!(
            "--caller names who may call, and without --identity DIR nobody shows a name"
        ));
    }
    if identity.is_none() && !address.ip().is_loopback() {
        return Err(anyhow!(
            "--grpc {address}: without --identity DIR nobody is asked who they are, so only addresses of loopback are served, such \
             as 127.0.0.1:{}",
            address.port()
        ));
    }
    for caller in &callers {
        TrustDomain::default().id(caller)?;
    }
    let callers = if callers.is_empty() {
        Peers::All
    } else {
        Peers::named(callers)
    };
    let identity = identity.map(|folder| (folder, callers));
    Ok(Some(Grpc { address, identity }))
}

/// What commands that look after services have to know of a configuration.
pub(crate) struct Examined {
    pub(crate) place: Place,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: Option<SocketAddr>,
    /// What is shown over TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// Folder with certificates.
    pub(crate) identity: Option<PathBuf>,
    pub(crate) mail: Option<MailConfig>,
    /// Keys that encrypt secrets in the database of auth.
    pub(crate) auth_keys: PathBuf,
    /// The address under which auth is reached.
    pub(crate) issuer: String,
    /// Whether proxies are named that ask for others.
    pub(crate) names_proxies: bool,
}

/// The settings of a file, with the place that the command line names. Nothing is made.
pub(crate) fn examined(
    config: Option<&Path>,
    (data, database): (Option<PathBuf>, Option<String>),
) -> Result<Examined, anyhow::Error> {
    let file = read(config)?;
    file.auth.hash.params()?;
    let (database, data) = match (database, data) {
        (None, None) => (file.database, file.data),
        asked => (asked.0, asked.1),
    };
    let folder = data.clone().unwrap_or_else(|| DATA.into());
    let place = match (database, data) {
        (Some(_), Some(_)) => {
            return Err(anyhow!("both data and database are set, expected one"));
        }
        (Some(url), None) => Place::server(&url)?,
        (None, _) => Place::Folder(folder.clone()),
    };
    let http = file.http;
    let http = http.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, PORT).into());
    let own = OwnIssuer::new(file.tls.is_some(), &file.hosts);
    let auth_keys = file.auth.encryption_keys;
    Ok(Examined {
        place,
        http,
        issuer: file.auth.issuer.unwrap_or_else(|| own.at(http)),
        grpc: file.grpc,
        tls: file.tls,
        names_proxies: !file.proxies.is_empty(),
        identity: file.identity,
        mail: file.auth.mail,
        auth_keys: auth_keys.unwrap_or_else(|| folder.join(AUTH_KEYS)),
    })
}
