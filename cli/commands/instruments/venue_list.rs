//! What is said of a venue's own list of instruments.

use crate::output;
use serde_json::{Value, json};
use tickloom_data::VenueList;
use tickloom_types::some_of;

/// Says what of a list could not be taken.
pub(crate) fn note(list: &VenueList) {
    for (reason, names) in &list.left_out {
        let count = names.len();
        output::note(&format!("{count} left out: {reason} ({})", some_of(names)));
    }
    if list.goes_on {
        output::note("the list has more pages than this one: import each of them");
    }
}

/// The object that `--json` prints.
pub(super) fn object(definitions: usize, list: &VenueList) -> Value {
    let left_out = list.left_out.iter().map(
        |(reason, names)| json!({ "reason": reason, "count": names.len(), "instruments": names }),
    );
    json!({
        "definitions": definitions,
        "list": list.form,
        "left_out": left_out.collect::<Vec<_>>(),
        "goes_on": list.goes_on,
    })
}
