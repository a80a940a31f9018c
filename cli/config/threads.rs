//! Checks of the parts of the settings that threads, rings, the publisher and the journal are made of.

use super::{EngineFile, PublishFile, RecordFile};
use crate::failure::Failure;
use anyhow::anyhow;
use tickloom_feeds::MOMENT_RECORDS_MAX;
use tickloom_ring::{RING_CAPACITY_MAX, RING_CAPACITY_MIN, cores};

/// Moments of the largest size that the input ring holds at least, so that one that is read leaves room for the next.
const MOMENTS_MIN: usize = 4;
/// More workers than this are refused: each is a thread that reads the whole input ring.
const WORKERS_MAX: usize = 16;
/// Largest segment in megabytes: a segment is converted to Parquet as a whole.
const SEGMENT_MB_MAX: u64 = 1 << 16;

impl EngineFile {
    /// Checks the threads, where they are pinned, and the size of the input ring.
    ///
    /// # Errors
    /// The first setting that is wrong, and what was expected.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.workers == 0 || self.workers > WORKERS_MAX {
            return Err(wrong(format!(
                "engine.workers is {}, expected 1 to {WORKERS_MAX}",
                self.workers
            )));
        }
        for (name, slots) in [
            ("input_ring", self.input_ring),
            ("output_ring", self.output_ring),
        ] {
            let is_in_range = (RING_CAPACITY_MIN..=RING_CAPACITY_MAX).contains(&slots);
            if !is_in_range || !slots.is_power_of_two() {
                return Err(wrong(format!(
                    "engine.{name} is {slots}, expected a power of two from {RING_CAPACITY_MIN} to {RING_CAPACITY_MAX}"
                )));
            }
        }
        let slots_min = MOMENTS_MIN * MOMENT_RECORDS_MAX;
        if self.input_ring < slots_min {
            return Err(wrong(format!(
                "engine.input_ring is {}, expected at least {slots_min}: {MOMENTS_MIN} messages of the largest size that a feed reads",
                self.input_ring
            )));
        }
        self.check_pins(&cores())
    }

    /// `cores` are those that this process may use; none if the system does not say.
    fn check_pins(&self, cores: &[usize]) -> Result<(), Failure> {
        let workers = if self.workers > 1 { self.workers } else { 0 };
        let threads = workers + 2;
        if self.pin.len() > threads {
            return Err(wrong(format!(
                "engine.pin names {} cores, expected at most {threads}: one for each worker if there are several, one for the core and one for the publisher",
                self.pin.len()
            )));
        }
        match self.pin.iter().find(|core| !cores.contains(core)) {
            Some(core) => Err(wrong(format!(
                "engine.pin names core {core}, expected {}",
                listed(cores)
            ))),
            None => Ok(()),
        }
    }
}

impl RecordFile {
    /// Checks the size of the journal's segments.
    ///
    /// # Errors
    /// It is out of range.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.segment_mb {
            Some(mb) if !(1..=SEGMENT_MB_MAX).contains(&mb) => Err(wrong(format!(
                "record.segment_mb is {mb}, expected 1 to {SEGMENT_MB_MAX}"
            ))),
            _ => Ok(()),
        }
    }
}

impl PublishFile {
    /// Checks what bounds the subscribers.
    ///
    /// # Errors
    /// It bounds nothing, or lets nobody in.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.high_water_mark == 0 {
            return Err(wrong(
                "publish.high_water_mark is 0, expected at least 1: a slow subscriber must not take memory without end".to_owned(),
            ));
        }
        if self.connections == 0 {
            return Err(wrong(
                "publish.connections is 0, expected at least 1".to_owned(),
            ));
        }
        Ok(())
    }
}

/// The cores for people: `one of 0, 1, 2`.
fn listed(cores: &[usize]) -> String {
    if cores.is_empty() {
        return "none: the system does not say which cores there are".to_owned();
    }
    let names: Vec<String> = cores.iter().map(usize::to_string).collect();
    format!("one of {}", names.join(", "))
}

fn wrong(text: String) -> Failure {
    Failure::input(anyhow!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_pins(workers: usize, pin: &[usize], expected: Result<(), &str>) {
        let engine = EngineFile {
            workers,
            pin: pin.to_vec(),
            ..EngineFile::default()
        };
        let checked = engine.check_pins(&[0, 1]).map_err(|f| f.text());
        assert_eq!(checked, expected.map_err(str::to_owned));
    }

    #[test]
    fn only_cores_that_are_there_are_pinned() {
        check_pins(1, &[], Ok(()));
        check_pins(1, &[1, 0], Ok(()));
        check_pins(2, &[0, 0, 1, 1], Ok(()));
        check_pins(
            1,
            &[77],
            Err("engine.pin names core 77, expected one of 0, 1"),
        );
        check_pins(
            1,
            &[0, 1, 0],
            Err(
                "engine.pin names 3 cores, expected at most 2: one for each worker if there are several, one for the core and one for the publisher",
            ),
        );
    }

    #[test]
    fn rings_hold_four_of_the_largest_messages() {
        assert!(EngineFile::default().check().is_ok());
        let small = EngineFile {
            input_ring: 32_768,
            ..EngineFile::default()
        };
        assert_eq!(
            small.check().map_err(|f| f.text()),
            Err("engine.input_ring is 32768, expected at least 65536: 4 messages of the largest size that a feed reads".to_owned())
        );
    }

    #[test]
    fn slots_of_rings_are_powers_of_two() {
        for slots in [0, 32, 100_000, 1 << 25] {
            let engine = EngineFile {
                output_ring: slots,
                ..EngineFile::default()
            };
            assert_eq!(
                engine.check().map_err(|f| f.text()),
                Err(format!(
                    "engine.output_ring is {slots}, expected a power of two from 64 to 16777216"
                ))
            );
        }
    }

    #[test]
    fn segments_have_a_size() {
        let check = |mb| {
            let record = RecordFile {
                segment_mb: mb,
                ..RecordFile::default()
            };
            record.check().map_err(|f| f.text())
        };
        assert_eq!(check(None), Ok(()));
        assert_eq!(check(Some(1)), Ok(()));
        assert_eq!(check(Some(65_536)), Ok(()));
        for mb in [0, 65_537, u64::MAX] {
            let text = format!("record.segment_mb is {mb}, expected 1 to 65536");
            assert_eq!(check(Some(mb)), Err(text));
        }
    }
}
