//! The `tickloom` binary: reads the command line and hands over to one file of `commands` each. Wiring only.

mod capture;
mod commands;
mod config;
mod descriptors;
mod failure;
mod live;
mod memory;
mod metrics;
mod metrics_server;
mod output;
mod pipeline;
mod services;
mod stop;
mod stream_check;
mod table;
mod text_args;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Weaves market ticks into signals: the same path live, replayed and backtested.
#[derive(Parser)]
#[command(name = "tickloom", version, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 done, 1 the run failed, 2 the command line or the input is wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
enum Command {
    Demo(commands::demo::Args),
    Drill(commands::drill::Args),
    Run(commands::run::Args),
    Subscribe(commands::subscribe::Args),
    VerifyStream(commands::verify_stream::Args),
    Backtest(commands::backtest::Args),
    Import(commands::import::Args),
    Export(commands::export::Args),
    Quality(commands::quality::Args),
    Catalog(commands::catalog::Args),
    Instruments(commands::instruments::Args),
    Journal(commands::journal::Args),
    Replay(commands::replay::Args),
    Questdb(commands::questdb::Args),
    Serve(commands::serve::Args),
    Admin(commands::admin::Args),
    Access(commands::access::Args),
    Signals(commands::signals::Args),
    Sql(commands::sql::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => commands::demo::run(args),
        Command::Drill(args) => commands::drill::run(args),
        Command::Run(args) => commands::run::run(args),
        Command::Subscribe(args) => commands::subscribe::run(args),
        Command::VerifyStream(args) => commands::verify_stream::run(args),
        Command::Backtest(args) => commands::backtest::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Export(args) => commands::export::run(args),
        Command::Quality(args) => commands::quality::run(args),
        Command::Catalog(args) => commands::catalog::run(args),
        Command::Instruments(args) => commands::instruments::run(args),
        Command::Journal(args) => commands::journal::run(args),
        Command::Replay(args) => commands::replay::run(args),
        Command::Questdb(args) => commands::questdb::run(args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Admin(args) => commands::admin::run(args),
        Command::Access(args) => commands::access::run(args),
        Command::Signals(args) => commands::signals::run(args),
        Command::Sql(args) => commands::sql::run(args),
        Command::Completions(args) => commands::completions::run(&args, &mut Cli::command()),
        Command::Man(args) => commands::man::run(&args, Cli::command()),
    };
    match done.and_then(|()| output::finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            failure.exit_code()
        }
    }
}
