//! A column of values, from an array of Arrow: each row of it is a [`Cell`].

mod blocks;

pub(crate) use blocks::TimesRead;

use crate::import::cells::{Cell, DAY_NS};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray,
    StringViewArray,
};
use arrow_schema::{DataType, TimeUnit};
use parquet::data_type::ByteArray;
use tickloom_types::NANOS_PER_SECOND;

const MILLI_NS: i64 = 1_000_000;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Text,
    Number,
    Truth,
    /// Timestamps with a zone, in units of this name.
    Instant(&'static str),
    /// Timestamps without a zone.
    Local(&'static str),
    Date,
    TimeOfDay,
    /// Of a type that is not read.
    Unread,
}

impl ValueKind {
    pub(super) fn of(data_type: &DataType) -> ValueKind {
        use DataType as D;
        match data_type {
            D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => {
                ValueKind::Text
            }
            D::Null => ValueKind::Text,
            D::Int8 | D::Int16 | D::Int32 | D::Int64 => ValueKind::Number,
            D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => ValueKind::Number,
            D::Float32 | D::Float64 => ValueKind::Number,
            D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..) => {
                ValueKind::Number
            }
            D::Boolean => ValueKind::Truth,
            D::Timestamp(of, Some(_)) => ValueKind::Instant(unit(*of).1),
            D::Timestamp(of, None) => ValueKind::Local(unit(*of).1),
            D::Date32 | D::Date64 => ValueKind::Date,
            D::Time32(TimeUnit::Second | TimeUnit::Millisecond)
            | D::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond) => ValueKind::TimeOfDay,
            D::Dictionary(_, values) if !matches!(values.as_ref(), D::Dictionary(..)) => {
                ValueKind::of(values)
            }
            _ => ValueKind::Unread,
        }
    }
}

/// What a type is called.
pub(super) fn type_name(data_type: &DataType) -> String {
    use DataType as D;
    match data_type {
        D::Utf8 | D::LargeUtf8 | D::Utf8View => "text".to_owned(),
        D::Binary | D::LargeBinary | D::BinaryView => "bytes".to_owned(),
        D::Null => "nothing".to_owned(),
        D::Float32 => "float32".to_owned(),
        D::Float64 => "float64".to_owned(),
        D::Boolean => "boolean".to_owned(),
        D::Timestamp(of, Some(zone)) => format!("timestamp in {}, {zone}", unit(*of).1),
        D::Timestamp(of, None) => format!("timestamp in {}", unit(*of).1),
        D::Date32 | D::Date64 => "date".to_owned(),
        D::Time32(_) | D::Time64(_) => "time of day".to_owned(),
        D::Decimal32(digits, scale)
        | D::Decimal64(digits, scale)
        | D::Decimal128(digits, scale)
        | D::Decimal256(digits, scale) => format!("decimal({digits},{scale})"),
        D::Dictionary(_, values) => format!("dictionary of {}", type_name(values)),
        D::List(_)
        | D::LargeList(_)
        | D::FixedSizeList(..)
        | D::ListView(_)
        | D::LargeListView(_) => "list".to_owned(),
        D::Struct(_) => "struct".to_owned(),
        D::Map(..) => "map".to_owned(),
        other => {
            let name = other.to_string().to_lowercase();
            name.chars().take(40).collect()
        }
    }
}

/// A column, or so many rows of it.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    values: Values,
    /// Which rows have no value, if any has none.
    nulls: Option<Vec<bool>>,
}

#[derive(Clone, Debug)]
pub(super) enum Values {
    /// The same in all rows.
    Constant(Vec<u8>),
    Text(Texts),
    Whole(Vec<i64>),
    Decimal(Vec<i128>, i8),
    /// Decimals of at most 64 bits.
    Decimal64(Vec<i64>, i8),
    Float(Vec<f64>),
    Single(Vec<f32>),
    Truth(Vec<bool>),
    Instant(Vec<i64>, i64),
    Local(Vec<i64>, i64),
    Date(Vec<i64>),
    TimeOfDay(Vec<i64>),
    /// Texts as they are in the pages of Parquet.
    Bytes(Vec<ByteArray>),
    /// Places in a column of values.
    Dictionary(Vec<usize>, Box<Column>),
}

#[derive(Clone, Debug)]
pub(super) enum Texts {
    Small(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    BytesView(BinaryViewArray),
}

impl Texts {
    fn at(&self, at: usize) -> &[u8] {
        match self {
            Texts::Small(texts) => texts.value(at).as_bytes(),
            Texts::Large(texts) => texts.value(at).as_bytes(),
            Texts::View(texts) => texts.value(at).as_bytes(),
            Texts::Bytes(texts) => texts.value(at),
            Texts::LargeBytes(texts) => texts.value(at),
            Texts::BytesView(texts) => texts.value(at),
        }
    }
}

impl Column {
    pub(super) fn constant(text: &[u8]) -> Column {
        Column {
            values: Values::Constant(text.to_vec()),
            nulls: None,
        }
    }

    /// These values, of which some are none.
    pub(super) fn new(values: Values, nulls: Option<Vec<bool>>) -> Column {
        Column { values, nulls }
    }

    /// A column that is not read.
    pub(super) fn unread() -> Column {
        Column::constant(b"")
    }

    /// The values of an array; of a type that is not read, none.
    pub(super) fn of(array: &dyn Array) -> Column {
        let nulls = (array.null_count() > 0)
            .then(|| (0..array.len()).map(|at| array.is_null(at)).collect());
        Column {
            values: Values::of(array).unwrap_or_else(|| Values::Constant(Vec::new())),
            nulls,
        }
    }

    /// The value in a row.
    #[inline]
    pub(crate) fn cell(&self, at: usize) -> Cell<'_> {
        if let Some(nulls) = &self.nulls
            && nulls.get(at).copied().unwrap_or(true)
        {
            return Cell::Text(b"");
        }
        match &self.values {
            Values::Whole(values) => Cell::Whole(values[at]),
            Values::Float(values) => Cell::Float(values[at]),
            Values::Instant(values, unit) => Cell::Instant(values[at], *unit),
            Values::Local(values, unit) => Cell::Local(values[at], *unit),
            Values::Decimal(values, scale) => Cell::Decimal(values[at], *scale),
            Values::Decimal64(values, scale) => Cell::Decimal(values[at].into(), *scale),
            Values::Single(values) => Cell::Single(values[at]),
            Values::Truth(values) => Cell::Truth(values[at]),
            Values::Text(texts) => Cell::Text(texts.at(at).trim_ascii()),
            Values::Bytes(texts) => Cell::Text(texts[at].data().trim_ascii()),
            Values::Date(days) => Cell::Date(days[at]),
            Values::TimeOfDay(nanos) => Cell::TimeOfDay(nanos[at]),
            Values::Constant(text) => Cell::Text(text),
            Values::Dictionary(keys, values) => values.cell(keys[at]),
        }
    }
}

impl Values {
    fn of(array: &dyn Array) -> Option<Values> {
        use DataType as D;
        Some(match array.data_type() {
            D::Null => Values::Constant(Vec::new()),
            D::Int8 => wholes::<Int8Type>(array)?,
            D::Int16 => wholes::<Int16Type>(array)?,
            D::Int32 => wholes::<Int32Type>(array)?,
            D::Int64 => Values::Whole(natives::<Int64Type>(array)?.to_vec()),
            D::UInt8 => wholes::<UInt8Type>(array)?,
            D::UInt16 => wholes::<UInt16Type>(array)?,
            D::UInt32 => wholes::<UInt32Type>(array)?,
            D::UInt64 => unsigned(natives::<UInt64Type>(array)?),
            D::Float32 => Values::Single(natives::<Float32Type>(array)?.to_vec()),
            D::Float64 => Values::Float(natives::<Float64Type>(array)?.to_vec()),
            D::Boolean => {
                let values = array.as_boolean_opt()?.values();
                Values::Truth(values.iter().collect())
            }
            D::Decimal32(_, scale) => decimals::<Decimal32Type>(array, *scale)?,
            D::Decimal64(_, scale) => decimals::<Decimal64Type>(array, *scale)?,
            D::Decimal128(_, scale) => {
                Values::Decimal(natives::<Decimal128Type>(array)?.to_vec(), *scale)
            }
            D::Decimal256(_, scale) => {
                let values = natives::<Decimal256Type>(array)?.iter();
                // What does not fit in 128 bits does not fit in 64 either.
                let values = values.map(|value| value.to_i128().unwrap_or(i128::MAX));
                Values::Decimal(values.collect(), *scale)
            }
            D::Timestamp(of, zone) => {
                let values = match of {
                    TimeUnit::Second => natives::<TimestampSecondType>(array)?,
                    TimeUnit::Millisecond => natives::<TimestampMillisecondType>(array)?,
                    TimeUnit::Microsecond => natives::<TimestampMicrosecondType>(array)?,
                    TimeUnit::Nanosecond => natives::<TimestampNanosecondType>(array)?,
                };
                match zone {
                    Some(_) => Values::Instant(values.to_vec(), unit(*of).0),
                    None => Values::Local(values.to_vec(), unit(*of).0),
                }
            }
            D::Date32 => {
                let days = natives::<Date32Type>(array)?.iter();
                Values::Date(days.map(|day| i64::from(*day)).collect())
            }
            D::Date64 => dates(natives::<Date64Type>(array)?),
            D::Time32(TimeUnit::Second) => times::<Time32SecondType>(array, 1_000_000_000)?,
            D::Time32(TimeUnit::Millisecond) => times::<Time32MillisecondType>(array, MILLI_NS)?,
            D::Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(array, 1_000)?,
            D::Time64(TimeUnit::Nanosecond) => times::<Time64NanosecondType>(array, 1)?,
            D::Dictionary(..) => {
                let dictionary = array.as_any_dictionary_opt()?;
                if dictionary.values().is_empty() {
                    return None;
                }
                let values = Column::of(dictionary.values().as_ref());
                // A key that is null says nothing; `nulls` has it.
                let keys = dictionary.normalized_keys();
                Values::Dictionary(keys, Box::new(values))
            }
            _ => Values::Text(texts(array)?),
        })
    }
}

fn texts(array: &dyn Array) -> Option<Texts> {
    Some(match array.data_type() {
        DataType::Utf8 => Texts::Small(array.as_string_opt()?.clone()),
        DataType::LargeUtf8 => Texts::Large(array.as_string_opt()?.clone()),
        DataType::Utf8View => Texts::View(array.as_string_view_opt()?.clone()),
        DataType::Binary => Texts::Bytes(array.as_binary_opt()?.clone()),
        DataType::LargeBinary => Texts::LargeBytes(array.as_binary_opt()?.clone()),
        DataType::BinaryView => Texts::BytesView(array.as_binary_view_opt()?.clone()),
        _ => return None,
    })
}

fn natives<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<&[T::Native]> {
    Some(array.as_primitive_opt::<T>()?.values())
}

fn wholes<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<Values>
where
    T::Native: Into<i64>,
{
    let values = natives::<T>(array)?.iter();
    Some(Values::Whole(values.map(|value| (*value).into()).collect()))
}

pub(super) fn unsigned(values: &[u64]) -> Values {
    let whole: Option<Vec<i64>> = values
        .iter()
        .map(|value| i64::try_from(*value).ok())
        .collect();
    match whole {
        Some(values) => Values::Whole(values),
        None => Values::Decimal(values.iter().map(|value| i128::from(*value)).collect(), 0),
    }
}

fn decimals<T: ArrowPrimitiveType>(array: &dyn Array, scale: i8) -> Option<Values>
where
    T::Native: Into<i64>,
{
    let values = natives::<T>(array)?.iter();
    Some(Values::Decimal64(
        values.map(|value| (*value).into()).collect(),
        scale,
    ))
}

fn times<T: ArrowPrimitiveType>(array: &dyn Array, unit: i64) -> Option<Values>
where
    T::Native: Into<i64>,
{
    let values = natives::<T>(array)?.iter();
    // One that overflows is none of a day.
    let nanos = values.map(|value| (*value).into().checked_mul(unit).unwrap_or(i64::MAX));
    Some(Values::TimeOfDay(nanos.collect()))
}

/// Dates in milliseconds; those that are none are times of a clock on a wall.
pub(super) fn dates(values: &[i64]) -> Values {
    let in_day = DAY_NS / MILLI_NS;
    if values.iter().any(|value| value % in_day != 0) {
        return Values::Local(values.to_vec(), MILLI_NS);
    }
    Values::Date(values.iter().map(|value| value / in_day).collect())
}

/// Nanoseconds of a unit of Arrow, and what it is called.
pub(super) fn unit(unit: arrow_schema::TimeUnit) -> (i64, &'static str) {
    match unit {
        arrow_schema::TimeUnit::Second => (NANOS_PER_SECOND, "s"),
        arrow_schema::TimeUnit::Millisecond => (1_000_000, "ms"),
        arrow_schema::TimeUnit::Microsecond => (1_000, "us"),
        arrow_schema::TimeUnit::Nanosecond => (1, "ns"),
    }
}
