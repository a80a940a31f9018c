//! Who looks on while a catalog is read through or written anew.

use std::ops::ControlFlow;

/// Told of each batch of rows; breaks to stop.
pub(crate) type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;
