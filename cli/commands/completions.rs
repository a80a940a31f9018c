//! `tickloom completions`: what a shell needs to complete commands and options.

use crate::failure::Failure;
use crate::output;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  tickloom completions bash > ~/.local/share/bash-completion/completions/tickloom
  tickloom completions zsh > ~/.zfunc/_tickloom
  tickloom completions fish > ~/.config/fish/completions/tickloom.fish";

/// Print completions for a shell
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, command: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "tickloom", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
