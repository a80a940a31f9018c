//! Names in a message, of which there may be thousands.

/// Names that a message has at most.
const NAMES_MAX: usize = 20;

/// The names, separated by commas; of more than twenty the first twenty and how many more there are.
///
/// ```
/// assert_eq!(tickloom_types::some_of(["AAPL", "MSFT"]), "AAPL, MSFT");
/// let many = (0..23).map(|n| format!("S{n}"));
/// assert!(tickloom_types::some_of(many).ends_with("S18, S19 and 3 more"));
/// ```
pub fn some_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (at, name) in names.into_iter().enumerate() {
        if at >= NAMES_MAX {
            more += 1;
            continue;
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(name.as_ref());
    }
    match more {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
