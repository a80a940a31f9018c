//! What the columns of a file mean: found out from its header and first rows, or told, never from its name.

mod agree;
mod apart;
mod called;
mod clock;
mod columns;
mod depth;
mod floats;
mod headerless;
mod other;
mod puzzle;
mod rules;
mod sides;
mod start;
mod times;
mod typed;
mod unknown;
mod used;
mod vendor;
mod volume;
mod zone;

pub(crate) use agree::{Agreed, Beside};
pub(in crate::import) use called::currency_of;

use super::format::Format;
use super::number::Decimal;
use super::options::ImportOptions;
use super::period::Period;
use super::role::{Role, plain};
use super::row::{NUMBERS_MAX, Shape};
use super::text::Fields;
use super::time::TimeFormat;
pub(crate) use clock::ClockDigits;
use columns::{roles, shape};
pub(crate) use depth::DepthLevel;
use headerless::headerless;
use jiff::tz::TimeZone;
pub(crate) use puzzle::{Dialect, Puzzle, Unread};
pub(crate) use rules::{Rule, Verdict, is_of_others};
pub(crate) use start::rows;
use start::{Start, delimiter, header, start};
use tickloom_types::{BarSpec, NANOS_PER_SECOND};
use unknown::Unknown;
pub(crate) use unknown::{is_code, is_word};

/// Roles of the numbers of a row, in its order.
const NUMBER_ROLES: [(Shape, &[Role]); 6] = [
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
    (Shape::Levels, &[Role::Price, Role::Qty]),
    (Shape::Orders, &[Role::Price, Role::Qty]),
];

/// The roles of the numbers of a row.
fn number_roles(shape: Shape) -> &'static [Role] {
    let roles = NUMBER_ROLES.iter().find(|(of, _)| *of == shape);
    roles.map_or(&[], |(_, roles)| roles)
}

/// What a file is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    /// Rows above the first that counts: a preamble, the header and what stands below it.
    pub(crate) skip: usize,
    /// Whether its rows are those of columns with types, and not lines of a text.
    pub(crate) is_columnar: bool,
    /// Names of the columns, as in the header.
    pub(crate) names: Vec<String>,
    /// Whether the file has them.
    pub(crate) has_header: bool,
    pub(crate) roles: Vec<Option<Role>>,
    pub(crate) shape: Shape,
    /// Whether sizes of trades have the sign of who traded: those below zero were sold.
    pub(crate) is_signed: bool,
    /// Columns of the levels, of a book with all its levels in a row.
    pub(crate) depth: Vec<DepthLevel>,
    pub(crate) dialect: Dialect,
    /// Whether an instrument is named by its exchange too.
    pub(crate) is_by_venue: bool,
    /// Columns in which all rows of an instrument have the same.
    pub(crate) apart: Vec<usize>,
    /// Columns that say the side of a trade beside the one that is read, each in one of the ways of `role::SIDES`.
    pub(crate) sides: Vec<(usize, Role)>,
    /// The column of sides that may be of trades or of a book.
    pub(crate) side_in_doubt: Option<usize>,
    /// Columns of words that are not read, and may tell instruments apart.
    pub(crate) words: Vec<usize>,
    /// Columns of words of which nothing says what they are, in a file that names no instruments.
    pub(crate) unknown: Unknown,
    /// Columns that have to say the same time as the one that is taken.
    pub(crate) times_beside: Vec<Beside>,
    /// Columns that say what a row is, and whether it counts.
    pub(crate) rules: Vec<Rule>,
    /// Columns of floats of 64 bits that all are floats of 32 bits, and are read as those.
    pub(crate) singles: Vec<usize>,
    pub(crate) time: TimeFormat,
    /// Digits of times of day that are written as numbers, without the zeros before them.
    pub(crate) clock: Option<usize>,
    /// Whether day and month of its dates, or a number since the epoch, can be read in two ways by the first rows.
    pub(crate) is_time_in_doubt: bool,
    pub(crate) decimal: Decimal,
    /// Whether nothing so far says what a comma in a number is.
    pub(crate) is_decimal_open: bool,
    /// Whether an apostrophe in a price may be one before thirty-seconds.
    pub(crate) has_apostrophes: bool,
    /// What the file's name, its folder or its format says.
    pub(crate) known: Known,
    pub(crate) notes: Vec<String>,
}

/// What is known of a file beside its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// The file's name without its endings.
    pub(crate) file: String,
    pub(crate) instrument: Option<String>,
    /// What a column calls the instrument that is not one of symbols, in its first rows.
    pub(crate) called: Option<String>,
    pub(crate) currency: Option<String>,
    /// Which of the columns in which all rows of an instrument have the same says the currency of its prices.
    pub(crate) currency_place: Option<usize>,
    pub(crate) bar: Option<BarSpec>,
    /// Whether the times of its bars are their closes.
    pub(crate) are_closes: bool,
    /// Whether they are by how they are written, while other programs write opens so.
    pub(crate) may_be_closes: bool,
    /// Zone of times that name none.
    pub(crate) zone: Option<TimeZone>,
    /// The time that the end of its name says its rows are of.
    pub(crate) period: Option<Period>,
}

impl Layout {
    /// Finds out what a file is from its first lines, and what the options say of it.
    pub(crate) fn of(head: &[Vec<u8>], options: &ImportOptions) -> Result<Layout, Unread> {
        let (mut is_market, mut place) = (false, (b',', None));
        let found = Layout::of_texts(head, options, &mut is_market, &mut place);
        found.map_err(|puzzle| Unread {
            puzzle,
            is_market,
            place: place.1.map(|row| (place.0, row)),
        })
    }

    fn of_texts(
        head: &[Vec<u8>],
        options: &ImportOptions,
        is_market: &mut bool,
        row_of: &mut (u8, Option<usize>),
    ) -> Result<Layout, Puzzle> {
        if head.is_empty() {
            return Err(("nothing".to_owned(), "lines of text".to_owned()));
        }
        let is_text = |line: &Vec<u8>| std::str::from_utf8(line).is_ok() && !line.contains(&0);
        if let Some(at) = head.iter().take(2).position(|line| !is_text(line)) {
            row_of.1 = Some(at);
            return Err(("bytes that are no text".into(), "text in UTF-8".into()));
        }
        let delimiter = match options.delimiter {
            Some(told) => u8::try_from(told).unwrap_or(b','),
            None => delimiter(head),
        };
        let rows = rows(head, delimiter);
        let start = start(&rows, options)?;
        *row_of = (delimiter, start.header.or(Some(start.first)));
        let data = &rows[start.first..];
        let Some(row) = data.first() else {
            return Err(("a header without rows".into(), "rows below it".into()));
        };
        let mut notes = start.notes(&rows);
        let names = names(&start, &rows, options, &mut notes)?;
        // A wrong line among the first is for the import to report; all wrong is another layout.
        if data.iter().all(|row| row.len() != names.len()) {
            let found = format!("{} fields below {} names", row.len(), names.len());
            return Err((found, "as many fields as names".to_owned()));
        }
        let roles = roles(&names, data, &options.mapping)?;
        *is_market = columns::is_market(&roles);
        let depth = depth::columns(&names);
        other::whole_values(&names, &roles, data, options)?;
        let (shape, dialect) = shape(
            &names,
            &roles,
            &depth,
            data,
            (options.format, &options.mapping),
        )?;
        let is_by_venue = dialect.names_by_venue() || options.mapping.has(Role::Venue);
        let mut layout = Layout {
            delimiter,
            skip: start.first,
            has_header: start.header.is_some(),
            depth,
            dialect,
            is_by_venue,
            decimal: options.decimal.unwrap_or_default(),
            is_decimal_open: options.decimal.is_none(),
            notes,
            ..Layout::plain(names, roles, shape)
        };
        row_of.1 = Some(start.first);
        layout.set_called_below(start.called(&rows, &options.mapping));
        layout.set_header_zone(data, options, false)?;
        layout.set_vendor(options)?;
        layout.set_time(data, options)?;
        layout.known.bar = layout.databento_bar(row);
        layout.set_apart(data, &options.mapping, |_| true);
        layout.set_rules(data, options, |_| true)?;
        layout.set_known(data, options, |_| true);
        layout.set_closes_in_doubt(data);
        layout.tell();
        Ok(layout)
    }

    /// The layout of a format that has no header and always the same columns.
    pub(crate) fn fixed(names: &[&str], time: TimeFormat) -> Layout {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let roles = columns::known(&names);
        let shape = columns::plain_shape(&roles).expect("formats name columns of a known shape");
        Layout {
            time,
            ..Layout::plain(names, roles, shape)
        }
    }

    /// Rows of columns of these roles, of which nothing else is known.
    fn plain(names: Vec<String>, roles: Vec<Option<Role>>, shape: Shape) -> Layout {
        Layout {
            delimiter: b',',
            skip: 0,
            is_columnar: false,
            has_header: false,
            names,
            roles,
            shape,
            is_signed: false,
            depth: Vec::new(),
            dialect: Dialect::Plain,
            is_by_venue: false,
            apart: Vec::new(),
            sides: Vec::new(),
            side_in_doubt: None,
            words: Vec::new(),
            unknown: Unknown::default(),
            times_beside: Vec::new(),
            rules: Vec::new(),
            singles: Vec::new(),
            time: TimeFormat::Compact,
            clock: None,
            is_time_in_doubt: false,
            decimal: Decimal::Point,
            is_decimal_open: false,
            has_apostrophes: false,
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
        // A row that is a trade says so beside the book that it leaves.
        let trade = match self.shape {
            Shape::Quotes => 4,
            _ => 0,
        };
        if self.has_trades_beside() && matches!(self.shape, Shape::Quotes | Shape::Depth) {
            columns[trade] = self.column(Role::Price);
            columns[trade + 1] = self.column(Role::Qty);
        }
        columns
    }

    /// Whether a number of the first rows has an apostrophe.
    fn apostrophes(&self, data: &[Fields]) -> bool {
        let columns = self.number_columns();
        let has_one = |row: &Fields| columns.iter().any(|at| row.get(*at).contains(&b'\''));
        data.iter().any(has_one)
    }

    pub(crate) fn is_databento(&self) -> bool {
        matches!(self.dialect, Dialect::Databento { .. })
    }

    /// Whether a row of quotes or of a book may tell a trade too.
    pub(crate) fn has_trades_beside(&self) -> bool {
        self.is_databento() || self.dialect == Dialect::Metatrader
    }

    /// Whether its rows are quotes of which no size is told.
    pub(crate) fn is_unsized(&self) -> bool {
        let is_told = |role| self.column(role).is_some();
        let is_of_quotes = self.shape == Shape::Quotes && !self.is_databento();
        is_of_quotes && !is_told(Role::BidQty) && !is_told(Role::AskQty)
    }

    /// The size of Databento's bars, by the type of their rows.
    fn databento_bar(&self, row: &Fields) -> Option<BarSpec> {
        let at = self.names.iter().position(|name| name == "rtype")?;
        let seconds = match row.get(at) {
            b"32" => 1,
            b"33" => 60,
            b"34" => 3_600,
            b"35" => 86_400,
            _ => return None,
        };
        self.is_databento()
            .then_some(BarSpec::Time(seconds * NANOS_PER_SECOND))
    }

    /// Whether a row that is none of this file's is a header of other columns.
    pub(crate) fn is_other_header(&self, fields: &Fields) -> bool {
        if fields.iter().any(is_value) {
            return false;
        }
        let names = texts(fields);
        columns::plain_shape(&columns::known(&names)).is_some()
    }
}

/// What the columns are called: as is told, or in the header, or where they stand.
fn names(
    start: &Start,
    rows: &[Fields],
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Puzzle> {
    let data = &rows[start.first..];
    let row = data.first().map_or(0, Fields::len);
    Ok(match start.header {
        _ if !options.columns.is_empty() => options.columns.clone(),
        Some(at) => header(&rows[at], data, notes),
        None if !options.mapping.is_empty() => numbered(row),
        None => headerless(data, options.format, notes)?,
    })
}

fn is_value(field: &[u8]) -> bool {
    TimeFormat::of(field).is_some()
        || [Decimal::Point, Decimal::Comma]
            .into_iter()
            .any(|decimal| super::number::parse_as(field, decimal).is_ok())
}

fn texts(row: &Fields) -> Vec<String> {
    row.iter()
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect()
}

/// Names for columns that have none.
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|at| format!("column {at}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Result<Layout, Unread> {
        let head: Vec<Vec<u8>> = text.lines().map(|l| l.as_bytes().to_vec()).collect();
        Layout::of(&head, &ImportOptions::default())
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
        assert_eq!(found.notes[0], "columns not used: Adj Close");
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
        let (found, _) = layout("Date,Open,High,Low,Close\n2006-01-02,1,2,1,2,9")
            .unwrap_err()
            .puzzle;
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
        let (found, expected) = layout("1723161255,1,2").unwrap_err().puzzle;
        assert_eq!(found, "2 columns beside the time");
        assert!(expected.starts_with("a header"));
        let head = [b"1723161255,1,2".to_vec()];
        let options = ImportOptions {
            columns: ["time", "bid", "ask"].map(str::to_owned).to_vec(),
            ..ImportOptions::default()
        };
        assert_eq!(Layout::of(&head, &options).unwrap().shape, Shape::Quotes);
    }

    #[test]
    fn puzzles() {
        let (found, _) = layout("a,b\n1,2").unwrap_err().puzzle;
        assert_eq!(found, "columns a, b");
        assert!(layout("").is_err());
        assert!(layout("a,b").is_err());
        assert!(layout("\0\0\n1,2").is_err());
        let (found, _) = layout("time,bid,ask\nx,1,2").unwrap_err().puzzle;
        assert_eq!(found, "\"x\" where a time should be");
    }
}
