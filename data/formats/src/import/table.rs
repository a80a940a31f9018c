//! Tables of bars, quotes, trades and books: read through once to find scales and sizes, and once more to make the records, so that
//! a file may be larger than memory. One that is not in the order of time (newest first, instrument after instrument) is sorted on the
//! way, in parts.

mod apart;
mod closing;
mod decimal;
mod doubt;
mod draft;
mod early;
mod moment;
mod names;
mod overlaps;
mod plan;
mod size;
mod sorted;
mod survey;
mod thirty_seconds;
mod told;
mod totals;
mod wrong_rows;

use super::input::Input;
use super::layout::Layout;
use super::options::ImportOptions;
use super::period::SETTLED_BY;
use super::prepared::{Prepared, Push};
use super::reader::{FileOrder, ReadRows, Reader, Repeats, note_of_cases};
use super::report::KindCount;
use super::report::{Found, Taken};
use super::role::Role;
use super::row::Shape;
use super::text::Lines;
use super::time::TimeFormat;
use crate::limits::SORTED_RECORDS_MAX;
use crate::{FormatError, Result};
use draft::Draft;
pub(super) use draft::{Drafted, DraftedOf, DraftedRecords};
use moment::Moment;
use overlaps::Overlaps;
use plan::Plan;
use size::bar_of;
use sorted::Sorted;
use survey::Survey;
use tickloom_catalog::RecordBlocks;
use tickloom_types::{Instruments, Ts};
use told::{Told, nothing};
use wrong_rows::wrong_rows;

/// Lines that are looked at to find out what the file is.
const HEAD_LINES: usize = 50;

/// The first lines of a file.
pub(super) fn head(input: &Input) -> Result<Vec<Vec<u8>>> {
    let mut lines = Lines::new(input.path(), input.open()?);
    let mut head = Vec::new();
    while head.len() < HEAD_LINES
        && let Some((_, line)) = lines.next()?
    {
        head.push(std::mem::take(line));
    }
    Ok(head)
}

/// Reads a file of this layout through once.
pub(super) fn prepare(
    input: &Input,
    options: &ImportOptions,
    mut layout: Layout,
) -> Result<Box<dyn Prepared>> {
    settle(input, options, &mut layout)?;
    let (mut survey, mut reader, mut draft) = survey(input, options, &layout)?;
    if reader.is_in_doubt {
        drop(reader);
        decimal::settle_numbers(input, &mut layout)?;
        (survey, reader, draft) = self::survey(input, options, &layout)?;
    }
    if reader.has_fine {
        drop(reader);
        doubt::settle_singles(input, &mut layout)?;
        (survey, reader, draft) = self::survey(input, options, &layout)?;
    }
    if !layout.words.is_empty() && reader.times.meet() {
        apart::no_instruments_by_words(input, &layout)?;
    }
    if layout.unknown.differ || reader.words_differ {
        names::no_instruments_by_names(input, &layout)?;
    }
    if survey.rows == 0 {
        return Err(nothing(&reader, &layout));
    }
    if let Some((found, expected)) = other_times(&layout, &survey, &reader) {
        return Err(layout.fault(&input.shown(), survey.line, found, expected));
    }
    reader.name_tickers(options.mapping.has(Role::Venue));
    let tickers = std::mem::take(&mut reader.tickers);
    let mut notes = layout.notes.clone();
    notes.push(format!("times are {}", layout.time));
    notes.extend(note_of_cases(&tickers));
    let rows = (&reader, tickers.as_slice(), survey.line);
    let bar = bar_of(options, &layout, rows, &mut notes)?;
    let order = reader.times.order();
    if let Some((found, expected)) = wrong_rows(&layout, options, &survey, &reader) {
        return Err(layout.fault(&input.shown(), survey.line, found, &expected));
    }
    let (surveyed, has_low_prices) = reader.surveyed();
    let mut repeats = Repeats::default();
    let is_strict = match layout.shape {
        Shape::Trades => !reader.times.ids_go_back,
        shape => !shape.is_bars() || reader.times.is_strict(),
    };
    if !is_strict {
        repeats.remember(order == FileOrder::Sorted && layout.shape.is_bars());
    }
    let plan = Plan::new(&layout, options, bar, &tickers, &survey, &reader)?;
    let is_known = |draft: &Draft| is_strict && order == FileOrder::Sorted && draft.fits(&plan);
    let draft = draft
        .filter(is_known)
        .map(|draft| (draft, Told::of(reader)));
    Ok(Box::new(TableFile {
        draft,
        input: input.clone(),
        options: options.clone(),
        layout,
        plan,
        notes,
        first: survey.first,
        order,
        repeats,
        surveyed,
        has_low_prices,
        overlaps: Overlaps::new(order.is_newest_first(), input.room().sorted_at_once / 2),
    }))
}

/// Settles what can be known before the rows are read.
fn settle(input: &Input, options: &ImportOptions, layout: &mut Layout) -> Result<()> {
    if layout.clock.is_some() {
        doubt::settle_clock(input, options, layout)?;
    }
    if layout.is_time_in_doubt {
        doubt::settle_times(input, layout)?;
    }
    if layout.may_be_days(options) {
        doubt::settle_days(input, layout)?;
    }
    doubt::settle_sides(input, layout)?;
    thirty_seconds::settle(input, layout)?;
    decimal::settle_points(input, layout)?;
    doubt::times_agree(input, layout)
}

/// What is wrong with rows that are not of the time that the name of their file says; do not say of which half of the day they are; or are
/// of another time by the days of the week on which there are any, if seconds are since another epoch than 1970. Who says that they are
/// seconds says since when.
fn other_times(
    layout: &Layout,
    survey: &Survey,
    reader: &Reader<'_>,
) -> Option<(String, &'static str)> {
    const SECONDS: TimeFormat = TimeFormat::Epoch(9);
    let first = survey.first;
    let period = layout.known.period.as_ref();
    if let Some(found) = period.and_then(|period| period.contradicted(first, survey.last)) {
        return Some((found, SETTLED_BY));
    }
    let are_clocks = !matches!(layout.time, TimeFormat::Epoch(_) | TimeFormat::Unit(_));
    if are_clocks && reader.are_of_half_days() {
        let found = "times from 1 to 12 that go back from 12 to 1, of a clock of twelve hours";
        let expected = "AM and PM, or times of 24 hours";
        return Some((found.to_owned(), expected));
    }
    let other = reader.times.week.other_epoch(first);
    let (other, what) = other.filter(|_| layout.time == SECONDS)?;
    let found = format!(
        "a first time that is {first} as seconds since 1970 or {other} as {what}, and no rows on what is Saturday there"
    );
    let expected = "--time-format s, or times since 1970 or written as dates";
    Some((found, expected))
}

/// Whether rows stay in the order of the file: what changes a book has no other.
fn keeps_order(layout: &Layout) -> bool {
    matches!(layout.shape, Shape::Levels | Shape::Depth | Shape::Orders) || layout.is_databento()
}

fn survey<'a>(
    input: &Input,
    options: &'a ImportOptions,
    layout: &'a Layout,
) -> Result<(Survey, Reader<'a>, Option<Draft>)> {
    let mut reader = Reader::new(input, options, layout)?;
    let mut survey = Survey::new(layout, options);
    let mut draft = Draft::of(layout, input.room().draft);
    let mut rows = ReadRows::default();
    loop {
        if reader.next_rows(&mut rows)? {
            survey.note_all(&rows, &reader);
            if draft
                .as_mut()
                .is_some_and(|draft| draft.take_all(&rows, &reader).is_none())
            {
                draft = None;
            }
            continue;
        }
        if !reader.next()? {
            break;
        }
        survey.note(&reader);
        if draft
            .as_mut()
            .is_some_and(|draft| draft.take(&reader).is_none())
        {
            draft = None;
        }
    }
    Ok((survey, reader, draft))
}

/// A table of which all is known that its records need.
struct TableFile {
    /// Its records but for what is known by now, and what became of its rows.
    draft: Option<(Draft, Told)>,
    input: Input,
    options: ImportOptions,
    layout: Layout,
    plan: Plan,
    notes: Vec<String>,
    first: Ts,
    order: FileOrder,
    repeats: Repeats,
    surveyed: (u64, u64),
    has_low_prices: bool,
    /// What may be there again of rows that go back in time.
    overlaps: Overlaps,
}

impl Prepared for TableFile {
    fn instruments(&self) -> &Instruments {
        &self.plan.instruments
    }

    fn started(&self) -> Ts {
        self.first
    }

    fn surveyed(&self) -> (u64, u64) {
        self.surveyed
    }

    fn has_low_prices(&self) -> bool {
        self.has_low_prices
    }

    fn take_drafted(&mut self) -> Option<(Drafted, Found)> {
        let are_apart = self.draft.as_ref()?.0.are_apart();
        if !are_apart || self.has_close() {
            return None;
        }
        let (draft, told) = self.drafted()?;
        Some((draft, self.found(told)))
    }

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut this = *self;
        // What an earlier import has is known since.
        if let Some((draft, told)) = this.drafted() {
            let mut records = draft.records()?;
            while let Some(block) = records.next_block()? {
                push(block.records)?;
            }
            return Ok(this.found(told));
        }
        let mut reader = Reader::new(&this.input, &this.options, &this.layout)?;
        reader.repeats = std::mem::take(&mut this.repeats);
        let at_once = this.input.room().sorted_at_once;
        let mut sorted = Sorted::new(this.order, this.plan.has_arrival, at_once);
        let mut moment = Moment::of(&this.layout);
        let mut records = Vec::new();
        let mut made = 0_u64;
        let is_held = this.order != FileOrder::Sorted && !keeps_order(&this.layout);
        let are_events = matches!(this.layout.shape, Shape::Trades | Shape::Quotes);
        let mut overlaps = std::mem::take(&mut this.overlaps);
        let may_overlap = are_events && this.order != FileOrder::Sorted;
        while reader.next()? {
            if may_overlap && overlaps.leave_out(&mut reader, &this.layout) {
                continue;
            }
            let row = &reader.current;
            if let Err(wrong) = this.plan.records(row, &reader.levels, &mut records) {
                records.clear();
                let path = reader.path().to_owned();
                reader.problems.note(&path, row.line, wrong);
                continue;
            }
            made += 1;
            if keeps_order(&this.layout) {
                moment.take(row, &mut records, push)?;
            } else if is_held {
                if !sorted.take(&mut records)? {
                    return Err(this.too_many(row.line));
                }
            } else {
                push(&records)?;
                records.clear();
            }
        }
        moment.end(push)?;
        sorted.drain(push)?;
        if made == 0 && reader.problems.repeated == 0 {
            return Err(nothing(&reader, &this.layout));
        }
        let told = Told::of(reader);
        this.overlaps = overlaps;
        Ok(this.found(told))
    }
}

impl TableFile {
    /// The records that the first reading made, if they are all.
    fn drafted(&mut self) -> Option<(Drafted, Told)> {
        let (draft, told) = self.draft.take().filter(|_| self.repeats.is_idle())?;
        Some((draft.finish(&self.plan, self.has_close()), told))
    }

    /// Whether its rows say when they close.
    fn has_close(&self) -> bool {
        self.layout.column(super::role::Role::CloseTime).is_some()
    }

    fn too_many(&self, line: u64) -> FormatError {
        let found = format!("more than {SORTED_RECORDS_MAX} records, not in order of time");
        let expected = "a file in order of time, or cut into several";
        self.layout
            .fault(&self.input.shown(), line, found, expected)
    }

    fn found(&self, reader: Told) -> Found {
        let kept_apart: u64 = reader.not_kept.values().sum();
        let count = KindCount {
            read: reader.read - kept_apart,
            written: 0,
            refused: reader.problems.count,
        };
        let mut notes = self.notes.clone();
        notes.extend(reader.notes);
        match self.order {
            FileOrder::Sorted => {}
            FileOrder::NewestFirst => notes.push("newest first: sorted".to_owned()),
            FileOrder::MostlyNewestFirst(forward) => notes.push(format!(
                "newest first but for {forward} rows that are later than the one above them: sorted"
            )),
            FileOrder::Other(back) if back > 0 => notes.push(format!(
                "{back} rows are earlier than the one above them{}",
                if keeps_order(&self.layout) {
                    ", and stay where they are"
                } else {
                    ": sorted"
                }
            )),
            FileOrder::Other(_) => {}
        }
        let taken = self.layout.taken();
        Found {
            rows: [(self.plan.shape.table(), count)].into(),
            not_kept: reader.not_kept,
            read: reader.read,
            refused: reader.problems.count,
            reasons: reader.problems.reasons,
            repeated: reader.problems.repeated,
            repeats: reader.problems.repeats,
            maybe_repeated: (
                self.overlaps.count,
                self.overlaps.text(self.layout.row_word()),
            ),
            rounded: reader.rounded,
            rounded_prices: reader.noisy_prices,
            errors: reader.problems.first,
            notes,
            taken: Some(Taken {
                columns: taken
                    .map(|(role, name)| (role.to_owned(), name.to_owned()))
                    .collect(),
                rows: self.plan.shape.table(),
                times: self.layout.time.to_string(),
                rounded_prices: reader.noisy_prices,
                rounded_values: reader.rounded_as_told,
            }),
            bar: self.plan.bar,
            stamp: self.plan.bar.map(|_| self.plan.closing.stamp.to_owned()),
        }
    }
}
