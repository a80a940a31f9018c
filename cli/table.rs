//! The live table: what a subscriber has heard, and what the stages say of themselves. Text in, text out; no socket.

use crate::metrics::{Percentiles, StageView};
use crate::pipeline::monitor;
use hdrhistogram::Histogram;
use std::fmt::Write;
use tickloom_types::{
    AccountBody, BookState, Flags, Instruments, Kind, PositionBody, QuoteBody, Record, SignalBody,
    StatusBody, StatusCode, TradeBody, Ts, format_decimal, pow10,
};
use tickloom_wire::{Payload, Received};

/// Decimals of the money in a position record.
const POSITION_DECIMALS: u8 = 9;
/// Widest name that is not cut.
const NAME_WIDTH: usize = 24;

/// What is known of one instrument; `middle` is that of the last quote that has both sides.
#[derive(Clone, Debug, Default)]
struct Row {
    quote: Option<QuoteBody>,
    middle: Option<i64>,
    last: Option<i64>,
    state: Option<BookState>,
}

/// What is known of one strategy's position in one instrument.
#[derive(Clone, Debug)]
struct Holding {
    instrument: usize,
    body: PositionBody,
}

/// Everything that the table shows, filled by [`Table::apply`].
pub(crate) struct Table {
    title: &'static str,
    instruments: Instruments,
    signal_names: Vec<String>,
    strategy_names: Vec<String>,
    rows: Vec<Row>,
    signals: Vec<Option<f64>>,
    holdings: Vec<Holding>,
    cash: Option<i128>,
    messages: u64,
    changes: u64,
    fills: u64,
    bars: u64,
    missed: u64,
    received: Histogram<u64>,
}

impl Table {
    /// An empty table for these names.
    pub(crate) fn new(
        title: &'static str,
        instruments: Instruments,
        signal_names: Vec<String>,
        strategy_names: Vec<String>,
    ) -> Table {
        Table {
            title,
            rows: vec![Row::default(); instruments.len()],
            signals: vec![None; signal_names.len()],
            instruments,
            signal_names,
            strategy_names,
            holdings: Vec::new(),
            cash: None,
            messages: 0,
            changes: 0,
            fills: 0,
            bars: 0,
            missed: 0,
            received: Histogram::new_with_bounds(1, 60_000_000_000, 3)
                .expect("the bounds are constants that fit"),
        }
    }

    /// Messages that were missed so far.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// Messages that came so far, heartbeats not counted.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Values of signals that came so far.
    pub(crate) fn signals(&self) -> u64 {
        self.changes
    }

    /// Latency from the arrival of the venue's bytes to the arrival of the message here.
    pub(crate) fn latency(&self) -> Percentiles {
        Percentiles {
            p50: self.received.value_at_quantile(0.50),
            p99: self.received.value_at_quantile(0.99),
            p999: self.received.value_at_quantile(0.999),
            max: self.received.max(),
        }
    }

    /// Takes one message that arrived at `now`.
    pub(crate) fn apply(&mut self, received: &Received, now: Ts) {
        self.missed += received.missed();
        match &received.message.payload {
            Payload::Record(record) => {
                self.messages += 1;
                let latency = u64::try_from(now.0 - record.header.ts_recv).unwrap_or(0);
                self.received.saturating_record(latency);
                self.count(record);
                self.apply_record(record);
            }
            // What there was before it began to listen: nothing that has happened since.
            Payload::State(part) => part.records.iter().for_each(|r| self.apply_record(r)),
            Payload::Json(_) | Payload::Announcement(_) => {}
        }
    }

    fn count(&mut self, record: &Record) {
        match record.kind() {
            Some(Kind::Signal) => self.changes += 1,
            Some(Kind::Fill) => self.fills += 1,
            Some(Kind::BarClosed) => self.bars += 1,
            _ => {}
        }
    }

    fn apply_record(&mut self, record: &Record) {
        let instrument = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
        match record.kind() {
            Some(Kind::Quote) => {
                if let Some(row) = self.rows.get_mut(instrument) {
                    let quote = QuoteBody::of(record);
                    row.middle = monitor::middle(&quote).or(row.middle);
                    row.quote = Some(quote);
                }
            }
            Some(Kind::Trade) => {
                if let Some(row) = self.rows.get_mut(instrument) {
                    row.last = Some(TradeBody::of(record).price);
                }
            }
            Some(Kind::Status | Kind::BookStatus) => {
                let body = StatusBody::of(record);
                if let Some(row) = self.rows.get_mut(instrument)
                    && StatusCode::from_raw(body.code) == Some(StatusCode::Book)
                {
                    row.state = BookState::from_raw(body.state);
                }
            }
            Some(Kind::Signal) => {
                let body = SignalBody::of(record);
                let index = usize::try_from(body.signal).unwrap_or(usize::MAX);
                if let Some(value) = self.signals.get_mut(index) {
                    *value = (!record.has(Flags::NOT_READY)).then_some(body.value);
                }
            }
            Some(Kind::Position) => self.apply_position(instrument, PositionBody::of(record)),
            Some(Kind::Account) => self.cash = Some(AccountBody::of(record).cash()),
            _ => {}
        }
    }

    fn apply_position(&mut self, instrument: usize, body: PositionBody) {
        let known = self
            .holdings
            .iter_mut()
            .find(|h| h.instrument == instrument && h.body.strategy == body.strategy);
        match known {
            Some(holding) => holding.body = body,
            None => self.holdings.push(Holding { instrument, body }),
        }
    }

    /// Draws the table. `troubles` are lines on what is not as it should be, `note` says how far the run is.
    pub(crate) fn draw(&self, stages: &[StageView], troubles: &[String], note: &str) -> String {
        let mut text = String::new();
        let messages = grouped(self.messages);
        let (bars, fills, missed) = (
            grouped(self.bars),
            grouped(self.fills),
            grouped(self.missed),
        );
        line(
            &mut text,
            &format!(
                "{}  {note}   messages {messages}   bars {bars}   fills {fills}   missed {missed}",
                self.title
            ),
        );
        for trouble in troubles {
            line(&mut text, trouble);
        }
        self.draw_instruments(&mut text);
        self.draw_signals(&mut text);
        self.draw_positions(&mut text);
        self.draw_stages(&mut text, stages);
        text
    }

    fn draw_instruments(&self, text: &mut String) {
        line(text, "");
        let head = ["instrument", "bid", "ask", "last", "spread", "book"];
        line(text, &instrument_line(&head.map(str::to_owned)));
        for (row, def) in self.rows.iter().zip(self.instruments.defs()) {
            let price = |value: Option<i64>| {
                value.map_or_else(
                    || "-".to_owned(),
                    |v| format_decimal(i128::from(v), def.price_decimals),
                )
            };
            let (bid, ask) = row.quote.unwrap_or_default().prices();
            let spread = bid.zip(ask).and_then(|(bid, ask)| ask.checked_sub(bid));
            let state = row.state.map_or("-", BookState::name).to_owned();
            line(
                text,
                &instrument_line(&[
                    def.name.clone(),
                    price(bid),
                    price(ask),
                    price(row.last),
                    price(spread),
                    state,
                ]),
            );
        }
    }

    fn draw_signals(&self, text: &mut String) {
        if self.signal_names.is_empty() {
            return;
        }
        line(text, "");
        line(text, &format!("{:<NAME_WIDTH$} {:>14}", "signal", "value"));
        for (name, value) in self.signal_names.iter().zip(&self.signals) {
            let value = value.map_or_else(|| "not ready".to_owned(), |v| format!("{v:.4}"));
            line(text, &format!("{:<NAME_WIDTH$} {value:>14}", cut(name)));
        }
    }

    fn draw_positions(&self, text: &mut String) {
        if self.strategy_names.is_empty() {
            return;
        }
        line(text, "");
        line(
            text,
            &format!(
                "{:<NAME_WIDTH$} {:>14} {:>14} {:>14}",
                "strategy", "position", "unrealised", "realised"
            ),
        );
        for (index, name) in self.strategy_names.iter().enumerate() {
            let mut drawn = false;
            for holding in &self.holdings {
                if usize::try_from(holding.body.strategy) == Ok(index) {
                    line(text, &self.holding_line(name, holding));
                    drawn = true;
                }
            }
            if !drawn {
                line(
                    text,
                    &format!(
                        "{:<NAME_WIDTH$} {:>14} {:>14} {:>14}",
                        cut(name),
                        "0",
                        "0.00",
                        "0.00"
                    ),
                );
            }
        }
        if let Some(cash) = self.cash {
            line(
                text,
                &format!("{:<NAME_WIDTH$} {:>14}", "cash", cents(cash, 18)),
            );
        }
    }

    fn holding_line(&self, name: &str, holding: &Holding) -> String {
        let body = &holding.body;
        let (qty, unrealised) = match self.instruments.defs().get(holding.instrument) {
            Some(def) => {
                let qty = format_decimal(i128::from(body.qty), def.qty_decimals);
                (qty, self.unrealised(holding))
            }
            None => ("-".to_owned(), None),
        };
        let unrealised = unrealised.map_or_else(|| "-".to_owned(), |money| cents(money, 18));
        let realised = cents(i128::from(body.realised), POSITION_DECIMALS);
        format!(
            "{:<NAME_WIDTH$} {qty:>14} {unrealised:>14} {realised:>14}",
            cut(name)
        )
    }

    /// Profit of the open position at the middle of the quote, or the last trade, in money at 18 decimals.
    fn unrealised(&self, holding: &Holding) -> Option<i128> {
        let def = self.instruments.defs().get(holding.instrument)?;
        let row = self.rows.get(holding.instrument)?;
        let mark = row.middle.or(row.last)?;
        monitor::unrealised(mark, def, &holding.body)
    }

    fn draw_stages(&self, text: &mut String, stages: &[StageView]) {
        line(text, "");
        line(
            text,
            &format!(
                "{:<20} {:>12} {:>8} {:>6} {:>6} {:>10} {:>10} {:>10} {:>10}",
                "stage", "records", "dropped", "waits", "lag", "p50", "p99", "p99.9", "max"
            ),
        );
        for view in stages {
            line(text, &stage_line(view));
        }
        line(
            text,
            &stage_line(&StageView {
                stage: "subscriber".to_owned(),
                records: self.messages,
                dropped: self.missed,
                waits: 0,
                lag: 0,
                latency_ns: self.latency(),
            }),
        );
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{}", content.trim_end()).expect("writing to a string cannot fail");
}

fn instrument_line(cells: &[String; 6]) -> String {
    let [name, bid, ask, last, spread, state] = cells;
    format!(
        "{:<NAME_WIDTH$} {bid:>14} {ask:>14} {last:>14} {spread:>10} {state:>8}",
        cut(name)
    )
}

fn stage_line(view: &StageView) -> String {
    let latency = &view.latency_ns;
    format!(
        "{:<20} {:>12} {:>8} {:>6} {:>6} {:>10} {:>10} {:>10} {:>10}",
        view.stage,
        grouped(view.records),
        grouped(view.dropped),
        grouped(view.waits),
        grouped(view.lag),
        duration(latency.p50),
        duration(latency.p99),
        duration(latency.p999),
        duration(latency.max),
    )
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_WIDTH).collect()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds for people.
pub(crate) fn duration(nanos: u64) -> String {
    let value = nanos as f64;
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} us", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.1} s", value / 1e9),
    }
}

/// Money at `decimals` with two of them, rounded half away from zero, for reading only.
pub(crate) fn cents(money: i128, decimals: u8) -> String {
    let unit = i128::from(pow10(decimals - 2));
    let half = if money < 0 { -unit / 2 } else { unit / 2 };
    let rounded = money.saturating_add(half) / unit;
    let sign = if rounded < 0 { "-" } else { "" };
    let rounded = rounded.unsigned_abs();
    format!("{sign}{}.{:02}", rounded / 100, rounded % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentDef, InstrumentId, SourceId};
    use tickloom_wire::{
        ENVELOPE_LEN, Envelope, Message, Observed, RunPosition, StatePart, VERSION,
    };

    fn header(kind: Kind) -> Header {
        Header::new(kind, InstrumentId(0), SourceId(0), Ts(0), Ts(0))
    }

    #[test]
    fn the_table_shows_book_signal_position_and_stages() {
        let mut instruments = Instruments::new();
        instruments
            .add(InstrumentDef::new("binance.BTCUSDT", 2, 3, "USDT"))
            .unwrap();
        let mut table = Table::new(
            "demo",
            instruments,
            vec!["trend".into()],
            vec!["cross".into()],
        );
        let quote = QuoteBody {
            bid: 6_180_020,
            bid_qty: 1,
            ask: 6_180_030,
            ask_qty: 1,
            update_id: 0,
        };
        table.apply_record(&quote.record(header(Kind::Quote)));
        let signal = SignalBody {
            value: -1.5,
            ..SignalBody::default()
        };
        table.apply_record(&signal.record(header(Kind::Signal)));
        // Half a coin bought at 61,700.00: worth 30,900.125 at the middle of the quote.
        let position = PositionBody {
            qty: 500,
            cost: 30_850_000_000_000,
            realised: -12_345_000_000,
            ..PositionBody::default()
        };
        table.apply_record(&position.record(header(Kind::Position)));
        let stage = StageView {
            stage: "core".to_owned(),
            records: 1_234_567,
            dropped: 0,
            waits: 2,
            lag: 3,
            latency_ns: Percentiles {
                p50: 950,
                p99: 12_300,
                p999: 1_500_000,
                max: 2_000_000_000,
            },
        };
        let troubles = ["feed demo  waiting: cannot connect".to_owned()];
        let drawn = table.draw(&[stage], &troubles, "00:01");
        for expected in [
            "missed 0\nfeed demo  waiting: cannot connect\n",
            "binance.BTCUSDT                 61800.2        61800.3              -        0.1        -",
            "trend                           -1.5000",
            "cross                               0.5          50.13         -12.35",
            "core                    1,234,567        0      2      3     950 ns    12.3 us     1.5 ms      2.0 s",
        ] {
            assert!(drawn.contains(expected), "{expected:?} is not in\n{drawn}");
        }
    }

    #[test]
    fn an_empty_side_has_no_price_no_spread_and_no_middle() {
        let mut instruments = Instruments::new();
        let def = InstrumentDef::new("venue.A", 2, 0, "USD");
        instruments.add(def).unwrap();
        let mut table = Table::new("demo", instruments, Vec::new(), vec!["cross".into()]);
        let mut quote = |[bid, bid_qty, ask, ask_qty]: [i64; 4]| {
            let quote = QuoteBody {
                bid,
                bid_qty,
                ask,
                ask_qty,
                update_id: 0,
            };
            table.apply_record(&quote.record(header(Kind::Quote)));
            let position = PositionBody {
                qty: 1,
                cost: 10_000_000_000,
                ..PositionBody::default()
            };
            table.apply_record(&position.record(header(Kind::Position)));
            let drawn = table.draw(&[], &[], "00:01");
            let words = |begin: &str| -> Vec<String> {
                let found = drawn.lines().find(|line| line.starts_with(begin)).unwrap();
                found.split_whitespace().map(str::to_owned).collect()
            };
            (words("venue.A").join(" "), words("cross")[2].clone())
        };
        // One bought at 10: nothing is known of its worth while there was no bid and ask.
        assert_eq!(
            quote([0, 0, 1_100, 7]),
            ("venue.A - 11 - - -".to_owned(), "-".to_owned())
        );
        assert_eq!(
            quote([1_100, 7, 1_200, 7]),
            ("venue.A 11 12 - 1 -".to_owned(), "1.50".to_owned())
        );
        assert_eq!(
            quote([1_300, 7, 0, 0]),
            ("venue.A 13 - - - -".to_owned(), "1.50".to_owned())
        );
    }

    /// A message that came at the time 5.
    fn came(table: &mut Table, payload: Payload) {
        let envelope = Envelope::decode(&{
            let mut bytes = [0; ENVELOPE_LEN];
            bytes[..2].copy_from_slice(&[VERSION, 1]);
            bytes
        });
        let message = Message {
            topic: "~hello/1".to_owned(),
            envelope: envelope.unwrap(),
            payload,
        };
        let observed = Observed::default();
        table.apply(&Received { message, observed }, Ts(5));
    }

    #[test]
    fn what_there_was_before_is_shown_and_not_counted() {
        let mut instruments = Instruments::new();
        instruments
            .add(InstrumentDef::new("binance.BTCUSDT", 2, 3, "USDT"))
            .unwrap();
        let names = (vec!["trend".into()], vec!["cross".into()]);
        let mut table = Table::new("live", instruments, names.0, names.1);
        let position = PositionBody {
            qty: 500,
            realised: -12_345_000_000,
            ..PositionBody::default()
        };
        let signal = SignalBody {
            value: 7.25,
            ..SignalBody::default()
        };
        let records = vec![
            signal.record(header(Kind::Signal)),
            position.record(header(Kind::Position)),
            AccountBody::new(0, 250 * i128::from(pow10(18)), 0).record(header(Kind::Account)),
        ];
        let part = StatePart {
            next: RunPosition::default(),
            from: 0,
            total: 3,
            records,
        };
        came(&mut table, Payload::State(part));
        assert_eq!((table.messages(), table.signals()), (0, 0));
        assert_eq!(table.latency().max, 0);
        let drawn = table.draw(&[], &[], "00:00");
        for expected in [
            "messages 0   bars 0   fills 0",
            "trend                            7.2500",
            "cross                               0.5              -         -12.35",
            "cash                             250.00",
        ] {
            assert!(drawn.contains(expected), "{expected:?} is not in\n{drawn}");
        }
        came(
            &mut table,
            Payload::Record(signal.record(header(Kind::Signal))),
        );
        assert_eq!((table.messages(), table.signals()), (1, 1));
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(cents(-12_345_000_000, 9), "-12.35");
        assert_eq!(cents(4, 2), "0.04");
    }
}
