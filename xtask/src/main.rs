//! Daily chores of the project: `cargo xtask check|test|kill|bench|fuzz|deny|dist|docs|new-service`.
//!
//! CI calls only these, so what passes here passes there. Nothing has to be installed first; what a
//! chore needs beyond Rust goes into a cache directory, and it says so. No product code is here.

mod bench;
mod cache;
mod check;
mod deny;
mod dist;
mod docs;
mod fuzz;
mod kill;
mod new_service;
mod process;
mod python;
mod report;
mod report_services;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

use process::say;

const USAGE: &str = "\
usage: cargo xtask CHORE

  check                         formatting, lints, documentation: what CI refuses first
  test [--all] [ARGS...]        every test, or what cargo test makes of ARGS; --all: their long form
  kill [--runs N] [--seed S]    kills of a live run under load: 25 unless told otherwise, with the choices of a seed
  bench [NAME]                  benchmarks, with the settings of shipped binaries
  bench --report [SCALE]        whole commands and parts of them beside those of others, into docs/benchmarks.md
  bench --services [SCALE]      services as their users meet them, into docs/benchmarks-services.md
  fuzz [TARGET] [--seconds N]   one or all fuzz targets, 60 seconds each unless told otherwise
  deny                          licences, sources and advisories of dependencies (needs cargo-deny)
  dist                          the binary that is shipped: all features, stripped, line tables beside it
  docs                          documentation of the crates
  new-service NAME              a service in sidecars/NAME that compiles and conforms (docs/adding-a-service.md)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((chore, rest)) = arguments.split_first() else {
        bail!("no chore named\n{USAGE}");
    };
    match chore.as_str() {
        "check" => check::run(),
        "test" => test::run(rest),
        "kill" => kill::run(rest),
        "bench" => bench::run(rest),
        "fuzz" => fuzz::run(rest),
        "deny" => deny::run(),
        "dist" => dist::run(rest),
        "docs" => docs::run(),
        "new-service" => new_service::run(rest),
        "help" | "--help" | "-h" => {
            say(USAGE);
            Ok(())
        }
        other => bail!("unknown chore {other:?}\n{USAGE}"),
    }
}
