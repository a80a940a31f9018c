//! What an import prints: a block for each file, and rows read, written and refused by kind.

use super::Args;
use crate::failure::Failure;
use crate::output::{self, Style};
use anyhow::anyhow;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tickloom_backtest::text::grouped;
use tickloom_data::{Format, FormatError, ImportReport, Input, KindCount, Table, Taken};
use tickloom_types::{Ts, some_of};

/// Files of which each has its own block; of more only those that are worth a word have one.
const BLOCKS_MAX: usize = 10;

/// What became of one file, of a member of a zip, or of the captures of one venue, which belong together.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Imported {
    pub(super) files: Vec<PathBuf>,
    /// Name within the file, if that is a zip.
    pub(super) member: Option<String>,
    pub(super) format: Option<String>,
    /// Rows or lines.
    pub(super) read: u64,
    /// Records in the catalog.
    pub(super) written: u64,
    /// Rows or lines that were left out.
    pub(super) refused: u64,
    /// Rows that are there already and count once.
    pub(super) repeated: u64,
    /// The first of them.
    pub(super) repeats: Vec<String>,
    /// Rows without numbers that say what rows of earlier imports say, and were taken: they may count twice.
    pub(super) maybe_repeated: u64,
    /// What the columns of a text were taken for.
    pub(super) taken: Option<Taken>,
    /// The same by kind.
    pub(super) kinds: BTreeMap<Table, KindCount>,
    /// Rows that are no records of a market, by what they are.
    pub(super) not_kept: BTreeMap<String, u64>,
    /// Messages with market data by kind, of captures.
    pub(super) messages: BTreeMap<&'static str, u64>,
    /// Lines that were left out, by reason.
    pub(super) reasons: BTreeMap<String, u64>,
    /// The first of the wrong rows.
    pub(super) errors: Vec<String>,
    pub(super) instruments: Vec<String>,
    pub(super) from: Option<Ts>,
    pub(super) to: Option<Ts>,
    /// Name under which the catalog keeps it.
    pub(super) run: Option<String>,
    /// The catalog had it already.
    pub(super) unchanged: bool,
    pub(super) notes: Vec<String>,
    /// Why a file of a directory, which nobody named, was passed over: it is in no format that is known.
    pub(super) passed_over: Option<String>,
    /// Why nothing could be read.
    pub(super) failed: Option<String>,
}

impl Imported {
    /// Files of which nothing was read yet.
    pub(super) fn of(files: &[PathBuf]) -> Imported {
        Imported {
            files: files.to_vec(),
            ..Imported::default()
        }
    }

    /// Of which member of a zip it is.
    pub(super) fn within(mut self, input: &Input) -> Imported {
        self.member = input.member().map(str::to_owned);
        self
    }

    /// A file of which nothing can be read.
    pub(super) fn failed(file: &Path, why: &str) -> Imported {
        Imported {
            failed: Some(why.to_owned()),
            ..Imported::of(&[file.to_owned()])
        }
    }

    /// A file of a directory that is in no format that is known.
    pub(super) fn passed_over(file: &Path, why: &str) -> Imported {
        Imported {
            passed_over: Some(why.to_owned()),
            ..Imported::of(&[file.to_owned()])
        }
    }

    /// A file of definitions, which those of records say that they use.
    pub(super) fn definitions(file: &Path) -> Imported {
        let note = "definitions, for files of records of the same dataset and time";
        Imported {
            format: Some(Format::Dbn.to_string()),
            notes: vec![note.to_owned()],
            ..Imported::of(&[file.to_owned()])
        }
    }

    /// The catalog has these rows of it already.
    pub(super) fn has_already(&mut self, rows: &BTreeMap<Table, u64>) {
        self.unchanged = true;
        for (table, written) in rows {
            self.kinds.entry(*table).or_default().written = *written;
            self.written += written;
        }
    }

    /// Retention dropped rows of the run into which a compaction put it, and nobody knows whether of this.
    pub(super) fn was_dropped(&mut self, bundle: &str) {
        self.failed = Some(format!(
            "{}: retention dropped rows of {bundle}, into which a compaction put it, and nobody knows whether of this: import it into another catalog",
            self.name()
        ));
    }

    /// A file of which too many rows are wrong.
    pub(super) fn refused(error: FormatError) -> Imported {
        let why = error.to_string();
        match error {
            FormatError::Refused { report, .. } => {
                let mut refused = Imported::rows(*report);
                refused.written = 0;
                refused.kinds.values_mut().for_each(|kind| kind.written = 0);
                Imported {
                    failed: Some(why),
                    ..refused
                }
            }
            _ => Imported {
                failed: Some(why),
                ..Imported::default()
            },
        }
    }

    /// What a file of rows came to.
    pub(super) fn rows(report: ImportReport) -> Imported {
        let mut notes = report.notes;
        if let Some(bar) = report.bar {
            notes.insert(0, format!("bars of size {bar}"));
        }
        notes.extend(crate::capture::stamp(report.stamp.as_deref()));
        Imported {
            files: vec![report.file],
            member: report.member,
            format: Some(report.format.to_string()),
            read: report.read,
            written: report.written,
            refused: report.refused,
            repeated: report.repeated,
            repeats: report.repeats,
            maybe_repeated: report.maybe_repeated,
            taken: report.taken,
            kinds: report.kinds,
            not_kept: report.not_kept,
            reasons: report.reasons,
            errors: report.errors.iter().map(ToString::to_string).collect(),
            instruments: report.instruments,
            from: report.from,
            to: report.to,
            run: report.run,
            unchanged: report.unchanged,
            notes,
            ..Imported::default()
        }
    }

    pub(super) fn name(&self) -> String {
        let files = self.files.iter().map(|file| file.display().to_string());
        let files = files.collect::<Vec<_>>().join(", ");
        match &self.member {
            Some(member) => format!("{files} ({member})"),
            None => files,
        }
    }
}

/// Sums over all files.
#[derive(Default)]
struct Total {
    read: u64,
    written: u64,
    refused: u64,
    kinds: BTreeMap<Table, KindCount>,
    not_kept: BTreeMap<String, u64>,
    /// Records that the catalog has already of files that were imported before.
    unchanged: u64,
}

impl Total {
    fn of(all: &[Imported]) -> Total {
        let mut total = Total::default();
        for one in all {
            total.read += one.read;
            // What is there already was written then, and not now.
            let (now, before) = match one.unchanged {
                true => (0, one.written),
                false => (one.written, 0),
            };
            total.written += now;
            total.unchanged += before;
            total.refused += one.refused;
            for (table, count) in &one.kinds {
                let sum = total.kinds.entry(*table).or_default();
                sum.read += count.read;
                sum.written += if one.unchanged { 0 } else { count.written };
                sum.refused += count.refused;
            }
            for (what, count) in &one.not_kept {
                *total.not_kept.entry(what.clone()).or_default() += count;
            }
        }
        total
    }
}

/// Says what was imported, and what was not.
pub(super) fn report(args: &Args, all: &[Imported]) -> Result<(), Failure> {
    let failures: Vec<&str> = all.iter().filter_map(|one| one.failed.as_deref()).collect();
    let total = Total::of(all);
    if args.json {
        output::json(&serde_json::json!({
            "catalog": args.catalog,
            "dry_run": args.dry_run,
            "read": total.read,
            "written": total.written,
            "unchanged": total.unchanged,
            "refused": total.refused,
            "maybe_repeated": all.iter().map(|one| one.maybe_repeated).sum::<u64>(),
            "repeated": all.iter().map(|one| one.repeated).sum::<u64>(),
            "kinds": total.kinds,
            "not_kept": total.not_kept,
            "failed": failures.len(),
            "passed_over": all.iter().filter(|one| one.passed_over.is_some()).count(),
            "imports": all,
        }))?;
    } else {
        print(all, &total);
    }
    match failures.as_slice() {
        [] if all.iter().all(|one| one.passed_over.is_some()) => Err(Failure::input(anyhow!(
            "nothing to import: {}",
            match all {
                [] => "there are no files".to_owned(),
                _ => format!("of {} files none is in a known format", all.len()),
            }
        ))),
        [] => Ok(()),
        [only] => Err(Failure::input(anyhow!("{only}"))),
        [first, rest @ ..] => Err(Failure::input(anyhow!(
            "{first} (and {} more could not be read)",
            rest.len()
        ))),
    }
}

fn print(all: &[Imported], total: &Total) {
    let is_short = all.len() <= BLOCKS_MAX;
    // The first failure is what the command ends with.
    let mut failures = 0;
    for one in all {
        if let Some(taken) = &one.taken {
            output::note(&format!("{}: {taken}", one.name()));
        }
        for error in one.errors.iter().chain(&one.repeats) {
            output::note(error);
        }
        if let Some(failed) = &one.failed {
            failures += 1;
            if failures > 1 {
                output::note(failed);
            }
        } else if let Some(why) = &one.passed_over {
            output::note(&format!("passed over: {why}"));
        } else if is_short || one.refused > 0 {
            block(one);
        }
    }
    if !is_short {
        output::line(&format!(
            "{} files; --json has what each of them came to",
            grouped(all.len() as u128)
        ));
    }
    table(total);
}

fn block(one: &Imported) {
    output::line(&output::styled(&one.name(), Style::Bold));
    let row = |name: &str, value: &str| output::line(&format!("  {name:<12} {value}"));
    if !one.instruments.is_empty() {
        row("Instruments", &some_of(&one.instruments));
    }
    if one.unchanged {
        row("Unchanged", "the catalog has it already");
    } else {
        let wrong = match one.refused {
            0 => String::new(),
            refused => format!(", {} left out", grouped(u128::from(refused))),
        };
        let repeated = match one.repeated {
            0 => String::new(),
            repeated => format!(", {} repeated", grouped(u128::from(repeated))),
        };
        let (read, written) = (
            grouped(u128::from(one.read)),
            grouped(u128::from(one.written)),
        );
        row(
            "Lines",
            &format!("{read} read{wrong}{repeated}, {written} records written"),
        );
    }
    // Of captures the notes have them.
    for (reason, rows) in one.reasons.iter().filter(|_| one.messages.is_empty()) {
        let rows = grouped(u128::from(*rows));
        row("Left out", &format!("{rows} for {reason}"));
    }
    if let (Some(from), Some(to)) = (one.from, one.to) {
        row("Time", &format!("{from} to {to}"));
    }
    if let Some(format) = &one.format {
        row("Format", format);
    }
    for note in &one.notes {
        row("Content", note);
    }
}

/// Rows read, written and refused by kind.
fn table(total: &Total) {
    let row = |name: &str, [read, written, refused]: [&str; 3]| {
        output::line(&format!(
            "{name:<16} {read:>12} {written:>12} {refused:>12}"
        ));
    };
    row("Kind", ["Read", "Written", "Refused"]);
    for (table, count) in &total.kinds {
        let [read, written, refused] =
            [count.read, count.written, count.refused].map(|n| grouped(u128::from(n)));
        row(&table.to_string(), [&read, &written, &refused]);
    }
    if total.unchanged > 0 {
        let there = grouped(u128::from(total.unchanged));
        output::line(&format!("{there} records are in the catalog already"));
    }
    for (what, read) in &total.not_kept {
        row(what, [&grouped(u128::from(*read)), "not kept", ""]);
    }
}
