//! Where chores keep what they install and build: never inside the clone.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A folder in the cache, made if it is absent: below `$TICKLOOM_CACHE`, or else
/// `$XDG_CACHE_HOME/tickloom`, `~/.cache/tickloom`, or the system's temporary folder.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let folder = base().join(name);
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the cache folder {}", folder.display()))?;
    Ok(folder)
}

fn base() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("TICKLOOM_CACHE") {
        return folder.into();
    }
    if let Some(folder) = set("XDG_CACHE_HOME") {
        return PathBuf::from(folder).join("tickloom");
    }
    match set("HOME") {
        Some(home) => PathBuf::from(home).join(".cache").join("tickloom"),
        None => std::env::temp_dir().join("tickloom-cache"),
    }
}
