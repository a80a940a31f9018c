//! From the words of the command line, and of the strategy file if there is one, to the settings of a core.

use super::Args;
use super::rooms::Rooms;
use crate::config::File;
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use std::collections::BTreeMap;
use std::sync::Arc;
use tickloom_core::{CoreConfig, CoreError, Size, StrategyDef};
use tickloom_data::{Definitions, finer_sizes, read_definitions};
use tickloom_types::{
    BarSpec, InstrumentDef, InstrumentId, Instruments, Ts, parse_decimal, parse_money,
};

/// Decimals of a size when it is counted in fractions of a unit.
pub(super) const FRACTION_DECIMALS: u8 = 8;

/// What the command line says, read and checked as far as that can be done without the data.
pub(super) struct Settings {
    file: File,
    pub(super) from: Option<Ts>,
    pub(super) to: Option<Ts>,
    pub(super) bar: Option<BarSpec>,
    /// What is said of instruments before all that the data says.
    pub(super) definitions: Option<Arc<Definitions>>,
    /// Of instruments whose sizes are too large for the decimals of `all`, those that they have room for, once that is known.
    pub(super) rooms: Rooms,
}

impl Settings {
    /// Reads the command line and the strategy file.
    pub(super) fn read(args: &Args) -> Result<Settings, Failure> {
        let mut file = match &args.strategy {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        for text in &args.set {
            let (name, value) = parameter(text).map_err(Failure::input)?;
            file.parameters.insert(name, value);
        }
        account(args, &mut file).map_err(Failure::input)?;
        if args.strategy.is_none() {
            file.strategy.push(rules(args).map_err(Failure::input)?);
        }
        if file.strategy.is_empty() && file.signal.is_empty() {
            return Err(Failure::input(anyhow!(
                "the strategy file has neither a [[strategy]] nor a [[signal]]"
            )));
        }
        let in_file = |error: CoreError| match &args.strategy {
            Some(path) => Failure::input(anyhow!(error).context(path.display().to_string())),
            None => Failure::input(error),
        };
        file.account.check().map_err(in_file)?;
        let mut strategies = file.strategy.iter();
        strategies
            .try_for_each(StrategyDef::check)
            .map_err(in_file)?;
        let time = |text: &Option<String>, name: &'static str| {
            text.as_deref()
                .map(|text| Ts::parse_by_digits(text).context(name))
                .transpose()
                .map_err(Failure::input)
        };
        let (from, to) = (time(&args.from, "--from")?, time(&args.to, "--to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Failure::input(anyhow!(
                "--from {from} is not before --to {to}"
            )));
        }
        let bar = match &args.bar {
            Some(text) => Some(text.parse().context("--bar").map_err(Failure::input)?),
            None => file.default_bar,
        };
        let definitions = match &args.instruments {
            Some(path) => {
                let read = read_definitions(path).map_err(Failure::input)?;
                if let Some(list) = &read.list {
                    crate::commands::instruments::venue_list::note(list);
                }
                Some(Arc::new(read.definitions))
            }
            None => None,
        };
        Ok(Settings {
            file,
            from,
            to,
            bar,
            definitions,
            rooms: Rooms::new(),
        })
    }

    /// The instrument that is asked for by name, on the command line or in the strategy file.
    pub(super) fn instrument<'a>(&'a self, args: &'a Args) -> Option<&'a str> {
        let named = args.instrument.as_deref();
        named.or(self.file.default_instrument.as_deref())
    }

    /// The traded instrument, and those that expressions name beside it by their full name or its last part.
    pub(super) fn mentioned(&self, traded: &str, known: &Instruments) -> Vec<String> {
        let strategies = serde_json::to_string(&self.file.strategy).unwrap_or_default();
        let signals = self.file.signal.iter().map(|signal| signal.expr.as_str());
        let texts: Vec<&str> = signals.chain([strategies.as_str()]).collect();
        let is_named = |name: &str| {
            let symbol = name.rsplit('.').next().unwrap_or(name);
            texts.iter().any(|text| text.contains(symbol))
        };
        let names = known.defs().iter().map(|def| def.name.as_str());
        names
            .filter(|name| *name == traded || is_named(name))
            .map(str::to_owned)
            .collect()
    }

    /// By instrument that is traded, how many decimals its sizes need: those of fractions for `all`, otherwise those of the numbers
    /// given; of those that have no room for as many as `all` gets, what `rooms` says. `default` is the instrument of strategies that name none.
    pub(super) fn qty_decimals(
        &self,
        known: &Instruments,
        default: Option<&str>,
        rooms: &Rooms,
    ) -> BTreeMap<String, u8> {
        let mut needed: BTreeMap<String, u8> = BTreeMap::new();
        for strategy in &self.file.strategy {
            let StrategyDef::Rules { size, .. } = strategy else {
                continue;
            };
            let of = match strategy.instrument() {
                None => default.into_iter().map(str::to_owned).collect(),
                Some(traded) if traded.is_all() => {
                    known.defs().iter().map(|def| def.name.clone()).collect()
                }
                Some(traded) => traded.names().to_vec(),
            };
            for name in of {
                let decimals = match (size, rooms.get(&name)) {
                    (Size::All, Some(room)) => *room,
                    _ => decimals_of(size),
                };
                if decimals > 0 {
                    let known = needed.entry(name).or_default();
                    *known = decimals.max(*known);
                }
            }
        }
        needed
    }

    /// The instruments whose sizes have fewer decimals than orders of the strategies need, with as many as they need.
    pub(super) fn finer(
        &self,
        known: &Instruments,
        default: Option<InstrumentId>,
        rooms: &Rooms,
    ) -> Vec<(InstrumentId, InstrumentDef)> {
        let default = default.and_then(|id| known.get(id));
        let default = default.map(|def| def.name.as_str());
        let needed = self.qty_decimals(known, default, rooms).into_iter();
        needed
            .filter_map(|(name, decimals)| {
                let (id, def) = known.find(&name)?;
                Some((id, finer_sizes(def, decimals)?))
            })
            .collect()
    }

    /// Of what instruments have room for, what gives their sizes fewer decimals than they would get otherwise.
    pub(super) fn limiting(
        &self,
        mut rooms: Rooms,
        known: &Instruments,
        default: Option<InstrumentId>,
    ) -> Rooms {
        let [all, fitting] = [&Rooms::new(), &rooms].map(|rooms| {
            let finer = self.finer(known, default, rooms).into_iter();
            let decimals = finer.map(|(_, def)| (def.name, def.qty_decimals));
            decimals.collect::<BTreeMap<_, _>>()
        });
        rooms.retain(|name, _| all.get(name) != fitting.get(name));
        rooms
    }

    /// Refuses definitions that are of none of the instruments: a name that is not theirs would count for nothing in silence.
    pub(super) fn check_definitions(&self, known: &Instruments) -> anyhow::Result<()> {
        let Some(said) = self.definitions.as_ref().filter(|said| !said.is_empty()) else {
            return Ok(());
        };
        if said.all().iter().any(|one| known.find(&one.name).is_some()) {
            return Ok(());
        }
        let names: Vec<&str> = known.defs().iter().map(|def| def.name.as_str()).collect();
        Err(anyhow!(
            "--instruments: nothing in it is of an instrument of the data, which is of {}",
            names.join(", ")
        ))
    }

    /// The core's settings over these instruments.
    pub(super) fn core(
        &self,
        instruments: Instruments,
        default_instrument: Option<InstrumentId>,
        default_bar: Option<BarSpec>,
        given_bars: Vec<BarSpec>,
    ) -> CoreConfig {
        let stale_after = i64::from(self.file.engine.stale_after_ms) * 1_000_000;
        CoreConfig {
            instruments,
            default_instrument,
            default_bar,
            parameters: self.file.parameters.clone(),
            signals: self.file.signal.clone(),
            strategies: self.file.strategy.clone(),
            risk: self.file.risk.clone(),
            account: self.file.account.clone(),
            stale_after: (stale_after > 0).then_some(stale_after),
            given_bars,
        }
    }
}

/// Decimals that an order of this size needs.
fn decimals_of(size: &Size) -> u8 {
    match size {
        Size::All => FRACTION_DECIMALS,
        Size::AllWhole => 0,
        Size::Qty(text) => (0..9)
            .find(|decimals| parse_decimal(text.as_bytes(), *decimals).is_ok())
            .unwrap_or(9),
    }
}

/// `name=value`.
fn parameter(text: &str) -> anyhow::Result<(String, f64)> {
    let wrong = || anyhow!("--set {text:?}: expected name=value with a number, such as fast=10");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let value: f64 = value.trim().parse().map_err(|_| wrong())?;
    let name = name.trim().trim_start_matches('$');
    if name.is_empty() || !value.is_finite() {
        return Err(wrong());
    }
    Ok((name.to_owned(), value))
}

/// What the command line says of the account replaces what the file says.
fn account(args: &Args, file: &mut File) -> anyhow::Result<()> {
    if let Some(text) = &args.cash {
        file.account.cash = parse_money(text).map_err(|why| anyhow!("--cash {text:?}: {why}"))?;
    }
    if let Some(text) = &args.fee {
        file.account.fee = text.parse().map_err(|why| anyhow!("--{why}"))?;
    }
    if let Some(text) = &args.fill {
        file.account.fill = text.parse().map_err(|why| anyhow!("--{why}"))?;
    }
    Ok(())
}

/// The rules on the command line.
fn rules(args: &Args) -> anyhow::Result<StrategyDef> {
    let conditions = [&args.enter, &args.exit, &args.short_enter, &args.short_exit];
    if conditions.iter().all(|condition| condition.is_none()) {
        return Err(anyhow!(
            "nothing to trade: give --enter EXPR --exit EXPR, --short-enter EXPR --short-exit EXPR, or --strategy FILE.toml"
        ));
    }
    let size = args.size.as_deref().unwrap_or("all");
    Ok(StrategyDef::Rules {
        name: "rules".to_owned(),
        instrument: None,
        enter: args.enter.clone(),
        exit: args.exit.clone(),
        short_enter: args.short_enter.clone(),
        short_exit: args.short_exit.clone(),
        size: size.parse().map_err(|why| anyhow!("--{why}"))?,
    })
}
