//! What the columns of a file mean: found out from its header and first rows, never from its name.

use super::ImportOptions;
use super::row::{NUMBERS_MAX, Shape};
use super::text::split;
use super::time::{TimeFormat, is_time_of_day};
use jiff::tz::TimeZone;
use tickloom_types::BarSpec;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Time,
    Date,
    TimeOfDay,
    /// When a bar closed: its last instant.
    CloseTime,
    Ticker,
    Open,
    High,
    Low,
    Close,
    /// Size of a trade, or volume of a bar.
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
    TradeId,
}

/// Names by which columns are known, in lower case without anything but letters and digits.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Time,
        &[
            "timestamp",
            "datetime",
            "ts",
            "opentime",
            "tsevent",
            "timeutc",
            "datetimeutc",
            "gmttime",
            "localtime",
            "transacttime",
        ],
    ),
    (Role::CloseTime, &["closetime"]),
    (Role::Date, &["date", "day", "tradedate"]),
    (Role::TimeOfDay, &["time", "timeofday"]),
    (Role::Ticker, &["ticker", "symbol", "instrument", "sym"]),
    (Role::Open, &["open", "o", "openprice"]),
    (Role::High, &["high", "h", "highprice"]),
    (Role::Low, &["low", "l", "lowprice"]),
    (Role::Close, &["close", "c", "closeprice"]),
    (
        Role::Qty,
        &["volume", "vol", "v", "size", "qty", "quantity", "amount"],
    ),
    (Role::Bid, &["bid", "bidprice", "bestbid", "bestbidprice"]),
    (
        Role::Ask,
        &["ask", "askprice", "bestask", "bestaskprice", "offer"],
    ),
    (
        Role::BidQty,
        &[
            "bidsize",
            "bidqty",
            "bidvolume",
            "bidamount",
            "bestbidqty",
            "bestbidsize",
        ],
    ),
    (
        Role::AskQty,
        &[
            "asksize",
            "askqty",
            "askvolume",
            "askamount",
            "bestaskqty",
            "bestasksize",
        ],
    ),
    (Role::BidOpen, &["bidopen"]),
    (Role::BidHigh, &["bidhigh"]),
    (Role::BidLow, &["bidlow"]),
    (Role::BidClose, &["bidclose"]),
    (Role::AskOpen, &["askopen"]),
    (Role::AskHigh, &["askhigh"]),
    (Role::AskLow, &["asklow"]),
    (Role::AskClose, &["askclose"]),
    (Role::Price, &["price", "tradeprice", "last", "lastprice"]),
    (Role::Side, &["side", "direction", "takerside", "aggressor"]),
    (Role::BuyerMaker, &["isbuyermaker"]),
    (Role::TradeId, &["id", "tradeid", "tid", "aggtradeid"]),
];

/// Names of a first column that a program wrote for its row labels.
const INDEX_NAMES: &[&str] = &["", "index", "unnamed0"];

/// Roles of the numbers of a row, in its order.
const NUMBER_ROLES: [(Shape, &[Role]); 4] = [
    (
        Shape::Bars,
        &[Role::Open, Role::High, Role::Low, Role::Close, Role::Qty],
    ),
    (
        Shape::BidAskBars,
        &[
            Role::BidOpen,
            Role::BidHigh,
            Role::BidLow,
            Role::BidClose,
            Role::BidQty,
            Role::AskOpen,
            Role::AskHigh,
            Role::AskLow,
            Role::AskClose,
            Role::AskQty,
        ],
    ),
    (
        Shape::Quotes,
        &[Role::Bid, Role::BidQty, Role::Ask, Role::AskQty],
    ),
    (Shape::Trades, &[Role::Price, Role::Qty]),
];

fn number_roles(shape: Shape) -> &'static [Role] {
    let roles = NUMBER_ROLES.iter().find(|(of, _)| *of == shape);
    roles.map_or(&[], |(_, roles)| roles)
}

/// What a file is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    pub(crate) has_header: bool,
    /// Names of the columns, as in the header.
    pub(crate) names: Vec<String>,
    pub(crate) roles: Vec<Option<Role>>,
    pub(crate) shape: Shape,
    pub(crate) time: TimeFormat,
    /// What the file's name, its folder or its format says.
    pub(crate) known: Known,
    pub(crate) notes: Vec<String>,
}

/// What is known of a file beside its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// The file's name up to its first dot.
    pub(crate) file: String,
    pub(crate) instrument: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) bar: Option<BarSpec>,
    /// Zone of times that name none.
    pub(crate) zone: Option<TimeZone>,
}

/// Why a file is not understood: what there is, and what was expected.
pub(crate) type Puzzle = (String, String);

impl Layout {
    /// Finds out what a file is from its first lines; `columns` are names that replace the header.
    pub(crate) fn of(head: &[Vec<u8>], columns: &[String]) -> Result<Layout, Puzzle> {
        let first = head
            .first()
            .ok_or_else(|| ("nothing".to_owned(), "lines of text".to_owned()))?;
        if std::str::from_utf8(first).is_err() || first.contains(&0) {
            return Err(("bytes that are no text".into(), "text in UTF-8".into()));
        }
        let delimiter = delimiter(head);
        let rows: Vec<Vec<&[u8]>> = head.iter().map(|line| fields(line, delimiter)).collect();
        let has_header = rows[0].iter().all(|f| !is_value(f));
        let data = &rows[usize::from(has_header)..];
        let Some(row) = data.first() else {
            return Err(("a header without rows".into(), "rows below it".into()));
        };
        let mut notes = Vec::new();
        let names = if !columns.is_empty() {
            columns.to_vec()
        } else if has_header {
            header(&rows[0], data, &mut notes)
        } else {
            headerless(row, &mut notes)?
        };
        // A wrong line among the first is for the import to report; all wrong is another layout.
        if data.iter().all(|row| row.len() != names.len()) {
            let found = format!("{} fields below {} names", row.len(), names.len());
            return Err((found, "as many fields as names".to_owned()));
        }
        let roles = roles(&names);
        let shape = shape(&names, &roles)?;
        let time = time_format(&roles, data)?;
        let ignored: Vec<&str> = names
            .iter()
            .zip(&roles)
            .filter(|(_, role)| !role.is_some_and(|role| is_used(role, shape)))
            .map(|(name, _)| name.as_str())
            .collect();
        if !ignored.is_empty() {
            notes.push(format!("columns not used: {}", ignored.join(", ")));
        }
        Ok(Layout {
            delimiter,
            has_header,
            names,
            roles,
            shape,
            time,
            known: Known::default(),
            notes,
        })
    }

    /// The layout of a format that has no header and always the same columns.
    pub(crate) fn fixed(names: &[&str], time: TimeFormat) -> Layout {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let roles = roles(&names);
        Layout {
            delimiter: b',',
            has_header: false,
            shape: shape(&names, &roles).expect("formats name columns of a known shape"),
            names,
            roles,
            time,
            known: Known::default(),
            notes: Vec::new(),
        }
    }

    /// Index of the column with this role.
    pub(crate) fn column(&self, role: Role) -> Option<usize> {
        self.roles.iter().position(|r| *r == Some(role))
    }

    /// Indices of the columns of a row's numbers.
    pub(crate) fn numbers(&self) -> [Option<usize>; NUMBERS_MAX] {
        let mut columns = [None; NUMBERS_MAX];
        for (column, role) in columns.iter_mut().zip(number_roles(self.shape)) {
            *column = self.column(*role);
        }
        columns
    }

    /// The zone of times that name none: as given, as the file says, or UTC.
    pub(crate) fn zone(&self, options: &ImportOptions) -> Option<TimeZone> {
        match &options.zone {
            Some(name) => zone(name),
            None => Some(self.known.zone.clone().unwrap_or(TimeZone::UTC)),
        }
    }
}

/// A zone by its IANA name, or a fixed offset such as `-05:00`.
fn zone(name: &str) -> Option<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let (sign, rest) = match name.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [a, b, b':', c, d] => ([a, b], [c, d]),
        _ => return None,
    };
    let number = |digits: [&u8; 2]| {
        let text = digits.map(|digit| char::from(*digit));
        String::from_iter(text).parse::<u8>().ok().map(i32::from)
    };
    let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
    let seconds = sign * (number(hours)? * 3_600 + minutes * 60);
    Some(TimeZone::fixed(
        jiff::tz::Offset::from_seconds(seconds).ok()?,
    ))
}

fn fields(line: &[u8], delimiter: u8) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    split(line, delimiter, &mut fields);
    fields
}

/// The delimiter that cuts all lines (but perhaps the first, a header) into the same number of fields, two or more. The comma
/// comes last, as it may be a decimal comma.
fn delimiter(head: &[Vec<u8>]) -> u8 {
    let rows = if head.len() > 1 { &head[1..] } else { head };
    let cuts_all = |delimiter: &u8| {
        let mut counts = rows.iter().map(|line| fields(line, *delimiter).len());
        let first = counts.next().unwrap_or(0);
        first > 1 && counts.all(|count| count == first)
    };
    let cuts_most = |delimiter: &u8| {
        head.iter()
            .map(|l| fields(l, *delimiter).len())
            .sum::<usize>()
    };
    let all = [b'\t', b';', b'|', b','];
    all.into_iter()
        .find(cuts_all)
        .or_else(|| all.into_iter().max_by_key(cuts_most))
        .unwrap_or(b',')
}

fn is_value(field: &[u8]) -> bool {
    TimeFormat::of(field).is_some() || super::number::Number::parse(field).is_ok()
}

/// The names of the header. One that lacks the name of the times of day is understood, and the report says so.
fn header(row: &[&[u8]], data: &[Vec<&[u8]>], notes: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = row
        .iter()
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect();
    let roles = roles(&names);
    let date = roles.iter().position(|r| *r == Some(Role::Time));
    if let Some(at) = date
        && data.iter().all(|row| {
            row.len() == names.len() + 1
                && row.get(at + 1).is_some_and(|field| is_time_of_day(field))
        })
    {
        notes.push(format!(
            "the header has {} names for {} columns: it lacks one for column {}, which holds times of day",
            names.len(),
            names.len() + 1,
            at + 2
        ));
        names.insert(at + 1, "Time".to_owned());
    }
    names
}

/// Names for a file without a header: a time, or a date and a time, then open, high, low, close and perhaps volume.
fn headerless(row: &[&[u8]], notes: &mut Vec<String>) -> Result<Vec<String>, Puzzle> {
    let puzzle = |found: String| {
        let expected =
            "a header, or a time and open, high, low, close[, volume]; otherwise name the columns";
        Err((found, expected.to_owned()))
    };
    if TimeFormat::of(row[0]).is_none() {
        let field = String::from_utf8_lossy(row[0]);
        return puzzle(format!("{field:?} in the first column, which is no time"));
    }
    let mut names = vec!["date"];
    if row.get(1).is_some_and(|field| is_time_of_day(field)) {
        names.push("time");
    }
    let prices = ["open", "high", "low", "close", "volume", "open interest"];
    let left = row.len() - names.len();
    if !(4..=prices.len()).contains(&left) {
        return puzzle(format!("{left} columns beside the time"));
    }
    names.extend(&prices[..left]);
    notes.push(format!("no header; columns taken as {}", names.join(", ")));
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn roles(names: &[String]) -> Vec<Option<Role>> {
    let plain: Vec<String> = names
        .iter()
        .map(|name| {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_ascii_lowercase()
        })
        .collect();
    let mut roles: Vec<Option<Role>> = plain
        .iter()
        .map(|name| {
            let known = NAMES
                .iter()
                .find(|(_, names)| names.contains(&name.as_str()));
            known.map(|(role, _)| *role)
        })
        .collect();
    // The first column of a name counts: a later one of the same meaning is not used.
    for at in 1..roles.len() {
        if roles[..at].contains(&roles[at]) {
            roles[at] = None;
        }
    }
    let has = |roles: &[Option<Role>], role| roles.contains(&Some(role));
    // A date or a time alone is the whole time.
    let in_two = has(&roles, Role::Date) && has(&roles, Role::TimeOfDay);
    if !has(&roles, Role::Time) && !in_two {
        for role in &mut roles {
            if matches!(role, Some(Role::Date | Role::TimeOfDay)) {
                *role = Some(Role::Time);
            }
        }
    }
    if !has(&roles, Role::Time)
        && !has(&roles, Role::Date)
        && INDEX_NAMES.contains(&plain[0].as_str())
    {
        roles[0] = Some(Role::Time);
    }
    roles
}

fn shape(names: &[String], roles: &[Option<Role>]) -> Result<Shape, Puzzle> {
    let has = |wanted: &[Role]| wanted.iter().all(|role| roles.contains(&Some(*role)));
    if has(&[Role::Time]) || has(&[Role::Date, Role::TimeOfDay]) {
        if has(&[Role::Open, Role::High, Role::Low, Role::Close]) {
            return Ok(Shape::Bars);
        }
        let bid = [Role::BidOpen, Role::BidHigh, Role::BidLow, Role::BidClose];
        let ask = [Role::AskOpen, Role::AskHigh, Role::AskLow, Role::AskClose];
        if has(&bid) && has(&ask) {
            return Ok(Shape::BidAskBars);
        }
        if has(&[Role::Bid, Role::Ask]) {
            return Ok(Shape::Quotes);
        }
        if has(&[Role::Price, Role::Qty]) {
            return Ok(Shape::Trades);
        }
    }
    Err((
        format!("columns {}", names.join(", ")),
        "a time and open, high, low, close (bars), or bid, ask (quotes), or price, size (trades)"
            .to_owned(),
    ))
}

/// Whether a column of this role is read for this shape.
pub(crate) fn is_used(role: Role, shape: Shape) -> bool {
    match role {
        Role::Time | Role::Date | Role::TimeOfDay | Role::Ticker => true,
        Role::CloseTime => shape.is_bars(),
        Role::Side | Role::BuyerMaker | Role::TradeId => shape == Shape::Trades,
        role => number_roles(shape).contains(&role),
    }
}

fn time_format(roles: &[Option<Role>], data: &[Vec<&[u8]>]) -> Result<TimeFormat, Puzzle> {
    let at = roles
        .iter()
        .position(|role| matches!(role, Some(Role::Time | Role::Date)))
        .unwrap_or(0);
    let mut fields = data.iter().filter_map(|row| row.get(at));
    let format = fields.clone().find_map(|field| TimeFormat::of(field));
    format.ok_or_else(|| {
        let first = String::from_utf8_lossy(fields.next().copied().unwrap_or_default());
        let expected =
            "e.g. 2024-08-09, 2024-08-09 09:30:00+00:00 or seconds, ms, us or ns since the epoch";
        (
            format!("{first:?} where a time should be"),
            expected.to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Result<Layout, Puzzle> {
        let head: Vec<Vec<u8>> = text.lines().map(|l| l.as_bytes().to_vec()).collect();
        Layout::of(&head, &[])
    }

    fn check(text: &str, shape: Shape, roles: &[(Role, usize)]) -> Layout {
        let found = layout(text).unwrap();
        assert_eq!(found.shape, shape, "{text}");
        for (role, at) in roles {
            assert_eq!(found.column(*role), Some(*at), "{role:?} in {text}");
        }
        found
    }

    #[test]
    fn known_headers() {
        check(
            ",Open,High,Low,Close,Volume\n2004-08-19,1,2,1,2,9",
            Shape::Bars,
            &[(Role::Time, 0), (Role::Open, 1), (Role::Qty, 5)],
        );
        let found = check(
            "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2000-03-01,1,2,1,2,9,1.5",
            Shape::Bars,
            &[(Role::Ticker, 0), (Role::Time, 1), (Role::Close, 5)],
        );
        assert_eq!(found.notes, ["columns not used: Adj Close"]);
        check(
            "ts;bid_price;ask_price;bid_size;ask_size\n1723161255030;1;2;3;4",
            Shape::Quotes,
            &[(Role::Time, 0), (Role::Bid, 1), (Role::AskQty, 4)],
        );
        check(
            "id\tprice\tqty\ttime\tis_buyer_maker\n1\t2\t3\t1723161255030\ttrue",
            Shape::Trades,
            &[(Role::TradeId, 0), (Role::Time, 3), (Role::BuyerMaker, 4)],
        );
        check(
            "<DATE>|<TIME>|<OPEN>|<HIGH>|<LOW>|<CLOSE>|<VOL>\n20240102|09:30|1|2|1|2|3",
            Shape::Bars,
            &[(Role::Date, 0), (Role::TimeOfDay, 1), (Role::Qty, 6)],
        );
    }

    #[test]
    fn a_header_without_the_name_of_the_time() {
        let found = check(
            "Date,Open,High,Low,Close,Volume,OpenInterest\n2006-01-02,09:01:00,1,2,1,2,9,0",
            Shape::Bars,
            &[
                (Role::Date, 0),
                (Role::TimeOfDay, 1),
                (Role::Open, 2),
                (Role::Qty, 6),
            ],
        );
        assert_eq!(
            found.notes[0],
            "the header has 7 names for 8 columns: it lacks one for column 2, which holds times of day"
        );
        let (found, _) = layout("Date,Open,High,Low,Close\n2006-01-02,1,2,1,2,9").unwrap_err();
        assert_eq!(found, "6 fields below 5 names");
    }

    #[test]
    fn no_header() {
        check(
            "1723161255,1,2,1,2,9\n",
            Shape::Bars,
            &[(Role::Open, 1), (Role::Qty, 5)],
        );
        check("20240102 09:30;1,5;2;1;2", Shape::Bars, &[(Role::Open, 1)]);
        let (found, expected) = layout("1723161255,1,2").unwrap_err();
        assert_eq!(found, "2 columns beside the time");
        assert!(expected.starts_with("a header"));
        let head = [b"1723161255,1,2".to_vec()];
        let names = ["time", "bid", "ask"].map(str::to_owned);
        assert_eq!(Layout::of(&head, &names).unwrap().shape, Shape::Quotes);
    }

    #[test]
    fn zones_have_names_or_offsets() {
        let winter = "2024-01-01T00:00:00Z".parse().unwrap();
        let check = |name: &str, seconds: Option<i32>| {
            let found = zone(name).map(|zone| zone.to_offset(winter).seconds());
            assert_eq!(found, seconds, "{name}");
        };
        check("America/New_York", Some(-18_000));
        check("-05:00", Some(-18_000));
        check("+05:30", Some(19_800));
        check("+05:60", None);
        check("-5", None);
        check("Mars/Olympus", None);
    }

    #[test]
    fn puzzles() {
        let (found, _) = layout("a,b\n1,2").unwrap_err();
        assert_eq!(found, "columns a, b");
        assert!(layout("").is_err());
        assert!(layout("a,b").is_err());
        assert!(layout("\0\0\n1,2").is_err());
        let (found, _) = layout("time,bid,ask\nx,1,2").unwrap_err();
        assert_eq!(found, "\"x\" where a time should be");
    }
}
