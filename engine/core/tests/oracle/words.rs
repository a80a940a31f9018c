//! Output records in words, for whoever has to find out why two lists differ.

use tickloom_types::{
    AccountBody, BarBody, FillBody, Flags, Kind, LevelBody, Money, OrderBody, OrderStatus,
    OrderType, PositionBody, QuoteBody, Record, RiskRule, Side, SignalBody, StatusBody, StatusCode,
    TradeBody, VerdictBody,
};

/// One line.
pub(crate) fn words(record: &Record) -> String {
    let header = &record.header;
    let what = match record.kind() {
        Some(Kind::Signal) => {
            let body = SignalBody::of(record);
            format!("{} = {} (was {})", body.signal, body.value, body.previous)
        }
        Some(Kind::Order) => order(record),
        Some(Kind::Verdict) => {
            let body = VerdictBody::of(record);
            let rule = RiskRule::from_raw(body.rule).map_or("accepted", RiskRule::name);
            format!("{} {rule} {} > {}", body.order, body.observed, body.allowed)
        }
        Some(Kind::Fill) => {
            let body = FillBody::of(record);
            format!(
                "{} of {} at {} fee {} taker {}",
                body.qty, body.order, body.price, body.fee, body.taker
            )
        }
        Some(Kind::Position) => {
            let body = PositionBody::of(record);
            format!("{} cost {} realised {}", body.qty, body.cost, body.realised)
        }
        Some(Kind::Account) => {
            let body = AccountBody::of(record);
            let (cash, equity) = (Money(body.cash()), Money(body.equity()));
            format!("{cash} equity {equity}")
        }
        Some(Kind::BarClosed | Kind::Bar) => format!("{:?}", BarBody::of(record)),
        Some(Kind::BookStatus | Kind::RiskStatus | Kind::Status) => {
            let body = StatusBody::of(record);
            let code = StatusCode::from_raw(body.code).map_or("?", StatusCode::name);
            format!(
                "{code} state {} count {} range {}-{}",
                body.state, body.count, body.from, body.to
            )
        }
        Some(Kind::Trade) => {
            let body = TradeBody::of(record);
            format!("{} at {}", body.qty, body.price)
        }
        Some(Kind::Quote) => {
            let body = QuoteBody::of(record);
            format!(
                "{}x{} {}x{}",
                body.bid_qty, body.bid, body.ask, body.ask_qty
            )
        }
        Some(Kind::Level) => {
            let body = LevelBody::of(record);
            format!(
                "side {} {}x{} clear {}",
                body.side, body.qty, body.price, body.clear
            )
        }
        _ => String::new(),
    };
    let kind = record.kind().map_or("?", Kind::name);
    let more = if record.has(Flags::MORE) { " ..." } else { "" };
    format!(
        "{kind} of {} from {} at {} flags {:02x}: {what}{more}",
        header.instrument.cast_signed(),
        header.source,
        header.ts_event,
        header.flags
    )
}

fn order(record: &Record) -> String {
    let body = OrderBody::of(record);
    let side = Side::from_raw(body.side).map_or("?", Side::name);
    let kind = OrderType::from_raw(body.order_type).map_or("?", OrderType::name);
    let status = OrderStatus::from_raw(body.status).map_or("?", OrderStatus::name);
    format!(
        "{} {side} {kind} {}/{} at {} {status}",
        body.order, body.filled, body.qty, body.price
    )
}
