//! The settings of a live run: raw, as a TOML file and the command line give them, and checked ([`Settings`]).
//!
//! Nothing after [`File::check`] reads settings again: each thread is handed its part.

mod threads;

use crate::failure::Failure;
use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tickloom_core::{
    AccountConfig, Census, CoreConfig, Given, RiskLimits, SignalDef, StrategyDef, check_run,
};
use tickloom_data::QuestDbAddress;
use tickloom_feeds::binance::Channel;
use tickloom_feeds::{Feed, FeedConfig};
use tickloom_journal::SyncPolicy;
use tickloom_ring::{RingConfig, Wait};
use tickloom_types::{BarSpec, DurationNs, Instruments};

/// Where signals are published if nothing else is said.
pub(crate) const PUBLISH_DEFAULT: &str = "tcp://127.0.0.1:5556";
/// The feed of a run for which none is named: the real venue.
pub(crate) const FEED_DEFAULT: &str = "binance:BTCUSDT";

/// A configuration file. Unknown fields are refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// What a field without an instrument belongs to; with one feed and one symbol, that.
    pub(crate) default_instrument: Option<String>,
    /// Bar size of a bar field without `@`.
    pub(crate) default_bar: Option<BarSpec>,
    /// Values of `$name` in expressions.
    pub(crate) parameters: BTreeMap<String, f64>,
    /// Feeds.
    pub(crate) feed: Vec<FeedConfig>,
    /// Signals.
    pub(crate) signal: Vec<SignalDef>,
    /// Strategies, which trade on paper.
    pub(crate) strategy: Vec<StrategyDef>,
    /// Limits of risk.
    pub(crate) risk: RiskLimits,
    /// Cash and fee of the paper account.
    pub(crate) account: AccountConfig,
    /// Threads and rings.
    pub(crate) engine: EngineFile,
    /// ZeroMQ.
    pub(crate) publish: PublishFile,
    /// Journal and Parquet.
    pub(crate) record: RecordFile,
    /// The Prometheus page.
    pub(crate) metrics: MetricsFile,
    /// A QuestDB server that gets what is recorded.
    pub(crate) questdb: QuestDbFile,
}

/// A QuestDB server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuestDbFile {
    /// `HOST:PORT`, the client's configuration string, or `env:NAME` for one of these in an environment variable.
    pub(crate) address: Option<String>,
}

/// Threads and rings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EngineFile {
    /// Threads that evaluate signals; 1 runs everything on the core's own thread.
    pub(crate) workers: usize,
    /// How idle threads wait: `park`, `yield` or `spin`.
    pub(crate) wait: Wait,
    /// Processor cores to pin to, in the order workers (if more than one), core, publisher; empty pins nothing.
    pub(crate) pin: Vec<usize>,
    /// Slots of the input ring, a power of two, at least four of the largest messages.
    pub(crate) input_ring: usize,
    /// Slots of the output ring, a power of two.
    pub(crate) output_ring: usize,
    /// An instrument of which nothing came for so many milliseconds is stale; 0 for never.
    pub(crate) stale_after_ms: u32,
}

impl Default for EngineFile {
    fn default() -> Self {
        EngineFile {
            workers: 1,
            wait: Wait::default(),
            pin: Vec::new(),
            input_ring: 1 << 16,
            output_ring: 1 << 14,
            stale_after_ms: 10_000,
        }
    }
}

/// ZeroMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PublishFile {
    /// Endpoint to bind.
    pub(crate) endpoint: String,
    /// Messages that may wait for one slow subscriber before it loses some.
    pub(crate) high_water_mark: u32,
    /// Subscribers at a time; of more, the newest are closed.
    pub(crate) connections: u32,
    /// Whether a recorded run publishes at once, or what is on the disk.
    pub(crate) when: PublishWhen,
}

/// When a message of a recorded run is published. A crash takes back the last messages of the one, and none of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PublishWhen {
    /// As soon as it is made.
    #[default]
    AtOnce,
    /// Once it is on the disk: after the flush.
    Durable,
}

impl Default for PublishFile {
    fn default() -> Self {
        PublishFile {
            endpoint: PUBLISH_DEFAULT.to_owned(),
            high_water_mark: 100_000,
            connections: 1_000,
            when: PublishWhen::default(),
        }
    }
}

/// Journal and Parquet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecordFile {
    /// Directory for `journal/` and `catalog/`; nothing is recorded without it.
    pub(crate) dir: Option<PathBuf>,
    /// When the operating system is told to put the journal on the disk: at every `flush`, or when a segment is sealed.
    pub(crate) sync: SyncFile,
    /// Megabytes after which a journal segment is sealed and its Parquet files are written.
    pub(crate) segment_mb: Option<u64>,
}

/// When the journal is forced to the disk. A killed process loses nothing that was flushed either way; a machine that
/// loses power does.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncFile {
    /// At every flush.
    #[default]
    Flush,
    /// When a segment is sealed.
    Seal,
}

impl SyncFile {
    /// The journal's word for it.
    pub(crate) fn policy(self) -> SyncPolicy {
        match self {
            SyncFile::Flush => SyncPolicy::OnFlush,
            SyncFile::Seal => SyncPolicy::OnSeal,
        }
    }
}

/// The Prometheus page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsFile {
    /// Address for `http://ADDRESS/metrics`; none without it. Port 0 takes a free one.
    pub(crate) listen: Option<SocketAddr>,
}

/// Checked settings of a live run.
pub(crate) struct Settings {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) core: CoreConfig,
    pub(crate) workers: usize,
    pub(crate) pin: Vec<usize>,
    pub(crate) input_ring: RingConfig,
    pub(crate) output_ring: RingConfig,
    pub(crate) publish: PublishFile,
    pub(crate) record: RecordFile,
    pub(crate) metrics: MetricsFile,
    pub(crate) questdb: Option<QuestDbAddress>,
    /// Whether a person resets the latched daily loss stop with this start.
    pub(crate) reset_loss_stop: bool,
    /// Whether a new run begins, whatever an earlier one in the directory holds.
    pub(crate) is_new_run: bool,
}

impl File {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// The file and, where TOML is at fault, its line and what was expected.
    pub(crate) fn read(path: &Path) -> Result<File, Failure> {
        let text = std::fs::read_to_string(path)
            .with_context(|| path.display().to_string())
            .map_err(Failure::input)?;
        toml::from_str(&text)
            .with_context(|| path.display().to_string())
            .map_err(Failure::input)
    }

    /// Adds a feed given as text.
    pub(crate) fn add_feed(&mut self, text: &str) -> Result<(), Failure> {
        self.feed
            .push(FeedConfig::parse(text).map_err(Failure::input)?);
        Ok(())
    }

    /// Adds a signal given as `NAME=EXPR`.
    pub(crate) fn add_signal(&mut self, text: &str) -> Result<(), Failure> {
        let Some((name, expr)) = text
            .split_once('=')
            .filter(|(name, _)| is_name(name.trim()))
        else {
            return Err(Failure::input(anyhow::anyhow!(
                "--signal {text:?}: expected NAME=EXPR, such as trend='ema(mid, 50) - ema(mid, 200)'"
            )));
        };
        self.signal.push(SignalDef::new(name.trim(), expr.trim()));
        Ok(())
    }

    fn questdb(&self) -> Result<Option<QuestDbAddress>, Failure> {
        let Some(text) = &self.questdb.address else {
            return Ok(None);
        };
        let address = questdb_address(text).map_err(Failure::input)?;
        if self.record.dir.is_none() {
            return Err(Failure::input(anyhow::anyhow!(
                "questdb.address is given and record.dir is not, expected both: what the server gets is read from the journal"
            )));
        }
        Ok(Some(address))
    }

    /// What is not published before it is on the disk must get there: a segment is sealed at its size, and the rings are full before.
    fn check_durable(&self) -> Result<(), Failure> {
        let is_sealed_only = matches!(self.record.sync, SyncFile::Seal);
        if is_sealed_only && self.publish.when == PublishWhen::Durable {
            return Err(Failure::input(anyhow::anyhow!(
                "publish.when is \"durable\" and record.sync is \"seal\", expected \"flush\" with it: a message would wait until its segment is full"
            )));
        }
        Ok(())
    }

    /// Checks everything that can be checked without starting anything.
    ///
    /// # Errors
    /// The first setting that is wrong, and what was expected.
    pub(crate) fn check(self) -> Result<Settings, Failure> {
        let engine = &self.engine;
        engine.check()?;
        self.record.check()?;
        self.publish.check()?;
        self.check_durable()?;
        let questdb = self.questdb()?;
        let mut instruments = Instruments::new();
        let mut feeds = Vec::with_capacity(self.feed.len());
        for feed in &self.feed {
            let own = with_own_source(feed, &instruments);
            let feed = own.resolve(&mut instruments).map_err(Failure::input)?;
            check_not_fed_twice(&feed, &feeds)?;
            feeds.push(feed);
        }
        let default_instrument = match &self.default_instrument {
            Some(name) => Some(instruments.find(name).map(|(id, _)| id).ok_or_else(|| {
                let known: Vec<&str> = instruments.defs().iter().map(|d| d.name.as_str()).collect();
                Failure::input(anyhow::anyhow!(
                    "default_instrument {name:?}: expected one of {}",
                    known.join(", ")
                ))
            })?),
            None => instruments
                .defs()
                .first()
                .and_then(|def| instruments.find(&def.name))
                .map(|(id, _)| id),
        };
        let ring = |capacity| RingConfig {
            capacity,
            wait: engine.wait,
        };
        let stale_after = DurationNs::from(engine.stale_after_ms) * 1_000_000;
        let core = CoreConfig {
            instruments,
            default_instrument,
            default_bar: self.default_bar,
            parameters: self.parameters,
            signals: self.signal,
            strategies: self.strategy,
            risk: self.risk,
            account: self.account,
            stale_after: (stale_after > 0).then_some(stale_after),
            given_bars: Vec::new(),
        };
        check_run(&core, &census(&feeds)).map_err(Failure::input)?;
        Ok(Settings {
            input_ring: ring(engine.input_ring),
            output_ring: ring(engine.output_ring),
            workers: engine.workers,
            pin: self.engine.pin,
            feeds,
            core,
            publish: self.publish,
            record: self.record,
            metrics: self.metrics,
            questdb,
            reset_loss_stop: false,
            is_new_run: false,
        })
    }
}

/// A server's address. One with a password is better kept in the environment than on the command line, which others can see.
///
/// # Errors
/// It is none, or the variable is not set.
pub(crate) fn questdb_address(text: &str) -> anyhow::Result<QuestDbAddress> {
    match text.strip_prefix("env:") {
        None => Ok(text.parse()?),
        Some(name) => {
            let value =
                std::env::var(name).with_context(|| format!("environment variable {name}"))?;
            Ok(value.parse::<QuestDbAddress>()?)
        }
    }
}

/// Two connections are two sources, so that the loss of one makes only its own instruments stale.
fn with_own_source(feed: &FeedConfig, taken: &Instruments) -> FeedConfig {
    let given = feed.source.as_deref();
    let name = given.unwrap_or(feed.venue.name());
    let is_free = |name: &String| taken.sources().iter().all(|source| source.name != *name);
    let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
    FeedConfig {
        source: names.find(is_free),
        ..feed.clone()
    }
}

/// What the feeds will bring of each instrument.
fn census(feeds: &[Feed]) -> Census {
    let mut census = Census::new();
    for feed in feeds {
        for (symbol, channel) in feed
            .symbols
            .iter()
            .flat_map(|symbol| feed.channels.iter().map(move |channel| (symbol, channel)))
        {
            let given = match channel {
                Channel::Depth => Given::Levels,
                Channel::BookTicker => Given::Quotes,
                Channel::Trade | Channel::AggTrade => Given::Trades,
            };
            census.add(symbol.instrument, given);
        }
    }
    census
}

/// Two feeds of one instrument would make one book out of two.
fn check_not_fed_twice(feed: &Feed, others: &[Feed]) -> Result<(), Failure> {
    let others: Vec<_> = others.iter().flat_map(|other| &other.symbols).collect();
    let is_taken = |instrument| others.iter().any(|other| other.instrument == instrument);
    match feed.symbols.iter().find(|own| is_taken(own.instrument)) {
        None => Ok(()),
        Some(symbol) => Err(Failure::input(anyhow::anyhow!(
            "feed {}: symbol {} comes from another feed too, expected each once",
            feed.venue.name(),
            symbol.name
        ))),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
        default_bar = "1s"
        [[feed]]
        venue = "binance-usdm"
        symbols = ["BTCUSDT"]
        [[signal]]
        name = "trend"
        expr = "ema(mid, 50) - ema(mid, 200)"
        [[strategy]]
        kind = "rules"
        name = "cross"
        enter = "cross_over(ema(close, 5), ema(close, 20))"
        exit = "cross_under(ema(close, 5), ema(close, 20))"
        size = "0.5"
        [account]
        cash = "100000"
        fee = "0.0004"
        [engine]
        workers = 2
        wait = "yield"
        [record]
        dir = "recorded"
    "#;

    #[test]
    fn a_file_becomes_settings() {
        let settings = toml::from_str::<File>(EXAMPLE)
            .unwrap()
            .check()
            .ok()
            .unwrap();
        assert_eq!(settings.workers, 2);
        assert_eq!(settings.core.signals[0].name, "trend");
        assert_eq!(settings.core.strategies[0].name(), "cross");
        assert_eq!(
            settings.core.instruments.defs()[0].name,
            "binance-usdm.BTCUSDT"
        );
        assert_eq!(settings.core.stale_after, Some(10_000_000_000));
        assert_eq!(settings.publish.endpoint, PUBLISH_DEFAULT);
    }

    #[test]
    fn every_feed_is_a_source_of_its_own() {
        let mut file = File::default();
        for feed in ["binance:BTCUSDT", "binance-usdm:BTCUSDT", "binance:ETHUSDT"] {
            file.add_feed(feed).ok().unwrap();
        }
        let settings = file.check().ok().unwrap();
        let sources = settings.core.instruments.sources();
        let name = |feed: &Feed| sources[usize::from(feed.source.0)].name.clone();
        let names: Vec<String> = settings.feeds.iter().map(name).collect();
        assert_eq!(names, ["binance", "binance-usdm", "binance-2"]);
    }

    #[test]
    fn wrong_settings_are_named() {
        let unknown = toml::from_str::<File>("[engine]\nworker = 2")
            .unwrap_err()
            .to_string();
        assert!(unknown.contains("unknown field `worker`"), "{unknown}");
        let check = |text: &str| match toml::from_str::<File>(text).unwrap().check() {
            Ok(_) => panic!("{text} was accepted"),
            Err(failure) => failure.text(),
        };
        assert_eq!(
            check("[engine]\nworkers = 0"),
            "engine.workers is 0, expected 1 to 16"
        );
        let wrong = "default_instrument = 'X'\n[[feed]]\nvenue = 'binance'\nsymbols = ['BTCUSDT']";
        assert_eq!(
            check(wrong),
            "default_instrument \"X\": expected one of binance.BTCUSDT"
        );
        assert_eq!(
            check("[publish]\nwhen = 'durable'\n[record]\nsync = 'seal'"),
            "publish.when is \"durable\" and record.sync is \"seal\", expected \"flush\" with it: a message would wait until its segment is full"
        );
        // What the backtest's command line refuses, a file does not get past either.
        let feed = "[[feed]]\nvenue = 'binance'\nsymbols = ['BTCUSDT']\nchannels = ['trade']\n";
        let refused = |more: &str| check(&format!("{feed}{more}"));
        assert_eq!(
            refused("[account]\ncash = '-100000'"),
            "account: cash is \"-100000\", expected an amount above zero"
        );
        let strategy = "[[strategy]]\nkind = 'rules'\nname = 's'\nsize = '1'\n";
        assert_eq!(
            refused(&format!("{strategy}exit = 'last > 1'")),
            "strategy s: exit is \"last > 1\", expected enter beside it: there is nothing to leave"
        );
        assert_eq!(
            refused(&format!(
                "{strategy}enter = 'mid > $n'\nexit = 'mid < $n'\n[parameters]\nn = 1"
            )),
            "strategy s: enter: mid of binance.BTCUSDT needs quotes or the price levels of a book, and there is trades"
        );
        assert_eq!(
            refused("[parameters]\nfsat = 50\n[[signal]]\nname = 'x'\nexpr = 'last / $fast'"),
            "signal x: expr: column 8: unknown parameter \"fast\", did you mean \"fsat\"?\n  last / $fast\n         ^"
        );
        assert_eq!(
            refused("[parameters]\nfsat = 50\n[[signal]]\nname = 'x'\nexpr = 'last'"),
            "parameter fsat: no expression uses $fsat, none uses a parameter"
        );
        assert!(check("questdb.address = 'db'").contains("expected both"));
        assert!(check("questdb.address = 'd b'").contains("expected HOST:PORT"));
        assert!(check("questdb.address = 'env:'").starts_with("environment variable"));
        let twice = "[[feed]]\nvenue = 'binance'\nsymbols = ['BTCUSDT']\n".repeat(2);
        assert_eq!(
            check(&twice),
            "feed binance: symbol BTCUSDT comes from another feed too, expected each once"
        );
        let mut file = File::default();
        assert!(file.add_signal("no expression").is_err());
        file.add_signal("trend = ema(mid, 5) >= 1").ok().unwrap();
        assert_eq!(file.signal[0], SignalDef::new("trend", "ema(mid, 5) >= 1"));
    }
}
