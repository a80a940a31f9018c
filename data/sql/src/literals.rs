//! Texts and numbers in expressions, made exact: a text that is compared with a time becomes that instant to the nanosecond, a
//! number with a point becomes a decimal. Left to the engine they would be microseconds and binary floats.

use crate::answer::decimal_text;
use crate::bounds::word;
use crate::clauses::place;
use crate::error::SqlError;
use polars::prelude::{AnyValue, TimeUnit};
use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Ident, Spanned, TimezoneInfo, Value,
    ValueWithSpan,
};
use tickloom_types::Ts;

/// Columns of times, in every table.
const TIMES: [&str; 2] = ["ts_event", "ts_recv"];
/// Digits of a decimal.
const DIGITS_MAX: usize = 38;
/// Nanoseconds, as the precision of a type.
const NANOS: u64 = 9;

/// Makes the operands of this expression exact; those of expressions in it are left to their own call.
///
/// # Errors
/// [`SqlError::At`] for a text that is compared with a time and is none.
pub(crate) fn make_exact(expr: &mut Expr, text: &str) -> Result<(), SqlError> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            if is_comparison(op) {
                compare(left, &mut [right], text)?;
                compare(right, &mut [left], text)?;
            }
            decimal(left);
            decimal(right);
        }
        Expr::Between {
            expr, low, high, ..
        } => {
            compare(expr, &mut [&mut *low, &mut *high], text)?;
            decimal(low);
            decimal(high);
        }
        Expr::InList {
            expr: of,
            list,
            negated,
        } => {
            let mut values: Vec<&mut Expr> = list.iter_mut().collect();
            compare(of, &mut values, text)?;
            values.into_iter().for_each(decimal);
            if list.iter().any(is_decimal) {
                *expr = any_of(of, list, *negated);
            }
        }
        Expr::TypedString(typed) => nanoseconds(&mut typed.data_type),
        Expr::Cast { data_type, .. } => nanoseconds(data_type),
        _ => {}
    }
    Ok(())
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, Spaceship};
    matches!(op, Eq | Gt | GtEq | Lt | LtEq | NotEq | Spaceship)
}

/// A type of times without a precision is one of nanoseconds.
fn nanoseconds(data_type: &mut DataType) {
    if let DataType::Timestamp(precision @ None, _) | DataType::Datetime(precision @ None) =
        data_type
    {
        *precision = Some(NANOS);
    }
}

/// Makes instants of texts that are compared with a column of times.
fn compare(column: &Expr, values: &mut [&mut Expr], text: &str) -> Result<(), SqlError> {
    if !is_time(column) {
        return Ok(());
    }
    for value in values {
        let Some(written) = word(value) else {
            continue;
        };
        let Ts(nanos) = Ts::parse_by_digits(&written).map_err(|error| {
            SqlError::at(text, Some(place(value.span().start)), error.to_string())
        })?;
        let number = Expr::Value(Value::Number(nanos.to_string(), false).into());
        **value = cast(number, instant());
    }
    Ok(())
}

fn is_time(expr: &Expr) -> bool {
    // Of a joined relation it may be called `ts_event:q`.
    let bare = |ident: &Ident| ident.value.split(':').next().unwrap_or_default().to_owned();
    let is = |ident: &Ident| TIMES.contains(&bare(ident).as_str());
    match expr {
        Expr::Nested(inner) => is_time(inner),
        Expr::Identifier(ident) => is(ident),
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(is),
        _ => false,
    }
}

/// `x = a OR x = b`, or `x <> a AND x <> b`: in lists the engine takes decimals only if they have as many places as the column,
/// and none from a query. Halves are put together, so that a long list is not nested deep.
pub(crate) fn any_of(of: &Expr, list: &[Expr], negated: bool) -> Expr {
    let (equal, join) = if negated {
        (BinaryOperator::NotEq, BinaryOperator::And)
    } else {
        (BinaryOperator::Eq, BinaryOperator::Or)
    };
    let combined = |left: Expr, op: BinaryOperator, right: Expr| {
        let (left, right) = (Box::new(left), Box::new(right));
        Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }))
    };
    match list {
        [value] => combined(of.clone(), equal, value.clone()),
        _ => {
            let (first, second) = list.split_at(list.len() / 2);
            let sides = [first, second].map(|half| any_of(of, half, negated));
            let [left, right] = sides;
            combined(left, join, right)
        }
    }
}

fn is_decimal(expr: &Expr) -> bool {
    let is = |data_type: &DataType| matches!(data_type, DataType::Decimal(_));
    match expr {
        Expr::Cast { data_type, .. } => is(data_type),
        Expr::UnaryOp { expr, .. } => is_decimal(expr),
        _ => false,
    }
}

/// A value as it is written in a statement, if it can be.
pub(crate) fn literal(value: &AnyValue<'_>) -> Option<Expr> {
    let number = |text: String| Expr::value(Value::Number(text, false));
    let text = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
    Some(match value {
        AnyValue::Null => Expr::value(Value::Null),
        AnyValue::Boolean(is) => Expr::value(Value::Boolean(*is)),
        AnyValue::String(written) => text(written),
        AnyValue::StringOwned(written) => text(written),
        AnyValue::Decimal(mantissa, _, scale) => decimal_of(
            &decimal_text(*mantissa, *scale),
            i64::try_from(*scale).ok()?,
        ),
        AnyValue::Datetime(at, TimeUnit::Nanoseconds, _)
        | AnyValue::DatetimeOwned(at, TimeUnit::Nanoseconds, _) => {
            cast(number(at.to_string()), instant())
        }
        AnyValue::Float64(float) if float.is_finite() => cast(
            text(&float.to_string()),
            DataType::Double(ExactNumberInfo::None),
        ),
        other if other.is_integer() => number(other.to_string()),
        _ => return None,
    })
}

/// Makes a decimal of a number with a point, as exact as it is written.
fn decimal(expr: &mut Expr) {
    if let Expr::UnaryOp { expr, .. } = expr {
        return decimal(expr);
    }
    let Expr::Value(ValueWithSpan {
        value: Value::Number(digits, _),
        ..
    }) = expr
    else {
        return;
    };
    let Some((whole, fraction)) = digits.split_once('.') else {
        return;
    };
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || whole.len() + fraction.len() > DIGITS_MAX {
        return;
    }
    let Ok(scale) = i64::try_from(fraction.len()) else {
        return;
    };
    *expr = decimal_of(&format!("{whole}.{fraction}"), scale);
}

/// A decimal with so many places.
fn decimal_of(digits: &str, scale: i64) -> Expr {
    let written = Expr::value(Value::SingleQuotedString(digits.to_owned()));
    let precision = ExactNumberInfo::PrecisionAndScale(DIGITS_MAX as u64, scale);
    cast(written, DataType::Decimal(precision))
}

/// The type of times.
fn instant() -> DataType {
    DataType::Timestamp(Some(NANOS), TimezoneInfo::None)
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}
