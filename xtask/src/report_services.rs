//! Services as their users meet them, and what each request pays, written into `docs/benchmarks-services.md`.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, root, say};
use crate::python;
use crate::report::{binary, machine, measured, part, scale, today};

const PAGE: &str = "docs/benchmarks-services.md";
/// The binary with services, built as shipped ones are.
const BINARY: [&str; 7] = [
    "build",
    "--package",
    "tickloom",
    "--features",
    "services",
    "--profile",
    "dist",
];

/// `--services [SCALE]`: SCALE divides the numbers, for a trial that is printed and not written.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let scale = scale("--services", arguments)?;
    process::run(cargo().args(BINARY))?;
    let Some(interpreter) = python::interpreter()? else {
        bail!("what asks the services runs in Python");
    };
    let output = Command::new(&interpreter)
        .arg(root().join("benches/services.py"))
        .arg(binary())
        .arg(scale.to_string())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run benches/services.py")?;
    let table = String::from_utf8(output.stdout).context("the table is no text")?;
    if !output.status.success() {
        bail!("benches/services.py failed after\n{table}");
    }
    let what = "What each request pays before anything is done for it, on one core: a token is checked, beside the signature alone by the\n\
                bare `ring`; a decision among 100,000 grants, beside one look into a hash map of as many.";
    let parts = part(what, &measured("tickloom-auth", "access", &interpreter)?);
    let page = page(&table, &parts, &machine(), &today()?);
    if scale > 1 {
        say(&page);
        return Ok(());
    }
    fs::write(root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    say(&format!("{PAGE} is written"));
    Ok(())
}

fn page(table: &str, parts: &str, machine: &str, today: &str) -> String {
    format!(
        "# What services take\n\n\
         Written by `cargo xtask bench --services` on {today}, on {machine}. The binary as it is shipped is asked over loopback by a client\n\
         in Python on the same machine, whose own time is in the times. Medians, with the least and the greatest. `benches/services.py`\n\
         has what is asked.\n\n{table}{parts}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_how_it_was_made() {
        let page = page("| what |\n|---|\n", "\nparts\n", "a machine", "2026-11-29");
        assert!(page.contains("`cargo xtask bench --services` on 2026-11-29, on a machine"));
        assert!(page.ends_with("| what |\n|---|\n\nparts\n"));
    }
}
