//! One column of a table: how it lies in a record's body, how in Parquet, and the way from one to the other.
//!
//! Prices, sizes and fees become `DECIMAL(38,9)` whatever the instrument's scale, so that files of any instruments fit together
//! and any reader sees numbers. Reading back must be exact, or it is an error.

pub use super::misfit::{Misfit, misfit};
use super::words::{Words, word_array, word_type};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float64Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, UInt8Array,
    UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};
use std::sync::Arc;
use tickloom_types::{InstrumentDef, PRICE_DECIMALS_MAX, Record, pow10};

/// A column of a record's body.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in Parquet.
    pub name: &'static str,
    /// Byte in the body where the value begins.
    pub at: usize,
    /// How its value lies.
    pub codec: Codec,
}

/// How a value lies in the body and in Parquet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Mantissa at the instrument's price scale; `DECIMAL(38,9)`.
    Price,
    /// Mantissa at the instrument's size scale; `DECIMAL(38,9)`.
    Qty,
    /// `i64` of money at nine decimals; `DECIMAL(38,9)`.
    Money9,
    /// `i128` of money at 18 decimals; `DECIMAL(38,18)`.
    Money18,
    /// An unsigned number of 64 bits.
    U64,
    /// A number of 64 bits.
    I64,
    /// An unsigned number of 32 bits.
    U32,
    /// One byte.
    U8,
    /// A float of 64 bits.
    F64,
    /// One byte, 0 or 1.
    Bool,
    /// A number that has a word; 0 is null.
    Word(Words),
    /// The name of what the number counts, for readers; not read back.
    Name(NameOf),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOf {
    /// Signals.
    Signal,
    /// Strategies.
    Strategy,
}

/// Mantissa factors of an instrument: ten to the power of the decimals that its scale lacks to nine.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    price: i64,
    qty: i64,
}

impl Scale {
    /// The scale of an instrument; records without an instrument have whole numbers.
    #[must_use]
    pub fn of(def: Option<&InstrumentDef>) -> Scale {
        let factor = |decimals: u8| pow10(PRICE_DECIMALS_MAX - decimals);
        Scale {
            price: factor(def.map_or(0, |d| d.price_decimals)),
            qty: factor(def.map_or(0, |d| d.qty_decimals)),
        }
    }

    /// What a mantissa of this column is multiplied with.
    #[must_use]
    pub fn factor(self, codec: Codec) -> i64 {
        match codec {
            Codec::Price => self.price,
            Codec::Qty => self.qty,
            _ => 1,
        }
    }
}

const DECIMAL_PRECISION: u8 = 38;
const MONEY18_SCALE: i8 = 18;
const DECIMAL_SCALE: i8 = 9;

impl Codec {
    /// Bytes in the body.
    fn width(self) -> usize {
        match self {
            Codec::Price | Codec::Qty | Codec::Money9 | Codec::U64 | Codec::I64 | Codec::F64 => 8,
            Codec::Money18 => 16,
            Codec::U32 => 4,
            Codec::U8 | Codec::Bool => 1,
            Codec::Word(Words::StatusCode) => 2,
            Codec::Word(_) => 1,
            // The number itself has its own column; of a strategy's, which may be wider, no more is ever used.
            Codec::Name(NameOf::Signal) => 4,
            Codec::Name(NameOf::Strategy) => 1,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Codec::Price | Codec::Qty | Codec::Money9 => {
                DataType::Decimal128(DECIMAL_PRECISION, DECIMAL_SCALE)
            }
            Codec::Money18 => DataType::Decimal128(DECIMAL_PRECISION, MONEY18_SCALE),
            Codec::U64 => DataType::UInt64,
            Codec::I64 => DataType::Int64,
            Codec::U32 => DataType::UInt32,
            Codec::U8 => DataType::UInt8,
            Codec::F64 => DataType::Float64,
            Codec::Bool => DataType::Boolean,
            Codec::Word(_) | Codec::Name(_) => word_type(),
        }
    }
}

impl Column {
    /// The column in an Arrow schema.
    #[must_use]
    pub fn field(&self) -> Field {
        let nullable = matches!(self.codec, Codec::Word(_) | Codec::Name(_));
        Field::new(self.name, self.codec.data_type(), nullable)
    }

    /// Whether the column is read back into records.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !matches!(self.codec, Codec::Name(_))
    }

    /// The bits of the body that the column keeps.
    fn mask(&self) -> [u64; 5] {
        let mut mask = [0_u64; 5];
        for byte in self.at..self.at + self.codec.width() {
            mask[byte / 8] |= 0xff << (8 * (byte % 8));
        }
        mask
    }

    /// The unsigned number of a record in this column.
    #[must_use]
    pub fn get(&self, record: &Record) -> u64 {
        let shifted = record.body[self.at / 8] >> (8 * (self.at % 8));
        let width = match self.codec {
            // As the number that is named: of strategies all numbers fit into a byte.
            Codec::Name(NameOf::Signal) => 4,
            Codec::Name(NameOf::Strategy) => 1,
            codec => codec.width(),
        };
        match width {
            1 => shifted & 0xff,
            2 => shifted & 0xffff,
            4 => shifted & 0xffff_ffff,
            _ => shifted,
        }
    }

    /// Puts the unsigned number into a record that is zero there.
    pub fn put(&self, record: &mut Record, value: u64) {
        record.body[self.at / 8] |= value << (8 * (self.at % 8));
    }

    /// The number of 16 bytes in this column.
    #[must_use]
    pub fn get_wide(&self, record: &Record) -> i128 {
        let at = self.at / 8;
        let (low, high) = (u128::from(record.body[at]), u128::from(record.body[at + 1]));
        (low | high << 64).cast_signed()
    }

    /// Puts the number of 16 bytes into a record.
    pub fn put_wide(&self, record: &mut Record, value: i128) {
        let at = self.at / 8;
        let halves: [u64; 2] = zerocopy::transmute!(value);
        record.body[at..at + 2].copy_from_slice(&halves);
    }

    /// The column's values of these records.
    ///
    /// # Errors
    /// [`Misfit`] for the first record whose value has no place in the column.
    pub fn encode(
        &self,
        records: &[Record],
        scale: Scale,
        names: &[String],
    ) -> Result<ArrayRef, Misfit> {
        let numbers = records.iter().map(|record| self.get(record));
        Ok(match self.codec {
            Codec::Price | Codec::Qty | Codec::Money9 => {
                let factor = i128::from(scale.factor(self.codec));
                let values: Vec<i128> = numbers
                    .map(|n| i128::from(n.cast_signed()) * factor)
                    .collect();
                decimal(values, DECIMAL_SCALE)
            }
            Codec::Money18 => {
                let values = records.iter().map(|record| self.get_wide(record));
                decimal(values.collect(), MONEY18_SCALE)
            }
            Codec::U64 => Arc::new(UInt64Array::from_iter_values(numbers)),
            Codec::I64 => Arc::new(Int64Array::from_iter_values(numbers.map(u64::cast_signed))),
            Codec::U32 => Arc::new(UInt32Array::from_iter_values(
                numbers.map(|n| u32::try_from(n).expect("get() masks to the width")),
            )),
            Codec::U8 => Arc::new(UInt8Array::from_iter_values(
                numbers.map(|n| u8::try_from(n).expect("get() masks to the width")),
            )),
            Codec::F64 => Arc::new(Float64Array::from_iter_values(numbers.map(f64::from_bits))),
            Codec::Bool => {
                let values: Vec<bool> = numbers
                    .enumerate()
                    .map(|(row, n)| match n {
                        0 => Ok(false),
                        1 => Ok(true),
                        n => Err(misfit(row, n, "0 or 1")),
                    })
                    .collect::<Result<_, _>>()?;
                Arc::new(BooleanArray::from(values))
            }
            Codec::Word(words) => words.encode(numbers)?,
            Codec::Name(_) => {
                let keys = numbers.map(|n| {
                    i32::try_from(n)
                        .ok()
                        .filter(|key| usize::try_from(*key).is_ok_and(|key| key < names.len()))
                });
                word_array(keys, names.iter().map(String::as_str))
            }
        })
    }

    /// Puts the column's values into the bodies of records that are zero there.
    ///
    /// # Errors
    /// [`Misfit`] for the first value that has no place in a record.
    pub fn decode(
        &self,
        array: &dyn Array,
        scale: Scale,
        records: &mut [Record],
    ) -> Result<(), Misfit> {
        if array.null_count() > 0 && !matches!(self.codec, Codec::Word(_)) {
            let row = (0..array.len()).find(|row| array.is_null(*row));
            return Err(misfit(row.unwrap_or(0), "null", "a value"));
        }
        match self.codec {
            Codec::Price | Codec::Qty | Codec::Money9 => {
                let values = array.as_primitive::<Decimal128Type>().values();
                self.decode_decimals(values, scale.factor(self.codec), records)?;
            }
            Codec::Money18 => {
                let values = array.as_primitive::<Decimal128Type>().values();
                for (record, value) in records.iter_mut().zip(values) {
                    self.put_wide(record, *value);
                }
            }
            Codec::U64 => self.put_all(array.as_primitive::<UInt64Type>().values(), records, |n| n),
            Codec::I64 => self.put_all(
                array.as_primitive::<Int64Type>().values(),
                records,
                i64::cast_unsigned,
            ),
            Codec::U32 => self.put_all(
                array.as_primitive::<UInt32Type>().values(),
                records,
                u64::from,
            ),
            Codec::U8 => self.put_all(
                array.as_primitive::<UInt8Type>().values(),
                records,
                u64::from,
            ),
            Codec::F64 => self.put_all(
                array.as_primitive::<Float64Type>().values(),
                records,
                f64::to_bits,
            ),
            Codec::Bool => {
                let values = array.as_boolean();
                for (row, record) in records.iter_mut().enumerate() {
                    self.put(record, u64::from(values.value(row)));
                }
            }
            Codec::Word(words) => self.put_all(&words.decode(array)?, records, |n| n),
            Codec::Name(_) => {}
        }
        Ok(())
    }

    /// Puts numbers into the bodies of records that are zero there, of which each fits the column but for the sign of narrower ones.
    pub(crate) fn put_numbers(&self, values: &[i64], records: &mut [Record]) {
        let (at, width) = (self.at / 8, self.codec.width());
        if width == 8 {
            for (record, value) in records.iter_mut().zip(values) {
                record.body[at] = value.cast_unsigned();
            }
            return;
        }
        let mask = (1_u64 << (8 * width)) - 1;
        for (record, value) in records.iter_mut().zip(values) {
            self.put(record, value.cast_unsigned() & mask);
        }
    }

    fn put_all<T: Copy>(&self, values: &[T], records: &mut [Record], to: impl Fn(T) -> u64) {
        for (record, value) in records.iter_mut().zip(values) {
            self.put(record, to(*value));
        }
    }

    fn decode_decimals(
        &self,
        values: &[i128],
        factor: i64,
        records: &mut [Record],
    ) -> Result<(), Misfit> {
        let at = self.at / 8;
        for (row, (record, value)) in records.iter_mut().zip(values).enumerate() {
            // 64-bit division where the value fits, which is nearly always, and several times faster.
            let mantissa = match i64::try_from(*value) {
                Ok(value) if value % factor == 0 => Some(value / factor),
                Ok(_) => None,
                Err(_) if value % i128::from(factor) == 0 => {
                    i64::try_from(value / i128::from(factor)).ok()
                }
                Err(_) => None,
            };
            record.body[at] = mantissa
                .ok_or_else(|| misfit(row, value, "a number at the instrument's scale"))?
                .cast_unsigned();
        }
        Ok(())
    }
}

/// The bits of the body that none of these columns keeps, and which must be zero.
#[must_use]
pub fn unused(columns: &[Column]) -> [u64; 5] {
    let mut unused = [u64::MAX; 5];
    for column in columns {
        for (word, mask) in unused.iter_mut().zip(column.mask()) {
            *word &= !mask;
        }
    }
    unused
}

/// A column of decimals of 38 digits, so many of them behind the point.
#[must_use]
pub fn decimal(values: Vec<i128>, scale: i8) -> ArrayRef {
    Arc::new(
        Decimal128Array::from(values)
            .with_precision_and_scale(DECIMAL_PRECISION, scale)
            .expect("38 digits hold either scale"),
    )
}
