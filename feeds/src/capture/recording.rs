//! A recording: files of one origin, read twice. The first reading finds the instruments and their scales, the second
//! makes the records.

use super::again::LinesSeen;
use super::klines::Klines;
use super::merge::{Cursor, Merge, Plan, Step};
use super::origin::check_address;
use super::streams::are_klines_alone;
use super::{
    CaptureConfig, CaptureError, CaptureReport, CaptureSource, LineError, Moments, Origin,
    Recorder, Unjoined, begin, decode_captures, resolve,
};
use crate::decode_error::DecodeError;
use crate::venues::VenueKind;
use crate::venues::batch::Batch;
use crate::venues::desk::{Concern, Desk, Made, Sources};
use crate::venues::survey::{Choice, Scale, Survey, first_time};
use std::collections::BTreeMap;
use tickloom_types::{BookEnd, Instruments, MomentSink, Sink, SourceDef, SourceKind, Ts};

/// Files of one origin after their first reading: their instruments are known, records are yet to be made.
pub struct Recording {
    instruments: Instruments,
    content: Content,
}

enum Content {
    /// Our own captures, by the decoder of live feeds.
    Stamped {
        sources: Vec<CaptureSource>,
        config: CaptureConfig,
    },
    Messages {
        venue: VenueKind,
        plans: Vec<Plan>,
        batch: Box<Batch>,
        sources: Sources,
        scales: Vec<Option<Scale>>,
        choice: Choice,
    },
}

impl Recording {
    /// Reads the files once. They are of this origin, and books go on from one to the next.
    ///
    /// # Errors
    /// [`CaptureError`] if one cannot be read, or an instrument cannot be defined.
    pub fn survey(origin: Origin, sources: Vec<CaptureSource>) -> Result<Recording, CaptureError> {
        let mut instruments = Instruments::new();
        let clock = origin.clock();
        let feed = SourceDef::new(origin.venue.name(), SourceKind::Feed).with_clock(clock);
        if let (Recorder::Stamped, VenueKind::Binance(venue)) = (origin.recorder, origin.venue)
            && !are_klines_alone(&sources)?
        {
            let mut config = CaptureConfig {
                venue: Some(venue),
                ..CaptureConfig::default()
            };
            let (_, symbols) = resolve(&sources, &config, &mut instruments)?;
            config.symbols = symbols.into_iter().map(|symbol| symbol.name).collect();
            instruments.add_source(feed)?;
            Klines::find(&sources, &mut instruments)?;
            let content = Content::Stamped { sources, config };
            return Ok(Recording {
                instruments,
                content,
            });
        }
        let mut batch = Box::new(Batch::new(origin.venue.name()));
        let mut survey = Survey::default();
        let mut plans = Vec::with_capacity(sources.len());
        for (file, source) in sources.into_iter().enumerate() {
            let mut plan = Plan {
                file,
                source,
                recorder: origin.recorder,
                first: Ts(0),
            };
            plan.first = read_once(&plan, origin.venue, &mut batch, &mut survey)?;
            plans.push(plan);
        }
        let scales = survey.define(&batch.symbols, &mut instruments)?;
        let choice = survey.choose(&batch.channels);
        let sources = Sources {
            feed: instruments.add_source(feed)?,
            bars: survey.bar_sources(&mut instruments, clock)?,
        };
        let venue = origin.venue;
        Ok(Recording {
            instruments,
            content: Content::Messages {
                venue,
                plans,
                batch,
                sources,
                scales,
                choice,
            },
        })
    }

    /// The instruments and sources of the records to come.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// When its first line arrived; zero if no time of arrival was recorded.
    ///
    /// # Errors
    /// [`CaptureError`] if a file cannot be read.
    pub fn started(&self) -> Result<Ts, CaptureError> {
        let first = match &self.content {
            Content::Messages { plans, .. } => plans.iter().map(|plan| plan.first).min(),
            Content::Stamped { sources, .. } => {
                let firsts: Result<Vec<_>, _> = sources.iter().map(CaptureSource::first).collect();
                firsts?.into_iter().flatten().min()
            }
        };
        Ok(first.unwrap_or_default())
    }

    /// Lets books go on where other captures left them, and says at which of these ends: of captures of ours, whose update ids tell
    /// what follows what.
    ///
    /// # Errors
    /// [`CaptureError`] if a file cannot be read.
    pub fn go_on(&mut self, ends: &[BookEnd]) -> Result<Vec<BookEnd>, CaptureError> {
        let Content::Stamped { sources, config } = &mut self.content else {
            return Ok(Vec::new());
        };
        let (venue, symbols) = resolve(sources, config, &mut self.instruments)?;
        let books = begin::books(sources, venue, &symbols)?;
        let after = begin::after(ends, venue, &self.instruments, &books);
        config.after = after.into_iter().flatten().collect();
        Ok(config.after.clone())
    }

    /// Reads the files again, in the order in which their messages arrived, and makes records; those of a message are one moment.
    ///
    /// # Errors
    /// [`CaptureError`] if one cannot be read.
    pub fn decode(mut self, sink: &mut impl MomentSink) -> Result<CaptureReport, CaptureError> {
        match self.content {
            Content::Stamped { sources, config } => {
                decode_captures(&sources, &config, &mut self.instruments, sink)
            }
            Content::Messages {
                venue,
                plans,
                mut batch,
                sources,
                scales,
                choice,
            } => {
                let mut desk = Desk::new(sources, scales, choice, venue.asks_for_snapshots());
                let mut report = CaptureReport::default();
                let mut moments = Moments::new(sink);
                let mut seen = LinesSeen::default();
                Merge::new(plans, venue).each(|cursor| {
                    report.lines += 1;
                    let of = (cursor.file, cursor.begins_connection());
                    if !report.is_again(seen.take(of, cursor.ts(), cursor.text())) {
                        let (batch, desk) = (&mut batch, &mut desk);
                        take(cursor, batch, desk, (&mut report, &mut seen), &mut moments);
                        moments.end();
                    }
                })?;
                report.sync = desk.counts();
                report.records = moments.count;
                report.books_doubted = desk.doubted();
                report.other_books = other_books(&desk, &batch);
                if !venue.asks_for_snapshots() && report.sync.before_snapshot > 0 {
                    let what = "changes of books that have no snapshot yet".to_owned();
                    let count = report.sync.before_snapshot;
                    report.other_books.insert(what, count);
                }
                let names = batch.symbols.names();
                report.unjoined = desk
                    .unjoined()
                    .map(|(symbol, (changes, after_id))| Unjoined {
                        instrument: names.get(symbol).cloned().unwrap_or_default(),
                        changes,
                        after_id,
                    })
                    .collect();
                Ok(report)
            }
        }
    }
}

/// Looks at every message of a file. Says when it begins.
fn read_once(
    plan: &Plan,
    venue: VenueKind,
    batch: &mut Batch,
    survey: &mut Survey,
) -> Result<Ts, CaptureError> {
    let mut first = None;
    let mut cursor = Cursor::open(plan, venue)?;
    while let Some(open) = &mut cursor {
        if plan.recorder == Recorder::Cryptofeed {
            check_address(&plan.source, venue, open.number(), open.text())?;
        }
        first = first.or(open.ts());
        if let Ok(Step::Message(..)) = open.step(batch) {
            survey.take(batch);
            first = first.or(first_time(batch));
        }
        if !open.advance()? {
            cursor = None;
        }
    }
    Ok(first.unwrap_or(plan.first))
}

/// Takes one line: into the desk, the report or both.
fn take(
    cursor: &mut Cursor,
    batch: &mut Batch,
    desk: &mut Desk,
    (report, seen): (&mut CaptureReport, &mut LinesSeen),
    sink: &mut impl Sink,
) {
    batch.clear();
    let bad = match cursor.step(batch) {
        Ok(Step::Other(name)) => {
            *report.no_market_data.entry(name).or_default() += 1;
            return;
        }
        Ok(Step::Connected(name)) => {
            *report.no_market_data.entry(name).or_default() += 1;
            desk.connected(cursor.file);
            return;
        }
        Ok(Step::Reconnected(name, ts)) => {
            *report.no_market_data.entry(name).or_default() += 1;
            desk.reconnected(cursor.file, ts, sink);
            return;
        }
        // When it arrived nobody noted, but the message says when it was sent.
        Ok(Step::Message(_, None))
            if report.is_again(seen.take(
                (cursor.file, false),
                first_time(batch),
                cursor.text(),
            )) =>
        {
            return;
        }
        Ok(Step::Message(name, ts_recv)) => match desk.take(cursor.file, batch, ts_recv, sink) {
            Ok(made) => {
                let is_of_others = made.others > 0 && made.is_nothing_else();
                if !is_of_others {
                    let counts = match batch.items.is_empty() {
                        true => &mut report.no_market_data,
                        false => &mut report.messages,
                    };
                    *counts.entry(name).or_default() += 1;
                }
                report.replies += u64::from(batch.items.is_empty());
                report.add(made);
                let refused: Vec<DecodeError> = batch.refused.drain(..).collect();
                for error in refused.into_iter().chain(std::mem::take(&mut desk.refused)) {
                    refuse(cursor, LineError::Decode(error), desk, report, sink);
                }
                return;
            }
            Err(error) => LineError::Decode(error),
        },
        Err(bad) => bad.cause,
    };
    let is_cut = matches!(&bad, LineError::Decode(DecodeError::Syntax { .. }));
    refuse(cursor, bad, desk, report, sink);
    if !batch.is_no_book {
        batch.find_named(cursor.text());
        let concern = match batch.named.as_slice() {
            [] => Concern::Any,
            _ if is_cut && cursor.venue.tells_of_several() => Concern::Any,
            symbols => Concern::Of(symbols),
        };
        desk.lost(cursor.file, concern, cursor.ts(), sink);
    }
}

/// The channels of books, trades and quotes that are not kept, in words, and how many messages there were of each.
fn other_books(desk: &Desk, batch: &Batch) -> BTreeMap<String, u64> {
    let (choice, others) = desk.channels();
    let mut all = BTreeMap::new();
    for ((symbol, channel), count) in others {
        let name = batch.symbols.names().get(*symbol).map_or("", |name| name);
        let channel = batch.channels.name(*channel);
        let why = match choice.of(*symbol) {
            Some(chosen) => format!("its book is {}", batch.channels.name(chosen)),
            None => "which cannot be told apart".to_owned(),
        };
        *all.entry(format!("{channel} of {name} ({why})"))
            .or_default() += count;
    }
    let trades = desk.other_trades().iter().map(|of| ("trades", of));
    let quotes = desk.other_quotes().iter().map(|of| ("quotes", of));
    for (what, ((symbol, channel), count)) in trades.chain(quotes) {
        let name = batch.symbols.names().get(*symbol).map_or("", |name| name);
        let channel = batch.channels.name(*channel);
        let kept = match what {
            "trades" => choice.of_trades(*symbol),
            _ => choice.of_quotes(*symbol),
        };
        let kept = kept.map_or("", |kept| batch.channels.name(kept));
        all.insert(
            format!("{channel} of {name} (its {what} are {kept})"),
            *count,
        );
    }
    all
}

/// Reports that the line at hand, or a part of it, is wrong.
fn refuse(
    cursor: &Cursor,
    cause: LineError,
    desk: &Desk,
    report: &mut CaptureReport,
    sink: &mut impl Sink,
) {
    let bad = cursor.bad(cause);
    if let LineError::Decode(error) = &bad.cause {
        desk.report_bad(bad.line, error, cursor.ts(), sink);
    }
    report.count_bad(bad);
}

impl CaptureReport {
    fn add(&mut self, made: Made) {
        self.trades += made.trades;
        self.quotes += made.quotes;
        self.diffs += made.diffs;
        self.level_changes += made.level_changes;
        self.snapshots += made.snapshots;
        self.bars += made.bars;
        self.orders += made.orders;
        self.repeated += made.repeated;
    }
}
