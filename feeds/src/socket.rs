//! The only network code of a live feed: WebSockets, REST snapshots, and the clocks that are read at this edge.
//!
//! What anything means is decided in `session`; this file moves bytes and waits. One task waits for everything at once: for
//! every connection (`link`), for answers to requests (`rest`) and for the timer, so that none holds up another.

mod link;
mod rest;

use crate::backoff::Backoff;
use crate::binance::Symbol;
use crate::config::Feed;
use crate::limits;
use crate::line::LineId;
use crate::metrics::FeedMetrics;
use crate::session::{Advice, Now, Session};
use link::{Event, Link};
use rest::{Fetched, Held};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tickloom_types::{DurationNs, InstrumentId, MomentSink, NANOS_PER_SECOND, Ts};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

const TIMER_INTERVAL: Duration = Duration::from_secs(1);

/// How long something may wait to be sent: a venue that does not read for so long is not there.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the connection that is replaced goes on after the next one is made, so that what was on its way arrives.
const REPLACE_TIME: DurationNs = 2 * NANOS_PER_SECOND;

/// What came of a request for a snapshot.
struct Answer {
    instrument: InstrumentId,
    fetched: Result<(Fetched, Option<Held>), ureq::Error>,
}

/// Runs a feed until `shutdown` is true or its sender is gone: connects, reads, keeps the books in step, reconnects.
///
/// Needs a tokio runtime with I/O and time; one thread is enough. Moments go into `sink` from this task only.
pub async fn run_feed(
    feed: &Feed,
    sink: &mut (impl MomentSink + Send),
    mut shutdown: watch::Receiver<bool>,
    metrics: &FeedMetrics,
) {
    let mut timer = interval(TIMER_INTERVAL);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut runner = Runner {
        feed,
        sink,
        session: Session::new(feed, metrics),
        clock: Clock::new(),
        timer,
        agent: rest::agent(),
        answers: JoinSet::new(),
        lines: feed
            .lines
            .iter()
            .zip(0..)
            .map(|(_, at)| LineIo::new(feed, at))
            .collect(),
        first: 0,
    };
    tokio::select! {
        () = runner.run() => {}
        // An error means that the sender is gone, which is a shutdown too.
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
    let now = runner.clock.now();
    for line in 0..feed.lines.len() {
        runner.session.disconnected(LineId(line), now, runner.sink);
    }
    runner.session.stopped();
}

struct Runner<'a, S> {
    feed: &'a Feed,
    sink: &'a mut S,
    session: Session<'a>,
    clock: Clock,
    timer: Interval,
    agent: ureq::Agent,
    answers: JoinSet<Answer>,
    lines: Vec<LineIo>,
    /// Which line is looked at first the next time, so that none is always last.
    first: usize,
}

/// The sockets of one line.
struct LineIo {
    link: Link,
    backoff: Backoff,
    next: Option<Next>,
}

/// A connection that will take the place of the one that is used.
struct Next {
    link: Link,
    connected_at: Option<DurationNs>,
    /// What it has brought so far.
    messages: VecDeque<Message>,
    bytes: usize,
}

/// What happened.
enum Happened {
    Link(usize, Event),
    Next(usize, Event),
    Answer(Result<Answer, JoinError>),
    Second,
}

impl LineIo {
    fn new(feed: &Feed, at: u64) -> LineIo {
        let seed = feed.jitter_seed.wrapping_add(at);
        LineIo {
            link: Link::wait(Duration::ZERO),
            backoff: Backoff::new(feed.reconnect, feed.reconnect_max, seed),
            next: None,
        }
    }
}

impl<S: MomentSink + Send> Runner<'_, S> {
    async fn run(&mut self) {
        loop {
            match self.wait().await {
                Happened::Link(line, event) => self.take_event(line, event),
                Happened::Next(line, event) => self.take_next_event(line, event),
                Happened::Answer(answer) => self.take_answer(answer),
                Happened::Second => self.second(),
            }
            for instrument in self.session.wanted_snapshots(self.clock.now()) {
                self.ask_snapshot(instrument);
            }
        }
    }

    /// Waits for the next thing that happens anywhere.
    async fn wait(&mut self) -> Happened {
        let Runner {
            lines,
            answers,
            timer,
            first,
            ..
        } = self;
        *first = (*first + 1) % lines.len();
        tokio::select! {
            (line, is_next, event) = std::future::poll_fn(|cx| poll_lines(lines, *first, cx)) => {
                match is_next {
                    true => Happened::Next(line, event),
                    false => Happened::Link(line, event),
                }
            }
            Some(answer) = answers.join_next() => Happened::Answer(answer),
            _ = timer.tick() => Happened::Second,
        }
    }

    fn take_event(&mut self, line: usize, event: Event) {
        let (id, now) = (LineId(line), self.clock.now());
        match event {
            Event::Due => {
                self.session.connecting(id);
                self.lines[line].link = Link::connect(&self.feed.lines[line].url);
            }
            Event::Connected => self.session.connected(id, now, self.sink),
            Event::Message(message) => self.take(id, now, &message),
            Event::Huge(bytes) => {
                self.session.huge_frame(id, now, bytes, self.sink);
                self.lost(line, &format!("a message of {bytes} bytes is too large"));
            }
            Event::Lost(cause) => self.lost(line, &cause),
        }
    }

    fn take(&mut self, line: LineId, now: Now, message: &Message) {
        match message {
            Message::Text(text) => self.session.frame(line, now, text.as_bytes(), self.sink),
            Message::Binary(bytes) => {
                self.session.binary_frame(line, now, bytes.len(), self.sink);
            }
            Message::Ping(_) => self.session.pinged(line, now),
            Message::Pong(_) | Message::Frame(_) | Message::Close(_) => {
                self.session.alive(line, now);
            }
        }
    }

    /// The connection in use is gone: the next one takes its place if it is there, or one is made after a wait.
    fn lost(&mut self, line: usize, cause: &str) {
        if self.lines[line]
            .next
            .as_ref()
            .is_some_and(|next| next.connected_at.is_some())
        {
            self.replace(line);
            return;
        }
        let id = LineId(line);
        if self.session.has_heard(id) {
            self.lines[line].backoff.reset();
        }
        self.session.disconnected(id, self.clock.now(), self.sink);
        let io = &mut self.lines[line];
        let wait = io.backoff.next_wait();
        io.link = Link::wait(wait);
        io.next = None;
        self.session.waiting(id, cause, wait);
    }

    fn take_next_event(&mut self, line: usize, event: Event) {
        let now = self.clock.now();
        let Some(next) = &mut self.lines[line].next else {
            return;
        };
        match event {
            Event::Connected => next.connected_at = Some(now.mono),
            Event::Message(message) => {
                next.bytes += message.len();
                next.messages.push_back(message);
                if next.bytes > limits::OVERLAP_BYTES_MAX {
                    self.replace(line);
                }
            }
            Event::Due | Event::Huge(_) | Event::Lost(_) => {
                self.lines[line].next = None;
                self.session.replace_failed(LineId(line), now);
            }
        }
    }

    /// Ends the connection in use, if it has not ended, and goes on with the next. What that has brought meanwhile comes now;
    /// what the one before has brought too is left out by the session.
    fn replace(&mut self, line: usize) {
        let Some(next) = self.lines[line].next.take() else {
            return;
        };
        let now = self.clock.now();
        self.session.replaced(LineId(line), now);
        self.lines[line].link = next.link;
        for message in next.messages {
            self.take(LineId(line), now, &message);
        }
    }

    fn second(&mut self) {
        let now = self.clock.now();
        self.session.tick(now, self.sink);
        for line in 0..self.lines.len() {
            self.look_at_next(line, now);
            match self.session.advice(LineId(line), now) {
                Advice::GoOn => {}
                Advice::Ping => {
                    if let Err(cause) = self.lines[line].link.ping() {
                        self.lost(line, &cause);
                    }
                }
                Advice::Replace => {
                    self.lines[line].next = Some(Next {
                        link: Link::connect(&self.feed.lines[line].url),
                        connected_at: None,
                        messages: VecDeque::new(),
                        bytes: 0,
                    });
                }
                Advice::Reconnect(cause) => self.lost(line, &cause),
            }
            if self.lines[line].link.unsent_for() >= SEND_TIMEOUT {
                self.lost(line, "the venue reads nothing: what we send waits");
            }
        }
    }

    /// Goes on with the next connection once it has brought something for long enough, and forgets one that brings nothing.
    fn look_at_next(&mut self, line: usize, now: Now) {
        let Some(next) = &self.lines[line].next else {
            return;
        };
        let Some(connected_at) = next.connected_at else {
            return;
        };
        let age = now.mono.saturating_sub(connected_at);
        let has_data = next.messages.iter().any(Message::is_text);
        if has_data && age >= REPLACE_TIME {
            self.replace(line);
        } else if Duration::from_nanos(age.unsigned_abs()) >= self.feed.first_data {
            self.lines[line].next = None;
            self.session.replace_failed(LineId(line), now);
        }
    }

    fn ask_snapshot(&mut self, instrument: InstrumentId) {
        let named = |symbol: &&Symbol| symbol.instrument == instrument;
        let Some(symbol) = self.feed.symbols.iter().find(named) else {
            return;
        };
        let url = self.feed.snapshot_url(&symbol.name);
        let agent = self.agent.clone();
        self.answers.spawn_blocking(move || Answer {
            instrument,
            fetched: rest::fetch(&agent, &url),
        });
    }

    fn take_answer(&mut self, answer: Result<Answer, JoinError>) {
        let answer =
            answer.expect("a request neither panics nor is cancelled while it is waited for");
        let (instrument, now) = (answer.instrument, self.clock.now());
        match answer.fetched {
            Ok((Fetched::Body(body), held)) => {
                self.session.snapshot(now, instrument, &body, self.sink);
                if let Some(held) = held {
                    // Ending a connection may wait for the network.
                    drop(tokio::task::spawn_blocking(|| held.end()));
                }
            }
            Ok((
                Fetched::Refused {
                    status,
                    retry_after,
                },
                _,
            )) => self
                .session
                .snapshot_refused(now, instrument, status, retry_after),
            Ok((Fetched::Redirected(to), _)) => {
                let cause =
                    format!("the venue sends the request for a snapshot to {to:?}: refused");
                self.session.snapshot_failed(instrument, &cause);
            }
            Err(error) => {
                let cause = format!("no snapshot: {error}");
                self.session.snapshot_failed(instrument, &cause);
            }
        }
    }
}

/// The next thing that happens on any line, and whether on its next link.
fn poll_lines(
    lines: &mut [LineIo],
    first: usize,
    cx: &mut Context<'_>,
) -> Poll<(usize, bool, Event)> {
    let count = lines.len();
    for index in (first..count).chain(0..first) {
        let line = &mut lines[index];
        if let Poll::Ready(event) = line.link.poll(cx) {
            return Poll::Ready((index, false, event));
        }
        if let Some(next) = &mut line.next
            && let Poll::Ready(event) = next.link.poll(cx)
        {
            return Poll::Ready((index, true, event));
        }
    }
    Poll::Pending
}

/// The wall clock and a steady one, read here and nowhere else.
struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = since_epoch.map_or(0, |since| since.as_nanos());
        Now {
            wall: Ts(i64::try_from(wall).unwrap_or(i64::MAX)),
            mono: i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX),
        }
    }
}
