//! `tickloom subscribe`: prints what a publisher sends, and what was missed.

use crate::failure::Failure;
use crate::output;
use crate::stop::Stop;
use serde_json::{Value, json};
use std::time::Duration;
use tickloom_types::Ts;
use tickloom_wire::{
    HEARTBEAT, JSON_PREFIX, NO_RECORD, Observed, Payload, Received, Subscriber, SubscriberConfig,
};

/// How long one wait for a message is: Ctrl-C is seen within it.
const WAIT: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  tickloom subscribe tcp://127.0.0.1:5556
  tickloom subscribe tcp://127.0.0.1:5556 --topic signal/trend --count 10
  tickloom subscribe tcp://127.0.0.1:5556 --topic fill/ --topic account --json

Topics: signal/NAME bar/INSTRUMENT/SPEC quote/INSTRUMENT trade/INSTRUMENT order/STRATEGY verdict/STRATEGY fill/STRATEGY
position/STRATEGY/INSTRUMENT account status, and heartbeat if asked for. A prefix is enough. docs/wire.md has the bytes.";

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
}

/// Runs the command until Ctrl-C or the count.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let stop = Stop::catch()?;
    let prefixes: Vec<String> = if args.topic.is_empty() {
        vec![JSON_PREFIX.to_owned()]
    } else {
        args.topic
            .iter()
            .map(|topic| format!("{JSON_PREFIX}{topic}"))
            .collect()
    };
    let topics: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let mut subscriber = Subscriber::connect(&SubscriberConfig::new(&args.endpoint, &topics))
        .map_err(Failure::input)?;
    output::note(&format!("waiting for {}", args.endpoint));
    let wants_heartbeats = args
        .topic
        .iter()
        .any(|topic| HEARTBEAT.starts_with(topic.as_str()));
    let mut printed = 0;
    let mut missed = 0;
    let mut is_connected = false;
    while !stop.is_wanted() && args.count.is_none_or(|count| printed < count) {
        let Some(received) = subscriber.recv(WAIT).map_err(Failure::run)? else {
            continue;
        };
        if subscriber.is_synced() && !is_connected {
            is_connected = true;
            output::note("connected");
        }
        tell(&received.observed);
        for gap in &received.observed.gaps {
            missed += gap.missed;
            output::note(&format!("missed {} of {}", gap.missed, gap.topic));
        }
        let is_heartbeat = received.message.envelope.kind == NO_RECORD;
        if let Payload::Json(text) = &received.message.payload
            && (!is_heartbeat || wants_heartbeats)
        {
            print(&received, text, args.json)?;
            if output::is_lost() {
                break;
            }
            printed += 1;
        }
    }
    output::note(&format!("{printed} messages, {missed} missed"));
    Ok(())
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
        ("not seen: outputs", &continued.unseen_outputs),
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
    output::json(&json!({
        "topic": topic,
        "epoch": envelope.epoch,
        "topic_seq": envelope.topic_seq,
        "number": envelope.number,
        "ts_publish": envelope.ts_publish,
        "missed": received.missed(),
        "payload": payload,
    }))
}
