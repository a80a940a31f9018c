//! Readers that hold what they give to what it may be.

use super::buffered;
use super::members::Member;
use crate::limits::FILE_BYTES_MAX;
use crc32fast::Hasher;
use std::io::{self, BufReader, Read};

/// A reader that fails, rather than ends, once it has given more than a file may have.
pub(super) fn limited(source: impl Read) -> BufReader<impl Read> {
    struct Limited<R> {
        source: R,
        left: u64,
    }
    impl<R: Read> Read for Limited<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let got = self.source.read(buffer)?;
            self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
                io::Error::other("more than 16 GiB once it is unpacked, expected less")
            })?;
            Ok(got)
        }
    }
    buffered(Limited {
        source,
        left: FILE_BYTES_MAX,
    })
}

/// A member as it is unpacked, checked at its end against what the zip says of it.
pub(super) struct Checked {
    source: Box<dyn Read + Send>,
    hash: Hasher,
    left: u64,
    crc: u32,
}

impl Checked {
    pub(super) fn new(source: Box<dyn Read + Send>, member: &Member) -> Checked {
        Checked {
            source,
            hash: Hasher::new(),
            left: member.size,
            crc: member.crc,
        }
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(buffer)?;
        self.hash.update(&buffer[..got]);
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        self.left = self
            .left
            .checked_sub(got as u64)
            .ok_or_else(|| wrong("a member of the zip is longer than the zip says"))?;
        if got == 0 && !buffer.is_empty() {
            if self.left > 0 {
                return Err(wrong("a member of the zip is shorter than the zip says"));
            }
            if self.hash.clone().finalize() != self.crc {
                return Err(wrong("a member of the zip does not match its checksum"));
            }
        }
        Ok(got)
    }
}
