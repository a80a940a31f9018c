//! Schemathesis against the document: what it says may be sent is taken or refused by a rule, what it does not say is refused, each
//! answer is of the form that it says, and nothing is ever answered with 5xx.

use crate::{ADA, PASSWORD, Served, on_both};
use std::env;
use std::path::Path;
use std::process::Command;

/// Examples of each operation in a short run, and where everything is tested.
const EXAMPLES: (&str, &str) = ("8", "100");

#[test]
fn answers_are_as_the_document_says() {
    let Some(python) = env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!(
            "skipped: TICKLOOM_PYTHON names no Python with schemathesis; cargo xtask test prepares one"
        );
        return;
    };
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let folder = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/schema");
        let origin = served.client.origin();
        let is_all = env::var_os("TICKLOOM_TEST_ALL").is_some();
        let run = Command::new(&python)
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(here.join("schemathesis.toml"))
            .args(["run", &format!("{origin}/auth/openapi.json")])
            .args(["--seed", "1", "--no-color", "--continue-on-failure", "-n"])
            .arg(if is_all { EXAMPLES.1 } else { EXAMPLES.0 })
            .env("SCHEMATHESIS_HOOKS", here.join("hooks.py"))
            .env("TICKLOOM_ORIGIN", &origin)
            .env("TICKLOOM_EMAIL", ADA)
            .env("TICKLOOM_PASSWORD", PASSWORD)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        let talk = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}\n{talk}");
        assert!(said.contains("Operations:"), "{said}");
    });
}
