//! The JSON form of a record: names instead of indices, exact decimals as text, times as text and as nanoseconds.
//!
//! Made only for topics under `json/`, and only while somebody listens. Keys are the words of the record's fields, in
//! a fixed order; `docs/wire.md` lists them. Nothing here is read back.

mod told;

pub(crate) use told::{announcement, epoch, state};

use crate::error::WireError;
use crate::topic::{Names, is_output, kind};
use serde::Serialize;
use std::fmt::Write;
use tickloom_types::{
    AccountBody, BarBody, BookAction, BookState, FillBody, Flags, InstrumentDef, Kind, LevelBody,
    MONEY_DECIMALS, OrderBody, OrderStatus, OrderType, OrderUpdateBody, PositionBody, QuoteBody,
    Record, RiskRule, Side, SignalBody, StatusBody, StatusCode, TradeBody, Ts, VerdictBody,
    format_decimal,
};

/// Decimals of fees, costs and limits in records.
const FEE_DECIMALS: u8 = 9;

const FLAG_WORDS: [(u8, &str); 8] = [
    (Flags::SNAPSHOT, "snapshot"),
    (Flags::LAST, "last"),
    (Flags::BAD_TIME, "bad_time"),
    (Flags::MAYBE_BAD_BOOK, "maybe_bad_book"),
    (Flags::INCOMPLETE, "incomplete"),
    (Flags::LATE, "late"),
    (Flags::NOT_READY, "not_ready"),
    (Flags::MORE, "more"),
];

/// The words of flags that mean something else of trades, quotes, levels and order updates.
const MARKET_FLAG_WORDS: [(u8, &str); 3] = [
    (Flags::TOP_OF_BOOK, "top_of_book"),
    (Flags::AGGREGATED, "aggregated"),
    (Flags::VENUE_SPECIFIC, "venue_specific"),
];

/// A JSON object that is written key by key.
struct Object(String);

impl Object {
    fn new() -> Object {
        Object(String::with_capacity(384))
    }

    fn put(&mut self, key: &str, value: impl Serialize) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        let value = serde_json::to_string(&value)
            .expect("names, numbers and lists of them are always JSON");
        write!(self.0, "\"{key}\":{value}").expect("writing to a String cannot fail");
    }

    fn put_decimal(&mut self, key: &str, mantissa: i64, decimals: u8) {
        self.put(key, format_decimal(i128::from(mantissa), decimals));
    }

    /// A price that may be none, which is null.
    fn put_price(&mut self, key: &str, mantissa: Option<i64>, decimals: u8) {
        let text = mantissa.map(|mantissa| format_decimal(i128::from(mantissa), decimals));
        self.put(key, text);
    }

    fn put_time(&mut self, key: &str, ts: Ts) {
        self.put(key, ts.to_string());
        self.put(&format!("{key}_ns"), ts.0);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// One record.
///
/// # Errors
/// [`WireError::Unnamed`] if it refers to something that has no name.
pub(crate) fn text(
    record: &Record,
    names: &Names,
    run: Option<&str>,
    number: u64,
) -> Result<String, WireError> {
    let kind = kind(record)?;
    let mut object = Object::new();
    object.put("kind", kind.name());
    object.put("run", run);
    // The names of both in the catalog.
    let name = if is_output(kind as u8) {
        "number"
    } else {
        "seq"
    };
    object.put(name, number);
    put_head(&mut object, record, names);
    put_body(&mut object, kind, record, names)?;
    Ok(object.end())
}

fn put_body(
    object: &mut Object,
    kind: Kind,
    record: &Record,
    names: &Names,
) -> Result<(), WireError> {
    match kind {
        Kind::Trade => put_trade(object, record, names.instrument(record)?),
        Kind::Quote => put_quote(object, record, names.instrument(record)?),
        Kind::Level => put_level(object, record, names.instrument(record)?),
        Kind::OrderUpdate => put_order_update(object, record, names.instrument(record)?),
        Kind::Bar | Kind::BarClosed => put_bar(object, record, names)?,
        Kind::Timer => {} // not published
        Kind::Status | Kind::BookStatus | Kind::RiskStatus => put_status(object, record),
        Kind::Signal => put_signal(object, record, names)?,
        Kind::Order => put_order(object, record, names)?,
        Kind::Verdict => put_verdict(object, record, names)?,
        Kind::Fill => put_fill(object, record, names)?,
        Kind::Position => put_position(object, record, names)?,
        Kind::Account => put_account(object, record),
    }
    Ok(())
}

fn put_head(object: &mut Object, record: &Record, names: &Names) {
    let instruments = names.instruments();
    let instrument = instruments.get(record.instrument());
    object.put("instrument", instrument.map(|def| &def.name));
    let source = instruments.source(record.source());
    object.put("source", source.map(|def| &def.name));
    object.put_time("ts_event", record.ts_event());
    object.put_time("ts_recv", record.ts_recv());
    put_flags(object, record);
}

fn put_flags(object: &mut Object, record: &Record) {
    let of_market: &[(u8, &str)] = match record.kind() {
        Some(kind) if kind.is_market_change() => &MARKET_FLAG_WORDS,
        _ => &[],
    };
    let flags: Vec<&str> = FLAG_WORDS
        .iter()
        .filter(|(flag, _)| record.has(*flag))
        .map(|(flag, word)| {
            let other = of_market.iter().find(|(bit, _)| bit == flag);
            other.map_or(*word, |(_, word)| *word)
        })
        .collect();
    object.put("flags", flags);
}

fn put_trade(object: &mut Object, record: &Record, def: &InstrumentDef) {
    let body = TradeBody::of(record);
    object.put_decimal("price", body.price, def.price_decimals);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put("trade_id", body.trade_id);
    object.put("side", Side::from_raw(body.side).map(Side::name));
}

fn put_quote(object: &mut Object, record: &Record, def: &InstrumentDef) {
    let body = QuoteBody::of(record);
    let (bid, ask) = body.prices();
    object.put_price("bid", bid, def.price_decimals);
    object.put_decimal("bid_qty", body.bid_qty, def.qty_decimals);
    object.put_price("ask", ask, def.price_decimals);
    object.put_decimal("ask_qty", body.ask_qty, def.qty_decimals);
    object.put("update_id", body.update_id);
}

fn put_order_update(object: &mut Object, record: &Record, def: &InstrumentDef) {
    let body = OrderUpdateBody::of(record);
    let action = BookAction::from_raw(body.action);
    object.put("action", action.map(BookAction::name));
    object.put("side", Side::from_raw(body.side).map(Side::name));
    object.put("order_id", body.order_id);
    let is_of_none = matches!(action, Some(BookAction::Clear | BookAction::None));
    let price = Some(body.price).filter(|price| *price != 0 || !is_of_none);
    object.put_price("price", price, def.price_decimals);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put("update_id", body.update_id);
}

fn put_level(object: &mut Object, record: &Record, def: &InstrumentDef) {
    let body = LevelBody::of(record);
    object.put("side", Side::from_raw(body.side).map(Side::name));
    let is_of_none = body.clear != 0 && body.qty == 0;
    let price = Some(body.price).filter(|price| *price != 0 || !is_of_none);
    object.put_price("price", price, def.price_decimals);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put("first_id", body.first_id);
    object.put("last_id", body.last_id);
    object.put("clear", body.clear != 0);
}

fn put_bar(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let def = names.instrument(record)?;
    let body = BarBody::of(record);
    object.put("bar", names.bar_spec(record)?);
    object.put_decimal("open", body.open, def.price_decimals);
    object.put_decimal("high", body.high, def.price_decimals);
    object.put_decimal("low", body.low, def.price_decimals);
    object.put_decimal("close", body.close, def.price_decimals);
    object.put_decimal("volume", body.volume, def.qty_decimals);
    Ok(())
}

fn put_status(object: &mut Object, record: &Record) {
    let body = StatusBody::of(record);
    object.put(
        "code",
        StatusCode::from_raw(body.code).map(StatusCode::name),
    );
    object.put(
        "state",
        BookState::from_raw(body.state).map(BookState::name),
    );
    object.put("count", body.count);
    object.put("from", body.from);
    object.put("to", body.to);
    object.put("detail", body.detail);
}

fn put_signal(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let body = SignalBody::of(record);
    let ready = !record.has(Flags::NOT_READY);
    object.put("cause", body.cause);
    object.put("signal", names.signal(record)?);
    // A number that is not finite becomes null.
    object.put("value", ready.then_some(body.value));
    object.put("previous", body.previous);
    Ok(())
}

fn put_order(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let def = names.instrument(record)?;
    let body = OrderBody::of(record);
    object.put("cause", body.cause);
    object.put("strategy", names.strategy(record)?);
    object.put("order", body.order);
    object.put("side", Side::from_raw(body.side).map(Side::name));
    let order_type = OrderType::from_raw(body.order_type);
    object.put("order_type", order_type.map(OrderType::name));
    let status = OrderStatus::from_raw(body.status);
    object.put("status", status.map(OrderStatus::name));
    let is_market = order_type == Some(OrderType::Market);
    let price = Some(body.price).filter(|price| *price != 0 || !is_market);
    object.put_price("price", price, def.price_decimals);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put_decimal("filled", body.filled, def.qty_decimals);
    Ok(())
}

fn put_verdict(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let def = names.instrument(record)?;
    let body = VerdictBody::of(record);
    let rule = RiskRule::from_raw(body.rule);
    object.put("cause", body.cause);
    object.put("strategy", names.strategy(record)?);
    object.put("order", body.order);
    object.put("accepted", body.accepted != 0);
    object.put("rule", rule.map(RiskRule::name));
    let decimals = rule.map_or(0, |rule| rule_decimals(rule, def));
    object.put_decimal("observed", body.observed, decimals);
    object.put_decimal("allowed", body.allowed, decimals);
    Ok(())
}

/// Decimals of the unit in which a rule measures.
fn rule_decimals(rule: RiskRule, def: &InstrumentDef) -> u8 {
    match rule {
        RiskRule::OrderQty | RiskRule::Position | RiskRule::Lot => def.qty_decimals,
        RiskRule::Tick => def.price_decimals,
        RiskRule::OrderNotional
        | RiskRule::GrossExposure
        | RiskRule::NetExposure
        | RiskRule::DailyLoss
        | RiskRule::Cash
        | RiskRule::Short => FEE_DECIMALS,
        RiskRule::OrderRate
        | RiskRule::PriceCollar
        | RiskRule::NoPrice
        | RiskRule::Overflow
        | RiskRule::OrderNumbers => 0,
    }
}

fn put_fill(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let def = names.instrument(record)?;
    let body = FillBody::of(record);
    object.put("cause", body.cause);
    object.put("strategy", names.strategy(record)?);
    object.put("order", body.order);
    object.put("side", Side::from_raw(body.side).map(Side::name));
    object.put_decimal("price", body.price, def.price_decimals);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put_decimal("fee", body.fee, FEE_DECIMALS);
    object.put("taker", body.taker != 0);
    Ok(())
}

fn put_position(object: &mut Object, record: &Record, names: &Names) -> Result<(), WireError> {
    let def = names.instrument(record)?;
    let body = PositionBody::of(record);
    object.put("cause", body.cause);
    object.put("strategy", names.strategy(record)?);
    object.put_decimal("qty", body.qty, def.qty_decimals);
    object.put_decimal("cost", body.cost, FEE_DECIMALS);
    object.put_decimal("realised", body.realised, FEE_DECIMALS);
    Ok(())
}

fn put_account(object: &mut Object, record: &Record) {
    let body = AccountBody::of(record);
    object.put("cause", body.cause);
    object.put("cash", format_decimal(body.cash(), MONEY_DECIMALS));
    // One that does not fit is flagged.
    let equity = (!record.has(Flags::NOT_READY)).then(|| body.equity());
    let equity = equity.map(|equity| format_decimal(equity, MONEY_DECIMALS));
    object.put("equity", equity);
}

#[cfg(test)]
mod tests;
