//! One run that is killed several times, started again each time, and at last stopped in good order.

use crate::KILLS_OF_A_RUN;
use crate::cli::{Ran, tickloom, workspace};
use crate::common::{Running, json, settings, until, verify};
use crate::foreign::Foreign;
use crate::kept::Kept;
use crate::ledger::Ledger;
use crate::ports::Port;
use crate::random::Random;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tickloom_feeds::local_venue::{AtEnd, LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_wire::Message;

/// When a kill comes.
#[derive(Debug)]
enum Instant {
    /// So many milliseconds after the start: in the recovery, or soon after it.
    Started(u64),
    /// When the endpoint is bound.
    Announced,
    /// So many messages after the subscriber has heard of the session.
    Messages(u64),
    /// When the journal has so many bytes more since then.
    Journal(u64),
    /// When another segment has begun since then.
    Segment,
    /// So many milliseconds after it was told to stop.
    Stopping(u64),
}

impl Instant {
    /// One of them; soon after the start where a run is killed often.
    fn random(is_soon: bool, random: &mut Random) -> Instant {
        match random.below(12) {
            kind if is_soon && kind >= 3 => Instant::Messages(random.below(100)),
            0 | 1 => Instant::Started(random.below(500)),
            2 => Instant::Announced,
            3..=6 => Instant::Messages(random.below(5_000)),
            7 | 8 => Instant::Journal(random.below(1_000_000)),
            9 => Instant::Segment,
            _ => Instant::Stopping(random.below(60)),
        }
    }
}

/// How one start is made.
#[derive(Debug)]
struct Start {
    workers: u64,
    is_durable: bool,
    segment_mb: u64,
    sync: &'static str,
}

impl Start {
    fn random(random: &mut Random) -> Start {
        let is_durable = random.below(2) == 1;
        // What waits for the disk cannot wait for a whole segment.
        let is_sealed_only = !is_durable && random.below(3) == 0;
        Start {
            workers: [1, 2, 4][usize::try_from(random.below(3)).unwrap()],
            is_durable,
            segment_mb: [1, 2, 64][usize::try_from(random.below(3)).unwrap()],
            sync: if is_sealed_only { "seal" } else { "flush" },
        }
    }
}

/// A run, who listens to it, and what is known of it.
struct Round {
    venue: LocalVenue,
    endpoint: String,
    record: PathBuf,
    config: PathBuf,
    foreign: Foreign,
    /// Messages that the ledger has not taken yet.
    came: Vec<Message>,
    ledger: Ledger,
}

/// Kills a run so many times. Returns what was found, in words.
///
/// # Errors
/// What differed, in a sentence.
pub(crate) fn round(python: &OsString, kills: u64, random: &mut Random) -> Result<String, String> {
    let dir = workspace();
    let port = Port::reserve();
    let endpoint = format!("tcp://{}", port.address());
    let speed = [4.0, 16.0, 64.0][usize::try_from(random.below(3)).unwrap()];
    let own = dir.path().join("own.tls");
    let words = ["subscribe", &endpoint, "--record", own.to_str().unwrap()];
    let encoding = ["record", "both"][usize::try_from(random.below(2)).unwrap()];
    let mut subscriber = Running::start(&[&words[..], &["--encoding", encoding]].concat());
    subscriber.announced("waiting for");
    let mut round = Round {
        venue: venue(speed),
        record: dir.path().join("recorded"),
        config: dir.path().join("live.toml"),
        foreign: Foreign::start(python, &endpoint, &dir.path().join("foreign")),
        endpoint,
        came: Vec::new(),
        ledger: Ledger::default(),
    };
    for kill in 0..kills {
        let start = Start::random(random);
        let instant = Instant::random(kills > KILLS_OF_A_RUN, random);
        println!("  kill {kill} at {instant:?} of {start:?}, speed {speed}");
        let killed = round.kill(&start, &instant);
        killed.map_err(|fault| format!("kill {kill} at {instant:?} of {start:?}: {fault}"))?;
    }
    let ended = round.end(&Start::random(random), subscriber, &own);
    ended.map_err(|fault| format!("after all kills: {fault}"))
}

/// Plays the recording of the perpetual, and again from its beginning if it comes to its end.
fn venue(speed: f64) -> LocalVenue {
    let [_, perpetual] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(speed),
        at_end: AtEnd::Repeat,
        ..LocalVenueConfig::new(vec![perpetual.capture])
    })
    .unwrap()
}

impl Round {
    fn start(&self, start: &Start) -> Running {
        let when = if start.is_durable {
            "durable"
        } else {
            "at_once"
        };
        let publish = format!(
            "endpoint = '{}'\nhigh_water_mark = 1000000\nwhen = '{when}'",
            self.endpoint
        );
        let record = format!("segment_mb = {}\nsync = '{}'", start.segment_mb, start.sync);
        let text = settings(&self.venue, &self.record, "")
            .replace("endpoint = \"tcp://127.0.0.1:*\"", &publish)
            .replace("segment_mb = 1", &record);
        assert!(text.contains(&publish) && text.contains(&record), "{text}");
        fs::write(&self.config, text).unwrap();
        let config = self.config.to_str().unwrap();
        let workers = start.workers.to_string();
        Running::start(&["run", "--json", "--config", config, "--workers", &workers])
    }

    /// Starts the run, kills it at the instant, and holds what came to what it has left.
    fn kill(&mut self, start: &Start, instant: &Instant) -> Result<(), String> {
        let known = self.foreign.told_epoch();
        let mut run = self.start(start);
        match *instant {
            Instant::Started(ms) => std::thread::sleep(Duration::from_millis(ms)),
            Instant::Announced => {
                run.announced("publishing");
            }
            _ => {
                self.until_heard(known, &mut run)?;
                self.until(instant, start, &mut run)?;
            }
        }
        run.kill();
        self.listen()?;
        self.check(start.is_durable).map(drop)
    }

    /// Waits until the subscriber has been told of a session after this epoch.
    fn until_heard(&mut self, epoch: u64, run: &mut Running) -> Result<(), String> {
        self.look_until("a word of the new session", run, |round| {
            round.foreign.told_epoch() > epoch
        })
    }

    fn until(&mut self, instant: &Instant, start: &Start, run: &mut Running) -> Result<(), String> {
        let (bytes, segments) = size(&self.record);
        let count = self.foreign.count;
        match *instant {
            Instant::Messages(more) => {
                self.look_until("messages", run, |round| round.foreign.count >= count + more)
            }
            Instant::Journal(more) => self.look_until("a longer journal", run, |round| {
                size(&round.record).0 >= bytes + more
            }),
            // One of a segment that is far from full comes with the next start.
            Instant::Segment if start.segment_mb > 2 => Ok(()),
            Instant::Segment => self.look_until("another segment", run, |round| {
                size(&round.record).1 > segments
            }),
            Instant::Stopping(ms) => {
                run.signal("INT");
                std::thread::sleep(Duration::from_millis(ms));
                Ok(())
            }
            Instant::Started(_) | Instant::Announced => Ok(()),
        }
    }

    /// Looks again and again, listening meanwhile.
    fn look_until(
        &mut self,
        what: &str,
        run: &mut Running,
        is_there: impl Fn(&Round) -> bool,
    ) -> Result<(), String> {
        until(what, || {
            if let Err(fault) = self.listen() {
                return Some(Err(fault));
            }
            if is_there(self) {
                return Some(Ok(()));
            }
            (!run.is_alive()).then(|| Err(format!("the run ended by itself: {}", run.last_words())))
        })
    }

    fn listen(&mut self) -> Result<(), String> {
        self.came.extend(self.foreign.came()?);
        Ok(())
    }

    /// The journal of the run, once it has begun.
    fn journal(&self) -> Result<Option<PathBuf>, String> {
        let runs = fs::read_dir(self.record.join("journal"));
        let runs = runs.into_iter().flatten().flatten();
        let mut begun: Vec<PathBuf> = runs.map(|run| run.path()).collect();
        begun.retain(|run| size(run).1 > 0);
        match begun.len() {
            0 | 1 => Ok(begun.pop()),
            _ => Err(format!("more than one run: {begun:?}")),
        }
    }

    /// Holds what came to the journal, to which at most one session was added since the last time.
    fn check(&mut self, is_durable: bool) -> Result<Kept, String> {
        let Some(journal) = self.journal()? else {
            return match self.came.first() {
                None => Ok(Kept::default()),
                Some(message) => Err(format!("{message:?} came, and there is no journal")),
            };
        };
        let kept = Kept::read(&journal)?;
        let known = &mut self.ledger.is_durable;
        if kept.parts.len() > known.len() {
            known.push(is_durable);
        }
        if kept.parts.len() != known.len() {
            let (sessions, starts) = (kept.parts.len(), known.len());
            return Err(format!("{sessions} sessions after {starts} starts"));
        }
        self.ledger.take(&self.came, &kept)?;
        self.came.clear();
        Ok(kept)
    }

    /// Lets the run go on to an end in good order, and compares everything.
    fn end(mut self, start: &Start, subscriber: Running, own: &Path) -> Result<String, String> {
        let known = self.foreign.told_epoch();
        let own_before = len(own);
        let mut run = self.start(start);
        self.until_heard(known, &mut run)?;
        self.until(&Instant::Messages(500), start, &mut run)?;
        self.look_until("a message at tickloom subscribe", &mut run, |_| {
            len(own) > own_before
        })?;
        let ran = run.stop();
        if ran.code != 0 {
            return Err(format!("the end in good order: {ran:?}"));
        }
        let journal = self.journal()?.ok_or("there is no journal")?;
        let whole = Kept::read(&journal)?;
        let last = whole.last_published().ok_or("nothing was published")?;
        until("the last message", || {
            if let Err(fault) = self.listen() {
                return Some(Err(fault));
            }
            let is_it = |message: &Message| {
                let envelope = &message.envelope;
                (tickloom_wire::is_output(envelope.kind), envelope.number) == last
            };
            self.came.iter().any(is_it).then_some(Ok(()))
        })?;
        let kept = self.check(start.is_durable)?;
        self.ledger.end(&kept)?;
        let stopped = subscriber.stop();
        if stopped.code != 0 {
            return Err(format!("tickloom subscribe: {stopped:?}"));
        }
        let (own, dir) = (own.to_str().unwrap(), journal.to_str().unwrap());
        is_good(&tickloom(&["verify-stream", own, dir]))?;
        is_good(&tickloom(&["replay", "--verify", dir]))?;
        let verified = verify(&journal);
        if verified["output_hash"] != json(&ran)["output_hash"] {
            return Err(format!("replay made {verified}, the run {ran:?}"));
        }
        let Ledger {
            messages,
            retracted,
            ..
        } = self.ledger;
        Ok(format!(
            "{messages} messages, {retracted} of them taken back, {} sessions",
            kept.parts.len()
        ))
    }
}

/// Bytes of a file that is there or not yet.
fn len(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

fn is_good(ran: &Ran) -> Result<(), String> {
    if ran.code == 0 {
        return Ok(());
    }
    Err(format!("{}{}", ran.stdout, ran.stderr))
}

/// Bytes and number of the journal's segments below a directory.
fn size(dir: &Path) -> (u64, usize) {
    let (mut bytes, mut segments) = (0, 0);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let (more_bytes, more) = size(&path);
            (bytes, segments) = (bytes + more_bytes, segments + more);
        } else if path.extension().is_some_and(|extension| extension == "tlj") {
            // One that vanishes meanwhile is none.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            segments += 1;
        }
    }
    (bytes, segments)
}
