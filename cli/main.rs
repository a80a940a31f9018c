//! The `tickloom` binary.
fn main() {}
