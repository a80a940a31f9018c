//! Ports of the loopback for servers that cannot be asked which one they got, or that are to come back on the same one.
//!
//! They are from below the range that the system hands out by itself, so that no connection takes one while its server is down, and
//! each is locked between processes for as long as its value lives.

use std::fs::{self, File};
use std::net::TcpListener;

/// Linux hands out ports from 32,768 on, other systems from 49,152.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// One port, of this test alone until it is dropped.
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// One that nobody listens on and no other test has.
    pub(crate) fn reserve() -> Port {
        let locks = std::env::temp_dir().join("tickloom-test-ports");
        fs::create_dir_all(&locks).expect("a directory");
        // Tests that begin together look from different ports on.
        let from = std::process::id().wrapping_mul(61) % u32::from(COUNT);
        let from = u16::try_from(from).expect("it is below the count");
        let found = (0..COUNT).find_map(|at| {
            let number = FIRST + (from + at) % COUNT;
            let lock = File::create(locks.join(number.to_string())).ok()?;
            lock.try_lock().ok()?;
            TcpListener::bind(("127.0.0.1", number)).ok()?;
            Some(Port {
                number,
                _lock: lock,
            })
        });
        found.expect("a free port")
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}
