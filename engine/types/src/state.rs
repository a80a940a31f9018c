//! What parts of an engine remember, as bytes: written without a word about what is known anyway, read without trust.
//!
//! State is loaded onto an object that was made from the same configuration. What is read is checked against it, so that bytes from
//! elsewhere are a [`StateError`], never a panic and never memory without end. All numbers are little-endian.

use crate::bar_spec::BarSpec;
use crate::record::{RECORD_LEN, Record};
use thiserror::Error;

/// Largest number of times that anything can have happened: a million a second for two thousand years.
pub const TALLY_MAX: u64 = 1 << 56;

/// Why bytes are not a state.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum StateError {
    /// They end too early.
    #[error("{of}: ends at byte {at}, before it is whole")]
    Short {
        /// What was read.
        of: &'static str,
        /// Where the bytes end.
        at: usize,
    },
    /// Something in them cannot be.
    #[error("{of}: before byte {at} stands what is not {expected}")]
    Wrong {
        /// What was read.
        of: &'static str,
        /// The byte after it.
        at: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// They go on after their end.
    #[error("{of}: goes on after its end at byte {at}")]
    Long {
        /// What was read.
        of: &'static str,
        /// Where it should end.
        at: usize,
    },
}

/// Takes state as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

/// Gives back what a [`StateWriter`] took, in the same order.
#[derive(Clone, Debug)]
pub struct StateReader<'a> {
    bytes: &'a [u8],
    at: usize,
    of: &'static str,
}

macro_rules! numbers {
    ($($name:ident)*) => {
        impl StateWriter {
            $(
                #[doc = concat!("A number of the type `", stringify!($name), "`.")]
                #[inline]
                pub fn $name(&mut self, value: $name) {
                    self.bytes.extend_from_slice(&value.to_le_bytes());
                }
            )*
        }

        impl StateReader<'_> {
            $(
                #[doc = concat!("A number of the type `", stringify!($name), "`.")]
                ///
                /// # Errors
                /// [`StateError::Short`].
                #[inline]
                pub fn $name(&mut self) -> Result<$name, StateError> {
                    self.array().map($name::from_le_bytes)
                }
            )*
        }
    };
}

numbers!(u8 u16 u32 u64 u128 i64 i128);

impl StateWriter {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> StateWriter {
        StateWriter::default()
    }

    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets all bytes, but not the memory that they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// All bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Yes or no.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// A float by its bits. All NaN are one: which of them it is follows from nothing that counts.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.u64(value.to_bits());
    }

    /// How many of something follow, or a place in memory.
    pub fn count(&mut self, count: usize) {
        self.u64(count as u64);
    }

    /// Something that may not be there.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut StateWriter, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Bytes with their number before them.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// A record as its 64 bytes.
    pub fn record(&mut self, record: &Record) {
        self.bytes.extend_from_slice(record.as_bytes());
    }

    /// A size of bars.
    pub fn bar_spec(&mut self, spec: BarSpec) {
        let (kind, number) = match spec {
            BarSpec::Time(length) => (0, length.unsigned_abs()),
            BarSpec::Ticks(count) => (1, u64::from(count)),
            BarSpec::Volume(units) => (2, units),
        };
        self.u8(kind);
        self.u64(number);
    }
}

impl<'a> StateReader<'a> {
    /// From the first byte on; `of` says in errors what the bytes are of.
    #[must_use]
    pub fn new(bytes: &'a [u8], of: &'static str) -> StateReader<'a> {
        StateReader { bytes, at: 0, of }
    }

    /// What is read from here on, for errors.
    pub fn begin(&mut self, of: &'static str) {
        self.of = of;
    }

    /// The error that what was read last is not what was expected.
    #[must_use]
    pub fn wrong(&self, expected: &'static str) -> StateError {
        StateError::Wrong {
            of: self.of,
            at: self.at,
            expected,
        }
    }

    /// What was read last, if it holds.
    ///
    /// # Errors
    /// [`StateError::Wrong`] if it does not.
    pub fn check(&self, holds: bool, expected: &'static str) -> Result<(), StateError> {
        if holds {
            Ok(())
        } else {
            Err(self.wrong(expected))
        }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`StateError::Long`] if something is.
    pub fn end(&self) -> Result<(), StateError> {
        if self.at == self.bytes.len() {
            return Ok(());
        }
        Err(StateError::Long {
            of: self.of,
            at: self.at,
        })
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn bool(&mut self) -> Result<bool, StateError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("yes or no")),
        }
    }

    /// A float by its bits.
    ///
    /// # Errors
    /// [`StateError::Short`].
    #[inline]
    pub fn f64(&mut self) -> Result<f64, StateError> {
        self.u64().map(f64::from_bits)
    }

    /// How often something happened: at most [`TALLY_MAX`], so that it can be counted on.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn tally(&mut self) -> Result<u64, StateError> {
        let tally = self.u64()?;
        self.check(tally <= TALLY_MAX, "a number of times")?;
        Ok(tally)
    }

    /// How many of something follow: so many at most, each of at least one byte.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn count(&mut self, most: usize) -> Result<usize, StateError> {
        let most = most.min(self.bytes.len() - self.at);
        self.place(most)
    }

    /// A place in memory, at most this.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn place(&mut self, most: usize) -> Result<usize, StateError> {
        let place = usize::try_from(self.u64()?).ok();
        place
            .filter(|place| *place <= most)
            .ok_or_else(|| self.wrong("a number within its bounds"))
    }

    /// Something that may not be there.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut StateReader<'a>) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Bytes with their number before them.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn blob(&mut self) -> Result<&'a [u8], StateError> {
        let count = self.count(usize::MAX)?;
        self.take(count)
    }

    /// A record as its 64 bytes.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn record(&mut self) -> Result<Record, StateError> {
        self.array::<RECORD_LEN>().map(Record::from_bytes)
    }

    /// A size of bars.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn bar_spec(&mut self) -> Result<BarSpec, StateError> {
        let (kind, number) = (self.u8()?, self.u64()?);
        let spec = match (kind, number) {
            (_, 0) => None,
            (0, length) => i64::try_from(length).ok().map(BarSpec::Time),
            (1, count) => u32::try_from(count).ok().map(BarSpec::Ticks),
            (2, units) => Some(BarSpec::Volume(units)),
            _ => None,
        };
        spec.ok_or_else(|| self.wrong("a size of bars"))
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let rest = self.rest();
        let Some((taken, _)) = rest.split_at_checked(count) else {
            return Err(StateError::Short {
                of: self.of,
                at: self.bytes.len(),
            });
        };
        self.at += count;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let taken = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Header, Kind, TradeBody};
    use proptest::prelude::*;

    fn record() -> Record {
        let header = Header {
            kind: Kind::Trade as u8,
            ..Header::default()
        };
        TradeBody {
            price: -7,
            ..TradeBody::default()
        }
        .record(header)
    }

    fn written() -> Vec<u8> {
        let mut to = StateWriter::new();
        to.bool(true);
        to.u8(200);
        to.u16(60_000);
        to.u32(u32::MAX);
        to.u64(TALLY_MAX);
        to.i64(i64::MIN);
        to.u128(u128::MAX - 1);
        to.i128(i128::MIN);
        to.f64(-0.0);
        to.option(Some(3), StateWriter::u8);
        to.option(None, StateWriter::u8);
        to.blob(b"bytes");
        to.record(&record());
        for spec in ["1w", "7t", "9v"] {
            to.bar_spec(spec.parse().unwrap());
        }
        to.into_bytes()
    }

    fn read(bytes: &[u8]) -> Result<(), StateError> {
        let mut from = StateReader::new(bytes, "test");
        assert!(from.bool()?);
        assert_eq!(
            (from.u8()?, from.u16()?, from.u32()?),
            (200, 60_000, u32::MAX)
        );
        assert_eq!((from.tally()?, from.i64()?), (TALLY_MAX, i64::MIN));
        assert_eq!((from.u128()?, from.i128()?), (u128::MAX - 1, i128::MIN));
        assert_eq!(from.f64()?.to_bits(), (-0.0_f64).to_bits());
        assert_eq!(from.option(StateReader::u8)?, Some(3));
        assert_eq!(from.option(StateReader::u8)?, None);
        assert_eq!(from.blob()?, b"bytes");
        assert_eq!(from.record()?, record());
        for spec in ["1w", "7t", "9v"] {
            assert_eq!(from.bar_spec()?, spec.parse().unwrap());
        }
        from.end()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = written();
        assert_eq!(read(&bytes), Ok(()));
        for end in 0..bytes.len() {
            let error = read(&bytes[..end]).unwrap_err();
            assert!(!error.to_string().is_empty());
        }
        let longer = [&bytes[..], &[0]].concat();
        let at = bytes.len();
        assert_eq!(read(&longer), Err(StateError::Long { of: "test", at }));
    }

    #[test]
    fn every_nan_is_one() {
        let bytes = |value: f64| {
            let mut to = StateWriter::new();
            to.f64(value);
            to.into_bytes()
        };
        let other = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 5);
        assert!(other.is_nan());
        assert_eq!(bytes(other), bytes(f64::NAN));
    }

    #[test]
    fn a_number_out_of_bounds_takes_no_memory() {
        let mut to = StateWriter::new();
        to.count(usize::MAX);
        to.u8(1);
        let mut from = StateReader::new(to.bytes(), "test");
        assert!(from.clone().count(usize::MAX).is_err());
        assert!(from.clone().blob().is_err());
        assert_eq!(
            from.tally().unwrap_err().to_string(),
            "test: before byte 8 stands what is not a number of times"
        );
    }

    proptest! {
        /// Whatever is asked for in whatever order, bytes give an answer or an error.
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80), asked in prop::collection::vec(0_u8..12, 0..20)) {
            let mut from = StateReader::new(&bytes, "test");
            for what in asked {
                let before = from.rest().len();
                let failed = match what {
                    0 => from.bool().is_err(),
                    1 => from.u16().is_err(),
                    2 => from.u32().is_err(),
                    3 => from.tally().is_err(),
                    4 => from.i64().is_err(),
                    5 => from.i128().is_err(),
                    6 => from.f64().is_err(),
                    7 => from.option(StateReader::u64).is_err(),
                    8 => from.blob().is_err(),
                    9 => from.record().is_err(),
                    10 => from.bar_spec().is_err(),
                    _ => from.count(10).is_err(),
                };
                prop_assert!(failed || from.rest().len() < before);
            }
        }
    }
}
