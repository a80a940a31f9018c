//! The one place that prints: results to stdout, talk and progress to stderr, colour only for a terminal.

use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// How something looks on a terminal; piped, it is plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// A gain.
    Good,
    /// A loss or an error.
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
        }
    }
}

/// Text for stdout in a style, if stdout is a terminal.
pub(crate) fn styled(text: &str, style: Style) -> String {
    paint(text, style, std::io::stdout().is_terminal())
}

fn paint(text: &str, style: Style, to_terminal: bool) -> String {
    if to_terminal {
        format!("\x1b[{}m{text}\x1b[0m", style.code())
    } else {
        text.to_owned()
    }
}

/// The first error of stdout; results after it are lost.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// One line of a result.
pub(crate) fn line(text: &str) {
    let mut stdout = std::io::stdout();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    if let Err(error) = written {
        LOST.get_or_init(|| error);
    }
}

/// A result that is not written line by line.
#[cfg(feature = "sql")]
pub(crate) fn results(
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut stdout = std::io::BufWriter::new(Results(std::io::stdout().lock()));
    write(&mut stdout)?;
    stdout.flush().map_err(Failure::run)
}

/// Stdout that remembers its first error.
#[cfg(feature = "sql")]
struct Results<W: Write>(W);

#[cfg(feature = "sql")]
impl<W: Write> Write for Results<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).inspect_err(lost)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().inspect_err(lost)
    }
}

#[cfg(feature = "sql")]
fn lost(error: &std::io::Error) {
    LOST.get_or_init(|| error.kind().into());
}

/// Whether nobody gets any further line: the reader has gone away (`| head`), or the disk is full.
pub(crate) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// To be called at the end: whether every result has reached stdout. A reader that has gone away is no error.
pub(crate) fn finish() -> Result<(), Failure> {
    match LOST.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::run(anyhow::anyhow!(
            "cannot write the result: {error}"
        ))),
        _ => Ok(()),
    }
}

/// One object as a line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(Failure::run)?);
    Ok(())
}

/// Something that the user should know and that is no result.
pub(crate) fn note(text: &str) {
    talk(&format!("{text}\n"));
}

/// Why a command failed.
pub(crate) fn failure(failure: &Failure) {
    let error = paint("error:", Style::Bad, std::io::stderr().is_terminal());
    talk(&format!("{error} {}\n", failure.text()));
}

/// Talk is for whoever listens: a terminal that has been closed is no reason to stop.
fn talk(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// A bar on stderr while work goes on; nothing at all when stderr is not a terminal.
pub(crate) fn progress(total: Option<u64>, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    let template = if total.is_some() {
        "{prefix} [{bar:40}] {percent}%  {human_pos} records  {eta} left"
    } else {
        "{prefix} {spinner} {human_pos} records  {per_sec}  {elapsed}"
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A sign of life on stderr with a message, for work whose length is not known; nothing when stderr is not a terminal.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{prefix} {spinner} {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Writes a file whole or not at all: beside its place first, then renamed into it.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_file_by(path, |file| file.write_all(content).map_err(Failure::run))
}

/// As [`write_file`], by who knows how to write its content.
pub(crate) fn write_file_by(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = Path::new(&temporary);
    let written = write_whole(temporary, write)
        .and_then(|()| std::fs::rename(temporary, path).map_err(Failure::run));
    written.map_err(|failure| {
        drop(std::fs::remove_file(temporary));
        Failure::run(anyhow::anyhow!("{}: {}", path.display(), failure.text()))
    })
}

fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = std::fs::File::create(path).map_err(Failure::run)?;
    let mut buffered = std::io::BufWriter::new(file);
    write(&mut buffered)?;
    let file = buffered
        .into_inner()
        .map_err(|error| Failure::run(error.into_error()))?;
    file.sync_all().map_err(Failure::run)
}

/// Text on stderr that is drawn over itself on a terminal; elsewhere it is not shown at all.
pub(crate) struct Screen {
    is_terminal: bool,
    lines: usize,
}

impl Screen {
    /// An empty screen.
    pub(crate) fn new() -> Screen {
        Screen {
            is_terminal: std::io::stderr().is_terminal(),
            lines: 0,
        }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Draws `text` in place of what was drawn before.
    pub(crate) fn draw(&mut self, text: &str) {
        if !self.is_terminal {
            return;
        }
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        talk(&format!("{up}{text}"));
        self.lines = text.lines().count();
    }

    /// Clears what was drawn, so that results can take its place.
    pub(crate) fn clear(&mut self) {
        self.draw("");
    }
}
