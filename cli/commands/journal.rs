//! `tickloom journal`: looks at a run's journal, checks it, drops its front, and rescues what is whole of a damaged one.

mod beside;
mod limits;
mod print;

use crate::failure::Failure;
use crate::output;
use crate::stop::Stop;
use anyhow::anyhow;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};
use tickloom_journal::{
    JournalError, prunable, prune_journal, salvage_journal, survey_journal, verify_journal,
};

const LS: &str = "\
Examples:
  tickloom journal ls recorded
  tickloom journal ls recorded/journal/20240808T235413Z --json

Segments with their numbers of inputs and outputs, sessions with the numbers that a crash took back, what is on the disk,
and how far each named cursor is behind it. Records are not read: `verify` does.

Exit codes: 0 listed, 1 it could not be read, or a cursor is damaged, 2 there is no journal.";

const VERIFY: &str = "\
Examples:
  tickloom journal verify recorded
  tickloom journal verify recorded/journal/20240808T235413Z --json

Reads every byte: checksums, the chain of hashes, numbers, the end of a run that was closed, each snapshot, and whether the
journal has what each named cursor and QuestDB have read. A torn tail is what a crash leaves, and no fault: the next start
cuts it. If there is a catalog beside the journal, its index is compared with the segments; `tickloom catalog verify` compares
every row.

Exit codes: 0 all is true, 1 something is wrong (a line for each), 2 there is no journal.";

const PRUNE: &str = "\
Examples:
  tickloom journal prune recorded --dry-run
  tickloom journal prune recorded/journal/20240808T235413Z

Removes segments from the front that nobody needs: those that are in the catalog beside the journal (if there is one), past
every named cursor and past what QuestDB has confirmed, and covered by a snapshot. It says who needs what stays.

Exit codes: 0 done, or nothing can go, 1 a file could not be read or removed, 2 there is no journal.";

const SALVAGE: &str = "\
Examples:
  tickloom journal salvage recorded/journal/20240808T235413Z rescued/journal/20240808T235413Z

Copies every whole block before and behind damage into a new journal. Records keep their numbers; where some are lost, the
new journal says so. Each loss is named: file, bytes, numbers of inputs and outputs. The old journal is not changed.

Exit codes: 0 rescued (also if something is lost), 1 a file could not be read or written, 2 there is no journal, it is being
written, or OUT is not empty.";

/// Look at a run's journal, check it, drop its front, rescue it.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List segments, sessions and cursors
    #[command(after_help = LS)]
    Ls(Look),
    /// Check every byte
    #[command(after_help = VERIFY)]
    Verify(Look),
    /// Remove segments from the front that nobody needs
    #[command(after_help = PRUNE)]
    Prune(Prune),
    /// Rescue what is whole of a damaged journal
    #[command(after_help = SALVAGE)]
    Salvage(Salvage),
}

#[derive(clap::Args)]
struct Look {
    /// The directory of one run's journal, or of `tickloom run --record` with one run
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Prune {
    #[command(flatten)]
    look: Look,
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
struct Salvage {
    /// The directory of one run's journal, or of `tickloom run --record` with one run
    dir: PathBuf,
    /// A new directory for what is rescued
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Ls(look) => ls(&look),
        Command::Verify(look) => verify(&look),
        Command::Prune(args) => prune(&args),
        Command::Salvage(args) => salvage(&args),
    }
}

fn ls(look: &Look) -> Result<(), Failure> {
    let dir = find(&look.dir)?;
    let survey = survey_journal(&dir).map_err(failure)?;
    if look.json {
        return output::json(&json!({ "journal": dir, "survey": survey }));
    }
    print::survey(&dir, &survey);
    Ok(())
}

fn verify(look: &Look) -> Result<(), Failure> {
    let dir = find(&look.dir)?;
    let stop = Stop::catch()?;
    let progress = output::spinner("verify");
    let checked = verify_journal(&dir, |bytes| {
        progress.set_message(format!("{} MB", bytes >> 20));
        if stop.is_wanted() {
            return Err(JournalError::Stopped);
        }
        Ok(())
    });
    progress.finish_and_clear();
    let checked = checked.map_err(failure)?;
    let mut faults: Vec<String> = checked.faults.iter().map(ToString::to_string).collect();
    faults.extend(beside::faults(&dir)?);
    let differences = limits::differences(&dir)?;
    if look.json {
        output::json(&print::checked_json(&dir, &checked, &faults, &differences))?;
    } else {
        print::checked(&dir, &checked, &faults, &differences);
    }
    let differences = differences.iter().map(ToString::to_string);
    match faults.into_iter().chain(differences).next() {
        None => Ok(()),
        Some(first) => Err(Failure::run(anyhow!(first))),
    }
}

fn prune(args: &Prune) -> Result<(), Failure> {
    let dir = find(&args.look.dir)?;
    let limits = limits::limits(&dir)?;
    let below = limits.iter().map(|limit| limit.below).min().unwrap_or(0);
    let going = prunable(&dir, below).map_err(failure)?;
    if !args.dry_run {
        prune_journal(&dir, &going).map_err(failure)?;
    }
    if args.look.json {
        let limits = limits
            .iter()
            .map(|limit| json!({ "who": limit.who, "from": limit.below }));
        return output::json(&json!({
            "journal": dir,
            "dry_run": args.dry_run,
            "removed": going,
            "needed": limits.collect::<Vec<_>>(),
        }));
    }
    print::pruned(&dir, &going, &limits, args.dry_run);
    Ok(())
}

fn salvage(args: &Salvage) -> Result<(), Failure> {
    let dir = find(&args.dir)?;
    let salvaged = salvage_journal(&dir, &args.out).map_err(failure)?;
    if args.json {
        return output::json(&print::salvaged_json(&dir, &args.out, &salvaged));
    }
    print::salvaged(&args.out, &salvaged);
    Ok(())
}

/// The journal that is meant: the directory itself, or the only run below a record directory.
fn find(dir: &Path) -> Result<PathBuf, Failure> {
    let runs = dir.join("journal");
    if !runs.is_dir() {
        return Ok(dir.to_owned());
    }
    let entries = std::fs::read_dir(&runs).map_err(Failure::run)?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => Err(Failure::input(anyhow!("no run in {}", runs.display()))),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Err(Failure::input(anyhow!(
                "{} has several runs: name one of {}",
                dir.display(),
                names.join(", ")
            )))
        }
    }
}

/// What is wrong with the command line exits with 2, what is wrong with the journal or the disk with 1.
fn failure(error: JournalError) -> Failure {
    match error {
        JournalError::Missing { .. } | JournalError::Locked(_) | JournalError::NotEmpty(_) => {
            Failure::input(error)
        }
        JournalError::Stopped => Failure::Stopped(error.into()),
        error => Failure::run(error),
    }
}
