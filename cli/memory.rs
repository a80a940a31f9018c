//! `--mem`: how much memory a command that reads or writes history may take. Shared by all such commands.

use std::path::Path;
use tickloom_data::{CacheStats, Catalog, CatalogError};

/// What the program takes beside what it reads: code, threads, the engine's own state.
const OWN_BYTES: u64 = 32 << 20;
/// Below this there is no room for reading beside the program itself.
const LEAST_BYTES: u64 = 48 << 20;
/// What part of the memory for reading an object store's blocks get.
const CACHE_SHARE: u64 = 4;
/// What part of it the files that an import writes may take.
const WRITING_SHARE: u64 = 4;
/// More than this the cache of one pass over history has no use for.
const CACHE_BYTES_MAX: u64 = 256 << 20;

/// The flag.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Memory that the command may take to read data: 256M, 2G. What cannot be done within it is refused
    #[arg(long = "mem", value_name = "SIZE", default_value = "1G", value_parser = parse)]
    bytes: u64,
}

impl Memory {
    /// Opens a catalog at a path or url with a cache that fits.
    pub(crate) fn open(self, location: &Path) -> Result<Catalog, CatalogError> {
        let catalog = Catalog::open(location)?;
        Ok(if catalog.is_remote() {
            catalog.with_cache((self.for_reading() / CACHE_SHARE).min(CACHE_BYTES_MAX))
        } else {
            catalog
        })
    }

    /// Bytes for reading: the `memory_max` of a scan.
    pub(crate) fn for_reading(self) -> u64 {
        self.bytes - OWN_BYTES
    }

    /// Bytes for the files that an import writes.
    pub(crate) fn for_writing(self) -> u64 {
        self.for_reading() / WRITING_SHARE
    }
}

/// What the catalog's cache did for a command; `None` if it has none.
pub(crate) fn cache(catalog: &Catalog) -> Option<CacheStats> {
    Some(catalog.cache_stats()).filter(|stats| stats.bytes_max > 0)
}

/// Digits and perhaps K, M or G, which are powers of 1,024.
fn parse(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 256M or 2G".to_owned();
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(factor).ok_or_else(wrong)?;
    if bytes < LEAST_BYTES {
        return Err(format!("expected at least {}M", LEAST_BYTES >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse("64M"), Ok(64 << 20));
        assert_eq!(parse("2g"), Ok(2 << 30));
        assert_eq!(parse("100000K"), Ok(100_000 << 10));
        assert_eq!(parse("100000000"), Ok(100_000_000));
        for wrong in ["", "M", "64MB", "1.5G", "-1G", "+64M", "99999999999G"] {
            assert_eq!(
                parse(wrong),
                Err("expected a size such as 256M or 2G".to_owned()),
                "{wrong}"
            );
        }
        assert_eq!(parse("10M"), Err("expected at least 48M".to_owned()));
    }
}
