//! Every maximum of this crate, so that hostile input can neither overflow the stack nor allocate without end.

/// Bytes of an expression's text.
pub const TEXT_BYTES_MAX: usize = 16_384;

/// Levels of an expression's tree; what walks the tree recurses this deep at most.
pub const DEPTH_MAX: usize = 128;

/// Ticks in a window.
pub const WINDOW_MAX: u32 = 1_000_000;

/// Nodes in a graph, over all its expressions.
pub const NODES_MAX: usize = 200_000;

/// Eight-byte cells in all windows of a graph.
pub const CELLS_MAX: usize = 8 << 20;

/// Rows evaluated at a time in block mode.
pub const BLOCK_ROWS_MAX: usize = 1_024;

/// Rows evaluated at a time in block mode when a graph is large.
pub const BLOCK_ROWS_MIN: usize = 64;

/// Absolute value above which a result is not ready, so that sums of squares stay finite.
pub const VALUE_MAX: f64 = 1e100;

const _: () = {
    assert!(BLOCK_ROWS_MIN <= BLOCK_ROWS_MAX);
    // One window always fits.
    assert!((WINDOW_MAX as usize) * 2 <= CELLS_MAX);
    // The denominator of a mean, window times ten to the ninth, is exact in an f64.
    assert!((WINDOW_MAX as u64) * 1_000_000_000 <= 1 << 53);
};
