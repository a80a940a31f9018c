//! Columns from the text of cells: the exact inverse of how export writes them, and nothing else.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampNanosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use tickloom_catalog::column::decimal;
use tickloom_types::{Ts, parse_wide};

/// A column being read.
pub(super) enum Cells {
    Time(Vec<i64>),
    Decimal(DecimalCells),
    U64(Vec<u64>),
    I64(Vec<i64>),
    U32(Vec<u32>),
    U8(Vec<u8>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Word(WordCells),
}

/// A column of decimals, and the rows that have none.
pub(super) struct DecimalCells {
    values: Vec<i128>,
    scale: i8,
    is_nullable: bool,
    nulls: Vec<usize>,
}

/// A column of names: each once, and which each row has.
#[derive(Default)]
pub(super) struct WordCells {
    keys: Vec<Option<i32>>,
    words: Vec<String>,
    known: HashMap<String, i32>,
}

impl Cells {
    /// An empty column of this field.
    pub(super) fn new(field: &Field) -> Cells {
        match field.data_type() {
            DataType::Timestamp(..) => Cells::Time(Vec::new()),
            DataType::Decimal128(_, scale) => Cells::Decimal(DecimalCells {
                values: Vec::new(),
                scale: *scale,
                is_nullable: field.is_nullable(),
                nulls: Vec::new(),
            }),
            DataType::UInt64 => Cells::U64(Vec::new()),
            DataType::Int64 => Cells::I64(Vec::new()),
            DataType::UInt32 => Cells::U32(Vec::new()),
            DataType::UInt8 => Cells::U8(Vec::new()),
            DataType::Float64 => Cells::F64(Vec::new()),
            DataType::Boolean => Cells::Bool(Vec::new()),
            _ => Cells::Word(WordCells::default()),
        }
    }

    /// Takes the next cell; `None` is null, where there may be none. The error is what was expected.
    pub(super) fn push(&mut self, text: Option<&str>) -> Result<(), &'static str> {
        match self {
            Cells::Word(words) => return words.push(text),
            Cells::Decimal(decimals) => return decimals.push(text),
            _ => {}
        }
        let text = text.ok_or("a value")?;
        match self {
            Cells::Time(values) => {
                values.push(time(text).ok_or("a time such as 2024-08-09T00:00:00.5Z")?)
            }
            Cells::U64(values) => values.push(whole(text)?),
            Cells::I64(values) => values.push(whole(text)?),
            Cells::U32(values) => values.push(whole(text)?),
            Cells::U8(values) => values.push(whole(text)?),
            Cells::F64(values) => values.push(float(text).ok_or("a number")?),
            Cells::Bool(values) => values.push(match text {
                "true" => true,
                "false" => false,
                _ => return Err("true or false"),
            }),
            Cells::Word(_) | Cells::Decimal(_) => {}
        }
        Ok(())
    }

    /// The column, which is empty after that.
    pub(super) fn take(&mut self) -> ArrayRef {
        use std::mem::take;
        match self {
            Cells::Time(values) => {
                Arc::new(TimestampNanosecondArray::from(take(values)).with_timezone("UTC"))
            }
            Cells::Decimal(decimals) => decimals.take(),
            Cells::U64(values) => Arc::new(UInt64Array::from(take(values))),
            Cells::I64(values) => Arc::new(Int64Array::from(take(values))),
            Cells::U32(values) => Arc::new(UInt32Array::from(take(values))),
            Cells::U8(values) => Arc::new(UInt8Array::from(take(values))),
            Cells::F64(values) => Arc::new(Float64Array::from(take(values))),
            Cells::Bool(values) => Arc::new(BooleanArray::from(take(values))),
            Cells::Word(words) => take(words).array(),
        }
    }
}

impl DecimalCells {
    fn push(&mut self, text: Option<&str>) -> Result<(), &'static str> {
        let value = match text {
            Some(text) => parse_wide(text.as_bytes(), self.scale.unsigned_abs())
                .map_err(|_| "a decimal of at most that scale")?,
            None if self.is_nullable => {
                self.nulls.push(self.values.len());
                0
            }
            None => return Err("a value"),
        };
        self.values.push(value);
        Ok(())
    }

    fn take(&mut self) -> ArrayRef {
        let values = std::mem::take(&mut self.values);
        let rows = values.len();
        let array = decimal(values, self.scale);
        let nulls = std::mem::take(&mut self.nulls);
        if nulls.is_empty() {
            return array;
        }
        let mut has_value = vec![true; rows];
        for row in nulls {
            has_value[row] = false;
        }
        let values = array.as_primitive::<Decimal128Type>().clone();
        let (data_type, values, _) = values.into_parts();
        let array = Decimal128Array::new(values, Some(has_value.into()));
        Arc::new(array.with_data_type(data_type))
    }
}

impl WordCells {
    fn push(&mut self, text: Option<&str>) -> Result<(), &'static str> {
        let Some(text) = text else {
            self.keys.push(None);
            return Ok(());
        };
        let key = match self.known.get(text) {
            Some(key) => *key,
            None => {
                let key = i32::try_from(self.words.len()).map_err(|_| "fewer names")?;
                self.words.push(text.to_owned());
                self.known.insert(text.to_owned(), key);
                key
            }
        };
        self.keys.push(Some(key));
        Ok(())
    }

    fn array(self) -> ArrayRef {
        let keys = Int32Array::from(self.keys);
        let words = Arc::new(StringArray::from(self.words));
        let array = DictionaryArray::<Int32Type>::try_new(keys, words);
        Arc::new(array.expect("keys are indices of words"))
    }
}

fn whole<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "a whole number in its range")
}

fn time(text: &str) -> Option<i64> {
    Ts::parse(text).ok().map(|ts| ts.0)
}

/// A floating-point number; NaN perhaps with its bits.
fn float(text: &str) -> Option<f64> {
    let bits = text.strip_prefix("NaN(").and_then(|t| t.strip_suffix(')'));
    match (bits, text) {
        (Some(bits), _) => {
            let value = f64::from_bits(u64::from_str_radix(bits, 16).ok()?);
            value.is_nan().then_some(value)
        }
        (None, "NaN") => Some(f64::NAN),
        (None, "-NaN") => Some(-f64::NAN),
        (None, text) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_bits() {
        for bits in [
            0,
            1 << 63,
            0x7ff0_0000_0000_0001,
            0xfff8_0000_0000_0000,
            1,
            u64::MAX,
        ] {
            let value = f64::from_bits(bits);
            let text = if value.is_nan() {
                format!("NaN({bits:016x})")
            } else {
                format!("{value:?}")
            };
            assert_eq!(float(&text).unwrap().to_bits(), bits, "{text}");
        }
        assert_eq!(float("NaN(7ff0000000000000)"), None, "infinity is not NaN");
        assert_eq!(float("twelve"), None);
    }
}
