//! Consumes the outputs of a run exactly once in effect: `cargo run -p tickloom-journal --example follow -- JOURNAL EFFECTS`.
//!
//! The effect here is a file for each output, named by its number: done again after a crash, it is the same file.

use std::error::Error;
use std::path::Path;
use tickloom_journal::{Block, JournalTail, Tailed, sync_dir};

/// Does what is new in the journal and returns how many outputs that were.
pub(crate) fn follow(journal: &Path, effects: &Path) -> Result<u64, Box<dyn Error>> {
    let mut tail = JournalTail::named(journal, "follow")?;
    let mut done = 0;
    loop {
        match tail.poll()? {
            Tailed::Block(Block::Outputs {
                first_output,
                records,
            }) => {
                for (number, (cause, record)) in (first_output..).zip(records) {
                    let text = format!("{cause} {record:?}\n");
                    std::fs::write(effects.join(number.to_string()), text)?;
                    done += 1;
                }
                // First the effects, then the cursor: what is killed in between is done again, under the same names.
                sync_dir(effects)?;
                tail.commit()?;
            }
            Tailed::Block(_) => {}
            Tailed::Missing { first, next } => {
                return Err(format!("segments {first} to {} are gone", next - 1).into());
            }
            Tailed::End => return Ok(done),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let [_, journal, effects] = &arguments[..] else {
        return Err("expected JOURNAL EFFECTS".into());
    };
    follow(Path::new(journal), Path::new(effects)).map(drop)
}
