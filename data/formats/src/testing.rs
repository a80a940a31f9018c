//! What tests share: where data and tools are that are not part of the project.

use std::path::{Path, PathBuf};

/// A file of the shared data, from `TICKLOOM_SHARED_DATA` or beside the project. Without it the test says that it was skipped;
/// in CI it fails.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("TICKLOOM_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    missing(&format!(
        "{} is not there (set TICKLOOM_SHARED_DATA)",
        path.display()
    ));
    None
}

/// Says that a test was skipped and why; in CI that is a failure.
pub(crate) fn missing(why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "{why}");
    println!("skipped: {why}");
}
