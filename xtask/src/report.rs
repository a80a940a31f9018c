//! Whole commands, and parts of them, beside those of others, written into `docs/benchmarks.md`: no number there is typed by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, root, say};
use crate::{cache, dist, python};

const PAGE: &str = "docs/benchmarks.md";
const ROUNDS: &str = "7";
/// Benchmarks of parts that others have as well: what each measures.
const PARTS: [(&str, &str); 2] = [
    (
        "scan",
        "Trades of the catalog into records, beside DuckDB and Polars reading the same columns of the same files. The ratio is their time\n\
         over ours; `write` is how fast the files are written.",
    ),
    (
        "dbn",
        "Orders of DBN into records, with instruments, scales and moments, beside the `dbn` crate, which decodes the same rows. The ratio\n\
         is our rate over its rate.",
    ),
];
/// Has a program and all that it starts keep to one core.
const ONE_CORE: &str = "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.execvp(sys.argv[1], sys.argv[1:])";

/// `--report [SCALE]`: SCALE divides the rows, for a trial that is printed and not written.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let scale = scale("--report", arguments)?;
    process::run(cargo().args(["build", "--package", "tickloom", "--profile", "dist"]))?;
    let Some(interpreter) = python::interpreter()? else {
        bail!("what others need runs in Python");
    };
    let folder = cache::folder("benchmarks")?;
    let output = Command::new(&interpreter)
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
    if scale > 1 {
        say(&page(&table, "", &machine(), &today()?));
        return Ok(());
    }
    let mut parts = String::new();
    for (name, what) in PARTS {
        parts.push_str(&part(what, &measured("tickloom", name, &interpreter)?));
    }
    let page = page(&table, &parts, &machine(), &today()?);
    fs::write(root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    say(&format!("{PAGE} is written"));
    Ok(())
}

/// By what numbers are divided.
pub(crate) fn scale(flag: &str, arguments: &[String]) -> Result<u32> {
    match arguments {
        [] => Ok(1),
        [scale] => scale
            .parse::<u32>()
            .ok()
            .filter(|scale| *scale > 0)
            .with_context(|| format!("{flag} {scale}: expected a whole number above zero")),
        _ => bail!("expected {flag} [SCALE]"),
    }
}

/// What a benchmark of a package prints, on one core.
pub(crate) fn measured(package: &str, name: &str, interpreter: &Path) -> Result<String> {
    let bench = [
        "bench",
        "--package",
        package,
        "--profile",
        "dist",
        "--bench",
        name,
    ];
    process::run(cargo().args(bench).arg("--no-run"))?;
    let cargo = cargo();
    let mut command = Command::new(interpreter);
    command.args(["-c", ONE_CORE]).arg(cargo.get_program());
    command.args(bench).current_dir(root());
    for (name, _) in cargo.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    let output = command
        .env("TICKLOOM_PYTHON", interpreter)
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run the benchmark {name}"))?;
    let table = String::from_utf8(output.stdout).context("the table is no text")?;
    if !output.status.success() {
        bail!("the benchmark {name} failed after\n{table}");
    }
    Ok(table)
}

pub(crate) fn part(what: &str, table: &str) -> String {
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    format!(
        "\n{what}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_matches('\n')
    )
}

/// The program with the settings of shipped ones.
pub(crate) fn binary() -> PathBuf {
    dist::target().join("dist/tickloom")
}

fn page(table: &str, parts: &str, machine: &str, today: &str) -> String {
    let parts = match parts {
        "" => String::new(),
        parts => format!("\n## Parts\n{parts}"),
    };
    format!(
        "# What a user waits for\n\n\
         Written by `cargo xtask bench --report` on {today}, on {machine}; one core. Times are wall clock of the whole process, start and\n\
         reading included, memory is its largest resident set: medians of {ROUNDS} rounds, with the least and the greatest. Programs\n\
         of others do the same work in the same run, in turns with ours; they compute no fills, fees or orders. The ratio is their time\n\
         over ours. `benches/commands.py` has the commands, and makes the data from fixed seeds.\n\n\
         {table}{parts}"
    )
}

/// What machine this is, as far as it says.
pub(crate) fn machine() -> String {
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

pub(crate) fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_how_it_was_made() {
        let page = page("| work |\n|---|\n", "", "a machine", "2026-11-28");
        assert!(page.contains("`cargo xtask bench --report` on 2026-11-28, on a machine"));
        assert!(page.ends_with("| work |\n|---|\n"));
    }

    #[test]
    fn parts_follow_the_commands() {
        let parts = part("What it is.", "\n      ratio  \nours   1.00\n");
        let page = page("| work |\n|---|\n", &parts, "a machine", "2026-11-28");
        let end = "|---|\n\n## Parts\n\nWhat it is.\n\n```text\n      ratio\nours   1.00\n```\n";
        assert!(page.ends_with(end), "{page}");
    }
}
