//! How a command fails: what to tell the user, and the exit code that scripts rely on.

use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The run failed: exit code 1.
    Run(anyhow::Error),
    /// The command line or the input is wrong: exit code 2.
    Input(anyhow::Error),
    /// The user stopped it: exit code 130, as of any program that Ctrl-C ends.
    Stopped(anyhow::Error),
}

impl Failure {
    /// The run failed.
    pub(crate) fn run(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Run(error.into())
    }

    /// The command line or the input is wrong.
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Input(error.into())
    }

    /// What to tell the user: the error and its causes, the outermost first. A cause that is told already is not told again.
    pub(crate) fn text(&self) -> String {
        let (Failure::Run(error) | Failure::Input(error) | Failure::Stopped(error)) = self;
        let mut text = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        text
    }

    /// The code for the shell.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Run(_) => ExitCode::from(1),
            Failure::Input(_) => ExitCode::from(2),
            Failure::Stopped(_) => ExitCode::from(130),
        }
    }
}
