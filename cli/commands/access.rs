//! `tickloom access`: what accounts may do. It is behind the cargo feature `services`; without it the command says so.

use crate::failure::Failure;
use crate::services::PlaceArgs;
use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  tickloom access why ada@example.com run.read run/today
  tickloom access why mch_0192… run.read 'run/*' --json
  tickloom access why usr_0192… audit.read 'audit/*' --config serve.toml

It reads the database of `tickloom serve auth` and decides as every operation does, for a token or key for everything.

Exit codes: 0 answered, whatever the answer, 1 the database cannot be used, 2 the command line is wrong, or there is no such account.";

/// Say what accounts may do, and why.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Whether an account may do something, and why
    #[command(after_help = EXAMPLES)]
    Why(Why),
}

#[derive(clap::Args)]
struct Why {
    /// Id or e-mail address of the account
    account: String,
    /// What would be done, such as run.read
    action: String,
    /// On what, such as run/today, or 'run/*' for all
    resource: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
#[cfg(not(feature = "services"))]
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let Command::Why(_) = args.command;
    Err(crate::services::absent())
}

/// Runs the command.
#[cfg(feature = "services")]
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    use crate::output;
    use crate::services::refused;
    use tickloom_auth::Auth;
    use tickloom_chassis::Clock;

    let Command::Why(why) = args.command;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::run)?;
    let explained = runtime.block_on(async {
        let database = why.place.open_auth().await?;
        let asked = (why.action.as_str(), why.resource.as_str());
        let explained = Auth::explain(&database, &why.account, asked, Clock::System.now()).await;
        database.close().await;
        explained.map_err(refused)
    })?;
    if why.json {
        return output::json(&explained);
    }
    let verdict = if explained.allow { "yes" } else { "no" };
    output::line(&format!("{verdict}: {}", explained.reason));
    Ok(())
}
