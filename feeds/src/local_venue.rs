//! A real server on this machine that speaks the exchange's own protocol and plays recorded frames.
//!
//! WebSocket `/stream?streams=` and `/ws/…` with SUBSCRIBE requests, and the REST depth snapshot, on one loopback port. Of
//! USD-margined futures these are below `/public` and `/market`, and what is asked for at the wrong one, or at neither, is
//! acknowledged and never sent.
//! The demo and the tests connect to it with the same client that connects to the exchange. The play begins with the
//! first subscriber and pauses while there is none; every subscriber gets every frame, so the slowest one sets the pace.
//! The book that a snapshot is taken from follows the recording, so that snapshot and stream always agree.
//!
//! In lockstep nothing depends on time: each line is played once the one before it was taken in, over all venues that are played
//! together, in the order of their stamps; a snapshot is the recorded one, when its line is due.
//!
//! Deliberately not: a simulator. It invents no prices, takes no orders and rewrites no times or ids.

mod book;
mod fault;
mod ledger;
mod load;
mod pace;
mod playback;
mod server;
mod step;
mod turns;

pub use book::LevelBook;
pub use fault::Fault;
pub use load::{LoadConfig, LoadVenue, Sent, Tally};

use crate::binance::{Channel, Venue};
use crate::capture::{CaptureError, CaptureSource, sniff_capture};
use playback::Playback;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::watch;
use turns::Turn;

/// How fast the recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded; above zero.
    Times(f64),
    /// As fast as the slowest subscriber reads.
    AsFastAsRead,
    /// Each line once the one before it was taken in by all who get it: a frame by whoever answers the ping behind it, a
    /// snapshot by whoever has read it and hung up. Frames wait for a subscriber of their symbol at their address, a snapshot that
    /// its book wants for the request.
    Lockstep,
}

/// What happens after the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The connections stay open and silent.
    Hold,
    /// The connections are closed, and new ones get nothing more.
    Close,
    /// The connections are closed and the play begins again with the next subscriber; times and ids go back.
    Repeat,
}

/// What to play, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalVenueConfig {
    /// Recordings of one venue, played one after the other.
    pub captures: Vec<CaptureSource>,
    /// How fast.
    pub speed: Speed,
    /// What happens after the last frame.
    pub at_end: AtEnd,
    /// What goes wrong, on purpose.
    pub faults: Vec<Fault>,
}

impl LocalVenueConfig {
    /// Plays recordings as fast as they are read, without faults, and holds the connections at the end.
    #[must_use]
    pub fn new(captures: Vec<CaptureSource>) -> Self {
        LocalVenueConfig {
            captures,
            speed: Speed::AsFastAsRead,
            at_end: AtEnd::Hold,
            faults: Vec::new(),
        }
    }
}

/// Why a local venue did not start.
#[derive(Debug, Error)]
pub enum LocalVenueError {
    /// No recording was given.
    #[error("a local venue needs at least one recording")]
    NoCapture,
    /// The speed is not a number above zero.
    #[error("speed is {0}, expected a number above zero")]
    Speed(f64),
    /// A recording cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// No port or thread could be had.
    #[error("cannot start a local venue: {0}")]
    Io(#[from] std::io::Error),
}

/// How far the play is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Stream frames of the recording that were played.
    pub played: u64,
    /// Frames that were sent, to all subscribers together, faults included.
    pub sent: u64,
    /// Connections that were upgraded to WebSocket.
    pub connections: u64,
    /// Snapshots that were served.
    pub snapshots: u64,
    /// Whether the recording is at its end.
    pub is_finished: bool,
}

/// A running local venue; it stops when dropped.
#[derive(Debug)]
pub struct LocalVenue {
    venue: Venue,
    symbols: Vec<String>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    playback: Arc<Playback>,
    thread: Option<JoinHandle<()>>,
}

impl LocalVenue {
    /// Starts it on a thread of its own, on a free loopback port.
    ///
    /// # Errors
    /// [`LocalVenueError`] if the recording cannot be read or there is no port.
    pub fn start(config: LocalVenueConfig) -> Result<LocalVenue, LocalVenueError> {
        let turn = (config.speed == Speed::Lockstep).then(|| Turn::of(1).remove(0));
        LocalVenue::start_at(config, turn)
    }

    /// Starts several that are played in lockstep with each other: their lines are one sequence, in the order of their stamps.
    /// Nothing is played before each has a subscriber. Of equal stamps those of the first venue are the first; history takes them by
    /// the names of the sources.
    ///
    /// # Errors
    /// As [`LocalVenue::start`].
    pub fn start_in_lockstep(
        configs: Vec<LocalVenueConfig>,
    ) -> Result<Vec<LocalVenue>, LocalVenueError> {
        let turns = Turn::of(configs.len());
        let venues = configs.into_iter().zip(turns).map(|(config, turn)| {
            let speed = Speed::Lockstep;
            LocalVenue::start_at(LocalVenueConfig { speed, ..config }, Some(turn))
        });
        venues.collect()
    }

    fn start_at(
        config: LocalVenueConfig,
        turn: Option<Turn>,
    ) -> Result<LocalVenue, LocalVenueError> {
        if let Speed::Times(times) = config.speed
            && !(times.is_finite() && times > 0.0)
        {
            return Err(LocalVenueError::Speed(times));
        }
        let first = config.captures.first().ok_or(LocalVenueError::NoCapture)?;
        let mut sniffed = sniff_capture(first)?;
        for capture in &config.captures[1..] {
            for symbol in sniff_capture(capture)?.symbols {
                if !sniffed.symbols.contains(&symbol) {
                    sniffed.symbols.push(symbol);
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let venue = sniffed.venue.unwrap_or(Venue::Spot);
        let symbols = sniffed.symbols;
        let playback = Arc::new(Playback::new(venue, &symbols, config, turn)?);
        let played = Arc::clone(&playback);
        let thread = std::thread::Builder::new()
            .name("local-venue".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = server::serve(listener, Arc::clone(&played)) => {}
                        () = played.run() => {}
                        // An error means that the handle is gone, which is a stop too.
                        _ = stopped.wait_for(|stop| *stop) => {}
                    }
                });
            })?;
        Ok(LocalVenue {
            venue,
            symbols,
            address,
            stop,
            playback,
            thread: Some(thread),
        })
    }

    /// The venue whose recording it plays.
    #[must_use]
    pub fn venue(&self) -> Venue {
        self.venue
    }

    /// The symbols in the recording.
    #[must_use]
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// Base address of the WebSocket.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Base address of the REST service.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What to write after `--feed` to be fed by it: depth, best bid and ask, and trades of all its symbols. In lockstep it says
    /// that the feed is a recording, so that time passes by its messages alone.
    #[must_use]
    pub fn feed_url(&self) -> String {
        let mut streams = Vec::new();
        for symbol in &self.symbols {
            for channel in [Channel::Depth, Channel::BookTicker, Channel::Trade] {
                streams.push(self.venue.stream_name(symbol, channel));
            }
        }
        let (base, venue) = (self.ws_url(), self.venue.name());
        let recorded = if self.playback.is_in_step() {
            "&recorded=true"
        } else {
            ""
        };
        let streams = streams.join("/");
        format!("{base}/stream?streams={streams}&venue={venue}{recorded}")
    }

    /// How far the play is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.playback.progress()
    }

    /// The book of a symbol at the place that the play is at, or `None` before its snapshot.
    #[must_use]
    pub fn book(&self, symbol: &str) -> Option<LevelBook> {
        self.playback.book(symbol)
    }

    /// Why the recording could not be read to its end, if so.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.playback.error()
    }

    /// Waits until everything was handed to the subscribers.
    pub async fn finished(&self) {
        self.playback.finished().await;
    }
}

impl Drop for LocalVenue {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its thread already.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
