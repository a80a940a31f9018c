//! `tickloom admin`: what an operator does by hand: with the authority, which signs the certificates by which services know each other,
//! with what services keep, and with what auth keeps. It is behind the cargo feature `services`; without it the command says so.

mod auth;
mod services;

use auth::{AuditArgs, DropSecondFactorArgs, PasswordLinkArgs, RebuildArgs, RetryMailArgs};
use clap::Subcommand;
use services::{BackupArgs, DoctorArgs, MigrateArgs, RestoreArgs};
use std::path::PathBuf;

const CA: &str = "\
Examples:
  tickloom admin ca init
  tickloom admin ca issue activity --dir ca --out activity-host
  tickloom admin ca show --json
  tickloom admin ca rotate

The authority is a folder: authority.pem has the keys, for its owner alone, and roots.pem the certificates alone. `tickloom serve
--identity DIR` takes certificates from it by itself; `issue` is for a service on a host that must not have the keys.

Exit codes: 0 done, 1 a file could not be read or written, 2 the command line is wrong.";

/// Do by hand what services do not do by themselves.
#[derive(clap::Args)]
#[command(after_help = CA)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look after the authority that signs the certificates of services
    #[command(after_help = CA)]
    Ca(CaArgs),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Migrate(MigrateArgs),
    Doctor(DoctorArgs),
    Audit(AuditArgs),
    Rebuild(RebuildArgs),
    RetryMail(RetryMailArgs),
    PasswordLink(PasswordLinkArgs),
    DropSecondFactor(DropSecondFactorArgs),
}

#[derive(clap::Args)]
struct CaArgs {
    #[command(subcommand)]
    command: Ca,
    /// Folder of the authority
    #[arg(long, value_name = "DIR", default_value = "ca", global = true)]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Ca {
    /// Make the authority, if there is none
    #[command(after_help = CA)]
    Init {
        /// Whose services it signs for: the domain in spiffe://DOMAIN/NAME
        #[arg(long, default_value = "tickloom")]
        domain: String,
    },
    /// Write a new key and certificate of a service to NAME.pem, and the roots to roots.pem
    #[command(after_help = CA)]
    Issue {
        /// Name of the service
        name: String,
        /// Hours that the certificate lives, 1 to 168
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=168))]
        hours: u64,
        /// Folder for the files [default: `issued` in the folder of the authority]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// List the root certificates that are accepted
    #[command(after_help = CA)]
    Show,
    /// Make a new root beside the old one: it is accepted at once, and signs after an hour
    #[command(after_help = CA)]
    Rotate,
}

/// Runs the command.
#[cfg(not(feature = "services"))]
pub(crate) fn run(args: Args) -> Result<(), crate::failure::Failure> {
    let (Command::Ca(_)
    | Command::Backup(_)
    | Command::Restore(_)
    | Command::Migrate(_)
    | Command::Doctor(_)
    | Command::Audit(_)
    | Command::Rebuild(_)
    | Command::RetryMail(_)
    | Command::PasswordLink(_)
    | Command::DropSecondFactor(_)) = args.command;
    Err(crate::services::absent())
}

#[cfg(feature = "services")]
pub(crate) use working::run;

#[cfg(feature = "services")]
mod working {
    use super::{Args, Ca, CaArgs, Command, auth, services};
    use crate::failure::Failure;
    use crate::output;
    use serde_json::json;
    use std::path::PathBuf;
    use std::time::Duration;
    use tickloom_chassis::Clock;
    use tickloom_chassis::identity::{Authority, IdentityError, TrustDomain};

    /// Runs the command.
    pub(crate) fn run(args: Args) -> Result<(), Failure> {
        match args.command {
            Command::Ca(args) => ca(args),
            Command::Backup(args) => services::backup(args),
            Command::Restore(args) => services::restore(args),
            Command::Migrate(args) => services::migrate(args),
            Command::Doctor(args) => services::doctor(args),
            Command::Audit(args) => auth::audit(args),
            Command::Rebuild(args) => auth::rebuild(args),
            Command::RetryMail(args) => auth::retry_mail(args),
            Command::PasswordLink(args) => auth::password_link(args),
            Command::DropSecondFactor(args) => auth::drop_second_factor(args),
        }
    }

    fn ca(CaArgs { command, dir, json }: CaArgs) -> Result<(), Failure> {
        match command {
            Ca::Init { domain } => {
                let domain: TrustDomain = domain.parse().map_err(Failure::input)?;
                show(
                    &Authority::open(&dir, &domain, Clock::System).map_err(failed)?,
                    json,
                )
            }
            Ca::Issue { name, hours, out } => {
                let authority = existing(dir)?;
                let life = Duration::from_secs(hours * 3600);
                let issued = authority.issue(&name, life).map_err(failed)?;
                let out = out.unwrap_or_else(|| authority.folder().join("issued"));
                let path = authority.export(&issued, &out).map_err(failed)?;
                let (id, until) = (issued.id.to_string(), issued.until);
                if json {
                    return output::json(&json!({"id": id, "file": path, "until": until.0}));
                }
                output::line(&format!("{id} until {until} in {}", path.display()));
                Ok(())
            }
            Ca::Show => show(&existing(dir)?, json),
            Ca::Rotate => {
                let authority = existing(dir)?;
                authority.rotate().map_err(failed)?;
                show(&authority, json)
            }
        }
    }

    fn existing(dir: PathBuf) -> Result<Authority, Failure> {
        Authority::existing(&dir, Clock::System).map_err(failed)
    }

    fn failed(error: IdentityError) -> Failure {
        match error {
            IdentityError::Name { .. }
            | IdentityError::Absent { .. }
            | IdentityError::OtherDomain { .. } => Failure::input(error),
            error => Failure::run(error),
        }
    }

    fn show(authority: &Authority, json: bool) -> Result<(), Failure> {
        let domain = authority.domain().as_str();
        let roots = authority.show();
        if json {
            let roots: Vec<_> = roots
                .iter()
                .map(|root| {
                    json!({"name": root.name, "made": root.made.0, "until": root.until.0, "signs": root.signs})
                })
                .collect();
            return output::json(
                &json!({"domain": domain, "folder": authority.folder(), "roots": roots}),
            );
        }
        output::line(&format!(
            "authority of {domain} in {}",
            authority.folder().display()
        ));
        for root in roots {
            let does = if root.signs { "signs" } else { "is accepted" };
            output::line(&format!(
                "{}  made {}  until {}  {does}",
                root.name, root.made, root.until
            ));
        }
        Ok(())
    }
}
