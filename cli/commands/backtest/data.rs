//! What a backtest runs on: what the catalog has; `file.rs` reads a file as it is.

use super::Args;
use super::bars::Plans;
use super::census;
use super::choice::{bar_sizes, choose, default_bar};
use super::file::{folder, from_file, from_rows};
use super::history::History;
use super::in_no_bar::InNoBar;
use super::off_tick::OffTick;
use super::rooms::{self, Rooms, Sizes};
use super::settings::Settings;
use super::watch::Watch;
use crate::commands::quality::calendars;
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::path::Path;
use tickloom_core::Census;
use tickloom_data::{
    BarPrice, Calendars, Catalog, DataError, OfCatalog, QuestDb, Range, Refusals, ScanQuery,
    Stream, Taken, redefine, with_calendar,
};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments, Record, some_of};

/// Records and what is known of them.
pub(super) struct Data {
    pub(super) instruments: Instruments,
    /// What is traded unless a strategy says otherwise.
    pub(super) instrument: Option<InstrumentId>,
    /// Sizes of bars that come as input and that the core does not make.
    pub(super) given_bars: Vec<BarSpec>,
    pub(super) records: Records,
    /// What there is of each instrument, as far as it is known before the run.
    pub(super) census: Census,
    pub(super) facts: Facts,
}

/// What is known of records, and what they leave to be known once all were read.
pub(super) struct Facts {
    /// Size of the bars that a bar field without `@` means.
    pub(super) bar: Option<BarSpec>,
    /// What looks at the records, unless nobody wants to know.
    pub(super) watch: Option<Watch>,
    /// The catalog that they come from.
    pub(super) catalog: Option<Catalog>,
    /// Lines that were left out of the file, or of those that the catalog's runs were imported from; of a server nobody knows.
    pub(super) left_out: Option<Refusals>,
    /// What else is to be known of them.
    pub(super) notes: Vec<String>,
    /// What the columns of a text were taken for.
    pub(super) taken: Option<Taken>,
    /// Records that are in no bar, once all were read.
    pub(super) in_no_bar: InNoBar,
    /// Prices between steps of a tick, once all were read.
    pub(super) off_tick: OffTick,
}

/// Records, in memory or read while the run goes on.
pub(super) enum Records {
    /// All of them, with sizes that were made finer.
    Memory(Vec<Record>),
    /// Of a file: so many bars of one instrument and one size, in order.
    Bars {
        rows: u64,
        instrument: InstrumentId,
        records: Stream,
    },
    /// Of a file, a catalog or a server: at most so many, and the bars that are made of them.
    Stream {
        rows_max: u64,
        records: Stream,
        /// Reads them again from their begin; only of a catalog as it is.
        again: Option<Again>,
    },
}

/// Opens records again.
pub(super) type Again = Box<dyn Fn() -> Result<Stream, DataError>>;

impl Data {
    /// Opens what `--data` names.
    pub(super) fn open(args: &Args, settings: &Settings) -> Result<Data, Failure> {
        if let Some(name) = &args.calendar {
            let known = calendars(args.data.as_deref(), args.calendars.as_deref())?;
            known.get(name).map_err(Failure::input)?;
        }
        match (&args.data, &args.questdb) {
            (_, Some(_)) if args.text.is_used() => Err(Failure::input(anyhow!(
                "--columns, --time-format, --profile and what else says how files of rows are read are for files, and not for --questdb"
            ))),
            (_, Some(address)) => {
                let db = QuestDb::connect(address).map_err(Failure::run)?;
                let waiting = db.unapplied().map_err(Failure::run)?;
                let mut data = from_history(&History::QuestDb(db), args, settings)?;
                if !waiting.is_empty() {
                    let text = format!(
                        "QuestDB has rows that are not in their tables yet, and not in this run: {}",
                        waiting.join(", ")
                    );
                    output::note(&text);
                    data.facts.notes.push(text);
                }
                data.refine(settings)?;
                Ok(data)
            }
            (Some(path), None) => Data::of_path(path, args, settings),
            (None, None) => Err(Failure::input(anyhow!("--data or --questdb is needed"))),
        }
    }

    fn of_path(path: &Path, args: &Args, settings: &Settings) -> Result<Data, Failure> {
        let is_catalog = Catalog::is_at(path);
        if is_catalog && args.text.is_used() {
            return Err(Failure::input(anyhow!(
                "--columns, --time-format, --profile and what else says how files of rows are read are for files: {} is a catalog",
                path.display()
            )));
        }
        if is_catalog {
            let catalog = args.memory.open(path).map_err(Failure::input)?;
            from_history(&History::Catalog(catalog), args, settings)
        } else if path.is_dir() {
            from_rows(path, args, settings, &folder)
        } else {
            from_file(path, args, settings)
        }
    }

    /// How many records will come, at most.
    pub(super) fn len(&self) -> u64 {
        match &self.records {
            Records::Memory(records) => records.len() as u64,
            Records::Bars { rows, .. } => *rows,
            Records::Stream { rows_max, .. } => *rows_max,
        }
    }

    /// Says which sizes have no room for the decimals that they would get.
    pub(super) fn tell_rooms(&mut self, rooms: &Rooms) {
        if let Some(text) = rooms::told(rooms) {
            output::note(&text);
            self.facts.notes.push(text);
        }
    }

    /// Gives the sizes of what is traded the decimals that orders need, where they have fewer. A catalog is asked for them, and of a file the
    /// largest are known.
    fn refine(&mut self, settings: &Settings) -> Result<(), Failure> {
        let (known, traded) = (&self.instruments, self.instrument);
        if settings.finer(known, traded, &settings.rooms).is_empty() {
            return Ok(());
        }
        if let Records::Stream { records, .. } | Records::Bars { records, .. } = &mut self.records {
            let mut all = Vec::new();
            while let Some(block) = records.next_block().map_err(Failure::run)? {
                all.extend_from_slice(block.records);
            }
            self.records = Records::Memory(all);
        }
        let mut sizes = Sizes::default();
        if let Records::Memory(records) = &self.records {
            records.iter().for_each(|record| sizes.note(record));
        }
        let rooms = settings.limiting(sizes.rooms(&self.instruments), known, traded);
        self.tell_rooms(&rooms);
        for (id, def) in settings.finer(&self.instruments, self.instrument, &rooms) {
            if let Records::Memory(records) = &mut self.records {
                redefine(records, &mut self.instruments, id, def).map_err(Failure::input)?;
            }
        }
        Ok(())
    }
}

/// What is to be read of a history.
pub(super) struct Asked {
    /// The instrument that is traded unless a strategy says otherwise.
    pub(super) name: Option<String>,
    bar: Option<BarSpec>,
    plans: Plans,
    /// The instruments that are asked for.
    defs: Vec<InstrumentDef>,
    pub(super) query: ScanQuery,
}

impl Asked {
    pub(super) fn of(
        known: &Instruments,
        ranges: &[Range],
        args: &Args,
        settings: &Settings,
    ) -> Result<Asked, Failure> {
        let named = settings.instrument(args);
        let traded = choose(known, named, args.strategy.is_some())?;
        let traded = traded.and_then(|id| known.get(id));
        let name = traded.map(|def| def.name.clone());
        let bars = bar_sizes(ranges, name.as_deref());
        let bar = default_bar(&bars, settings.bar).map_err(Failure::input)?;
        let read = match &name {
            Some(name) if args.strategy.is_none() => settings.mentioned(name, known),
            _ => Vec::new(),
        };
        let defs = named_defs(known, &read, args.calendar.as_deref());
        let plans = match (bar, &name) {
            (Some(bar), Some(name)) => {
                let price = args.bar_price.map(BarPrice::from);
                Plans::new(bar, ranges, defs.iter(), name, price)?
            }
            _ => Plans::default(),
        };
        let (size, others) = plans.sizes(name.as_deref().unwrap_or_default());
        let query = ScanQuery {
            instruments: read,
            bars: size.into_iter().collect(),
            bars_of: others,
            runs: args.run.clone(),
            from: settings.from,
            to: settings.to,
            memory_max: Some(args.memory.for_reading()),
            definitions: settings.definitions.clone(),
            feed_latency: args.feed_latency,
            qty_decimals: settings.qty_decimals(known, name.as_deref(), &settings.rooms),
            ..ScanQuery::default()
        };
        Ok(Asked {
            name,
            bar,
            plans,
            defs,
            query,
        })
    }
}

fn from_history(history: &History, args: &Args, settings: &Settings) -> Result<Data, Failure> {
    let ranges = history.ranges().map_err(refused)?;
    let known = history.instruments().map_err(refused)?;
    let calendars = calendars(args.data.as_deref(), args.calendars.as_deref())?;
    let Asked {
        name,
        bar,
        plans,
        defs,
        query,
    } = Asked::of(&known, &ranges, args, settings)?;
    let scanned = history.scan(&query).map_err(refused)?;
    let (rows_max, left_out) = (scanned.rows_max, scanned.left_out);
    let off_tick = OffTick::new(&scanned.instruments);
    let records = off_tick.over(scanned.records);
    let led = Led::new(scanned.instruments, records, args, &calendars)?;
    let Led {
        records,
        instruments,
        watch,
        mut notes,
        in_no_bar,
    } = match bar {
        Some(bar) => led.by(&plans, bar, &calendars)?,
        None => led,
    };
    notes.extend(absent(&defs, &instruments));
    // A run that begins anew has told them.
    if settings.rooms.is_empty() {
        notes.iter().for_each(|note| output::note(note));
    }
    let instrument = name.and_then(|name| instruments.find(&name).map(|(id, _)| id));
    let made = bar.filter(|_| plans.is_given);
    let census = census::of_tables(&ranges, &query, &instruments, made);
    Ok(Data {
        instruments,
        instrument,
        given_bars: made.into_iter().collect(),
        records: Records::Stream {
            rows_max,
            records,
            again: history
                .catalog()
                .filter(|_| !plans.is_given)
                .map(|catalog| again(catalog.clone(), query, watch.clone(), off_tick.clone())),
        },
        census,
        facts: Facts {
            bar,
            watch,
            catalog: history.catalog().cloned(),
            left_out,
            notes,
            taken: None,
            in_no_bar,
            off_tick,
        },
    })
}

fn again(catalog: Catalog, query: ScanQuery, watch: Option<Watch>, off_tick: OffTick) -> Again {
    Box::new(move || {
        let scan = off_tick.over(Box::new(OfCatalog(catalog.scan(&query)?)));
        Ok(match &watch {
            Some(watch) => watch.over(scan),
            None => scan,
        })
    })
}

/// A server may answer at the next try; a catalog says the same again.
pub(super) fn refused(error: DataError) -> Failure {
    match error {
        DataError::QuestDb { .. } => Failure::run(error),
        error => Failure::input(error),
    }
}

/// Records, what their identifiers mean, and what looks at them.
struct Led {
    records: Stream,
    instruments: Instruments,
    watch: Option<Watch>,
    /// What is to be known of the records.
    notes: Vec<String>,
    in_no_bar: InNoBar,
}

impl Led {
    fn new(
        instruments: Instruments,
        records: Stream,
        args: &Args,
        calendars: &Calendars,
    ) -> Result<Led, Failure> {
        let instruments = match &args.calendar {
            Some(name) => with_calendar(&instruments, name).map_err(Failure::input)?,
            None => instruments,
        };
        if args.no_quality {
            return Ok(Led {
                records,
                instruments,
                watch: None,
                notes: Vec::new(),
                in_no_bar: InNoBar::default(),
            });
        }
        let watch = Watch::new(&instruments, calendars)?;
        Ok(Led {
            records: watch.over(records),
            instruments,
            watch: Some(watch),
            notes: Vec::new(),
            in_no_bar: InNoBar::default(),
        })
    }

    /// With the bars that are made of those that are read.
    fn by(self, plans: &Plans, bar: BarSpec, calendars: &Calendars) -> Result<Led, Failure> {
        let read: Vec<&InstrumentDef> = self.instruments.defs().iter().collect();
        let notes = plans.notes(bar, &read);
        let (records, instruments, in_no_bar) =
            plans.lead(self.records, &self.instruments, bar, calendars)?;
        Ok(Led {
            records,
            instruments,
            notes,
            in_no_bar,
            ..self
        })
    }
}

/// The definitions of the instruments of these names, or of all if there are none, with the calendar that was asked for.
fn named_defs(known: &Instruments, names: &[String], calendar: Option<&str>) -> Vec<InstrumentDef> {
    let defs = known.defs().iter();
    let named = defs.filter(|def| names.is_empty() || names.contains(&def.name));
    let with_calendar = named.map(|def| InstrumentDef {
        calendar: calendar.map(str::to_owned).or_else(|| def.calendar.clone()),
        ..def.clone()
    });
    with_calendar.collect()
}

/// What to say of instruments of which there is nothing in the run.
fn absent(defs: &[InstrumentDef], found: &Instruments) -> Option<String> {
    let names = defs.iter().map(|def| def.name.as_str());
    let absent: Vec<&str> = names.filter(|name| found.find(name).is_none()).collect();
    (!absent.is_empty()).then(|| {
        format!(
            "nothing of {} is in this run: there is none at these times or in these runs",
            some_of(&absent)
        )
    })
}
