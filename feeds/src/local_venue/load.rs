//! A venue that sends as fast as it is asked to, or as it is read: for drills under load.
//!
//! It speaks the same protocol as [`super::LocalVenue`] and sends a recorded sample over and over, encoded beforehand, so that
//! it takes little of the machine that it shares with what it loads: of each message only the ids and times are written anew.
//! Ids go on from one round to the next, times are those of now, and each round ends with a change that brings the book back
//! to where the round began. What was sent is in its ledger ([`Sent`]), which is counted from the messages' own text.

mod connection;
mod messages;

use crate::binance::{Channel, Venue};
use crate::capture::CaptureSource;
use crate::local_venue::LocalVenueError;
use connection::serve;
use messages::Round;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// What to send, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadConfig {
    /// A recording of one symbol on spot.
    pub capture: CaptureSource,
    /// The channels of it that are sent: depth, best bid and ask, trades.
    pub channels: Vec<Channel>,
    /// Messages a second; as fast as they are read without it.
    pub rate: Option<NonZero<u32>>,
    /// So many trades are in the ledger and not sent: what a loss on the way would be.
    pub lose: u64,
}

/// Counts of one kind of record, and the sum of their ids: what was sent once and read twice is not the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Sum of their ids, modulo 2^64.
    pub id_sum: u64,
}

impl Tally {
    /// Adds `count` of this id.
    pub fn add(&mut self, count: u64, id: u64) {
        self.count += count;
        self.id_sum = self.id_sum.wrapping_add(count.wrapping_mul(id));
    }
}

/// The ledger of a venue: what it has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages.
    pub messages: u64,
    /// Their bytes, with the heads of their frames.
    pub bytes: u64,
    /// Trades, one a message, by trade id.
    pub trades: Tally,
    /// Best bids and asks, one a message, by update id.
    pub quotes: Tally,
    /// Changes of price levels, several a message, by the message's last update id.
    pub levels: Tally,
}

impl Sent {
    /// Everything that a feed makes a record of.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trades.count + self.quotes.count + self.levels.count
    }
}

/// What the venue's thread and its handle share.
#[derive(Debug)]
struct Shared {
    sent: Mutex<Sent>,
    /// Whether nothing more is to be sent.
    is_over: watch::Sender<bool>,
    /// Whether nothing more is sent.
    has_ended: AtomicBool,
}

impl Shared {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running venue; it stops when dropped.
#[derive(Debug)]
pub struct LoadVenue {
    symbol: String,
    channels: Vec<Channel>,
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl LoadVenue {
    /// Encodes the recording and starts on a thread of its own, on a free loopback port.
    ///
    /// # Errors
    /// [`LocalVenueError`] if the recording cannot be read or has nothing to send, or if there is no port.
    pub fn start(config: LoadConfig) -> Result<LoadVenue, LocalVenueError> {
        let round = Round::of(&config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            sent: Mutex::default(),
            is_over: watch::channel(false).0,
            has_ended: AtomicBool::new(false),
        });
        let symbol = round.symbol.clone();
        let (ledger, rate) = (Arc::clone(&shared), config.rate);
        let thread = std::thread::Builder::new()
            .name("load-venue".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, round, rate, ledger) => {}
                        // An error means that the handle is gone, which is a stop too.
                        _ = stopped.wait_for(|stop| *stop) => {}
                    }
                });
            })?;
        Ok(LoadVenue {
            symbol,
            channels: config.channels,
            address,
            shared,
            stop,
            thread: Some(thread),
        })
    }

    /// What to write after `--feed` to be fed by it.
    #[must_use]
    pub fn feed_url(&self) -> String {
        let (venue, symbol) = (Venue::Spot, &self.symbol);
        let streams = self.channels.iter();
        let streams: Vec<String> = streams
            .map(|channel| venue.stream_name(symbol, *channel))
            .collect();
        let (address, venue) = (self.address, venue.name());
        format!(
            "ws://{address}/stream?streams={}&venue={venue}",
            streams.join("/")
        )
    }

    /// What it has sent so far. The load has begun once this has more than one message: the first waits for the snapshot.
    #[must_use]
    pub fn sent(&self) -> Sent {
        *self.shared.sent()
    }

    /// Ends the sending at the end of a message, and keeps the connections open.
    pub fn end(&self) {
        self.shared.is_over.send_replace(true);
    }

    /// Whether the sending has come to its end: the ledger does not change any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::Acquire)
    }
}

impl Drop for LoadVenue {
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
