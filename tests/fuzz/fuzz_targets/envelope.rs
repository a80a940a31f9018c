//! Any three parts: a message or an error, never a crash; and a message that is written again is the same message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_wire::{Encoding, Message};

fuzz_target!(|parts: (&[u8], &[u8], &[u8])| {
    let (topic, envelope, payload) = parts;
    if let Ok(message) = Message::decode(&[topic, envelope, payload]) {
        let encoded = message.encode();
        assert_eq!(encoded[0], topic);
        // Of a state the reserved bytes are not kept.
        if message.envelope.encoding != Encoding::Announcement {
            assert_eq!(encoded[2], payload);
        }
        let [topic, envelope, payload] = &encoded;
        // Compared as bytes: a record may hold a NaN, which equals nothing.
        let again = Message::decode(&[topic, envelope, payload]).expect("own bytes are valid");
        assert_eq!(again.encode(), encoded);
    }
});
