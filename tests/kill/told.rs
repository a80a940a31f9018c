//! The state of a session as JSON: the same as the bytes that came before it.

use serde_json::{Value, json};
use tickloom_wire::{Announcement, RunPosition};

/// Whether the text says what the state does. An epoch has no table of topics.
///
/// # Errors
/// What differed, in a sentence.
pub(crate) fn is_told(text: &str, state: &Announcement) -> Result<(), String> {
    let told: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let session = &state.session;
    let position = |at: RunPosition| json!({"inputs": at.inputs, "outputs": at.outputs});
    let retracted = session.retracted.iter().map(|gone| {
        let (inputs, outputs) = (&gone.inputs, &gone.outputs);
        json!({
            "inputs": [inputs.start, inputs.end],
            "outputs": [outputs.start, outputs.end],
        })
    });
    let mut expected = json!({
        "run": session.run,
        "topic_base": session.topic_base,
        "first": position(session.first),
        "watermark": position(session.watermark),
        "retracted": retracted.collect::<Vec<_>>(),
    });
    if told["kind"] == "heartbeat" {
        let topics = state.topics.iter();
        expected["topics"] = topics
            .map(|told| (told.topic.clone(), json!(told.seq)))
            .collect();
    }
    let expected = expected.as_object().expect("it was made as one");
    for (key, value) in expected {
        if told[key] != *value {
            return Err(format!("{key} is {} and was {value} in bytes", told[key]));
        }
    }
    Ok(())
}
