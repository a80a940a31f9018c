//! `tickloom subscribe`: prints what a publisher sends, and what was missed; with `--record` writes it down.

use crate::failure::Failure;
use crate::output;
use crate::pipeline::clock;
use crate::stop::Stop;
use anyhow::Context;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tickloom_types::Ts;
use tickloom_wire::{
    JSON_PREFIX, NO_RECORD, Observed, Payload, RECORD_TOPICS, Received, StreamWriter, Subscriber,
    SubscriberConfig, is_output,
};

/// How long one wait for a message is: Ctrl-C is seen within it.
const WAIT: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  tickloom subscribe tcp://127.0.0.1:5556
  tickloom subscribe tcp://127.0.0.1:5556 --topic signal/trend --count 10
  tickloom subscribe tcp://127.0.0.1:5556 --topic fill/ --topic account --json
  tickloom subscribe tcp://127.0.0.1:5556 --record came.tls --encoding record

Topics: signal/NAME bar/INSTRUMENT/SPEC quote/INSTRUMENT trade/INSTRUMENT order/STRATEGY verdict/STRATEGY fill/STRATEGY
position/STRATEGY/INSTRUMENT account status, and heartbeat if asked for. A prefix is enough. docs/wire.md has the bytes.

With --record every message goes into a new file as it came (docs/stream.md); `tickloom verify-stream` compares it with the
journal of the run.";

/// In which encoding to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    /// JSON, which is printed
    Json,
    /// The bytes of records, which are only written down
    Record,
    /// Both
    Both,
}

/// Print what a publisher sends.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// ZeroMQ endpoint of the publisher, such as tcp://127.0.0.1:5556
    endpoint: String,
    /// Only topics that begin so; may be given several times [default: all]
    #[arg(long, value_name = "PREFIX")]
    topic: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Stop after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// A new file that gets every message as it came
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What to listen to; other than json only with --record
    #[arg(long, value_enum, default_value_t = Wanted::Json)]
    encoding: Wanted,
}

/// Runs the command until Ctrl-C or the count.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if args.encoding != Wanted::Json && args.record.is_none() {
        return Err(Failure::input(anyhow::anyhow!(
            "--encoding: only json is printed, the others need --record"
        )));
    }
    let stop = Stop::catch()?;
    let config = SubscriberConfig {
        topics: prefixes(&args),
        ..SubscriberConfig::new(&args.endpoint, &[])
    };
    let mut subscriber = Subscriber::connect(&config).map_err(Failure::input)?;
    let mut record = match &args.record {
        None => None,
        Some(path) => Some(Record::begin(path, &config.topics, subscriber.hello())?),
    };
    output::note(&format!("waiting for {}", args.endpoint));
    let (mut taken, mut missed) = (0, 0);
    let mut is_connected = false;
    while !stop.is_wanted() && args.count.is_none_or(|count| taken < count) {
        let Some(received) = subscriber.recv(WAIT).map_err(Failure::run)? else {
            continue;
        };
        if let Some(record) = &mut record {
            record.put(&received)?;
        }
        if subscriber.is_synced() && !is_connected {
            is_connected = true;
            output::note("connected");
        }
        tell(&received.observed);
        for gap in &received.observed.gaps {
            missed += gap.missed;
            output::note(&format!("missed {} of {}", gap.missed, gap.topic));
        }
        if !is_asked_for(&received, &args) {
            continue;
        }
        if let Payload::Json(text) = &received.message.payload {
            print(&received, text, args.json)?;
            if output::is_lost() {
                break;
            }
        }
        taken += 1;
    }
    output::note(&format!("{taken} messages, {missed} missed"));
    Ok(())
}

/// What to subscribe to.
fn prefixes(args: &Args) -> Vec<String> {
    let all = [String::new()];
    let topics = if args.topic.is_empty() {
        all.as_slice()
    } else {
        &args.topic
    };
    let json = topics.iter().map(|topic| format!("{JSON_PREFIX}{topic}"));
    match args.encoding {
        Wanted::Json => json.collect(),
        Wanted::Record if args.topic.is_empty() => RECORD_TOPICS.map(str::to_owned).to_vec(),
        Wanted::Record => topics.to_vec(),
        // Everything, in both encodings.
        Wanted::Both if args.topic.is_empty() => all.to_vec(),
        Wanted::Both => topics.iter().cloned().chain(json).collect(),
    }
}

/// The file that gets every message.
struct Record {
    path: PathBuf,
    writer: StreamWriter<File>,
}

impl Record {
    /// Begins a file that was not there.
    fn begin(path: &Path, topics: &[String], hello: &str) -> Result<Record, Failure> {
        let name = || path.display().to_string();
        let file = File::create_new(path).with_context(name);
        let file = file.map_err(Failure::input)?;
        let begun = StreamWriter::begin(file, topics, hello).with_context(name);
        Ok(Record {
            path: path.to_owned(),
            writer: begun.map_err(Failure::run)?,
        })
    }

    fn put(&mut self, received: &Received) -> Result<(), Failure> {
        let written = self.writer.received(received, clock::now());
        let written = written.with_context(|| self.path.display().to_string());
        written.map_err(Failure::run)
    }
}

/// Whether a message is one of those that the user wants to see and counts: what carries a record, and what was named.
fn is_asked_for(received: &Received, args: &Args) -> bool {
    let message = &received.message;
    let topic = message.topic.strip_prefix(JSON_PREFIX);
    if message.envelope.kind != NO_RECORD {
        return topic.is_some() || args.encoding == Wanted::Record;
    }
    topic.is_some_and(|topic| args.topic.iter().any(|prefix| topic.starts_with(prefix)))
}

/// Says that the publisher was restarted, and what that means for what came before.
fn tell(observed: &Observed) {
    if observed.restarted {
        output::note("the publisher was restarted");
    }
    let Some(continued) = &observed.continued else {
        return;
    };
    let run = &continued.run;
    output::note(&format!("run {run} goes on"));
    for (what, ranges) in [
        ("retracted: inputs", &continued.retracted_inputs),
        ("retracted: outputs", &continued.retracted_outputs),
        (
            "missed, if of these topics: outputs",
            &continued.unseen_outputs,
        ),
    ] {
        for range in ranges {
            let last = range.end.saturating_sub(1);
            output::note(&format!("{what} {} to {last} of run {run}", range.start));
        }
    }
}

fn print(received: &Received, text: &str, as_json: bool) -> Result<(), Failure> {
    let message = &received.message;
    let topic = message
        .topic
        .strip_prefix(JSON_PREFIX)
        .unwrap_or(&message.topic);
    let envelope = &message.envelope;
    if !as_json {
        let time = Ts(envelope.ts_publish);
        output::line(&format!("{time} {topic} {} {text}", envelope.topic_seq));
        return Ok(());
    }
    let payload: Value = serde_json::from_str(text).map_err(Failure::run)?;
    let name = if is_output(envelope.kind) {
        "number"
    } else {
        "seq"
    };
    output::json(&json!({
        "topic": topic,
        "epoch": envelope.epoch,
        "topic_seq": envelope.topic_seq,
        name: envelope.number,
        "ts_publish": envelope.ts_publish,
        "missed": received.missed(),
        "payload": payload,
    }))
}
