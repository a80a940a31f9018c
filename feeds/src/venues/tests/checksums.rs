//! Checksums of books: what they say of one, and when they say nothing.

use super::*;

#[test]
fn books_that_carry_checksums_are_the_venues_own() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    // As many as messages that carry one; each was compared with the book as it then was.
    let kraken = read(files(&folder, "KRAKEN."));
    assert_eq!(
        (
            kraken.report.sync.checksums,
            kraken.report.sync.checksums_wrong
        ),
        (2739, 0)
    );
    let okx = read(files(&folder, "OKX."));
    assert_eq!(
        (okx.report.sync.checksums, okx.report.sync.checksums_wrong),
        (98, 0)
    );
}

#[test]
fn a_wrong_checksum_ends_the_book() {
    let snapshot = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"A/B","bids":[{"price":1.0,"qty":1.0}],"asks":[],"checksum":1,"timestamp":"2024-01-15T12:00:00Z"}]}"#;
    let read = read(vec![text(&format!("{snapshot}\n{snapshot}\n"))]);
    assert_eq!(
        (read.report.sync.checksums, read.report.sync.checksums_wrong),
        (2, 2)
    );
    let expected = [
        BookState::Live,
        BookState::Resync,
        BookState::Live,
        BookState::Resync,
    ];
    assert_eq!(states(&read), expected.map(Some));
}

/// Numbers that were read and written again by the recorder have lost their last zeros, over which the checksum is.
#[test]
fn numbers_that_lost_their_digits_make_no_checksum() {
    let snapshot = |price: &str, qty: &str| {
        let line = format!(
            r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"A/B","bids":[{{"price":{price},"qty":{qty}}}],"asks":[],"checksum":3377485650,"timestamp":"2024-01-15T12:00:00Z"}}]}}"#
        );
        let sync = read(vec![text(&line)]).report.sync;
        (sync.checksums, sync.checksums_wrong, sync.zeros_written)
    };
    // CRC32 of "1050", which another implementation made.
    assert_eq!(snapshot("0.10", "0.50"), (1, 0, 2));
    assert_eq!(snapshot("0.1", "0.5"), (1, 1, 0));
}
