//! How a journal is written.

/// When the operating system is told to put what was written on the disk. A killed process loses nothing that was flushed
/// either way; a machine that loses power does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// At every flush.
    OnFlush,
    /// When a segment is sealed, and for what is reserved: until then followers are handed nothing.
    OnSeal,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// Size from which on a segment is sealed and a new one begun.
    pub segment_bytes_max: u64,
    /// When data is forced to the disk.
    pub sync: SyncPolicy,
}

impl Default for JournalOptions {
    /// Segments of 64 MiB (a million records), on the disk at every flush.
    fn default() -> Self {
        JournalOptions {
            segment_bytes_max: 64 << 20,
            sync: SyncPolicy::OnFlush,
        }
    }
}
