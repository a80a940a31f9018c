//! Limits as numbers: the texts of a configuration at the scale of each instrument, and the window of the order rate.

use crate::error::CoreError;
use crate::limits::ORDER_RATE_MAX;
use crate::order::Verdict;
use crate::trade_config::RiskLimits;
use std::collections::VecDeque;
use tickloom_types::{
    InstrumentDef, InstrumentId, Instruments, Money, NANOS_PER_SECOND, RiskRule, Ts, parse_decimal,
};

/// Limits as numbers.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) order_notional: Option<i128>,
    pub(super) gross_exposure: Option<i128>,
    pub(super) net_exposure: Option<i128>,
    pub(super) price_collar_bps: Option<u32>,
    instruments: Vec<SizeLimits>,
}

/// Limits of one instrument as size mantissas.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SizeLimits {
    pub(super) order_qty: Option<i64>,
    pub(super) position: Option<i64>,
}

/// Times of the newest accepted orders, as many as are allowed within a second.
#[derive(Clone, Debug)]
pub(super) struct OrderRate {
    pub(super) most: usize,
    pub(super) newest: VecDeque<Ts>,
}

impl Settings {
    pub(super) fn new(limits: &RiskLimits, all: &Instruments) -> Result<Settings, CoreError> {
        for name in limits.instruments.keys() {
            if all.find(name).is_none() {
                return Err(CoreError::UnknownInstrument {
                    owner: "risk".to_owned(),
                    name: name.clone(),
                });
            }
        }
        Ok(Settings {
            order_notional: positive("order_notional", limits.order_notional)?,
            gross_exposure: positive("gross_exposure", limits.gross_exposure)?,
            net_exposure: positive("net_exposure", limits.net_exposure)?,
            price_collar_bps: limits.price_collar_bps,
            instruments: all
                .defs()
                .iter()
                .map(|def| SizeLimits::new(limits, def))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn of(&self, instrument: InstrumentId) -> SizeLimits {
        let at = usize::try_from(instrument.0).ok();
        at.and_then(|at| self.instruments.get(at))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn limits_exposure(&self) -> bool {
        self.gross_exposure.is_some() || self.net_exposure.is_some()
    }
}

impl SizeLimits {
    fn new(limits: &RiskLimits, def: &InstrumentDef) -> Result<SizeLimits, CoreError> {
        let own = limits.instruments.get(&def.name);
        let order_qty = own.and_then(|own| own.order_qty.as_ref());
        let position = own.and_then(|own| own.position.as_ref());
        Ok(SizeLimits {
            order_qty: size("order_qty", order_qty.or(limits.order_qty.as_ref()), def)?,
            position: size("position", position.or(limits.position.as_ref()), def)?,
        })
    }
}

/// A size as a mantissa. Finer than the instrument is refused, as nothing could ever be at such a limit.
fn size(
    field: &'static str,
    text: Option<&String>,
    def: &InstrumentDef,
) -> Result<Option<i64>, CoreError> {
    let Some(text) = text else {
        return Ok(None);
    };
    match parse_decimal(text.as_bytes(), def.qty_decimals) {
        Ok(qty) if qty > 0 => Ok(Some(qty)),
        _ => Err(CoreError::Setting {
            owner: format!("risk, instrument {}", def.name),
            field,
            value: text.clone(),
            expected: "a size above zero, no finer than the instrument's",
        }),
    }
}

/// A limit in money as a number above zero.
pub(super) fn positive(
    field: &'static str,
    money: Option<Money>,
) -> Result<Option<i128>, CoreError> {
    match money {
        Some(money) if money.0 <= 0 => Err(CoreError::Setting {
            owner: "risk".to_owned(),
            field,
            value: money.to_string(),
            expected: "an amount of money above zero",
        }),
        money => Ok(money.map(|money| money.0)),
    }
}

impl OrderRate {
    pub(super) fn new(most: Option<u32>) -> Result<Option<OrderRate>, CoreError> {
        let Some(most) = most else {
            return Ok(None);
        };
        let capacity = usize::try_from(most)
            .ok()
            .filter(|_| (1..=ORDER_RATE_MAX).contains(&most));
        match capacity {
            Some(most) => Ok(Some(OrderRate {
                most,
                newest: VecDeque::with_capacity(most),
            })),
            None => Err(CoreError::Setting {
                owner: "risk".to_owned(),
                field: "orders_per_second",
                value: most.to_string(),
                expected: "1 to 65536",
            }),
        }
    }

    /// Refused if as many orders as are allowed were accepted within a second of now. Clocks of several venues are not one:
    /// a time may be a little older than the last, and counts all the same.
    pub(super) fn refusal(&self, now: Ts) -> Option<Verdict> {
        let oldest = self.newest.front()?;
        let full = self.newest.len() == self.most;
        let allowed = i64::try_from(self.most).unwrap_or(i64::MAX);
        (full && is_near(now, *oldest))
            .then(|| super::refused(RiskRule::OrderRate, allowed.saturating_add(1), allowed))
    }

    /// Counts an accepted order. Times from which the clock has gone back more than a second say nothing about this one.
    pub(super) fn count(&mut self, now: Ts) {
        let went_back = |oldest: &Ts| now < *oldest && !is_near(now, *oldest);
        if self.newest.front().is_some_and(went_back) {
            self.newest.clear();
        }
        if self.newest.len() == self.most {
            self.newest.pop_front();
        }
        self.newest.push_back(now);
    }
}

/// Whether two times are less than a second apart.
fn is_near(a: Ts, b: Ts) -> bool {
    a.0.abs_diff(b.0) < NANOS_PER_SECOND.unsigned_abs()
}
