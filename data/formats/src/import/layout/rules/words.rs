//! What columns are called that say what a row is, and the words, flags and codes in them.

use crate::import::number::is_missing;

/// Columns of the place of a level in a book, the best one first.
pub(super) const LEVELS: &[&str] = &[
    "level",
    "lvl",
    "levelid",
    "levelno",
    "levelnumber",
    "levelindex",
    "booklevel",
    "pricelevel",
    "mdpricelevel",
    "depth",
    "depthlevel",
    "bookdepth",
    "position",
    "pos",
    "bookposition",
    "rank",
    "layer",
    "tier",
];
/// Columns that only books have, beside prices and sizes.
pub(super) const OF_BOOKS: &[&str] = &[
    "bookside",
    "bidorask",
    "orderid",
    "updateid",
    "u",
    "checksum",
    "orders",
    "numorders",
    "ordercount",
    "numberoforders",
    "count",
];
/// Columns that no trade has, whatever its numbers are called: of levels, and of what is left of orders.
pub(super) const OF_NO_TRADES: &[&str] = &[
    "level",
    "lvl",
    "levelid",
    "booklevel",
    "depthlevel",
    "pricelevel",
    "mdpricelevel",
    "clear",
    "remaining",
    "remainingqty",
    "leavesqty",
    "orderstatus",
    "firstupdateid",
    "lastupdateid",
    "finalupdateid",
    "prevupdateid",
    "previousupdateid",
    "prevseqid",
    "prevseq",
];
/// Columns of the channel of a message.
pub(super) const CHANNELS: &[&str] = &["channel", "channelname", "topic", "stream", "streamname"];
/// Columns of the state of an order, or of a market.
pub(super) const STATES: &[&str] = &["status", "state", "ordstatus"];
/// What orders that wait are called.
const OF_OPEN_ORDERS: &[&[u8]] = &[
    b"open",
    b"new",
    b"active",
    b"live",
    b"pending",
    b"partially_filled",
    b"partiallyfilled",
    b"unfilled",
    b"queued",
    b"working",
    b"resting",
    b"placed",
    b"submitted",
    b"accepted",
    b"untriggered",
    b"triggered",
];
/// Words in the names of channels of books and of quotes.
const OF_BOOK_CHANNELS: &[&[u8]] = &[
    b"book",
    b"books",
    b"orderbook",
    b"orderbooks",
    b"lob",
    b"depth",
    b"depthupdate",
    b"l2update",
    b"level2",
    b"level3",
    b"l2",
    b"l3",
    b"bbo",
    b"bookticker",
    b"quote",
    b"quotes",
    b"ticker",
    b"tickers",
];
/// Columns of what happened: to an order, to a level, or a trade.
pub(super) const EVENTS: &[&str] = &[
    "action",
    "bookaction",
    "updateaction",
    "mdupdateaction",
    "op",
    "operation",
    "event",
    "eventtype",
    "updatetype",
    "changetype",
    "msg",
    "msgtype",
    "recordtype",
    "rectype",
];
/// The same, if they hold codes.
pub(super) const CODED: &[&str] = &["type", "kind", "code", "eventcode", "typecode"];
/// Columns of what an entry of FIX is (`MDEntryType`): 0 bid, 1 offer, 2 trade.
pub(super) const ENTRIES: &[&str] = &["entrytype", "mdentrytype"];
/// Words of trades, whole; beside them words such as `last_trade` and `fill` with what is before or behind.
const OF_TRADES: &[&[u8]] = &[b"t", b"e", b"p", b"buy", b"sell", b"last", b"tick"];
const TRADE_WORDS: &[&[u8]] = &[b"trade", b"match", b"fill", b"exec", b"deal", b"print"];
/// Words of quotes and books, and of trades that are taken back.
const OF_OTHERS: &[&[u8]] = &[
    b"bid",
    b"ask",
    b"best_bid",
    b"best_ask",
    b"quote",
    b"bbo",
    b"book",
    b"orderbook",
    b"order_book",
    b"book_update",
    b"depth",
    b"depthupdate",
    b"depth_update",
    b"l2",
    b"l2update",
    b"l2_update",
    b"insert",
    b"update",
    b"delete",
    b"deleted",
    b"remove",
    b"removed",
    b"add",
    b"modify",
    b"new",
    b"replace",
    b"received",
    b"liquidation",
    b"invalid",
    b"deal_cancel",
    b"mark",
    b"mark_price",
    b"markprice",
    b"index",
    b"index_price",
    b"indexprice",
    b"settlement",
    b"settlement_price",
    b"funding",
    b"funding_rate",
    b"open_interest",
];
/// Beginnings of words of trades that are taken back.
const TAKEN_BACK: &[&[u8]] = &[b"cancel", b"correct", b"bust", b"void", b"revers", b"error"];
/// Flags of rows that do not count.
pub(super) const VOID: &[&str] = &[
    "iscancelled",
    "iscanceled",
    "cancelled",
    "canceled",
    "cancel",
    "iscancel",
    "void",
    "isvoid",
    "voided",
    "isvoided",
    "bust",
    "busted",
    "isbusted",
    "deleted",
    "isdeleted",
    "removed",
    "isremoved",
    "reversed",
    "isreversed",
    "invalid",
    "isinvalid",
    "corrected",
    "iscorrected",
    "tradecancelled",
    "tradecanceled",
];
/// Flags of rows that count.
pub(super) const VALID: &[&str] = &["valid", "isvalid"];
/// Codes of the consolidated tape for what became of a trade.
pub(super) const CORRECTIONS: &[&str] = &[
    "correction",
    "corr",
    "trcorr",
    "correctioncode",
    "correctionindicator",
    "tradecorrection",
    "tradecorrectionindicator",
];
/// Flags of bars that are over, and of those that are not.
pub(super) const CLOSED: &[&str] = &[
    "closed",
    "isclosed",
    "candleclosed",
    "iscandleclosed",
    "barclosed",
    "isbarclosed",
    "confirm",
    "confirmed",
    "isconfirmed",
    "final",
    "isfinal",
    "complete",
    "iscomplete",
    "completed",
    "finished",
    "isfinished",
    "x",
];
pub(super) const OPEN: &[&str] = &[
    "partial",
    "ispartial",
    "incomplete",
    "isincomplete",
    "unfinished",
    "preliminary",
    "ispreliminary",
    "provisional",
    "isprovisional",
];

/// Whether a field is a flag, and which; an empty one is not set.
pub(super) fn flag(text: &[u8]) -> Option<bool> {
    let is = |words: [&str; 5]| {
        words
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is(["true", "t", "yes", "y", "1"]) {
        return Some(true);
    }
    let is_off = is(["false", "f", "no", "n", "0"]) || is_missing(text);
    is_off.then_some(false)
}

/// Whether a code of the consolidated tape is of a trade that stands, by the daily files of TAQ: 0 is regular, 1 and 2 are the trade
/// with what it was corrected to; 7 and 8 were taken back later, and 10, 11 and 12 say so.
pub(super) fn stands(text: &[u8]) -> Option<bool> {
    if is_missing(text) {
        return Some(true);
    }
    let code: u8 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (code < 100).then_some(code <= 2)
}

/// Whether a word is one of trades, or there is none.
pub(in crate::import::layout) fn is_of_trades(text: &[u8]) -> bool {
    let is_whole = OF_TRADES.iter().any(|word| text.eq_ignore_ascii_case(word));
    is_missing(text) || is_whole || has_trade_word(text) && !has_word(text, TAKEN_BACK)
}

/// Whether a word has one of trades in it.
pub(super) fn has_trade_word(text: &[u8]) -> bool {
    has_word(text, TRADE_WORDS)
}

/// Whether a word is one of quotes or books, or takes a trade back.
pub(crate) fn is_of_others(text: &[u8]) -> bool {
    let begins = |word: &&[u8]| {
        let start = text.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    OF_OTHERS.iter().any(|word| text.eq_ignore_ascii_case(word)) || TAKEN_BACK.iter().any(begins)
}

/// Whether a word is the state of an order that waits.
pub(super) fn is_of_open_order(text: &[u8]) -> bool {
    is_of_others(text)
        || OF_OPEN_ORDERS
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether the name of a channel is one of books or quotes, with or without a depth: `orderbook.50`, `btcusdt@depth20@100ms`, `books5`.
pub(super) fn says_book(text: &[u8]) -> bool {
    let has_digits = |word: &&[u8]| word.last().is_some_and(u8::is_ascii_digit);
    let is_book = |word: &[u8]| {
        let is = |word: &[u8]| {
            let mut known = OF_BOOK_CHANNELS.iter();
            known.any(|known| word.eq_ignore_ascii_case(known))
        };
        let name = word.iter().rposition(|b| !b.is_ascii_digit());
        let alone = name.and_then(|end| word.get(..=end));
        is(word) || alone.filter(|_| has_digits(&word)).is_some_and(is)
    };
    let mut words = text.split(|b| !b.is_ascii_alphanumeric());
    words.any(is_book)
}

/// Whether a word of what happened says that a level is not there any more.
pub(super) fn deletes(text: &[u8]) -> bool {
    let words: [&[u8]; 6] = [
        b"delete", b"deleted", b"remove", b"removed", b"cancel", b"d",
    ];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a field is a code of one or two digits.
pub(super) fn is_code(text: &[u8]) -> bool {
    (1..=2).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// Whether a field holds no number but zero.
pub(super) fn is_nothing(text: &[u8]) -> bool {
    is_missing(text) || text.iter().all(|b| matches!(b, b'0' | b'.' | b','))
}

/// Whether a letter is in a text, of any language.
pub(in crate::import::layout) fn has_letter(text: &[u8]) -> bool {
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || !b.is_ascii();
    text.iter().any(is_letter)
}

/// Whether a field holds a word, or nothing.
pub(super) fn is_word(text: &[u8]) -> bool {
    is_missing(text) || text.iter().all(|b| !b.is_ascii_digit())
}

fn has_word(text: &[u8], words: &[&[u8]]) -> bool {
    let is_in = |word: &&[u8]| {
        text.windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
    };
    words.iter().any(is_in)
}
