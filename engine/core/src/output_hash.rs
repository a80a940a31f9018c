//! The hash over all outputs of a run: a chain of links over 4,096 outputs each, so that it can be saved in the middle of a run
//! and a run checked in parts.
//!
//! With `h0` of sixteen zero bytes, each link is `XXH3-128(link before || its 4,096 records)`, and the hash of a run
//! `XXH3-128(newest link || the records after it)`; links go in as 16 bytes, the lowest first.

use tickloom_types::{Record, StateError, StateReader, StateWriter};
use xxhash_rust::xxh3::Xxh3;

/// Outputs in a link of the chain.
pub const OUTPUTS_A_LINK: usize = 4_096;

/// The end of a link: from here on a run can be checked without what was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashLink {
    /// Outputs up to here, a multiple of [`OUTPUTS_A_LINK`].
    pub outputs: u64,
    /// The link's hash.
    pub hash: u128,
}

/// The hash over the 64 bytes of every output record in order: two runs are the same if their hashes are.
#[derive(Clone)]
pub struct OutputHash {
    link: HashLink,
    /// Outputs after the newest link; what a saved hash goes on from.
    rest: Vec<Record>,
    /// The newest link and the rest.
    state: Xxh3,
}

impl OutputHash {
    /// Over nothing yet.
    #[must_use]
    pub fn new() -> OutputHash {
        OutputHash::from_link(HashLink::default())
    }

    /// Goes on from the end of a link.
    #[must_use]
    pub fn from_link(link: HashLink) -> OutputHash {
        OutputHash {
            link,
            rest: Vec::with_capacity(OUTPUTS_A_LINK),
            state: begun(link.hash),
        }
    }

    /// Takes the next output record.
    #[inline]
    pub fn update(&mut self, record: &Record) {
        self.state.update(record.as_bytes());
        self.rest.push(*record);
        if self.rest.len() == OUTPUTS_A_LINK {
            self.close_link();
        }
    }

    /// Takes the next output records; the same as one after the other, at once.
    pub fn update_all(&mut self, records: &[Record]) {
        let mut records = records;
        while !records.is_empty() {
            let room = OUTPUTS_A_LINK - self.rest.len();
            let (now, later) = records.split_at(room.min(records.len()));
            self.state.update(Record::bytes_of(now));
            self.rest.extend_from_slice(now);
            if self.rest.len() == OUTPUTS_A_LINK {
                self.close_link();
            }
            records = later;
        }
    }

    /// How many outputs it is over.
    #[must_use]
    pub fn outputs(&self) -> u64 {
        self.link.outputs + self.rest.len() as u64
    }

    /// The newest link of its chain.
    #[must_use]
    pub fn link(&self) -> HashLink {
        self.link
    }

    /// The hash so far as 32 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:032x}", self.state.digest128())
    }

    /// Writes what it goes on from.
    pub fn save(&self, to: &mut StateWriter) {
        to.u64(self.outputs());
        to.u128(self.link.hash);
        for record in &self.rest {
            to.record(record);
        }
    }

    /// Goes on from what was saved.
    ///
    /// # Errors
    /// [`StateError`] if it was not.
    pub fn load(from: &mut StateReader<'_>) -> Result<OutputHash, StateError> {
        let outputs = from.tally()?;
        let rest = outputs % OUTPUTS_A_LINK as u64;
        let mut hash = OutputHash::from_link(HashLink {
            outputs: outputs - rest,
            hash: from.u128()?,
        });
        for _ in 0..rest {
            hash.update(&from.record()?);
        }
        Ok(hash)
    }

    #[cold]
    fn close_link(&mut self) {
        self.link = HashLink {
            outputs: self.outputs(),
            hash: self.state.digest128(),
        };
        self.rest.clear();
        self.state = begun(self.link.hash);
    }
}

fn begun(link: u128) -> Xxh3 {
    let mut state = Xxh3::new();
    state.update(&link.to_le_bytes());
    state
}

impl Default for OutputHash {
    fn default() -> Self {
        OutputHash::new()
    }
}

impl std::fmt::Debug for OutputHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputHash({})", self.hex())
    }
}

/// The hash as it was before it was a chain: XXH3-128 over the bytes of all output records. Journals were closed with it.
#[derive(Clone)]
pub struct OutputHashV1 {
    state: Xxh3,
}

impl OutputHashV1 {
    /// Over nothing yet.
    #[must_use]
    pub fn new() -> OutputHashV1 {
        OutputHashV1 { state: Xxh3::new() }
    }

    /// Takes the next output records.
    pub fn update_all(&mut self, records: &[Record]) {
        self.state.update(Record::bytes_of(records));
    }

    /// The hash so far as 32 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:032x}", self.state.digest128())
    }
}

impl Default for OutputHashV1 {
    fn default() -> Self {
        OutputHashV1::new()
    }
}

impl std::fmt::Debug for OutputHashV1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputHashV1({})", self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    fn records(count: u64) -> Vec<Record> {
        let record = |n| Record {
            body: [n, 0, 0, 0, 0],
            ..Record::default()
        };
        (0..count).map(record).collect()
    }

    /// As the first lines of this file say it.
    fn defined(records: &[Record]) -> String {
        let mut link = 0_u128;
        let chunks = records.chunks_exact(OUTPUTS_A_LINK);
        let rest = chunks.remainder();
        for chunk in chunks {
            link = xxh3_128(&[&link.to_le_bytes()[..], Record::bytes_of(chunk)].concat());
        }
        let last = [&link.to_le_bytes()[..], Record::bytes_of(rest)].concat();
        format!("{:032x}", xxh3_128(&last))
    }

    #[test]
    fn it_is_as_defined_one_by_one_at_once_and_saved_anywhere() {
        for count in [0, 1, 4_095, 4_096, 4_097, 8_192, 10_000] {
            let all = records(count);
            let mut hash = OutputHash::new();
            all.iter().for_each(|record| hash.update(record));
            assert_eq!(hash.hex(), defined(&all), "{count}");
            assert_eq!(hash.outputs(), count);
            for stop in [0, 1, 4_095, 4_096, 4_100, 9_000] {
                let (before, after) = all.split_at(stop.min(all.len()));
                let mut first = OutputHash::new();
                first.update_all(before);
                let mut to = StateWriter::new();
                first.save(&mut to);
                let mut from = StateReader::new(to.bytes(), "test");
                let mut second = OutputHash::load(&mut from).unwrap();
                from.end().unwrap();
                assert_eq!(second.hex(), first.hex());
                second.update_all(after);
                assert_eq!((second.hex(), second.outputs()), (hash.hex(), count));
                assert_eq!(second.link(), hash.link());
            }
        }
        assert_eq!(
            OutputHash::new().hex(),
            "e5189a9599e3f86205ea23ef06e28b2d",
            "journals and texts hold hashes: they stay"
        );
    }

    #[test]
    fn a_part_is_checked_from_the_link_before_it() {
        let all = records(9_000);
        let mut whole = OutputHash::new();
        whole.update_all(&all[..5_000]);
        let mut part = OutputHash::from_link(whole.link());
        assert_eq!(part.outputs(), 4_096);
        whole.update_all(&all[5_000..]);
        part.update_all(&all[4_096..]);
        assert_eq!(part.hex(), whole.hex());
        let mut other = all.clone();
        other[4_096].body[4] ^= 1;
        let mut part = OutputHash::from_link(HashLink {
            outputs: 0,
            hash: 0,
        });
        part.update_all(&other);
        assert_ne!(part.hex(), whole.hex());
    }

    #[test]
    fn the_hash_of_before_is_that_of_all_bytes_in_order() {
        let all = records(5_000);
        let mut hash = OutputHashV1::new();
        hash.update_all(&all[..7]);
        hash.update_all(&all[7..]);
        let whole = xxh3_128(Record::bytes_of(&all));
        assert_eq!(hash.hex(), format!("{whole:032x}"));
        assert_eq!(
            OutputHashV1::new().hex(),
            "99aa06d3014798d86001c324468d497f"
        );
    }
}
