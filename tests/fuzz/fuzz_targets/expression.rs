//! Any text is an expression or an error that points into the text; it is never a crash.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = tickloom_signals::parse(text) {
        let columns = text.chars().count() + 1;
        assert!((1..=columns).contains(&error.column));
        assert!(!error.to_string().is_empty());
    }
});
