//! Daily chores.
fn main() {}
