//! The files that Binance publishes of its history: klines, aggregated trades and trades, with and without a header, with times in
//! milliseconds or (spot, since 2025) microseconds. Told from others by the number and the kind of their columns.

use super::input::Input;
use super::layout::{Layout, Puzzle};
use super::text::{Fields, split};
use super::time::TimeFormat;
use std::path::Path;

const KLINES: &[&str] = &[
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];
const AGG_TRADES: &[&str] = &[
    "agg_trade_id",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "transact_time",
    "is_buyer_maker",
    "is_best_match",
];
const TRADES: &[&str] = &[
    "id",
    "price",
    "qty",
    "quote_qty",
    "time",
    "is_buyer_maker",
    "is_best_match",
];

/// What such a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Klines,
    AggTrades,
    Trades,
}

impl Content {
    /// What a file that begins with these lines holds, if it is one of these.
    pub(super) fn sniff(head: &[Vec<u8>]) -> Option<Content> {
        let row = first_row(head)?;
        let is_time = |at: usize| epoch(row.get(at)).is_some();
        let is_flag = |at: usize| {
            let field = row.get(at).to_ascii_lowercase();
            field == b"true" || field == b"false"
        };
        match row.len() {
            12 if is_time(0) && is_time(6) => Some(Content::Klines),
            7 | 8 if is_time(5) && is_flag(6) => Some(Content::AggTrades),
            6 | 7 if is_time(4) && is_flag(5) => Some(Content::Trades),
            _ => None,
        }
    }

    fn columns(self) -> (&'static [&'static str], usize) {
        match self {
            Content::Klines => (KLINES, 0),
            Content::AggTrades => (AGG_TRADES, 5),
            Content::Trades => (TRADES, 4),
        }
    }

    /// The layout of such a file.
    pub(super) fn layout(self, input: &Input, head: &[Vec<u8>]) -> Result<Layout, Puzzle> {
        let (columns, time) = self.columns();
        let puzzle = |found: &str| {
            let expected = format!("{} columns: {}", columns.len(), columns.join(", "));
            (found.to_owned(), expected)
        };
        let row = first_row(head).ok_or_else(|| puzzle("no row"))?;
        // The last column, whether the trade was at the best price, is there for spot alone.
        let least = columns.len() - usize::from(self != Content::Klines);
        if row.len() < least || row.len() > columns.len() {
            return Err(puzzle(&format!("{} columns", row.len())));
        }
        let format =
            epoch(row.get(time)).ok_or_else(|| puzzle("another field where a time should be"))?;
        let mut layout = Layout::fixed(&columns[..row.len()], format);
        layout.has_header = has_header(head);
        layout.skip = usize::from(layout.has_header);
        let name = input.file_name();
        let mut parts = name.split('-');
        let (symbol, interval) = (parts.next().unwrap_or_default(), parts.next());
        if let Some(interval) = interval {
            let market = market(input.path());
            let of = series(input.path());
            layout.known.instrument = Some(match market {
                Some(market) => format!("{market}.{symbol}{of}"),
                None => format!("{symbol}{of}"),
            });
            layout.known.bar = interval.parse().ok();
            if market.is_none() {
                layout
                    .notes
                    .push("no folder says of which market it is".to_owned());
            }
        }
        Ok(layout)
    }
}

/// Milliseconds or microseconds since the epoch.
fn epoch(field: &[u8]) -> Option<TimeFormat> {
    TimeFormat::of(field).filter(|format| matches!(format, TimeFormat::Epoch(6 | 3)))
}

fn has_header(head: &[Vec<u8>]) -> bool {
    let first = head.first().and_then(|line| line.first());
    first.is_some_and(u8::is_ascii_alphabetic)
}

/// The fields of the first line below the header, if there is one.
fn first_row(head: &[Vec<u8>]) -> Option<Fields> {
    let line = head.get(usize::from(has_header(head)))?;
    Some(split(line, b','))
}

/// Names the best quotes that Binance publishes, `BTCUSDT-bookTicker-2024-01-02`, as its other files of the instrument are.
pub(super) fn name(input: &Input, layout: &mut Layout) {
    const COLUMNS: [&str; 5] = [
        "update_id",
        "best_bid_price",
        "best_bid_qty",
        "best_ask_price",
        "best_ask_qty",
    ];
    let file = input.file_name();
    let symbol = file.split_once("-bookTicker").map(|(symbol, _)| symbol);
    let is_it = layout.names.starts_with(&COLUMNS.map(str::to_owned));
    let Some(symbol) = symbol.filter(|symbol| is_it && !symbol.is_empty()) else {
        return;
    };
    layout.known.instrument = Some(match market(input.path()) {
        Some(market) => format!("{market}.{symbol}"),
        None => {
            let note = "no folder says of which market it is".to_owned();
            layout.notes.push(note);
            symbol.to_owned()
        }
    });
}

/// The market by the folders of the published tree: `spot`, `futures/um`, `futures/cm`.
fn market(path: &Path) -> Option<&'static str> {
    let folders = path.ancestors().skip(1).filter_map(Path::file_name);
    let folders: Vec<&str> = folders.filter_map(|name| name.to_str()).collect();
    let is_below = |name: &str, above: &str| folders.windows(2).any(|two| two == [name, above]);
    if is_below("um", "futures") {
        Some("binance-usdm")
    } else if is_below("cm", "futures") {
        Some("binance-cm")
    } else if folders.contains(&"spot") {
        Some("binance")
    } else {
        None
    }
}

/// What is behind the symbol of a series that is none of trades: folders say it.
fn series(path: &Path) -> &'static str {
    let folders = path.ancestors().skip(1).filter_map(Path::file_name);
    let of_folder = |folder: &std::ffi::OsStr| match folder.to_str() {
        Some("markPriceKlines") => Some(".mark"),
        Some("indexPriceKlines") => Some(".index"),
        Some("premiumIndexKlines") => Some(".premium"),
        _ => None,
    };
    folders.filter_map(of_folder).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{ImportOptions, Stamp};
    use super::*;
    use tickloom_types::{BarBody, Side, TradeBody, Ts};

    fn read(path: &str, text: &str) -> crate::FileRecords {
        let input = Input::bytes(Path::new(path), text.as_bytes().to_vec());
        input.read(&ImportOptions::default()).unwrap()
    }

    #[test]
    fn klines_close_when_they_say() {
        let text = "\
1722988800000,56022.01,56136.00,56022.00,56108.01,38.94735000,1722988859999,2184,100,10.5,590,0
1722988860000,56108.01,56110.00,56100.00,56100.00,1.5,1722988919999,2184,100,10.5,590,0
";
        let file = read(
            "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-07.csv",
            text,
        );
        assert_eq!(file.report.instruments, ["binance.BTCUSDT"]);
        assert_eq!(file.report.bar, Some("1m".parse().unwrap()));
        assert_eq!(file.instruments.defs()[0].currency, "USDT");
        let bar = BarBody::of(&file.records[0]);
        assert_eq!((bar.open, bar.volume), (5_602_201, 3_894_735));
        let close = Ts::parse("2024-08-07T00:01:00Z").unwrap();
        assert_eq!(file.records[0].ts_event(), close);
        // A month is no length of its own: its end is the row's.
        let text = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore
1704067200000000,1,2,1,2,3,1706745599999999,1,1,1,1,0
";
        let month = read(
            "data/futures/um/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01.csv",
            text,
        );
        assert_eq!(month.report.instruments, ["binance-usdm.BTCUSDT"]);
        assert_eq!(
            month.records[0].ts_event(),
            Ts::parse("2024-02-01").unwrap()
        );
        assert_eq!(month.report.refused, 0);
        assert_eq!(ImportOptions::default().stamp, Stamp::Auto);
    }

    #[test]
    fn trades_have_the_aggressor() {
        let text = "\
26129,0.01633102,4.70443515,27781,27781,1498793709153,true,true
26130,0.01633103,1,27782,27783,1498793709153,False,True
";
        let file = read("BNBBTC-aggTrades-2017-06-30.csv", text);
        assert_eq!(file.report.instruments, ["BNBBTC"]);
        let [a, b] = [0, 1].map(|at| TradeBody::of(&file.records[at]));
        assert_eq!((a.trade_id, a.side), (26_129, Side::Sell as u8));
        assert_eq!(
            (b.trade_id, b.side, b.qty),
            (26_130, Side::Buy as u8, 100_000_000)
        );
        let text =
            "id,price,qty,quote_qty,time,is_buyer_maker\n7,100.5,2,201,1722988800000,false\n";
        let file = read(
            "x/futures/cm/daily/trades/BTCUSD_PERP-trades-2024-08-07.csv",
            text,
        );
        assert_eq!(file.report.instruments, ["binance-cm.BTCUSD_PERP"]);
        let trade = TradeBody::of(&file.records[0]);
        assert_eq!(
            (trade.price, trade.qty, trade.side),
            (1_005, 2, Side::Buy as u8)
        );
    }
}
