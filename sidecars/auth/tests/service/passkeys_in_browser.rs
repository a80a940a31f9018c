//! Passkeys in Chromium, with the authenticator that it has for tests (`tests/passkeys_in_browser.py`, and through the pages
//! `tests/passkeys_in_pages.py`).

use crate::postgres::ports::Port;
use crate::{Served, on_both};
use std::path::Path;
use std::process::Command;

/// Whether a program is on the path.
fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Runs a script against the service on both engines. It gets the address and the link of the first administrator.
fn run(script: &str) {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    let Some(python) = python.filter(|_| is_there("chromium")) else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !is_ci,
            "TICKLOOM_PYTHON is not set, or there is no chromium"
        );
        eprintln!(
            "skipped: there is no chromium, or TICKLOOM_PYTHON names no Python with playwright"
        );
        return;
    };
    on_both(|place| {
        let port = Port::reserve();
        let address = port.address().replace("127.0.0.1", "localhost");
        let issuer = format!("http://{address}");
        let served = Served::at(&place, &port, |config| config.issuer.clone_from(&issuer));
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(script);
        let ran = Command::new(&python)
            .arg(script)
            .args([&issuer, &served.setup_link()])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{error}");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "done\n", "{error}");
    });
}

#[test]
fn chromium_registers_signs_in_and_steps_up_with_passkeys() {
    run("passkeys_in_browser.py");
}

#[test]
fn the_pages_register_show_rename_and_remove_passkeys() {
    run("passkeys_in_pages.py");
}
