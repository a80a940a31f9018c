//! The foreign subscriber: a Python program with pyzmq that writes down what comes, and what it has written so far.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tickloom_wire::{Message, Payload};

const PROGRAM: &str = include_str!("foreign.py");

/// A Python with pyzmq. Without one a test says so and passes; in CI it fails.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    if python.is_none() {
        let why =
            "skipped: TICKLOOM_PYTHON names no Python with pyzmq; cargo xtask test prepares one";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
        println!("{why}");
    }
    python
}

/// The program as it runs. It ends with this, and also when the test is killed.
pub(crate) struct Foreign {
    child: Child,
    file: PathBuf,
    /// Bytes of the file that are no whole message yet.
    rest: Vec<u8>,
    /// Bytes that were read.
    read: u64,
    /// The greatest epoch of which the state was told.
    told_epoch: u64,
    /// Messages that were read.
    pub(crate) count: u64,
}

impl Foreign {
    /// Starts it; it writes into a new file.
    pub(crate) fn start(python: &OsString, endpoint: &str, file: &Path) -> Foreign {
        let child = Command::new(python)
            .args(["-c", PROGRAM, endpoint])
            .arg(file)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Foreign {
            child,
            file: file.to_owned(),
            rest: Vec::new(),
            read: 0,
            told_epoch: 0,
            count: 0,
        }
    }

    /// The greatest epoch of which the state has been told, as far as was read.
    pub(crate) fn told_epoch(&self) -> u64 {
        self.told_epoch
    }

    /// What came since this was asked last.
    ///
    /// # Errors
    /// What is no message of the protocol, or the end of the program.
    pub(crate) fn came(&mut self) -> Result<Vec<Message>, String> {
        if let Some(status) = self.child.try_wait().unwrap() {
            return Err(format!("the foreign subscriber has ended: {status}"));
        }
        // It is there once the program has started.
        let Ok(mut file) = File::open(&self.file) else {
            return Ok(Vec::new());
        };
        file.seek(SeekFrom::Start(self.read)).unwrap();
        self.read += file.read_to_end(&mut self.rest).unwrap() as u64;
        let mut messages = Vec::new();
        let mut left = self.rest.as_slice();
        while let Some((parts, after)) = take_message(left) {
            let message = Message::decode(&parts)
                .map_err(|error| format!("what came breaks the protocol: {error}"))?;
            if matches!(message.payload, Payload::Announcement(_)) {
                self.told_epoch = self.told_epoch.max(message.envelope.epoch);
            }
            messages.push(message);
            left = after;
        }
        self.rest = left.to_vec();
        self.count += messages.len() as u64;
        Ok(messages)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The three parts of the first message, and what follows it; none if it is not whole.
fn take_message(bytes: &[u8]) -> Option<([&[u8]; 3], &[u8])> {
    let mut left = bytes;
    let mut take = || {
        let (len, after) = left.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        left = after;
        Some(part)
    };
    let parts = [take()?, take()?, take()?];
    Some((parts, left))
}
