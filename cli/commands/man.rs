//! `tickloom man`: manual pages of all commands.

use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom man > tickloom.1
  tickloom man --out ~/.local/share/man/man1";

/// Print the manual page, or write those of all commands
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write a page for each command into this directory: tickloom.1, tickloom-backtest.1, …
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, command: clap::Command) -> Result<(), Failure> {
    let Some(folder) = &args.out else {
        output::line(page(command)?.trim_end());
        return Ok(());
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::run(anyhow!("cannot make {}: {error}", folder.display())))?;
    clap_mangen::generate_to(command, folder)
        .map_err(|error| Failure::run(anyhow!("cannot write into {}: {error}", folder.display())))
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command);
    man.render(&mut page).map_err(Failure::run)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
