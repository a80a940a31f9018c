//! What operations do, for whoever decides whether they may be done.

use tickloom_chassis::{Access, PathParts, Subject};

/// Reads which runs there are.
pub(crate) struct ReadRuns;

impl Access for ReadRuns {
    const ACTION: &'static str = "run.read";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "run/*".to_owned()
    }
}

/// Reads what one run did.
pub(crate) struct ReadRun;

impl Access for ReadRun {
    const ACTION: &'static str = "run.read";

    fn resource(path: &PathParts, _: &Subject) -> String {
        format!("run/{}", path.get("run"))
    }
}
