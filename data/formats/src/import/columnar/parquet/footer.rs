//! The footer of a Parquet file: read and looked through before the library decodes it, which trusts how deep it goes.

use super::super::damaged;
use super::EXPECTED;
use crate::import::input::Part;
use crate::limits::HEADER_BYTES_MAX;
use crate::{FormatError, Result};
use std::io::{Read, Seek, SeekFrom};
use tickloom_catalog::thrift::{Compact, FieldType};

/// The length of the footer, and the magic at the end.
const TRAILER_BYTES: u64 = 8;
/// Groups of columns within each other, and columns.
const DEPTH_MAX: usize = 32;
const COLUMNS_MAX: u64 = 100_000;
/// Numbers of the fields in the definition of Parquet: the schema of a file, the children of an element of it.
const SCHEMA: i64 = 2;
const NUM_CHILDREN: i64 = 5;

/// Reads the footer.
pub(super) fn read(part: &Part) -> Result<Vec<u8>> {
    let path = part.path();
    let wrong = |found: &str| damaged(path, found, EXPECTED);
    let mut file = part.open()?;
    let failed = || FormatError::io("read", path);
    let length = file.seek(SeekFrom::End(0)).map_err(failed())?;
    let at = length
        .checked_sub(TRAILER_BYTES)
        .ok_or_else(|| wrong("too short"))?;
    let mut trailer = [0; 8];
    file.seek(SeekFrom::Start(at)).map_err(failed())?;
    file.read_exact(&mut trailer).map_err(failed())?;
    let [a, b, c, d, magic @ ..] = trailer;
    if &magic == b"PARE" {
        return Err(damaged(path, "an encrypted Parquet file", "a plain one"));
    }
    if &magic != b"PAR1" {
        return Err(wrong("without its end"));
    }
    let bytes = u32::from_le_bytes([a, b, c, d]);
    let start = at.checked_sub(u64::from(bytes));
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let start = start.ok_or_else(|| wrong("a footer longer than the file"))?;
    if bytes > HEADER_BYTES_MAX {
        let found = format!("a footer of {} MiB", bytes >> 20);
        return Err(damaged(path, &found, "one of at most 64 MiB"));
    }
    let mut footer = vec![0; bytes];
    file.seek(SeekFrom::Start(start)).map_err(failed())?;
    file.read_exact(&mut footer).map_err(failed())?;
    check(&footer).map_err(wrong)?;
    Ok(footer)
}

/// Whether it is whole, and its schema no deeper than it should be.
fn check(footer: &[u8]) -> Result<(), &'static str> {
    let mut is_deep = false;
    let read = Compact::new(footer).fields(|compact, id, kind| {
        if (id, kind) != (SCHEMA, FieldType::List) {
            return Some(false);
        }
        let (count, element) = compact.list()?;
        if element != FieldType::Struct {
            return None;
        }
        is_deep |= count > COLUMNS_MAX;
        // How many children are to come, of each group that is open.
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..count {
            let children = children(compact)?;
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            is_deep |= open.len() > DEPTH_MAX;
        }
        Some(true)
    });
    match read {
        Some(()) if is_deep => Err("a schema that is deeper or wider than those of files"),
        Some(()) => Ok(()),
        None => Err("a footer that is damaged"),
    }
}

fn children(compact: &mut Compact<'_>) -> Option<i64> {
    let mut children = 0;
    compact.fields(|compact, id, kind| {
        if (id, kind) != (NUM_CHILDREN, FieldType::Whole) {
            return Some(false);
        }
        children = compact.whole()?;
        Some(true)
    })?;
    Some(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with groups of so many children each.
    fn footer(children: &[u8]) -> Vec<u8> {
        let count = u8::try_from(children.len()).unwrap();
        let mut bytes = vec![0x29, 0xfc, count];
        for children in children {
            bytes.extend([0x55, children * 2, 0x00]);
        }
        bytes.push(0x00);
        bytes
    }

    #[test]
    fn a_deep_schema_is_refused() {
        let flat = [vec![60], vec![0; 60]].concat();
        assert_eq!(check(&footer(&flat)), Ok(()));
        let nested = [1; 30];
        assert_eq!(check(&footer(&nested)), Ok(()));
        let deep = [1; 40];
        assert!(check(&footer(&deep)).unwrap_err().contains("deeper"));
        let groups = [vec![50], [1, 0].repeat(50)].concat();
        assert_eq!(check(&footer(&groups)), Ok(()));
        assert!(check(&footer(&flat)[..50]).is_err());
    }
}
