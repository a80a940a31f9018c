//! `tickloom admin backup`, `restore`, `migrate` and `doctor`: what keeps services safe, and what finds out what is wrong with them.

use crate::services::PlaceArgs;
use std::path::PathBuf;

const BACKUP: &str = "\
Examples:
  tickloom admin backup --out backups/monday
  tickloom admin backup --data services --out backups/monday --json
  tickloom admin restore backups/monday --data restored
  tickloom serve --data restored

Services may run meanwhile: each is saved as one moment saw it, and read again before the folder is there under its name (file whole,
no event missing, audit log whole). auth.keys is not in it: keep a copy apart, as who has both can sign tokens. manifest.json says up to which event and entry, with a SHA-256 of each file. A backup has what a
database has: who may read it, may read that. Killed in the middle, it leaves nothing under the name. On PostgreSQL use pg_dump.

Exit codes: 0 done, 1 a file is damaged or cannot be used, 2 the command line is wrong.";

const RESTORE: &str = "\
Examples:
  tickloom admin restore backups/monday --data restored

The folder must not be there, or be empty: nothing is overwritten. Everything is read first (hashes, events, audit log), and again once
it is written. What came after the backup is not in it, and is lost if the folder is used in the place of another; a service that
follows runs takes what it missed from their journals, unless they were pruned.

Exit codes: 0 done, 1 a file is damaged or cannot be used, 2 the command line is wrong.";

const MIGRATE: &str = "\
Examples:
  tickloom admin migrate --dry-run
  tickloom admin migrate --config serve.toml

A start does the same. Each step is a transaction of its own, and the version before this one still runs on what this one makes.

Exit codes: 0 done, 1 a database cannot be used, or a newer version made it, 2 the command line is wrong.";

const DOCTOR: &str = "\
Examples:
  tickloom admin doctor
  tickloom admin doctor --config serve.toml --json

Of each service: database, schema, file, events without a gap, audit log, clock, effects that were given up, and (on SQLite, on a copy)
whether rows are what the log of events gives. Then: room on the disk, permissions of files with secrets, the mail server, the
authority of certificates, addresses. A configuration with a key that is not known is told with its line. Nothing is changed.

Exit codes: 0 nothing is bad, 1 something is, 2 the command line or the configuration is wrong.";

/// Save services on SQLite while they run.
#[derive(clap::Args)]
#[command(after_help = BACKUP)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object: the manifest
    #[arg(long)]
    json: bool,
}

/// Put a backup back.
#[derive(clap::Args)]
#[command(after_help = RESTORE)]
pub(super) struct RestoreArgs {
    /// The backup
    backup: PathBuf,
    /// Folder to make, for `tickloom serve --data`
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print one JSON object: the manifest
    #[arg(long)]
    json: bool,
}

/// Bring schemas forward to this version without serving.
#[derive(clap::Args)]
#[command(after_help = MIGRATE)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only say which steps there are
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Find out what is wrong, and what to do.
#[derive(clap::Args)]
#[command(after_help = DOCTOR)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "services")]
pub(super) use working::{backup, doctor, migrate, restore};

#[cfg(feature = "services")]
mod working {
    use super::{BackupArgs, DoctorArgs, MigrateArgs, RestoreArgs};
    use crate::commands::serve::Examined;
    use crate::failure::Failure;
    use crate::output;
    use crate::services::services;
    use anyhow::anyhow;
    use serde_json::json;
    use std::path::Path;
    use tickloom_auth::credential::encryption::EncryptionKeys;
    use tickloom_auth::{Auth, EncryptedSecrets};
    use tickloom_chassis::{
        BackupError, BackupStep, ChassisError, Clock, Database, Finding, FindingState, Manifest,
        Place, Service, back_up, examine_address, examine_authority, examine_certificate,
        examine_disk, examine_mail, examine_secret_file, examine_service, pending_migrations,
    };
    use tickloom_types::Ts;
    use tokio::runtime::Runtime;

    fn runtime() -> Result<Runtime, Failure> {
        Runtime::new().map_err(Failure::run)
    }

    /// What was asked for cannot be, or it failed.
    fn failed(error: ChassisError) -> Failure {
        match error {
            ChassisError::Backup(
                BackupError::Server
                | BackupError::Nothing(_)
                | BackupError::Gone { .. }
                | BackupError::Occupied(_),
            ) => Failure::input(error),
            error => Failure::run(error),
        }
    }

    fn show(what: &str, folder: &Path, manifest: &Manifest) {
        for service in &manifest.services {
            output::line(&format!(
                "{}: {what} {}, up to event {} and audit entry {}",
                service.name,
                folder.join(format!("{}.db", service.name)).display(),
                service.events,
                service.audit
            ));
        }
    }

    /// Says how far it has come.
    fn tell(step: BackupStep<'_>) {
        output::note(&step.to_string());
    }

    pub(crate) fn backup(args: BackupArgs) -> Result<(), Failure> {
        let place = args.place.place()?;
        let saved = back_up(&place, &args.out, Clock::System.now(), tell);
        let manifest = runtime()?.block_on(saved).map_err(failed)?;
        if args.json {
            return output::json(&manifest);
        }
        show("saved in", &args.out, &manifest);
        Ok(())
    }

    pub(crate) fn restore(args: RestoreArgs) -> Result<(), Failure> {
        let restored = tickloom_chassis::restore(&args.backup, &args.data, tell);
        let manifest = runtime()?.block_on(restored).map_err(failed)?;
        if args.json {
            return output::json(&manifest);
        }
        show("put back to", &args.data, &manifest);
        output::note(&format!(
            "what came after {}, when the backup was made, is not in it; nor is auth.keys, which is kept apart: auth needs the one that it had",
            Ts(manifest.made)
        ));
        Ok(())
    }

    pub(crate) fn migrate(args: MigrateArgs) -> Result<(), Failure> {
        let place = args.place.place()?;
        let told = runtime()?.block_on(steps(&place, args.dry_run));
        let told = told.map_err(Failure::run)?;
        if args.json {
            let services: serde_json::Map<_, _> = told
                .iter()
                .map(|(name, steps)| ((*name).to_owned(), json!(steps)))
                .collect();
            return output::json(&json!({"dry_run": args.dry_run, "services": services}));
        }
        for (name, steps) in told {
            output::line(&match steps {
                None => format!("{name}: there is no database yet, the first start makes it"),
                Some(steps) if steps.is_empty() => format!("{name}: is of this version"),
                Some(steps) if args.dry_run => format!("{name}: would apply {}", steps.join(", ")),
                Some(steps) => format!("{name}: applied {}", steps.join(", ")),
            });
        }
        Ok(())
    }

    type Steps = Vec<(&'static str, Option<Vec<&'static str>>)>;

    /// The steps that each service is behind by, which are applied unless they are only to be told.
    async fn steps(place: &Place, dry_run: bool) -> Result<Steps, ChassisError> {
        let mut told = Vec::new();
        for parts in services() {
            let Some(database) = Database::existing(place, parts.name).await? else {
                told.push((parts.name, None));
                continue;
            };
            let pending = pending_migrations(&database, parts.name, parts.migrations).await;
            database.close().await;
            let pending = pending?;
            if !dry_run && !pending.is_empty() {
                let opened = Database::open(place, parts.name, parts.migrations);
                opened.await?.close().await;
            }
            told.push((parts.name, Some(pending)));
        }
        Ok(told)
    }

    pub(crate) fn doctor(args: DoctorArgs) -> Result<(), Failure> {
        let examined = args.place.examined()?;
        let mut found = runtime()?.block_on(findings(&examined));
        // A file that says how to sign in at a mail server or a database.
        found.extend(args.place.config().and_then(examine_secret_file));
        let count = |state| {
            found
                .iter()
                .filter(|finding| finding.state == state)
                .count()
        };
        let (bad, warnings) = (count(FindingState::Bad), count(FindingState::Warning));
        if args.json {
            output::json(&json!({"bad": bad, "warnings": warnings, "findings": found}))?;
        } else {
            found.iter().for_each(show_finding);
        }
        if bad == 0 {
            return Ok(());
        }
        Err(Failure::run(anyhow!("{bad} of {} are bad", found.len())))
    }

    async fn findings(examined: &Examined) -> Vec<Finding> {
        let clock = Clock::System;
        let mut found = Vec::new();
        for parts in services() {
            found.extend(examine_service(&examined.place, &parts, &clock).await);
        }
        if let Place::Folder(folder) = &examined.place {
            found.push(examine_disk(folder));
            for parts in services() {
                let file = folder.join(format!("{}.db", parts.name));
                found.extend(examine_secret_file(&file));
            }
        }
        found.extend(auth_keys(examined).await);
        if let Some(mail) = &examined.mail {
            found.push(examine_mail(mail).await);
        }
        if let Some(folder) = &examined.identity {
            found.push(examine_authority(folder, &clock));
        }
        if let Some(files) = &examined.tls {
            found.push(examine_certificate(&files.certificate, &files.key, &clock));
        }
        found.extend(unnamed_proxy(examined));
        found.push(examine_address("http", examined.http));
        found.extend(examined.grpc.map(|grpc| examine_address("grpc", grpc)));
        found
    }

    /// Whether people come through a proxy that is not named: to services they are all one then.
    fn unnamed_proxy(examined: &Examined) -> Option<Finding> {
        let ends_tls = examined.issuer.starts_with("https://") && examined.tls.is_none();
        if !ends_tls {
            return None;
        }
        let (state, says, advice) = if examined.names_proxies {
            let says =
                "the proxy that ends TLS is named, so that people are known by their own addresses";
            (FindingState::Good, says, "")
        } else {
            let says = "people reach it by https, which a proxy ends that `proxies` does not name: to services all of them come from one address, \
                        so that they share its bounds (ten of them sign up or ask for a new password in a minute), and the audit log has no \
                        other address of anybody";
            let advice = "name the proxy in `proxies` of the configuration";
            (FindingState::Warning, says, advice)
        };
        Some(Finding {
            about: "proxies".to_owned(),
            check: "named",
            state,
            says: says.to_owned(),
            advice: advice.to_owned(),
        })
    }

    /// The keys of auth: without them what it has encrypted is lost, so that a start does not make others in their place unseen.
    async fn auth_keys(examined: &Examined) -> Option<Finding> {
        let path = &examined.auth_keys;
        let finding = |state, says: String, advice: &str| Finding {
            about: path.display().to_string(),
            check: "keys",
            state,
            says,
            advice: advice.to_owned(),
        };
        let keys = match EncryptionKeys::existing(path) {
            Ok(keys) => keys,
            Err(error) => {
                let says = format!("auth does not start with it: {error}");
                return Some(finding(
                    FindingState::Bad,
                    says,
                    "make it what it has to be",
                ));
            }
        };
        // That it cannot be opened is told where it is looked at.
        let database = Database::existing(&examined.place, Auth::NAME).await;
        let Ok(Some(database)) = database else {
            let says = "they are there, for their owner alone".to_owned();
            return keys.map(|_| finding(FindingState::Good, says, ""));
        };
        let found = match &keys {
            Some(keys) => Some(Auth::encrypted_secrets(&database, keys).await),
            None => None,
        };
        database.close().await;
        const PUT_BACK: &str = "put back the copy that was kept apart from the database";
        Some(match found {
            None => {
                let says = "they are not there, and auth has secrets that are encrypted with them";
                finding(FindingState::Bad, says.to_owned(), PUT_BACK)
            }
            Some(Ok(EncryptedSecrets {
                why: None, count, ..
            })) => {
                let says = format!("for their owner alone, and they open all {count} secrets");
                finding(FindingState::Good, says, "")
            }
            Some(Ok(EncryptedSecrets {
                why: Some(why),
                count,
                unreadable,
            })) => {
                let says = format!("{unreadable} of {count} secrets are not opened by them: {why}");
                finding(FindingState::Bad, says, PUT_BACK)
            }
            // A schema of another version, which is told where it is looked at.
            Some(Err(error)) => {
                let says = format!("not compared with the database: {error}");
                finding(FindingState::Unknown, says, "")
            }
        })
    }

    fn show_finding(finding: &Finding) {
        let word = match finding.state {
            FindingState::Good => "good",
            FindingState::Unknown => "unknown",
            FindingState::Warning => "warning",
            FindingState::Bad => "bad",
        };
        let Finding {
            about, check, says, ..
        } = finding;
        output::line(&format!("{word:8} {about}: {check}: {says}"));
        if !finding.advice.is_empty() {
            output::line(&format!("         {}", finding.advice));
        }
    }
}
