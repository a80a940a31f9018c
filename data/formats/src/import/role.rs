//! What columns are called, by others and by us.

use std::fmt;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Time,
    Date,
    TimeOfDay,
    /// So many milliseconds, microseconds or nanoseconds beyond the time of the row.
    Millis,
    Micros,
    Nanos,
    /// When a bar closed: its last instant.
    CloseTime,
    /// When the row arrived at who recorded it.
    Arrival,
    Venue,
    Ticker,
    Open,
    High,
    Low,
    Close,
    /// Size of a trade, a level or an order, or volume of a bar.
    Qty,
    Bid,
    Ask,
    BidQty,
    AskQty,
    BidOpen,
    BidHigh,
    BidLow,
    BidClose,
    AskOpen,
    AskHigh,
    AskLow,
    AskClose,
    Price,
    Side,
    /// True if the buyer rested, so that the seller was the aggressor.
    BuyerMaker,
    /// The side of who rested.
    MakerSide,
    /// True if the aggressor bought, and if it sold.
    IsBuy,
    IsSell,
    TradeId,
    /// Whether a level is of a snapshot.
    Snapshot,
    /// Which level of a book, the best first.
    Level,
    /// Whether the row does not count.
    Void,
    /// Whether a bar is over.
    Closed,
    /// What happened to an order, a letter of Databento's.
    Action,
    OrderId,
    Sequence,
    Flags,
}

/// Columns that say no more than that they are times, so that two of them say the same.
const TIMES: [&str; 20] = [
    "timestamp",
    "timestamputc",
    "timestampms",
    "timestampns",
    "timestampus",
    "datetime",
    "datetimeutc",
    "dt",
    "ts",
    "tsutc",
    "t",
    "unix",
    "unixtime",
    "unixtimestamp",
    "epoch",
    "mts",
    "timeutc",
    "utctime",
    "gmttime",
    "localtime",
];

/// Whether a column of this name says no more than that it is a time.
pub(crate) fn is_time_alone(plain: &str) -> bool {
    TIMES.contains(&plain)
}

/// Roles with our name, which `--columns` takes, and the names by which columns are known beside [`TIMES`], in lower case without anything
/// but letters and digits.
const NAMES: &[(Role, &str, &[&str])] = &[
    (
        Role::Time,
        "time",
        &[
            "tsevent",
            "opentime",
            "timeopen",
            "eventtime",
            "exchangetime",
            "exchangetimestamp",
            "utc",
            "gmt",
            "transacttime",
            "startedat",
            "begins",
            "begin",
            "starttime",
            "periodstart",
            "timeperiodstart",
            "createdat",
            "createdtime",
            "windowstart",
            "participanttimestamp",
            "siptimestamp",
            "timeexchange",
            "tradetimestamp",
            "executiontime",
        ],
    ),
    (
        Role::CloseTime,
        "close_time",
        &["closetime", "timeclose", "endtime", "timeperiodend"],
    ),
    (
        Role::Arrival,
        "arrival",
        &[
            "tsrecv",
            "localtimestamp",
            "recvtime",
            "receivetime",
            "receivedat",
            "receipttimestamp",
            "recvts",
            "arrival",
            "arrivaltime",
            "timecoinapi",
        ],
    ),
    (
        Role::Date,
        "date",
        &[
            "date",
            "day",
            "tradedate",
            "tradingday",
            "dtyyyymmdd",
            "yyyymmdd",
            "dateutc",
        ],
    ),
    (
        Role::TimeOfDay,
        "time_of_day",
        &[
            "time",
            "timeofday",
            "hhmmss",
            "timem",
            "tradetime",
            "trdtime",
            "dealtime",
        ],
    ),
    (
        Role::Millis,
        "milliseconds",
        &[
            "ms",
            "msec",
            "msecs",
            "milli",
            "millis",
            "millisec",
            "millisecs",
            "millisecond",
            "milliseconds",
            "timems",
        ],
    ),
    (
        Role::Micros,
        "microseconds",
        &[
            "us",
            "usec",
            "usecs",
            "micro",
            "micros",
            "microsec",
            "microsecs",
            "microsecond",
            "microseconds",
            "timeus",
        ],
    ),
    (
        Role::Nanos,
        "nanoseconds",
        &[
            "ns",
            "nsec",
            "nsecs",
            "nano",
            "nanos",
            "nanosec",
            "nanosecs",
            "nanosecond",
            "nanoseconds",
            "timens",
            "timemnano",
            "timenano",
            "timenanos",
        ],
    ),
    (
        Role::Venue,
        "exchange",
        &[
            "exchange",
            "venue",
            "exch",
            "exchangename",
            "exchangecode",
            "exchangeid",
            "venuename",
            "venueid",
            "mic",
            "miccode",
        ],
    ),
    (
        Role::Ticker,
        "symbol",
        &[
            "ticker",
            "symbol",
            "instrument",
            "sym",
            "pair",
            "secid",
            "contract",
            "symroot",
        ],
    ),
    (Role::Open, "open", &["open", "o", "openprice", "priceopen"]),
    (
        Role::High,
        "high",
        &["high", "h", "highprice", "pricehigh", "hi"],
    ),
    (
        Role::Low,
        "low",
        &["low", "l", "lowprice", "pricelow", "lo"],
    ),
    (
        Role::Close,
        "close",
        &["close", "c", "closeprice", "priceclose", "closelast"],
    ),
    (
        Role::Qty,
        "volume",
        &[
            "volume",
            "vol",
            "v",
            "size",
            "qty",
            "quantity",
            "amount",
            "sz",
            "volumetraded",
            "totalvolume",
            "tickvol",
            "tickvolume",
        ],
    ),
    (
        Role::Bid,
        "bid",
        &[
            "bid",
            "bidprice",
            "bestbid",
            "bestbidprice",
            "bidpx",
            "bidpx00",
            "bidprice0",
            "b",
        ],
    ),
    (
        Role::Ask,
        "ask",
        &[
            "ask",
            "askprice",
            "bestask",
            "bestaskprice",
            "offer",
            "askpx",
            "askpx00",
            "askprice0",
            "a",
        ],
    ),
    (
        Role::BidQty,
        "bid_size",
        &[
            "bidsize",
            "bidqty",
            "bidvolume",
            "bidamount",
            "bestbidqty",
            "bestbidsize",
            "bidsz",
            "bidsz00",
        ],
    ),
    (
        Role::AskQty,
        "ask_size",
        &[
            "asksize",
            "askqty",
            "askvolume",
            "askamount",
            "bestaskqty",
            "bestasksize",
            "asksz",
            "asksz00",
        ],
    ),
    (Role::BidOpen, "bid_open", &["bidopen"]),
    (Role::BidHigh, "bid_high", &["bidhigh"]),
    (Role::BidLow, "bid_low", &["bidlow"]),
    (Role::BidClose, "bid_close", &["bidclose"]),
    (Role::AskOpen, "ask_open", &["askopen"]),
    (Role::AskHigh, "ask_high", &["askhigh"]),
    (Role::AskLow, "ask_low", &["asklow"]),
    (Role::AskClose, "ask_close", &["askclose"]),
    (
        Role::Price,
        "price",
        &["price", "tradeprice", "last", "lastprice", "px", "p"],
    ),
    (
        Role::Side,
        "side",
        &[
            "side",
            "direction",
            "takerside",
            "aggressor",
            "aggressorside",
            "aggressiveside",
            "tradeside",
            "buysell",
            "buyorsell",
            "bsflag",
            "tradebsflag",
        ],
    ),
    (
        Role::BuyerMaker,
        "buyer_maker",
        &["isbuyermaker", "buyermaker", "isbuyerthemaker"],
    ),
    (
        Role::MakerSide,
        "maker_side",
        &["makerside", "passiveside", "restingside"],
    ),
    (
        Role::IsBuy,
        "is_buy",
        &[
            "isbuy",
            "isbuyerinitiated",
            "buyerinitiated",
            "isbuyeraggressor",
            "isbuyaggressor",
            "isbuyertaker",
            "takerisbuyer",
            "takersidebuy",
        ],
    ),
    (
        Role::IsSell,
        "is_sell",
        &[
            "issell",
            "issellerinitiated",
            "sellerinitiated",
            "isselleraggressor",
            "isselltaker",
            "takersidesell",
        ],
    ),
    (
        Role::TradeId,
        "id",
        &["id", "tradeid", "tid", "aggtradeid", "tradenumber"],
    ),
    (Role::Snapshot, "snapshot", &["issnapshot", "snapshot"]),
    (Role::Level, "level", &[]),
    (Role::Void, "void", &[]),
    (Role::Closed, "closed", &[]),
    (Role::Action, "action", &["action"]),
    (Role::OrderId, "order_id", &["orderid"]),
    (Role::Sequence, "sequence", &["sequence", "seq", "updateid"]),
    (Role::Flags, "flags", &["flags"]),
];

/// Columns that tell instruments of one symbol apart: which market, contract or kind of price a row is of.
const APART: &[&str] = &[
    "publisher",
    "publisherid",
    "dataset",
    "source",
    "datasource",
    "feed",
    "provider",
    "market",
    "markettype",
    "marketname",
    "marketid",
    "mkt",
    "category",
    "segment",
    "board",
    "boardid",
    "producttype",
    "insttype",
    "instrumenttype",
    "contracttype",
    "securitytype",
    "assettype",
    "assetclass",
    "expiry",
    "expirydate",
    "expiration",
    "expirationdate",
    "maturity",
    "maturitydate",
    "contractmonth",
    "deliverymonth",
    "strike",
    "strikeprice",
    "optiontype",
    "putcall",
    "callput",
    "cpflag",
    "currency",
    "ccy",
    "quotecurrency",
    "pricecurrency",
    "interval",
    "barspec",
    "timeframe",
    "barsize",
    "resolution",
    "granularity",
    "per",
    "symsuffix",
];

/// Columns that name an instrument, as far as nothing else in the file does; what they hold may be other things than a symbol.
const NAMES_OF_SOME: &[&str] = &[
    "name",
    "company",
    "companyname",
    "stockid",
    "tic",
    "stock",
    "stockname",
    "stocksymbol",
    "stockcode",
    "tscode",
    "actsymbol",
    "security",
    "securityid",
    "securityname",
    "securitycode",
    "code",
    "asset",
    "assetid",
    "coin",
    "coinid",
    "coinname",
    "crypto",
    "product",
    "productid",
    "productcode",
    "instrumentid",
    "instrumentname",
    "instrumentcode",
    "instid",
    "symbolid",
    "symbolname",
    "tickersymbol",
    "contractid",
    "contractname",
    "contractsymbol",
    "optionsymbol",
    "currencypair",
    "ccypair",
    "isin",
    "cusip",
    "sedol",
    "figi",
    "ric",
    "permno",
    "gvkey",
    "conid",
    "token",
    "underlying",
    "underlyingsymbol",
    "root",
    "sid",
    "baseasset",
    "basecurrency",
    "item",
    "series",
    "tradingpair",
    "pairname",
    "assetname",
    "symbols",
    "tickers",
    "isincode",
    "wkn",
    "marketsymbol",
    "windcode",
    "stkcd",
    "riccode",
    "figicode",
    "secname",
    "secucode",
    "shortname",
    "commodity",
    "contractcode",
    "instrumenttoken",
    "inst",
    "feedcode",
    "key",
    "topic",
    "channel",
    "stream",
    "label",
];

/// Those of them that hold what an instrument is called, the surest first: they name the one of a file that nothing else names.
pub(crate) const NAMES_OF_ONE: &[&str] = &[
    "instrumentname",
    "instid",
    "productid",
    "contractsymbol",
    "optionsymbol",
    "contractname",
    "tscode",
    "symbolid",
    "tickersymbol",
    "stocksymbol",
    "actsymbol",
    "symbolname",
    "instrumentcode",
    "tic",
    "ric",
    "securitycode",
    "stockcode",
    "stockid",
    "stock",
    "currencypair",
    "ccypair",
    "code",
];

/// Whether rows of one instrument have the same in a column of this name, of a file that names instruments or one that does not.
pub(crate) fn tells_apart(plain: &str, is_named: bool) -> bool {
    APART.contains(&plain) || !is_named && NAMES_OF_SOME.contains(&plain)
}

/// The ways in which columns say the side of a trade, the one that goes before the others first.
pub(crate) const SIDES: [Role; 5] = [
    Role::Side,
    Role::BuyerMaker,
    Role::MakerSide,
    Role::IsBuy,
    Role::IsSell,
];

/// Other words for our own names.
const OTHER_NAMES: [(&str, Role); 6] = [
    ("size", Role::Qty),
    ("qty", Role::Qty),
    ("amount", Role::Qty),
    ("ticker", Role::Ticker),
    ("ts_event", Role::Time),
    ("ts_recv", Role::Arrival),
];

impl Role {
    /// Its name on the command line and in profiles.
    pub(crate) fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(role, ..)| *role == self);
        known.map_or("", |(_, name, _)| name)
    }

    /// The role of this name.
    pub(crate) fn named(name: &str) -> Option<Role> {
        let known = NAMES.iter().find(|(_, known, _)| *known == name);
        let known = known.map(|(role, ..)| *role);
        known.or_else(|| {
            let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
            other.map(|(_, role)| *role)
        })
    }

    /// All names, for people.
    pub(crate) fn names() -> String {
        let names: Vec<&str> = NAMES.iter().map(|(_, name, _)| *name).collect();
        names.join(", ")
    }

    /// How near a name is to what a column of this meaning is called: less is nearer.
    pub(crate) fn distance(self, plain: &str) -> usize {
        let known = NAMES.iter().find(|(role, ..)| *role == self);
        let at = known.and_then(|(.., names)| names.iter().position(|name| *name == plain));
        at.unwrap_or(usize::MAX)
    }

    /// The nanoseconds of a unit of which a column holds so many beyond the time.
    pub(crate) fn fraction(self) -> Option<i64> {
        match self {
            Role::Millis => Some(1_000_000),
            Role::Micros => Some(1_000),
            Role::Nanos => Some(1),
            _ => None,
        }
    }

    /// Whether a column holds prices or sizes.
    pub(crate) fn is_number(self) -> bool {
        use Role::{
            Ask, AskClose, AskHigh, AskLow, AskOpen, AskQty, Bid, BidClose, BidHigh, BidLow,
            BidOpen, BidQty, Close, High, Low, Open, Price, Qty,
        };
        matches!(
            self,
            Open | High
                | Low
                | Close
                | Qty
                | Price
                | Bid
                | BidQty
                | Ask
                | AskQty
                | BidOpen
                | BidHigh
                | BidLow
                | BidClose
                | AskOpen
                | AskHigh
                | AskLow
                | AskClose
        )
    }

    /// What a column of this name holds, as far as it is known by its name alone.
    pub(crate) fn of(plain: &str) -> Option<Role> {
        let role = |plain: &str| {
            if is_time_alone(plain) {
                return Some(Role::Time);
            }
            let known = NAMES.iter().find(|(.., names)| names.contains(&plain));
            known.map(|(role, ..)| *role)
        };
        // `1. open` is an open too, and `volume_btc` or `volume (shares)` a volume.
        role(plain)
            .or_else(|| role(plain.trim_start_matches(|c: char| c.is_ascii_digit())))
            .or_else(|| plain.starts_with("volume").then_some(Role::Qty))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name in lower case without anything but letters and digits.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_many_names() {
        for (name, role) in [
            ("timestamp_utc", Some(Role::Time)),
            ("<DATE>", Some(Role::Date)),
            ("<TICKER>", Some(Role::Ticker)),
            ("dt", Some(Role::Time)),
            ("DateTime", Some(Role::Time)),
            ("t", Some(Role::Time)),
            ("1. open", Some(Role::Open)),
            ("Close/Last", Some(Role::Close)),
            ("Adj Close", None),
            ("Adj. Close", None),
            ("Vol.", Some(Role::Qty)),
            ("Volume BTC", Some(Role::Qty)),
            ("Change %", None),
            ("Time (EET)", None),
            ("quote_volume", None),
            ("is_snapshot", Some(Role::Snapshot)),
            ("Schluss", None),
        ] {
            assert_eq!(Role::of(&plain(name)), role, "{name}");
        }
        for (role, name, _) in NAMES {
            assert_eq!(Role::named(name), Some(*role));
            assert_eq!(role.name(), *name);
        }
        assert_eq!(Role::named("size"), Some(Role::Qty));
    }
}
