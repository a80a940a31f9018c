//! What the random cases reach: a case that never occurs proves nothing.

use std::collections::BTreeMap;
use tickloom_types::{
    FillBody, Flags, Kind, OrderBody, OrderStatus, OrderType, QuoteBody, Record, RiskRule, Side,
    SignalBody, StatusBody, StatusCode, VerdictBody,
};

/// How often each thing was seen.
#[derive(Default)]
pub(crate) struct Coverage {
    counts: BTreeMap<String, usize>,
}

impl Coverage {
    /// Takes note of a record and what came of it.
    pub(crate) fn note(&mut self, record: &Record, is_in_moment: bool, outputs: &[Record]) {
        let name = record.kind().map_or("no kind", Kind::name);
        self.count(&format!("input {name}"));
        if record.has(Flags::MORE) {
            self.count("input that goes on");
        }
        let is_start = record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::Started as u16;
        if is_start && is_in_moment {
            self.count("moment that was cut");
        }
        let mut orders_at: Vec<i64> = vec![];
        for output in outputs {
            self.note_output(output);
            if output.kind() == Some(Kind::Verdict) {
                orders_at.push(output.header.ts_event);
            }
        }
        orders_at.dedup();
        if orders_at.len() > 1 {
            self.count("orders in several rounds of a moment");
        }
        let is_filled = outputs.iter().any(|o| o.kind() == Some(Kind::Fill));
        if record.kind() == Some(Kind::Quote) && is_filled {
            let quote = QuoteBody::of(record);
            if (quote.bid_qty == 0) != (quote.ask_qty == 0) {
                self.count("fill at a quote of one side");
            } else if quote.bid == quote.ask && quote.bid_qty > 0 {
                self.count("fill at a locked quote");
            }
        }
        if is_in_moment && is_filled {
            self.count("fill within a moment");
        }
    }

    fn note_output(&mut self, output: &Record) {
        let kind = output.kind().unwrap();
        match kind {
            Kind::Order => {
                let body = OrderBody::of(output);
                let status = OrderStatus::from_raw(body.status).unwrap();
                let order_type = OrderType::from_raw(body.order_type).unwrap();
                self.count(&format!("order {} {}", order_type.name(), status.name()));
            }
            Kind::Verdict => {
                let rule = RiskRule::from_raw(VerdictBody::of(output).rule);
                self.count(&format!(
                    "verdict {}",
                    rule.map_or("accepted", RiskRule::name)
                ));
            }
            Kind::Fill => {
                let side = Side::from_raw(FillBody::of(output).side).unwrap();
                self.count(&format!("fill {}", side.name()));
            }
            Kind::BookStatus | Kind::RiskStatus => {
                let code = StatusCode::from_raw(StatusBody::of(output).code).unwrap();
                self.count(&format!("{} {}", kind.name(), code.name()));
            }
            Kind::BarClosed if output.has(Flags::INCOMPLETE) => self.count("incomplete bar"),
            Kind::Signal if SignalBody::of(output).value.is_nan() => {
                self.count("signal that is not ready any more");
            }
            _ => self.count(kind.name()),
        }
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// # Panics
    /// If one of these was seen too seldom.
    pub(crate) fn check(&self, expected: &[&str], least: usize) {
        for what in expected {
            let count = self.counts.get(*what).copied().unwrap_or(0);
            assert!(
                count >= least,
                "{what}: only {count} times; {:#?}",
                self.counts
            );
        }
    }
}
