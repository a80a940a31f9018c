//! Captures of venues' messages among the files that are imported: those of one recording belong together and are decoded as
//! they would be live.

use super::books_left::BooksLeft;
use super::catalog_sink::CatalogSink;
use super::known::KnownOfCapture;
use super::report::Imported;
use super::{ERRORS_SHOWN, Target};
use crate::capture;
use crate::failure::Failure;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tickloom_data::{FormatError, Importing, Refusals, RefusedMax, RunEnd, Table, content_run};
use tickloom_feeds::VenueKind;
use tickloom_feeds::capture::{
    CaptureReport, CaptureSource, Origin, Recorder, Recording, recordings,
};
use tickloom_journal::RunMeta;

/// What holds for captures.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How many lines may be left out, if that was said.
    pub(super) refused_max: Option<RefusedMax>,
    /// Whether a recording is refused of which lines may count twice.
    pub(super) is_strict: bool,
    /// Bytes of memory.
    pub(super) memory: u64,
}

/// Captures by origin, in the order in which they were given.
#[derive(Default)]
pub(super) struct Captures {
    by_origin: Vec<(Origin, Vec<PathBuf>)>,
}

impl Captures {
    pub(super) fn add(&mut self, origin: Origin, file: &Path) {
        let known = self.by_origin.iter_mut().find(|(of, _)| *of == origin);
        match known {
            Some((_, files)) => files.push(file.to_owned()),
            None => self.by_origin.push((origin, vec![file.to_owned()])),
        }
    }

    /// The venues of those in the directory of a file.
    pub(super) fn venues_beside(&self, file: &Path) -> Vec<VenueKind> {
        let is_beside = |(_, files): &&(Origin, Vec<PathBuf>)| {
            let mut files = files.iter();
            files.any(|other| other.parent() == file.parent())
        };
        let mut venues = Vec::new();
        for (origin, _) in self.by_origin.iter().filter(is_beside) {
            if !venues.contains(&origin.venue) {
                venues.push(origin.venue);
            }
        }
        venues
    }

    /// Decodes them, each recording into a run of its own.
    pub(super) fn import(
        self,
        target: &Target,
        limits: Limits,
        spinner: &ProgressBar,
    ) -> Result<Vec<Imported>, Failure> {
        let mut all = Vec::new();
        if self.by_origin.is_empty() {
            return Ok(all);
        }
        let mut left = BooksLeft::of(target)?;
        for (origin, files) in self.by_origin {
            spinner.set_message(origin.venue.name().to_owned());
            for recording in together(origin, &files, &mut all)? {
                let of = (origin, recording.as_slice());
                all.push(import_captures(of, target, &mut left, limits)?);
            }
        }
        Ok(all)
    }
}

/// Parts files into recordings. If one of them cannot be read all are told together as failed, as nothing can be said of them.
fn together(
    origin: Origin,
    files: &[PathBuf],
    all: &mut Vec<Imported>,
) -> Result<Vec<Vec<PathBuf>>, Failure> {
    let sources: Result<Vec<CaptureSource>, FormatError> =
        files.iter().map(|file| capture::source(file)).collect();
    match recordings(origin, &sources.map_err(Failure::input)?) {
        Ok(parted) => {
            let named =
                |recording: Vec<usize>| recording.iter().map(|at| files[*at].clone()).collect();
            Ok(parted.into_iter().map(named).collect())
        }
        Err(error) => {
            all.push(Imported {
                failed: Some(error.to_string()),
                ..Imported::of(files)
            });
            Ok(Vec::new())
        }
    }
}

/// Decodes the captures of one recording into a run of their own.
fn import_captures(
    (origin, files): (Origin, &[PathBuf]),
    target: &Target,
    left: &mut BooksLeft,
    limits: Limits,
) -> Result<Imported, Failure> {
    let mut imported = Imported::of(files);
    imported.format = Some("capture".to_owned());
    loop {
        let sources: Result<Vec<CaptureSource>, FormatError> =
            files.iter().map(|file| capture::source(file)).collect();
        let recording = match Recording::survey(origin, sources.map_err(Failure::input)?) {
            Ok(recording) => recording,
            Err(error) => {
                imported.failed = Some(error.to_string());
                return Ok(imported);
            }
        };
        let defs = recording.instruments().defs().iter();
        imported.instruments = defs.map(|def| def.name.clone()).collect();
        let run = run_of(origin, files)?;
        let names = imported.instruments.iter().map(String::as_str);
        let alone = target.catalog().importing(&[&run], names);
        let alone = alone.map_err(Failure::run)?;
        let done = import_alone(
            (imported.clone(), origin, run),
            recording,
            (target, &alone),
            left,
            limits,
        );
        match done {
            // In an object store somebody else has imported some of that. All is looked at again, where books stand as well.
            Err(_) if alone.is_overtaken().map_err(Failure::run)? => {
                *left = BooksLeft::of(target)?;
            }
            done => return done,
        }
    }
}

fn import_alone(
    (mut imported, origin, run): (Imported, Origin, String),
    mut recording: Recording,
    (target, alone): (&Target, &Importing),
    left: &mut BooksLeft,
    limits: Limits,
) -> Result<Imported, Failure> {
    let catalog = target.catalog();
    left.note(catalog, &run, &imported.instruments)?;
    let after = match recording.go_on(&left.all()) {
        Ok(after) => after,
        Err(error) => {
            imported.failed = Some(error.to_string());
            return Ok(imported);
        }
    };
    let instruments = recording.instruments().clone();
    let started = recording.started().map_err(Failure::input)?;
    let mut meta = RunMeta::new(&run, started, instruments.clone()).map_err(Failure::run)?;
    meta.name_files(imported.files.iter().map(PathBuf::as_path));
    let mut part = format!("capture:{}", imported.instruments.join(","));
    for end in &after {
        // Imported again with what comes before, it is another part.
        part.push_str(&format!(";{} after {}", end.instrument, end.last_id));
        imported.notes.push(format!(
            "{} goes on after update {} of an earlier import",
            end.instrument, end.last_id
        ));
    }
    let known =
        KnownOfCapture::of(catalog, &run, &instruments, limits.memory).map_err(Failure::run)?;
    let there = catalog.has_part(&run, 0, &part).map_err(Failure::run)?;
    imported.run = target.kept(run.clone());
    if let Some(written) = there {
        match catalog.dropped_bundle(&run).map_err(Failure::run)? {
            None => imported.has_already(&written.rows),
            Some(bundle) => imported.was_dropped(&bundle),
        }
        return Ok(imported);
    }
    let writer = alone.writer(&meta, 0, &part).map_err(Failure::run)?;
    let mut sink = CatalogSink::new(writer, known);
    let report = match recording.decode(&mut sink) {
        Ok(report) => report,
        Err(error) => {
            sink.writer.abandon().map_err(Failure::run)?;
            imported.failed = Some(error.to_string());
            return Ok(imported);
        }
    };
    let imported = finish(imported, (origin, &report), sink, limits)?;
    if imported.failed.is_none() {
        left.insert(run, report.ends);
    }
    Ok(imported)
}

/// Says what came of a recording, and lets the catalog keep it unless it is refused.
fn finish(
    mut imported: Imported,
    (origin, report): (Origin, &CaptureReport),
    sink: CatalogSink<'_>,
    limits: Limits,
) -> Result<Imported, Failure> {
    if let Some(error) = sink.failed {
        return Err(Failure::run(error));
    }
    let mut left_out = capture::left_out(report);
    let known = sink.known;
    let twice = known.records.counted_twice();
    let twice = twice.map(|why| format!("{}: {why}", imported.name()));
    if let Some(why) = known.other_book().map_err(Failure::run)?.or(twice) {
        sink.writer.abandon().map_err(Failure::run)?;
        tell(&mut imported, origin, report, &left_out);
        imported.failed = Some(why);
        return Ok(imported);
    }
    imported.repeated = report.repeated + report.lines_again;
    imported.maybe_repeated = report.lines_perhaps;
    for (_, told, reason) in known.records.told() {
        left_out.add(reason, told.contradicted);
        told.contradictions
            .iter()
            .for_each(|text| left_out.at(text));
        imported.repeated += told.repeated;
        imported.repeats.extend(told.repeats);
        imported.errors.extend(told.contradictions);
    }
    let is_market = |table: &Table| !matches!(table, Table::Status | Table::Timers);
    let has_market = sink.kinds.keys().any(is_market) || imported.repeated > 0;
    let nothing = || capture::came_to_nothing(report, has_market);
    let too_many = || capture::too_many((&left_out, report.bad), limits.refused_max);
    let maybe_twice = || capture::maybe_repeated(report).filter(|_| limits.is_strict);
    if let Some(why) = too_many().or_else(maybe_twice).or_else(nothing) {
        sink.writer.abandon().map_err(Failure::run)?;
        tell(&mut imported, origin, report, &left_out);
        imported.failed = Some(format!("{}: {why}", imported.name()));
        return Ok(imported);
    }
    let mut writer = sink.writer;
    writer.set_end(RunEnd {
        left_out: left_out.clone(),
        books: report.ends.clone(),
        ..RunEnd::default()
    });
    writer.finish().map_err(Failure::run)?;
    imported.kinds = sink.kinds;
    imported.written = sink.records;
    (imported.from, imported.to) = (sink.from, sink.to);
    tell(&mut imported, origin, report, &left_out);
    Ok(imported)
}

/// The run of a recording: its content and by whom it was recorded.
fn run_of(origin: Origin, files: &[PathBuf]) -> Result<String, Failure> {
    let salt = match origin.recorder {
        Recorder::Stamped => origin.venue.name().to_owned(),
        other => format!("{} {other:?}", origin.venue.name()),
    };
    content_run(files, &salt).map_err(Failure::run)
}

fn tell(imported: &mut Imported, origin: Origin, report: &CaptureReport, left_out: &Refusals) {
    imported.read = report.lines;
    imported.refused = left_out.refused;
    let goes_on = match origin.is_ours() {
        true => {
            ", which nothing in the catalog ends at: import what comes before, and then this again"
        }
        false => "",
    };
    for book in &report.unjoined {
        let told = capture::unjoined(book);
        imported.notes.push(format!("{told}{goes_on}"));
    }
    let errors = report.bad_lines.iter().take(ERRORS_SHOWN);
    imported.errors.extend(errors.map(ToString::to_string));
    imported.notes.push(format!(
        "{} trades, {} quotes, {} bars, {} depth messages with {} level changes, {} snapshots",
        report.trades,
        report.quotes,
        report.bars,
        report.diffs,
        report.level_changes,
        report.snapshots
    ));
    let sync = &report.sync;
    if sync.gaps + sync.checksums + sync.before_snapshot > 0 {
        imported.notes.push(format!(
            "{} gaps, {} checksums of which {} wrong, {} changes before a snapshot",
            sync.gaps, sync.checksums, sync.checksums_wrong, sync.before_snapshot
        ));
    }
    if sync.checksums_untold > 0 {
        imported.notes.push(format!(
            "{} checksums of 0, which say nothing: these books are checked by their ids alone",
            sync.checksums_untold
        ));
    }
    if report.bad_times > 0 {
        imported.notes.push(format!(
            "{} times of the venue were far from the recording's own course and are not used",
            report.bad_times
        ));
    }
    imported.notes.extend(capture::books(report));
    let each = |counts: &BTreeMap<&'static str, u64>| {
        let each = counts.iter();
        let each: Vec<String> = each
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        each.join(", ")
    };
    if !report.messages.is_empty() {
        imported
            .notes
            .push(format!("messages: {}", each(&report.messages)));
    }
    if !report.reasons.is_empty() {
        imported
            .notes
            .push(format!("wrong: {}", each(&report.reasons)));
    }
    imported.messages.clone_from(&report.messages);
    imported.reasons.clone_from(&left_out.reasons);
    let not_kept = report.no_market_data.iter();
    imported.not_kept = not_kept
        .map(|(what, count)| (format!("{what} (no market data)"), *count))
        .collect();
    let other = report.other_books.iter();
    imported
        .not_kept
        .extend(other.map(|(channel, count)| (channel.clone(), *count)));
}
