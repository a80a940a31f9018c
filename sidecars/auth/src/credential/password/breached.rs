//! A list of breached passwords on disk, as Have I Been Pwned's downloader writes it: a line `SHA-1:COUNT` each, hexadecimal, in the
//! order of the hashes. It has tens of gigabytes and is never read whole: a look-up reads some 30 blocks.
//!
//! The hashes there are of passwords as they were leaked, and ours are in NFKC: one whose letters that changes may be missed.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes that are read at a time: many times as many as a line has.
const BLOCK_BYTES: u64 = 4096;
/// Longest line, with its end: 40 digits, a colon, 20 digits, CR and LF.
const LINE_BYTES_MAX: usize = 63;
const HASH_DIGITS: usize = 40;

/// What can go wrong with the list.
#[derive(Debug, Error)]
pub enum BreachedError {
    /// It cannot be read.
    #[error("cannot read the list of breached passwords {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not in the expected form.
    #[error(
        "the list of breached passwords {path}, byte {byte}: {why}; expected lines `SHA-1:COUNT` in the order of the hashes"
    )]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where the line begins.
        byte: u64,
        /// What is wrong there.
        why: &'static str,
    },
}

/// A list of breached passwords. The file is opened for each look-up, so that it can be replaced by a newer one with a rename.
#[derive(Clone, Debug)]
pub struct BreachedList {
    path: PathBuf,
}

/// A line: its hash, how often the password was found, and where the next line begins.
struct Line {
    hash: String,
    times: u64,
    end: u64,
}

impl BreachedList {
    /// The list in this file, whose first line is looked at.
    ///
    /// # Errors
    /// [`BreachedError`] if it cannot be read, or does not begin as expected.
    pub fn open(path: &Path) -> Result<BreachedList, BreachedError> {
        let list = BreachedList {
            path: path.to_owned(),
        };
        let mut file = list.file()?;
        let block = list.block(&mut file, 0)?;
        list.line(&block, 0, 0)?;
        Ok(list)
    }

    /// How often a password was found: zero if it is not in the list.
    ///
    /// # Errors
    /// [`BreachedError`].
    pub(super) fn times(&self, password: &str) -> Result<u64, BreachedError> {
        let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let mut wanted = String::with_capacity(HASH_DIGITS);
        for byte in sum.as_ref() {
            // A text takes all that is written to it.
            write!(wanted, "{byte:02X}").ok();
        }
        self.find(&wanted)
    }

    /// Halves the part of the file that the line can begin in, until it is a block; then reads line by line.
    fn find(&self, wanted: &str) -> Result<u64, BreachedError> {
        let mut file = self.file()?;
        let size = file
            .seek(SeekFrom::End(0))
            .map_err(|source| self.io(source))?;
        // Every line that begins before `low` is smaller; every one that begins after `high` is greater.
        let (mut low, mut high) = (0_u64, size);
        while high.saturating_sub(low) > BLOCK_BYTES / 2 {
            let middle = low + (high - low) / 2;
            let block = self.block(&mut file, middle)?;
            let Some(begin) = block.iter().position(|byte| *byte == b'\n') else {
                return Err(self.form(middle, "a line has no end"));
            };
            let at = middle + begin as u64 + 1;
            if at > high {
                high = middle;
                continue;
            }
            let line = self.line(&block, begin + 1, at)?;
            match line.hash.as_str().cmp(wanted) {
                Ordering::Equal => return Ok(line.times),
                Ordering::Less => low = line.end,
                Ordering::Greater => high = middle,
            }
        }
        self.scan(&mut file, low, high, wanted)
    }

    /// Looks at each line that begins from `low` to `high`; `low` is the beginning of one.
    fn scan(
        &self,
        file: &mut File,
        low: u64,
        high: u64,
        wanted: &str,
    ) -> Result<u64, BreachedError> {
        let block = self.block(file, low)?;
        let (mut at, mut last) = (low, String::new());
        while at <= high {
            let begin = usize::try_from(at - low).unwrap_or(usize::MAX);
            if begin >= block.len() {
                break;
            }
            let line = self.line(&block, begin, at)?;
            if line.hash <= last {
                return Err(self.form(at, "a line is not greater than the one before"));
            }
            match line.hash.as_str().cmp(wanted) {
                Ordering::Equal => return Ok(line.times),
                Ordering::Less => (at, last) = (line.end, line.hash),
                Ordering::Greater => break,
            }
        }
        Ok(0)
    }

    /// The line that begins at `begin` of a block, which is byte `at` of the file.
    fn line(&self, block: &[u8], begin: usize, at: u64) -> Result<Line, BreachedError> {
        let rest = block.get(begin..).unwrap_or_default();
        let rest = rest.get(..LINE_BYTES_MAX).unwrap_or(rest);
        let length = rest.iter().position(|byte| *byte == b'\n');
        // The last line need not have an end.
        let text = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let wrong = || self.form(at, "this is no such line");
        let text = std::str::from_utf8(text).map_err(|_| wrong())?;
        let (hash, times) = text.split_once(':').ok_or_else(wrong)?;
        if hash.len() != HASH_DIGITS || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Line {
            hash: hash.to_ascii_uppercase(),
            times: times.parse().map_err(|_| wrong())?,
            end: at + length.map_or(rest.len(), |length| length + 1) as u64,
        })
    }

    fn file(&self) -> Result<File, BreachedError> {
        File::open(&self.path).map_err(|source| self.io(source))
    }

    /// Up to a block of bytes from here on; fewer at the end of the file.
    fn block(&self, file: &mut File, at: u64) -> Result<Vec<u8>, BreachedError> {
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.take(BLOCK_BYTES).read_to_end(&mut block))
            .map_err(|source| self.io(source))?;
        Ok(block)
    }

    fn io(&self, source: io::Error) -> BreachedError {
        BreachedError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn form(&self, byte: u64, why: &'static str) -> BreachedError {
        BreachedError::Form {
            path: self.path.clone(),
            byte,
            why,
        }
    }
}
