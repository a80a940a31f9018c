//! What `tickloom catalog` tells people; what `ls` tells is in `listed`.

use crate::failure::Failure;
use crate::output::{self, Style};
use serde_json::Value;
use tickloom_backtest::text::grouped;
use tickloom_data::{
    DaysOfBars, Extent, MigrateReport, RetainReport, RewriteReport, Shown, ShownRow, VerifyReport,
};
use tickloom_types::{BarSpec, InstrumentDef, Term, Ts, pow10};

/// Partitions that are named one by one; the rest is counted.
const PARTITIONS_SHOWN: usize = 20;

pub(super) fn number(value: u64) -> String {
    grouped(u128::from(value))
}

fn heading(text: &str) {
    output::line(&output::styled(text, Style::Bold));
}

/// Lines whose columns are as wide as their widest cell. The first columns are text, the last `numbers` are numbers.
pub(super) fn columns(head: &[&str], rows: &[Vec<String>], numbers: usize) {
    let mut widths: Vec<usize> = head.iter().map(|name| name.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let text = head.len() - numbers;
    let line = |cells: Vec<&str>| {
        let cells = cells.into_iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (cell, width))| match at < text {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    output::line(&output::styled(&line(head.to_vec()), Style::Dim));
    for row in rows {
        output::line(&line(row.iter().map(String::as_str).collect()));
    }
}

fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        let tenths = (u128::from(bytes) * 10) >> shift;
        if tenths >= 10 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// Bars of a day or more are of days, all else of times.
pub(super) fn counts(extent: &Extent, days: Option<&DaysOfBars>) -> [String; 5] {
    let (from, to) = match days {
        Some(days) => (days.first_day.clone(), days.last_day.clone()),
        None => (extent.from.to_string(), extent.to.to_string()),
    };
    [
        from,
        to,
        number(extent.rows),
        number(extent.files),
        size(extent.bytes),
    ]
}

pub(super) fn name(instrument: Option<&String>) -> String {
    instrument.map_or("-".to_owned(), Clone::clone)
}

pub(super) fn bar(bar: Option<BarSpec>) -> String {
    bar.map_or(String::new(), |bar| bar.to_string())
}

/// Something in detail.
pub(super) fn shown(found: &Shown) {
    super::listed::listing(&found.listing);
    let versions = found.listing.versions.iter();
    let versions: Vec<String> = versions
        .map(|(version, files)| format!("{version} in {} files", number(*files)))
        .collect();
    output::line("");
    row("schema version", &versions.join(", "));
    found.instruments.iter().for_each(instrument);
    output::line("");
    let days: Vec<Vec<String>> = found
        .days
        .iter()
        .map(|day| {
            let mut cells = vec![
                day.date.clone(),
                day.table.to_string(),
                name(day.instrument.as_ref()),
                bar(day.bar),
            ];
            cells.extend(counts(&day.extent, day.days.as_ref()));
            cells
        })
        .collect();
    columns(
        &[
            "from day",
            "table",
            "instrument",
            "size",
            "from",
            "to",
            "rows",
            "files",
            "bytes",
        ],
        &days,
        3,
    );
    for one in &found.dropped {
        output::line(&format!(
            "dropped by retention: {} rows of {} of {} from {} to {}",
            number(one.rows),
            one.table,
            name(one.instrument.as_ref()),
            one.from,
            one.to
        ));
    }
    ends("first row", found.first.as_ref());
    ends("last row", found.last.as_ref());
}

/// What was found as a script reads it: an instrument says what of it is assumed where `instruments ls` says it too.
pub(super) fn as_json(found: &Shown) -> Result<Value, Failure> {
    let mut found = serde_json::to_value(found).map_err(Failure::run)?;
    let instruments = found["instruments"].as_array_mut().into_iter().flatten();
    for instrument in instruments {
        if let Some(assumed) = instrument["contract"].get("assumed").cloned() {
            instrument["assumed"] = assumed;
        }
    }
    Ok(found)
}

fn row(name: &str, value: &str) {
    output::line(&format!("  {name:<16} {value}"));
}

fn instrument(def: &InstrumentDef) {
    output::line("");
    heading(&def.name);
    let step = |mantissa: i64, decimals: u8| {
        let unit = pow10(decimals);
        let width = usize::from(decimals);
        match decimals {
            0 => mantissa.to_string(),
            _ => format!("{}.{:0width$}", mantissa / unit, mantissa % unit),
        }
    };
    // What a source did not say, and nobody since.
    let told = |term: Term, value: &str| match def.contract.assumed.contains(&term) {
        true => format!("{value} (assumed)"),
        false => value.to_owned(),
    };
    let tick = step(def.tick_size, def.price_decimals);
    row("tick size", &told(Term::Tick, &tick));
    let lot = step(def.lot_size, def.qty_decimals);
    row("lot size", &told(Term::Lot, &lot));
    row(
        "decimals",
        &format!(
            "{} of prices, {} of sizes",
            def.price_decimals, def.qty_decimals
        ),
    );
    row(
        "multiplier",
        &told(Term::Multiplier, &def.multiplier_text()),
    );
    row("currency", &told(Term::Currency, &def.currency));
    row(
        "calendar",
        def.calendar.as_deref().unwrap_or("trades at all times"),
    );
}

fn ends(what: &str, found: Option<&ShownRow>) {
    let Some(found) = found else {
        return;
    };
    output::line("");
    heading(what);
    for (column, value) in found {
        row(column, value);
    }
}

/// What a check found.
pub(super) fn verified(found: &VerifyReport) {
    for fault in &found.faults {
        output::line(&fault.to_string());
    }
    for leftover in &found.leftovers {
        output::note(&format!(
            "{}: {}",
            leftover.path.display(),
            leftover.what.name()
        ));
    }
    output::line(&format!(
        "{} runs, {} files, {} rows, {} faults",
        number(found.runs),
        number(found.files),
        number(found.rows),
        found.faults.len()
    ));
    if found.without_hash > 0 {
        output::line(&format!(
            "{} files have no hash in the index, as they are of schema version 1; tickloom catalog migrate adds it",
            number(found.without_hash)
        ));
    }
    if found.entries_without_hash > 0 {
        output::line(&format!(
            "{} entries of the index have no hash of themselves, as they are of an earlier version: they were read, and are not covered",
            number(found.entries_without_hash)
        ));
    }
    if found.rows_dropped > 0 {
        output::line(&format!(
            "{} rows were dropped by retention",
            number(found.rows_dropped)
        ));
    }
    if found.behind > 0 {
        output::line(&format!(
            "{} sealed segments of a run that is going on are not in it yet",
            number(found.behind)
        ));
    }
    if found.leftovers_removed > 0 {
        output::line(&format!(
            "{} files that no index lists were removed",
            number(found.leftovers_removed)
        ));
    }
}

/// What was rewritten.
pub(super) fn rewritten(found: &RewriteReport, dry_run: bool) {
    let verb = if dry_run { "would become" } else { "became" };
    for bundle in &found.bundles {
        output::line(&format!(
            "{} imports with {} files and {} rows {verb} {} with {} files",
            number(bundle.members.len() as u64),
            number(bundle.files_before),
            number(bundle.rows),
            bundle.run,
            number(bundle.files_after)
        ));
    }
    for one in found.partitions.iter().take(PARTITIONS_SHOWN) {
        output::line(&format!(
            "{} {}: {} files to {}, {} rows",
            one.run,
            one.dir.display(),
            number(one.files_before),
            number(one.files_after),
            number(one.rows)
        ));
    }
    let more = found.partitions.len().saturating_sub(PARTITIONS_SHOWN);
    if more > 0 {
        output::line(&format!("and {more} more"));
    }
    output::line(&match found.files_before {
        0 if !found.bundles.is_empty() => "nothing else to do".to_owned(),
        0 => "nothing to do".to_owned(),
        files => format!(
            "{} files with {} rows {verb} {}",
            number(files),
            number(found.rows),
            number(found.files_after)
        ),
    });
    if found.leftovers_removed > 0 {
        output::line(&format!(
            "{} files that no index lists were removed",
            number(found.leftovers_removed)
        ));
    }
}

/// What was migrated.
pub(super) fn migrated(found: &MigrateReport, dry_run: bool) {
    for (version, files) in &found.versions {
        output::line(&format!("{} files of version {version}", number(*files)));
    }
    output::line(&format!("current version {}", found.version));
    rewritten(&found.rewritten, dry_run);
}

/// What was dropped.
pub(super) fn retained(found: &RetainReport, before: Ts, dry_run: bool) {
    for file in found.dropped.iter().take(PARTITIONS_SHOWN) {
        output::line(&format!(
            "{}: {} rows, {}",
            file.path.display(),
            number(file.rows),
            size(file.bytes)
        ));
    }
    let more = found.dropped.len().saturating_sub(PARTITIONS_SHOWN);
    if more > 0 {
        output::line(&format!("and {more} more"));
    }
    let verb = if dry_run {
        "would be dropped"
    } else {
        "were dropped"
    };
    output::line(&format!(
        "{} rows in {} files, {}, that ended before {before} {verb}",
        number(found.rows),
        number(found.files),
        size(found.bytes)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_largest_unit_that_they_fill() {
        let check = |bytes: u64, expected: &str| assert_eq!(size(bytes), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1_600_000, "1.5 MiB");
        check(u64::MAX, "17179869183.9 GiB");
    }
}
