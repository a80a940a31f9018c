//! `tickloom admin audit`, `rebuild`, `retry-mail` and `password-link`: the log of who did what, rows that come from the log of events,
//! mail that was given up, and a way in for who has forgotten theirs.

use crate::services::PlaceArgs;
use clap::Subcommand;
use std::path::PathBuf;

const AUDIT: &str = "\
Examples:
  tickloom admin audit export > audit.jsonl
  tickloom admin audit verify audit.jsonl
  tickloom admin audit verify audit.jsonl --head 1200:5f0c…

An entry has the hash of the one before it in its own (docs/audit.md). verify needs the file alone: it names the first entry that was
changed, removed, put in between or moved, and prints the head. A head that was noted elsewhere also shows an end that was cut off,
and a log that was written anew.

Exit codes: 0 done, the log is whole, 1 the log is not whole, or a file or database cannot be used, 2 the command line is wrong.";

const RETRY: &str = "\
Examples:
  tickloom admin retry-mail
  tickloom admin retry-mail --config serve.toml

Mail is tried for about a day while its server is away, and then given up, which /ready says. This lets it be tried again from now on.

Exit codes: 0 done, 1 the database cannot be used, 2 the command line is wrong.";

const PASSWORD_LINK: &str = "\
Examples:
  tickloom admin password-link ada@example.com
  tickloom admin password-link ada@example.com --config serve.toml --json

For who forgot the password where no mail is sent, the last administrator too: prints a link, good once and for an hour, with which the
person chooses a new one. Hand it to nobody else. A second factor stays and is asked for as ever; when the link is used all sessions of
the account end. Whoever can write to the database can do this; the audit log says that `operator` did. --config says under which
address the page is.

Exit codes: 0 done, 1 the database cannot be used, 2 the command line is wrong, or the account cannot have one.";

const REBUILD: &str = "\
Examples:
  tickloom admin rebuild
  tickloom admin rebuild --config serve.toml

Accounts, grants and what is known of keys come from the log of events of auth. They are dropped and made from it again, in one
transaction; what is secret (hashes, sessions) stays as it is.

Exit codes: 0 done, 1 the database cannot be used, or an event cannot be read, 2 the command line is wrong.";

/// Look after the log of who did what.
#[derive(clap::Args)]
#[command(after_help = AUDIT)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Audit,
}

#[derive(Subcommand)]
enum Audit {
    /// Write the whole log to stdout, a line of JSON an entry
    #[command(after_help = AUDIT)]
    Export {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Say whether an export is whole
    #[command(after_help = AUDIT)]
    Verify {
        /// The export
        file: PathBuf,
        /// A head that was noted before: POSITION:HASH
        #[arg(long, value_name = "POSITION:HASH")]
        head: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Make rows again that come from the log of events.
#[derive(clap::Args)]
#[command(after_help = REBUILD)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Try mail again that was given up.
#[derive(clap::Args)]
#[command(after_help = RETRY)]
pub(super) struct RetryMailArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const DROP_SECOND_FACTOR: &str = "\
Examples:
  tickloom admin drop-second-factor ada@example.com
  tickloom admin drop-second-factor ada@example.com --config serve.toml --json

For who lost the app, the passkeys and the recovery codes of an account, the last administrator too: all of them are given up, and its
sessions end. The password is what is left; make a link with `password-link` where there is none. Make sure by another way that it is
the person who asks. Whoever can write to the database can do this; the audit log says that `operator` did.

Exit codes: 0 done, 1 the database cannot be used, 2 the command line is wrong, or the account has no second factor.";

/// Give up a second factor that its person lost.
#[derive(clap::Args)]
#[command(after_help = DROP_SECOND_FACTOR)]
pub(super) struct DropSecondFactorArgs {
    /// Id or e-mail address of the account
    account: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Make a link with which somebody chooses a new password.
#[derive(clap::Args)]
#[command(after_help = PASSWORD_LINK)]
pub(super) struct PasswordLinkArgs {
    /// Id or e-mail address of the account
    account: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "services")]
pub(super) use working::{audit, drop_second_factor, password_link, rebuild, retry_mail};

#[cfg(feature = "services")]
mod working {
    use super::{
        Audit, AuditArgs, DropSecondFactorArgs, PasswordLinkArgs, RebuildArgs, RetryMailArgs,
    };
    use crate::failure::Failure;
    use crate::output;
    use crate::services::{open_auth, refused};
    use anyhow::{Context, anyhow};
    use serde_json::json;
    use std::fs::File;
    use std::io::BufReader;
    use tickloom_auth::Auth;
    use tickloom_chassis::{AuditHead, Clock, export_audit, verify_audit};
    use tickloom_types::Ts;
    use tokio::runtime::Runtime;

    pub(crate) fn audit(args: AuditArgs) -> Result<(), Failure> {
        match args.command {
            Audit::Export { place } => Runtime::new().map_err(Failure::run)?.block_on(async {
                let database = place.open_auth().await?;
                let exported = export_audit(&database, output::line).await;
                exported.map_err(Failure::run)?;
                database.close().await;
                Ok(())
            }),
            Audit::Verify { file, head, json } => {
                let noted = head.as_deref().map(parse_head).transpose();
                let noted = noted.map_err(Failure::input)?;
                let opened = File::open(&file);
                let opened = opened.with_context(|| format!("cannot read {}", file.display()));
                let export = BufReader::new(opened.map_err(Failure::input)?);
                let found = verify_audit(export, noted.as_ref());
                let found = found.with_context(|| file.display().to_string());
                let found = found.map_err(Failure::run)?;
                if json {
                    return output::json(&json!({"position": found.position, "hash": found.hash}));
                }
                output::line(&format!("whole, up to {}:{}", found.position, found.hash));
                Ok(())
            }
        }
    }

    fn parse_head(text: &str) -> Result<AuditHead, anyhow::Error> {
        let wrong = || anyhow!("--head {text}: expected POSITION:HASH, with a hash of 64 digits");
        let (position, hash) = text.split_once(':').ok_or_else(wrong)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b"0123456789abcdef".contains(&b));
        if !is_hash {
            return Err(wrong());
        }
        Ok(AuditHead {
            position: position.parse().map_err(|_| wrong())?,
            hash: hash.to_owned(),
        })
    }

    pub(crate) fn rebuild(args: RebuildArgs) -> Result<(), Failure> {
        let events = Runtime::new().map_err(Failure::run)?.block_on(async {
            let database = args.place.open_auth().await?;
            let events = tickloom_chassis::rebuild::<Auth>(&database)
                .await
                .map_err(Failure::run)?;
            database.close().await;
            Ok(events.unwrap_or(0))
        })?;
        if args.json {
            return output::json(&json!({"service": "auth", "events": events}));
        }
        output::line(&format!("auth: made again from {events} events"));
        Ok(())
    }

    pub(crate) fn retry_mail(args: RetryMailArgs) -> Result<(), Failure> {
        let count = Runtime::new().map_err(Failure::run)?.block_on(async {
            let database = args.place.open_auth().await?;
            let count = Auth::retry_mail(&database, Clock::System.now()).await;
            database.close().await;
            count.map_err(Failure::run)
        })?;
        if args.json {
            return output::json(&json!({"service": "auth", "tried_again": count}));
        }
        output::line(&format!("auth: {count} are tried again"));
        Ok(())
    }

    pub(crate) fn drop_second_factor(args: DropSecondFactorArgs) -> Result<(), Failure> {
        let account = Runtime::new().map_err(Failure::run)?.block_on(async {
            let database = args.place.open_auth().await?;
            let now = Clock::System.now();
            let dropped = Auth::drop_second_factor(&database, &args.account, now).await;
            database.close().await;
            dropped.map_err(refused)
        })?;
        if args.json {
            return output::json(&json!({"service": "auth", "account": account}));
        }
        output::line(&format!("auth: {account} has no second factor any more"));
        Ok(())
    }

    pub(crate) fn password_link(args: PasswordLinkArgs) -> Result<(), Failure> {
        let examined = args.place.examined()?;
        let made = Runtime::new().map_err(Failure::run)?.block_on(async {
            let database = open_auth(&examined.place).await?;
            let (issuer, now) = (&examined.issuer, Clock::System.now());
            let made = Auth::password_link(&database, &args.account, issuer, now).await;
            database.close().await;
            made.map_err(refused)
        })?;
        if args.json {
            return output::json(&made);
        }
        output::line(&made.link);
        output::note(&format!(
            "good once, until {}, for {}: what is open of it ends when it is used",
            Ts(made.expires),
            made.account
        ));
        Ok(())
    }
}
