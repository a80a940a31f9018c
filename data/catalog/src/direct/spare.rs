//! Lists for values that wait for the next column: there may be a dozen columns in each of thousands of files.

use std::cell::RefCell;

/// Lists that wait, and how large they may be.
const SPARE_MAX: usize = 64;
const SPARE_VALUES_MAX: usize = 1 << 13;

thread_local! {
    static SPARE: RefCell<Vec<Vec<i64>>> = const { RefCell::new(Vec::new()) };
}

/// An empty list for values.
pub(super) fn list_of_values() -> Vec<i64> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Keeps a list for the next column.
pub(super) fn spare(mut list: Vec<i64>) {
    if list.capacity() == 0 || list.capacity() > SPARE_VALUES_MAX {
        return;
    }
    list.clear();
    // At the end of a thread there is nothing left to keep it in.
    let kept = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(list);
        }
    });
    kept.ok();
}
