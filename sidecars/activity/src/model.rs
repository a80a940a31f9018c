//! What a fill and a signal are here, from what the core put out. Pure.

use serde::Serialize;
use tickloom_chassis::{ChassisError, Output, Result};
use tickloom_journal::RunMeta;
use tickloom_types::{FillBody, Flags, InstrumentDef, Kind, Side, SignalBody, format_decimal};
use utoipa::ToSchema;

/// Decimals of a fee.
const FEE_DECIMALS: u8 = 9;

/// A fill of an order on paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fill {
    /// Number of the output in its run: with the run's name, what this fill is for ever.
    pub(crate) number: i64,
    /// Number of the input that made it.
    pub(crate) cause: i64,
    /// When, in nanoseconds since the epoch.
    pub(crate) at: i64,
    /// Instrument.
    pub(crate) instrument: String,
    /// Strategy whose order it was.
    pub(crate) strategy: String,
    /// Number of the order in its run.
    pub(crate) order: i64,
    /// `buy` or `sell`.
    pub(crate) side: String,
    /// Price of a unit, a decimal.
    pub(crate) price: String,
    /// Size, a decimal above zero.
    pub(crate) quantity: String,
    /// Fee, a decimal; below zero if it was paid to us.
    pub(crate) fee: String,
    /// Currency of price and fee.
    pub(crate) currency: String,
    /// Whether it took liquidity.
    pub(crate) taker: bool,
}

/// A value that a signal took.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Signal {
    /// Number of the output in its run: with the run's name, what this value is for ever.
    pub(crate) number: i64,
    /// Number of the input that made it.
    pub(crate) cause: i64,
    /// When, in nanoseconds since the epoch.
    pub(crate) at: i64,
    /// Name of the signal.
    pub(crate) name: String,
    /// Whether there is a value.
    pub(crate) ready: bool,
    /// The value; null if there is none, or if it is infinite or no number.
    pub(crate) value: Option<f64>,
    /// The 64 bits of a value that is infinite or no number (IEEE 754), as 16 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bits: Option<String>,
}

/// The fill that an output is, if it is one.
pub(crate) fn fill(run: &RunMeta, output: &Output) -> Result<Option<Fill>> {
    let record = &output.record;
    if record.kind() != Some(Kind::Fill) {
        return Ok(None);
    }
    let wrong = |why: String| wrong(run, output, why);
    let body = FillBody::of(record);
    let instrument: &InstrumentDef = run.instruments.get(record.instrument()).ok_or_else(|| {
        wrong(format!(
            "the run has no instrument {}",
            record.instrument().0
        ))
    })?;
    let strategy = run.strategies.get(usize::from(body.strategy));
    let strategy =
        strategy.ok_or_else(|| wrong(format!("the run has no strategy {}", body.strategy)))?;
    let side = Side::from_raw(body.side).ok_or_else(|| wrong(format!("side is {}", body.side)))?;
    let decimal = |mantissa: i64, decimals| format_decimal(mantissa.into(), decimals);
    Ok(Some(Fill {
        number: whole(output.number).ok_or_else(|| wrong(OUT_OF_RANGE.to_owned()))?,
        cause: whole(output.cause).ok_or_else(|| wrong(OUT_OF_RANGE.to_owned()))?,
        at: record.ts_event().0,
        instrument: instrument.name.clone(),
        strategy: strategy.clone(),
        order: body.order.into(),
        side: side.name().to_owned(),
        price: decimal(body.price, instrument.price_decimals),
        quantity: decimal(body.qty, instrument.qty_decimals),
        fee: decimal(body.fee, FEE_DECIMALS),
        currency: instrument.currency.clone(),
        taker: body.taker == 1,
    }))
}

/// The value of a signal that an output is, if it is one.
pub(crate) fn signal(run: &RunMeta, output: &Output) -> Result<Option<Signal>> {
    let record = &output.record;
    if record.kind() != Some(Kind::Signal) {
        return Ok(None);
    }
    let wrong = |why: String| wrong(run, output, why);
    let body = SignalBody::of(record);
    let at = usize::try_from(body.signal).ok();
    let name = at.and_then(|at| run.signals.get(at));
    let name = name.ok_or_else(|| wrong(format!("the run has no signal {}", body.signal)))?;
    let ready = record.header.flags & Flags::NOT_READY == 0;
    let (value, is_finite) = (body.value, body.value.is_finite());
    Ok(Some(Signal {
        number: whole(output.number).ok_or_else(|| wrong(OUT_OF_RANGE.to_owned()))?,
        cause: whole(output.cause).ok_or_else(|| wrong(OUT_OF_RANGE.to_owned()))?,
        at: record.ts_event().0,
        name: name.clone(),
        ready,
        value: (ready && is_finite).then_some(value),
        bits: (ready && !is_finite).then(|| format!("{:016x}", value.to_bits())),
    }))
}

const OUT_OF_RANGE: &str = "a number is out of range";

fn whole(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

fn wrong(run: &RunMeta, output: &Output, why: String) -> ChassisError {
    ChassisError::Output {
        run: run.run.clone(),
        number: output.number,
        why,
    }
}

#[cfg(test)]
mod tests;
