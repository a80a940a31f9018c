//! Whether what a message says of its buffers is within it, and comes to no more than may be in memory.

const MIB: u64 = 1 << 20;
/// Length of a packed buffer that is not packed, in place of that which it has unpacked.
const NOT_PACKED: i64 = -1;

/// Checks the bytes of a batch before they are read, of which there may be so many.
pub(super) fn check_body(bytes: u64, most: u64) -> Result<(), String> {
    if bytes <= most {
        return Ok(());
    }
    Err(format!(
        "a batch of {} MiB, which is in memory as a whole, and {} MiB may be: write it in smaller batches, or as Parquet, or give it more memory (--mem)",
        bytes.div_ceil(MIB),
        most / MIB
    ))
}

/// Checks the places and lengths in a batch: the bytes that it takes unpacked.
pub(super) fn check_batch(
    batch: &arrow_ipc::RecordBatch<'_>,
    body: &[u8],
    most: u64,
) -> Result<u64, String> {
    let rows = batch.length();
    if rows < 0 {
        return Err("a batch of fewer than no rows".to_owned());
    }
    for node in batch.nodes().into_iter().flatten() {
        if node.length() < 0 || !(0..=node.length()).contains(&node.null_count()) {
            return Err("a column of no length".to_owned());
        }
    }
    let mut all = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset())
            .ok()
            .zip(usize::try_from(buffer.length()).ok());
        let bytes = place.and_then(|(at, length)| body.get(at..at.checked_add(length)?));
        let bytes = bytes.ok_or("a buffer that is not within its batch")?;
        let unpacked = match bytes.first_chunk::<8>() {
            Some(length) if batch.compression().is_some() => match i64::from_le_bytes(*length) {
                NOT_PACKED => bytes.len() as u64,
                length => u64::try_from(length).map_err(|_| "a buffer of no length")?,
            },
            None if batch.compression().is_some() && !bytes.is_empty() => {
                return Err("a packed buffer without its length".to_owned());
            }
            _ => bytes.len() as u64,
        };
        all = all.saturating_add(unpacked);
    }
    check_body(all, most).map(|()| all)
}
