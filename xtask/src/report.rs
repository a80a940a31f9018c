//! Whole commands beside those of others, written into `docs/benchmarks.md`: no number there is typed by hand.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, root, say};
use crate::{cache, python};

const PAGE: &str = "docs/benchmarks.md";
const ROUNDS: &str = "7";

/// `--report [SCALE]`: SCALE divides the rows, for a trial that is printed and not written.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let scale = match arguments {
        [] => 1,
        [scale] => scale
            .parse::<u32>()
            .ok()
            .filter(|scale| *scale > 0)
            .with_context(|| format!("--report {scale}: expected a whole number above zero"))?,
        _ => bail!("expected --report [SCALE]"),
    };
    process::run(cargo().args(["build", "--package", "tickloom", "--profile", "dist"]))?;
    let Some(interpreter) = python::interpreter()? else {
        bail!("what others need runs in Python");
    };
    let folder = cache::folder("benchmarks")?;
    let output = Command::new(interpreter)
        .arg(root().join("benches/commands.py"))
        .arg(binary())
        .arg(&folder)
        .args([ROUNDS, &scale.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run benches/commands.py")?;
    let table = String::from_utf8(output.stdout).context("the table is no text")?;
    if !output.status.success() {
        bail!("benches/commands.py failed after\n{table}");
    }
    let page = page(&table, &machine(), &today()?);
    if scale > 1 {
        say(&page);
        return Ok(());
    }
    fs::write(root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    say(&format!("{PAGE} is written"));
    Ok(())
}

fn binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root().join("target"), PathBuf::from);
    target.join("dist/tickloom")
}

fn page(table: &str, machine: &str, today: &str) -> String {
    format!(
        "# What a user waits for\n\n\
         Written by `cargo xtask bench --report` on {today}, on {machine}; one core. Times are wall clock of the whole process, start and\n\
         reading included, memory is its largest resident set: medians of {ROUNDS} rounds, with the least and the greatest. Programs\n\
         of others do the same work in the same run, in turns with ours; they compute no fills, fees or orders. The ratio is their time\n\
         over ours. `benches/commands.py` has the commands, and makes the data from fixed seeds.\n\n\
         {table}"
    )
}

/// What machine this is, as far as it says.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'));
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_how_it_was_made() {
        let page = page("| work |\n|---|\n", "a machine", "2026-11-28");
        assert!(page.contains("`cargo xtask bench --report` on 2026-11-28, on a machine"));
        assert!(page.ends_with("| work |\n|---|\n"));
    }
}
