//! What `tickloom journal` shows, as text and as JSON.

use crate::output::{self, Style};
use serde_json::{Value, json};
use std::ops::Range;
use std::path::Path;
use tickloom_backtest::text::grouped;
use tickloom_data::Difference;
use tickloom_journal::{Checked, Lost, Numbers, PruneLimit, Salvaged, Session, Survey};

/// `inputs below 12, outputs below 3`.
fn counts(numbers: Numbers) -> String {
    let [inputs, outputs] = [numbers.inputs, numbers.outputs].map(|n| grouped(n.into()));
    format!("inputs below {inputs}, outputs below {outputs}")
}

fn heading(text: &str) {
    output::line(&output::styled(text, Style::Bold));
}

/// The journal at a glance.
pub(super) fn survey(dir: &Path, survey: &Survey) {
    let run = survey.run.as_deref().unwrap_or("a run without a name");
    heading(&format!("{run}  {}", dir.display()));
    output::line("  segment  format        bytes  inputs                   outputs");
    for segment in &survey.segments {
        let range = |range: Option<(u64, u64)>| match range {
            Some((first, last)) => format!("{first} to {last}"),
            None => "-".to_owned(),
        };
        let mut text = format!(
            "  {:>7}  {:>6}  {:>11}  {:<23}  {:<23}",
            segment.number,
            segment.format,
            grouped(segment.bytes.into()),
            range(segment.inputs),
            range(segment.outputs),
        );
        if segment.closed {
            text.push_str("  closed");
        }
        if segment.whole_bytes < segment.bytes {
            text.push_str(&format!("  whole up to byte {}", segment.whole_bytes));
        }
        output::line(text.trim_end());
    }
    for session in survey.segments.iter().flat_map(|s| &s.sessions) {
        output::line(&format!("  {}", session_text(session)));
    }
    output::line(&format!("  on the disk: {}", counts(survey.durable)));
    for cursor in &survey.cursors {
        output::line(&format!(
            "  cursor {}: in segment {}, {} records behind",
            cursor.name,
            cursor.segment,
            grouped(cursor.behind.into())
        ));
    }
}

fn session_text(session: &Session) -> String {
    let (kept, start) = (session.kept, session.start);
    let number = session.session;
    if kept == start {
        return format!("session {number}: from {}", place(start));
    }
    let what = if session.lost { "lost" } else { "retracted" };
    format!(
        "session {number}: from {}; {what}: {}, {}",
        place(start),
        range("input", &(kept.inputs..start.inputs)),
        range("output", &(kept.outputs..start.outputs)),
    )
}

fn place(numbers: Numbers) -> String {
    format!("input {} and output {}", numbers.inputs, numbers.outputs)
}

/// `inputs 3 to 7`, `no input`.
fn range(what: &str, range: &Range<u64>) -> String {
    match range.end.checked_sub(1) {
        Some(last) if range.start < last => format!("{what}s {} to {last}", range.start),
        Some(last) if range.start == last => format!("{what} {last}"),
        _ => format!("no {what}"),
    }
}

/// What was checked.
pub(super) fn checked(
    dir: &Path,
    checked: &Checked,
    faults: &[String],
    differences: &[Difference],
) {
    heading(&dir.display().to_string());
    let row = |name: &str, value: &str| output::line(&format!("  {name:<12} {value}"));
    let (first, last) = checked.segments;
    row("Segments", &format!("{first} to {last}"));
    row("Whole", &format!("{} bytes", grouped(checked.bytes.into())));
    row("Has", &counts(checked.next));
    row("On the disk", &counts(checked.durable));
    row("Sessions", &checked.sessions.to_string());
    let end = match (&checked.torn, checked.faults.is_empty()) {
        (Some(torn), _) => format!(
            "a torn tail: {} bytes of {} from byte {} on, which the next start cuts",
            torn.bytes,
            torn.file.display(),
            torn.offset
        ),
        (None, true) if checked.is_closed => "closed in order".to_owned(),
        (None, true) => "cut off after a whole block".to_owned(),
        (None, false) => "not reached, or not as it was".to_owned(),
    };
    row("End", &end);
    for fault in faults {
        output::line(&output::styled(&format!("  {fault}"), Style::Bad));
    }
    for difference in differences {
        output::line(&output::styled(&format!("  {difference}"), Style::Bad));
    }
}

/// The same as JSON.
pub(super) fn checked_json(
    dir: &Path,
    checked: &Checked,
    faults: &[String],
    differences: &[Difference],
) -> Value {
    let torn = checked
        .torn
        .as_ref()
        .map(|torn| json!({ "file": torn.file, "offset": torn.offset, "bytes": torn.bytes }));
    json!({
        "journal": dir,
        "first_segment": checked.segments.0,
        "last_segment": checked.segments.1,
        "whole_bytes": checked.bytes,
        "next": checked.next,
        "durable": checked.durable,
        "sessions": checked.sessions,
        "closed": checked.is_closed,
        "torn": torn,
        "faults": faults,
        "differences": differences,
    })
}

/// What went, and who needs what stays.
pub(super) fn pruned(dir: &Path, going: &[u32], limits: &[PruneLimit], is_dry: bool) {
    let verb = if is_dry { "would go" } else { "removed" };
    let text = match (going.first(), going.last()) {
        (Some(first), Some(last)) if first == last => format!("segment {first} {verb}"),
        (Some(first), Some(last)) => format!("segments {first} to {last} {verb}"),
        _ => "no segment can go".to_owned(),
    };
    heading(&format!("{}: {text}", dir.display()));
    for limit in limits {
        output::line(&format!(
            "  segments from {} on are needed by {}",
            limit.below, limit.who
        ));
    }
}

/// What was rescued and what is lost.
pub(super) fn salvaged(out: &Path, salvaged: &Salvaged) {
    heading(&format!(
        "{}: {} inputs and {} outputs in {} segments",
        out.display(),
        grouped(salvaged.inputs.into()),
        grouped(salvaged.outputs.into()),
        salvaged.segments
    ));
    if salvaged.lost.is_empty() {
        output::line("  nothing is lost");
    }
    for lost in &salvaged.lost {
        output::line(&output::styled(
            &format!("  lost: {}", lost_text(lost, salvaged.next)),
            Style::Bad,
        ));
    }
}

fn lost_text(lost: &Lost, next: Numbers) -> String {
    let numbers = match (&lost.inputs, &lost.outputs) {
        (Some(inputs), Some(outputs)) => {
            format!("{}, {}", range("input", inputs), range("output", outputs))
        }
        _ => format!("whatever came from {} on", place(next)),
    };
    format!(
        "{numbers}: {}, bytes {} to {}: {}",
        lost.file.display(),
        lost.bytes.start,
        lost.bytes.end,
        lost.why
    )
}

/// The same as JSON. Ranges are without their end; `null` is from `next` on.
pub(super) fn salvaged_json(dir: &Path, out: &Path, salvaged: &Salvaged) -> Value {
    let range = |range: &Range<u64>| json!([range.start, range.end]);
    let lost = salvaged.lost.iter().map(|lost| {
        json!({
            "file": lost.file,
            "bytes": range(&lost.bytes),
            "why": lost.why,
            "inputs": lost.inputs.as_ref().map(range),
            "outputs": lost.outputs.as_ref().map(range),
        })
    });
    json!({
        "journal": dir,
        "out": out,
        "segments": salvaged.segments,
        "inputs": salvaged.inputs,
        "outputs": salvaged.outputs,
        "next": salvaged.next,
        "lost": lost.collect::<Vec<_>>(),
    })
}
