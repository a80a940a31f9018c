//! What operations do, for whoever decides whether they may be done.

use tickloom_chassis::{Access, PathParts, Subject};

/// Reads which notes there are.
pub(crate) struct ReadNotes;

impl Access for ReadNotes {
    const ACTION: &'static str = "note.read";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "note/*".to_owned()
    }
}

/// Reads one note.
pub(crate) struct ReadNote;

impl Access for ReadNote {
    const ACTION: &'static str = "note.read";

    fn resource(path: &PathParts, _: &Subject) -> String {
        format!("note/{}", path.get("note"))
    }
}

/// Writes notes.
pub(crate) struct CreateNotes;

impl Access for CreateNotes {
    const ACTION: &'static str = "note.create";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "note/*".to_owned()
    }
}

/// Changes one note.
pub(crate) struct ChangeNote;

impl Access for ChangeNote {
    const ACTION: &'static str = "note.change";

    fn resource(path: &PathParts, _: &Subject) -> String {
        format!("note/{}", path.get("note"))
    }
}
