//! Any bytes: a session and what follows it, or an error that names a byte of them, never a crash; and a session that is written
//! again is the same session.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_wire::{EnvelopeError, Session};

fuzz_target!(|bytes: &[u8]| {
    match Session::decode(bytes) {
        Ok((session, rest)) => {
            let mut encoded = Vec::new();
            session.encode(&mut encoded);
            assert_eq!(encoded.len() + rest.len(), bytes.len());
            encoded.extend(rest);
            let again = Session::decode(&encoded).expect("own bytes are valid");
            assert_eq!(again, (session, rest));
        }
        Err(EnvelopeError::Session { at }) => assert!(at <= bytes.len()),
        Err(error) => panic!("another kind of error: {error}"),
    }
});
