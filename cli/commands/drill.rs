//! `tickloom drill venue`: a live feed against a venue on this machine that fails in a known way, and whether it held.
//!
//! The feed is the one of `tickloom run`, the sockets are real, and the venue plays a recorded sample. `faults` says what
//! goes wrong in each drill and what has to come of it, `range` runs one. `load` is `tickloom drill load`.

mod faults;
mod load;
mod range;

use crate::failure::Failure;
use crate::output::{self, Style};
use crate::stop::Stop;
use anyhow::anyhow;
use clap::Subcommand;
use faults::{Drill, drills};
use range::Ran;
use serde_json::{Value, json};

/// Practise what goes wrong.
#[derive(clap::Args)]
#[command(after_help = ALL_EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Venue(VenueArgs),
    Load(load::Args),
}

const ALL_EXAMPLES: &str = "\
Examples:
  tickloom drill venue all
  tickloom drill load --rate 100000 --seconds 60

Both work offline, on free ports, and leave nothing behind. docs/drill.md has more.";

const EXAMPLES: &str = "\
Examples:
  tickloom drill venue --list
  tickloom drill venue far-ahead-stamp id-restart
  tickloom drill venue all --json

It works offline, on free ports, and leaves nothing behind. Exit code 1 if something did not hold. docs/drill.md has more.";

/// Run the live feed against a local venue that fails in a known way, and say whether it held.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct VenueArgs {
    /// Names of faults, or `all`
    #[arg(value_name = "FAULT", required_unless_present = "list")]
    faults: Vec<String>,
    /// List the faults, and what has to come of each
    #[arg(long)]
    list: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::Venue(args) => venue(&args),
        What::Load(args) => load::run(&args),
    }
}

fn venue(args: &VenueArgs) -> Result<(), Failure> {
    if args.list {
        return list(args.json);
    }
    let chosen = named(&args.faults)?;
    let stop = Stop::catch()?;
    let mut all = Vec::with_capacity(chosen.len());
    for drill in chosen {
        if !args.json {
            output::line(&format!(
                "{}  {}",
                output::styled(drill.name, Style::Bold),
                drill.fault
            ));
        }
        let Some(ran) = range::run(drill, &stop).map_err(Failure::run)? else {
            return Err(Failure::Stopped(anyhow!(
                "stopped in the middle of {}",
                drill.name
            )));
        };
        if !args.json {
            show(&ran);
        }
        all.push((drill, ran));
    }
    let failed = all.iter().filter(|(_, ran)| !ran.holds()).count();
    if args.json {
        let drills: Vec<Value> = all.iter().map(|(drill, ran)| as_json(drill, ran)).collect();
        output::json(&json!({ "drills": drills, "failed": failed, "holds": failed == 0 }))?;
    }
    if failed > 0 {
        let count = all.len();
        return Err(Failure::run(anyhow!(
            "{failed} of {count} faults were not withstood"
        )));
    }
    Ok(())
}

/// The drills of these names.
fn named(names: &[String]) -> Result<Vec<&'static Drill>, Failure> {
    if names.iter().any(|name| name == "all") {
        return Ok(drills().collect());
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let drill = drills().find(|drill| drill.name == name);
        found.push(drill.ok_or_else(|| {
            let known: Vec<&str> = drills().map(|drill| drill.name).collect();
            Failure::input(anyhow!(
                "fault {name:?}: expected all, or some of {}",
                known.join(", ")
            ))
        })?);
    }
    Ok(found)
}

fn list(as_json: bool) -> Result<(), Failure> {
    if as_json {
        let drills: Vec<Value> = drills()
            .map(|drill| {
                let expected: Vec<&str> = drill.checks.iter().map(|check| check.expected).collect();
                json!({ "name": drill.name, "fault": drill.fault, "expected": expected })
            })
            .collect();
        return output::json(&drills);
    }
    for drill in drills() {
        output::line(&format!(
            "{}  {}",
            output::styled(drill.name, Style::Bold),
            drill.fault
        ));
        for check in drill.checks {
            output::line(&format!("    {}", check.expected));
        }
    }
    Ok(())
}

fn show(ran: &Ran) {
    for seen in &ran.seen {
        let (word, style) = if seen.holds {
            ("ok  ", Style::Good)
        } else {
            ("FAIL", Style::Bad)
        };
        output::line(&format!(
            "    {}  {}: {}",
            output::styled(word, style),
            seen.expected,
            seen.seen
        ));
    }
}

fn as_json(drill: &Drill, ran: &Ran) -> Value {
    let checks: Vec<Value> = ran
        .seen
        .iter()
        .map(|seen| json!({ "expected": seen.expected, "seen": seen.seen, "holds": seen.holds }))
        .collect();
    json!({
        "name": drill.name,
        "fault": drill.fault,
        "checks": checks,
        "states": ran.states,
        "seconds": ran.seconds,
        "holds": ran.holds(),
    })
}
