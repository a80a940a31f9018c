//! The only network code of a live feed: a WebSocket, REST snapshots, and the clocks that are read at this edge.
//!
//! What anything means is decided in `session`; this file moves bytes and waits.

use crate::backoff::Backoff;
use crate::binance::Symbol;
use crate::config::Feed;
use crate::limits;
use crate::metrics::FeedMetrics;
use crate::session::{Advice, Now, Session};
use crate::status::{FeedState, FeedStatus, in_words};
use futures_util::{SinkExt, StreamExt};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tickloom_types::{InstrumentId, MomentSink, Ts};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const TIMER_INTERVAL: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REST_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of a request for a snapshot.
struct Answer {
    instrument: InstrumentId,
    fetched: Result<Fetched, ureq::Error>,
}

/// What the venue answered.
#[derive(Debug, PartialEq, Eq)]
enum Fetched {
    Body(Vec<u8>),
    /// Another status than success.
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
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
    let mut runner = Runner {
        feed,
        sink,
        metrics,
        session: Session::new(feed, metrics),
        clock: Clock::new(),
        timer: interval(TIMER_INTERVAL),
        agent: rest_agent(),
    };
    runner
        .timer
        .set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::select! {
        () = runner.run() => {}
        // An error means that the sender is gone, which is a shutdown too.
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
    runner.session.disconnected(runner.clock.now(), runner.sink);
}

struct Runner<'a, S> {
    feed: &'a Feed,
    sink: &'a mut S,
    metrics: &'a FeedMetrics,
    session: Session<'a>,
    clock: Clock,
    timer: Interval,
    agent: ureq::Agent,
}

impl<S: MomentSink + Send> Runner<'_, S> {
    async fn run(&mut self) {
        let feed = self.feed;
        let mut backoff = Backoff::new(feed.reconnect, feed.reconnect_max, feed.jitter_seed);
        loop {
            self.metrics
                .set_status(FeedStatus::new(FeedState::Connecting, ""));
            match self.with_timer(connect(&feed.stream_url)).await {
                Ok(socket) => {
                    self.session.connected(self.clock.now(), self.sink);
                    self.metrics
                        .set_status(FeedStatus::new(FeedState::Subscribed, ""));
                    self.read(socket).await;
                    if self.session.has_heard() {
                        backoff.reset();
                    }
                }
                Err(text) => self.metrics.set_last_error(&text),
            }
            self.session.disconnected(self.clock.now(), self.sink);
            let wait = backoff.next_wait();
            let cause = self.metrics.last_error().unwrap_or_default();
            let reason = format!("{cause}, again in {}", in_words(wait));
            self.metrics
                .set_status(FeedStatus::new(FeedState::Waiting, reason));
            self.with_timer(tokio::time::sleep(wait)).await;
        }
    }

    /// Waits for something while the feed's timer goes on.
    async fn with_timer<T>(&mut self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                _ = self.timer.tick() => {
                    self.session.tick(self.clock.now(), self.sink);
                }
            }
        }
    }

    /// Reads until the connection is lost or given up.
    async fn read(&mut self, mut socket: Socket) {
        let mut answers: JoinSet<Answer> = JoinSet::new();
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message)) => {
                        if !self.take(&message) {
                            return;
                        }
                    }
                    Some(Err(error)) => {
                        self.metrics.set_last_error(&error);
                        return;
                    }
                    None => return,
                },
                Some(answer) = answers.join_next() => self.take_answer(answer),
                _ = self.timer.tick() => {
                    let advice = self.session.tick(self.clock.now(), self.sink);
                    if !follow(advice, &mut socket).await {
                        self.metrics.set_last_error(&"the connection was silent for too long");
                        return;
                    }
                }
            }
            for instrument in self.session.wanted_snapshots(self.clock.now()) {
                self.ask_snapshot(instrument, &mut answers);
            }
        }
    }

    /// Takes a message; false if it is the last.
    fn take(&mut self, message: &Message) -> bool {
        let now = self.clock.now();
        match message {
            Message::Text(text) => self.session.frame(now, text.as_bytes(), self.sink),
            Message::Binary(bytes) => self.session.binary_frame(now, bytes.len(), self.sink),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => self.session.alive(now),
            Message::Close(_) => return false,
        }
        true
    }

    fn ask_snapshot(&self, instrument: InstrumentId, answers: &mut JoinSet<Answer>) {
        let named = |symbol: &&Symbol| symbol.instrument == instrument;
        let Some(symbol) = self.feed.symbols.iter().find(named) else {
            return;
        };
        let url = self.feed.snapshot_url(&symbol.name);
        let agent = self.agent.clone();
        answers.spawn_blocking(move || Answer {
            instrument,
            fetched: fetch(&agent, &url),
        });
    }

    fn take_answer(&mut self, answer: Result<Answer, tokio::task::JoinError>) {
        let answer =
            answer.expect("a request neither panics nor is cancelled while it is waited for");
        let (instrument, now) = (answer.instrument, self.clock.now());
        match answer.fetched {
            Ok(Fetched::Body(body)) => self.session.snapshot(now, instrument, &body, self.sink),
            Ok(Fetched::Refused {
                status,
                retry_after,
            }) => {
                let text = format!("the venue refused a snapshot with HTTP status {status}");
                self.metrics.set_last_error(&text);
                self.session
                    .snapshot_refused(now, instrument, status, retry_after);
            }
            Err(error) => {
                self.metrics.set_last_error(&error);
                self.session.snapshot_failed(instrument);
            }
        }
    }
}

async fn connect(url: &str) -> Result<Socket, String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::FRAME_BYTES_MAX));
    let without_nagle = true;
    let connecting = connect_async_with_config(url, Some(config), without_nagle);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(format!("cannot connect to {url}: {error}")),
        Err(_elapsed) => Err(format!("cannot connect to {url}: no answer in time")),
    }
}

/// Does what the session advises; false if the connection is to be given up.
async fn follow(advice: Advice, socket: &mut Socket) -> bool {
    match advice {
        Advice::GoOn => true,
        Advice::Ping => socket.send(Message::Ping(Vec::new().into())).await.is_ok(),
        Advice::Reconnect => false,
    }
}

fn rest_agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(REST_TIMEOUT))
        .proxy(None)
        .http_status_as_error(false)
        .build();
    config.new_agent()
}

fn fetch(agent: &ureq::Agent, url: &str) -> Result<Fetched, ureq::Error> {
    let mut response = agent.get(url).call()?;
    if !response.status().is_success() {
        // It may be a date too, which no venue sends; that counts as none.
        let after = response.headers().get("retry-after");
        let seconds = after.and_then(|text| text.to_str().ok()?.trim().parse().ok());
        return Ok(Fetched::Refused {
            status: response.status().as_u16(),
            retry_after: seconds.map(Duration::from_secs),
        });
    }
    let body = response.body_mut().with_config();
    let body = body.limit(limits::REST_BYTES_MAX as u64).read_to_vec()?;
    Ok(Fetched::Body(body))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// What is fetched from a server that gives this answer.
    fn fetched(answer: &'static str) -> Fetched {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/depth", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut request = BufReader::new(&stream).lines();
            while request.next().unwrap().unwrap() != "" {}
            (&stream).write_all(answer.as_bytes()).unwrap();
        });
        let fetched = fetch(&rest_agent(), &url).unwrap();
        server.join().unwrap();
        fetched
    }

    #[test]
    fn a_refusal_keeps_its_status_and_when_to_come_back() {
        let refused = |status, seconds: Option<u64>| Fetched::Refused {
            status,
            retry_after: seconds.map(Duration::from_secs),
        };
        let text = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(fetched(text), refused(429, Some(7)));
        let text = "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(fetched(text), refused(418, None));
        let text = "HTTP/1.1 429 Too Many\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(fetched(text), refused(429, None));
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(fetched(text), Fetched::Body(b"{}".to_vec()));
    }
}
