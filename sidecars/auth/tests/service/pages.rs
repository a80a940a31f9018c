//! The console in headless Chromium, which `tests/console.py` drives with playwright: by the keyboard, with axe-core, on a phone and a
//! desk. `cargo xtask test` prepares the Python; Chromium is the system's. Where one is missing the test says that it was skipped, and
//! fails in CI.

use crate::postgres::ports::Port;
use crate::{BEGIN, SECOND, Served};
use std::path::{Path, PathBuf};
use std::process::Command;
use tickloom_chassis::{Clock, MailConfig, Place};

/// Chromium, as systems call it.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let all = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|file| file.is_file())
}

#[test]
fn people_can_use_every_page() {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    let (Some(python), Some(chromium)) = (python, chromium()) else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !is_ci,
            "there is no Chromium, or TICKLOOM_PYTHON is not set: run cargo xtask test"
        );
        eprintln!(
            "skipped: pages are looked at in Chromium (Debian's package `chromium`) with a Python that cargo xtask test prepares"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // Whoever wants to look at the pictures says where they go.
    let pictures = std::env::var_os("TICKLOOM_TEST_PICTURES")
        .map_or_else(|| folder.path().join("pictures"), PathBuf::from);
    std::fs::create_dir_all(&pictures).unwrap();
    let port = Port::reserve();
    let place = Place::Folder(folder.path().to_owned());
    let served = Served::with(&place, Clock::standing(BEGIN), |config| {
        config.sign_up = true;
        // Nobody is sent there.
        let provider = crate::providers::config("http://127.0.0.1:1");
        config.providers.insert("example".to_owned(), provider);
        let server = format!("smtp://{}?tls=none", port.address());
        let mail = MailConfig::new(&server, "Tickloom <no-reply@example.com>");
        config.mail = Some(mail);
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console.py");
    let ran = Command::new(python)
        .arg(script)
        .arg(format!("http://localhost:{}", served.client.port()))
        .arg(served.setup_link())
        .arg((BEGIN.0 / SECOND).to_string())
        .arg(port.address().rsplit(':').next().unwrap())
        .arg(chromium)
        .arg(&pictures)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let seen: usize = String::from_utf8_lossy(&ran.stdout).trim().parse().unwrap();
    assert!(seen >= 60, "{seen} pages were looked at");
}
