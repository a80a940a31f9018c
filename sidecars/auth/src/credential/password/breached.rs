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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::password::{Password, PasswordError, PasswordRefused, Rules};
    use std::collections::BTreeMap;

    /// SHA-1 of "correct horse battery staple", by Python's hashlib.
    const STAPLE: &str = "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42";

    /// A list of `count` hashes of numbers, with how often each was found, in the order of the hashes.
    fn hashes(count: u64) -> BTreeMap<String, u64> {
        let hash = |number: u64| {
            let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, number.to_string().as_bytes());
            let digits = sum.as_ref().iter().map(|byte| format!("{byte:02X}"));
            (digits.collect(), number + 1)
        };
        (0..count).map(hash).collect()
    }

    fn write(folder: &Path, text: &str) -> BreachedList {
        let path = folder.join("breached.txt");
        std::fs::write(&path, text).unwrap();
        BreachedList::open(&path).unwrap()
    }

    #[test]
    fn each_line_is_found_and_no_other_at_any_length() {
        let folder = tempfile::tempdir().unwrap();
        for count in [1, 2, 45, 46, 47, 48, 49, 90, 92, 94, 96, 98, 500, 3000] {
            for (end, has_last_end) in
                [("\r\n", true), ("\n", true), ("\r\n", false), ("\n", false)]
            {
                let lines = hashes(count)
                    .into_iter()
                    .map(|(hash, times)| format!("{hash}:{times}"));
                let mut text = lines.collect::<Vec<_>>().join(end);
                if has_last_end {
                    text.push_str(end);
                }
                let list = write(folder.path(), &text);
                for number in 0..count {
                    assert_eq!(list.times(&number.to_string()).unwrap(), number + 1);
                }
                for number in count..2 * count {
                    assert_eq!(list.times(&number.to_string()).unwrap(), 0);
                }
            }
        }
    }

    #[test]
    fn a_password_that_was_found_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let list = write(
            folder.path(),
            &format!("{}:7\n{STAPLE}:4242\n", "0".repeat(40)),
        );
        let rules = Rules::new(Some(list));
        let password = |text: &str| Password::new(text.to_owned()).unwrap();
        let said = rules.check(&password("correct horse battery staple"), &[]);
        let Err(PasswordError::Refused(refused)) = said else {
            panic!("{said:?}");
        };
        assert_eq!(refused, PasswordRefused::Breached { times: 4242 });
        assert!(
            rules
                .check(&password("lamp orbit velvet canyon"), &[])
                .is_ok()
        );
    }

    #[test]
    fn a_file_of_another_form_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.txt");
        for text in [
            "",
            "\n",
            "password:3\n",
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let said = BreachedList::open(&path);
            assert!(
                matches!(said, Err(BreachedError::Form { byte: 0, .. })),
                "{text:?}"
            );
        }
        // Not in order: the second line begins at byte 43.
        let list = write(
            folder.path(),
            &format!("{STAPLE}:1\n{}:2\n", "0".repeat(40)),
        );
        let said = list.find(&"F".repeat(40));
        assert!(
            matches!(said, Err(BreachedError::Form { byte: 43, .. })),
            "{said:?}"
        );
        // One line, as long as a file.
        let list = write(
            folder.path(),
            &format!("{STAPLE}:1\n{}", "A".repeat(100_000)),
        );
        let said = list.find(STAPLE);
        assert!(matches!(said, Err(BreachedError::Form { .. })), "{said:?}");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(list.find(STAPLE), Err(BreachedError::Io { .. })));
    }
}
