//! The maxima of this crate, in one place. What is larger is refused by name, never truncated.

/// Longest WebSocket message that is read, in bytes: a depth message of 5,000 levels a side is below 0.5 MB.
pub(crate) const FRAME_BYTES_MAX: usize = 4 << 20;

/// Longest REST answer that is read, in bytes.
pub(crate) const REST_BYTES_MAX: usize = 16 << 20;

/// Longest line of a capture file, in bytes: a REST snapshot and its time.
pub(crate) const LINE_BYTES_MAX: usize = REST_BYTES_MAX + 64;

/// Most price levels in one message, both sides together: a depth message of 5,000 levels a side has 10,000.
pub(crate) const LEVELS_MAX: usize = 16_000;

/// Most records that one moment of a live feed can have: the levels of one message, and what is said of the book with it.
/// An input ring has room for several. An answer that brings more, with all the diffs that waited for it, is cut between
/// two messages.
pub const MOMENT_RECORDS_MAX: usize = 16_384;

/// Most diffs that wait for a snapshot, per instrument.
pub(crate) const BUFFERED_DIFFS_MAX: usize = 20_000;

/// Most price levels in the diffs that wait for a snapshot, per instrument: 24 bytes each.
pub(crate) const BUFFERED_LEVELS_MAX: usize = 1 << 20;

/// So many diffs older than the newest, each of which follows the one before, mean that the venue has begun its ids anew.
pub(crate) const OLD_DIFFS_CHAINED_MAX: u32 = 8;

/// So many diffs older than the newest, in whatever order, mean the same.
pub(crate) const OLD_DIFFS_MAX: u32 = 64;

/// So many diffs older than a snapshot that was ahead of them, for so long in nanoseconds, mean that its id is wrong.
pub(crate) const HELD_DIFFS_MAX: u32 = 16;
/// See [`HELD_DIFFS_MAX`].
pub(crate) const HELD_TIME_MAX: i64 = 5_000_000_000;

/// The largest update id that is believed: real ones are far below, and what is near the end of the numbers would leave no
/// room for the next.
pub(crate) const UPDATE_ID_MAX: u64 = i64::MAX as u64;

/// Most streams of one connection: a fifth of what the venue allows, so that its address is not too long.
pub(crate) const STREAMS_ON_A_LINE_MAX: usize = 200;

/// Most symbols of one feed.
pub(crate) const SYMBOLS_MAX: usize = 256;

/// Most symbols in the captures of one venue that are read together: what the largest venue lists, several times over.
pub(crate) const CAPTURE_SYMBOLS_MAX: usize = 20_000;

/// Most channels that books come over in the captures of one venue that are read together.
pub(crate) const CHANNELS_MAX: usize = 1_000;

/// Trades, and bars, of one instrument that are remembered, so that what comes again counts once.
pub(crate) const LATEST_MAX: usize = 4_096;

/// Most elements in one list of a recorded message.
pub(crate) const LIST_MAX: usize = 50_000;

/// Most price levels that are known by the venue's number, all symbols of a connection together.
pub(crate) const LEVEL_IDS_MAX: usize = 1 << 20;

/// Most bytes that wait to be sent to a venue that does not read: pings, pongs and requests of some bytes each.
pub(crate) const UNSENT_BYTES_MAX: usize = 64 << 10;

/// Most bytes that wait while the next connection is already there and the one before goes on.
pub(crate) const OVERLAP_BYTES_MAX: usize = 16 << 20;

/// Most frames, and their bytes, that wait until it is known where the feed's time is.
pub(crate) const HELD_FRAMES_MAX: usize = 64;
/// See [`HELD_FRAMES_MAX`].
pub(crate) const HELD_BYTES_MAX: usize = 1 << 20;

/// Most redirects of one request that are followed, all to the same host and port.
pub(crate) const REDIRECTS_MAX: usize = 3;

/// Longest header of an HTTP request to the local venue, in bytes.
pub(crate) const REQUEST_BYTES_MAX: usize = 16 << 10;

/// Most requests for snapshots that one feed has under way at a time: the venue counts them by weight.
pub(crate) const SNAPSHOTS_IN_FLIGHT_MAX: usize = 4;

/// Depth of the snapshot that is asked for, levels a side.
pub(crate) const SNAPSHOT_DEPTH: usize = 1_000;

const _: () = assert!(FRAME_BYTES_MAX <= REST_BYTES_MAX);
// Beside the levels a moment may hold a few statuses of each book.
const _: () =
    assert!(LEVELS_MAX + 64 <= MOMENT_RECORDS_MAX && 2 * SYMBOLS_MAX + 64 <= MOMENT_RECORDS_MAX);
const _: () = assert!(LEVELS_MAX < BUFFERED_LEVELS_MAX);
const _: () = assert!(2 * SNAPSHOT_DEPTH <= LEVELS_MAX);
