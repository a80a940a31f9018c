//! The values of a column that is not nested, as the library decodes them from its pages, by the type that Parquet or the program that
//! wrote the file says they have.

use super::super::column::{Column, Values, dates, unit, unsigned};
use super::pages::Pages;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{ByteArray, DataType as Physical, FixedLenByteArray, Int96};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ColumnChunkMetaData;
use arrow_schema::{DataType, TimeUnit};

const NANOS_PER_DAY: i64 = 86_400_000_000_000;
/// The day of the epoch in the count of days that a time of 96 bits has.
const EPOCH_JULIAN: i64 = 2_440_588;

/// Reads a column of one row group.
pub(super) struct ValueReader {
    reader: ColumnReader,
    data_type: DataType,
    has_levels: bool,
    levels: Vec<i16>,
}

impl ValueReader {
    pub(super) fn new(
        chunk: &ColumnChunkMetaData,
        pages: Pages,
        data_type: &DataType,
    ) -> ValueReader {
        let about = chunk.column_descr_ptr();
        ValueReader {
            has_levels: about.max_def_level() > 0,
            reader: get_column_reader(about, Box::new(pages)),
            data_type: bare(data_type).clone(),
            levels: Vec::new(),
        }
    }

    /// The next rows.
    pub(super) fn read(&mut self, rows: usize) -> Result<Column, ParquetError> {
        let levels = self.has_levels.then_some(&mut self.levels);
        let data_type = &self.data_type;
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => {
                column(reader, levels, rows, |values| Ok(Values::Truth(values)))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                column(reader, levels, rows, |values| of_32(&values, data_type))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                column(reader, levels, rows, |values| of_64(values, data_type))
            }
            ColumnReader::Int96ColumnReader(reader) => column(reader, levels, rows, |values| {
                Ok(Values::Local(values.iter().map(nanos).collect(), 1))
            }),
            ColumnReader::FloatColumnReader(reader) => {
                column(reader, levels, rows, |values| Ok(Values::Single(values)))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                column(reader, levels, rows, |values| Ok(Values::Float(values)))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                column(reader, levels, rows, |values| of_bytes(values, data_type))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                column(reader, levels, rows, |values| {
                    if let Some(scale) = scale(data_type) {
                        let values = values.iter().map(|value| whole_or_none(value));
                        return Ok(Values::Decimal(values.collect(), scale));
                    }
                    let values = values.into_iter().map(FixedLenByteArray::into);
                    of_bytes(values.collect(), data_type)
                })
            }
        }
    }
}

/// The type of the values, whether or not each is written once.
fn bare(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => bare(values),
        other => other,
    }
}

/// Reads so many rows: all of them, or it is an error.
fn column<T: Physical>(
    reader: &mut ColumnReaderImpl<T>,
    levels: Option<&mut Vec<i16>>,
    rows: usize,
    values_of: impl FnOnce(Vec<T::T>) -> Result<Values, ParquetError>,
) -> Result<Column, ParquetError> {
    let mut values = Vec::with_capacity(rows);
    let Some(levels) = levels else {
        let (read, ..) = reader.read_records(rows, None, None, &mut values)?;
        check(read, values.len(), rows)?;
        return Ok(Column::new(values_of(values)?, None));
    };
    levels.clear();
    let (read, ..) = reader.read_records(rows, Some(levels), None, &mut values)?;
    check(read, levels.len(), rows)?;
    let there = levels.iter().filter(|level| **level > 0).count();
    if there == rows {
        check(read, values.len(), rows)?;
        return Ok(Column::new(values_of(values)?, None));
    }
    if there != values.len() {
        return Err(short(values.len(), there));
    }
    let mut spread = Vec::with_capacity(rows);
    let mut left = values.into_iter();
    for level in levels.iter() {
        let value = if *level > 0 { left.next() } else { None };
        spread.push(value.unwrap_or_default());
    }
    let nulls = levels.iter().map(|level| *level == 0).collect();
    Ok(Column::new(values_of(spread)?, Some(nulls)))
}

fn check(read: usize, values: usize, rows: usize) -> Result<(), ParquetError> {
    match read == rows && values == rows {
        true => Ok(()),
        false => Err(short(read.min(values), rows)),
    }
}

fn short(there: usize, expected: usize) -> ParquetError {
    ParquetError::General(format!("a column with {there} of {expected} rows"))
}

fn of_32(values: &[i32], data_type: &DataType) -> Result<Values, ParquetError> {
    let wide = || {
        values
            .iter()
            .map(|value| i64::from(*value))
            .collect::<Vec<i64>>()
    };
    Ok(match data_type {
        DataType::UInt32 => {
            let values = values.iter();
            Values::Whole(
                values
                    .map(|value| i64::from(value.cast_unsigned()))
                    .collect(),
            )
        }
        DataType::Date32 | DataType::Date64 => Values::Date(wide()),
        DataType::Time32(of) | DataType::Time64(of) => times(&wide(), *of),
        DataType::Timestamp(of, zone) => stamps(wide(), *of, zone.is_some()),
        _ => match scale(data_type) {
            Some(scale) => Values::Decimal64(wide(), scale),
            None => Values::Whole(wide()),
        },
    })
}

fn of_64(values: Vec<i64>, data_type: &DataType) -> Result<Values, ParquetError> {
    Ok(match data_type {
        DataType::UInt64 => {
            let values: Vec<u64> = values.iter().map(|value| value.cast_unsigned()).collect();
            unsigned(&values)
        }
        DataType::Date64 => dates(&values),
        DataType::Time32(of) | DataType::Time64(of) => times(&values, *of),
        DataType::Timestamp(of, zone) => stamps(values, *of, zone.is_some()),
        _ => match scale(data_type) {
            Some(scale) => Values::Decimal64(values, scale),
            None => Values::Whole(values),
        },
    })
}

fn of_bytes(values: Vec<ByteArray>, data_type: &DataType) -> Result<Values, ParquetError> {
    let Some(scale) = scale(data_type) else {
        return Ok(Values::Bytes(values));
    };
    let numbers = values.iter().map(whole_or_none);
    Ok(Values::Decimal(numbers.collect(), scale))
}

/// The whole number of these bytes. One that is not there has no bytes to ask for.
fn whole_or_none(value: &ByteArray) -> i128 {
    match *value == ByteArray::new() {
        true => 0,
        false => whole(value.data()),
    }
}

fn scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

/// A whole number with its most significant byte first; one of more than 128 bits is too large for any column.
fn whole(bytes: &[u8]) -> i128 {
    if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
        return i64::from_be_bytes(bytes).into();
    }
    let fill = match bytes.first() {
        Some(first) if first & 0x80 != 0 => 0xff,
        _ => 0x00,
    };
    let cut = bytes.len().saturating_sub(16);
    let (front, back) = bytes.split_at(cut);
    let mut whole = [fill; 16];
    whole[16 - back.len()..].copy_from_slice(back);
    let value = i128::from_be_bytes(whole);
    let is_whole = front.iter().all(|byte| *byte == fill) && (value < 0) == (fill != 0);
    if is_whole { value } else { i128::MAX }
}

/// Times of day; one that overflows is none.
fn times(values: &[i64], of: TimeUnit) -> Values {
    let nanos = values
        .iter()
        .map(|value| value.checked_mul(unit(of).0).unwrap_or(i64::MAX));
    Values::TimeOfDay(nanos.collect())
}

fn stamps(values: Vec<i64>, of: TimeUnit, has_zone: bool) -> Values {
    match has_zone {
        true => Values::Instant(values, unit(of).0),
        false => Values::Local(values, unit(of).0),
    }
}

/// A time of 96 bits: nanoseconds of a day, and the day. One beyond what nanoseconds count is the last of them, which no file has.
fn nanos(value: &Int96) -> i64 {
    let [low, high, day] = value.data() else {
        return i64::MAX;
    };
    let nanos = (u64::from(*high) << 32 | u64::from(*low)).cast_signed();
    let days = i64::from(*day) - EPOCH_JULIAN;
    let nanos = days
        .checked_mul(NANOS_PER_DAY)
        .and_then(|days| days.checked_add(nanos));
    nanos.unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width() {
        assert_eq!(whole(&[]), 0);
        assert_eq!(whole(&[0x04, 0xd2]), 1_234);
        assert_eq!(whole(&[0xff]), -1);
        assert_eq!(whole(&[0xfb, 0x2e]), -1_234);
        assert_eq!(whole(&[0; 32]), 0);
        assert_eq!(whole(&[0xff; 32]), -1);
        assert_eq!(whole(&i128::MIN.to_be_bytes()), i128::MIN);
        let mut large = [0; 32];
        large[15] = 1;
        assert_eq!(whole(&large), i128::MAX);
        let mut beyond = [0; 17];
        beyond[1] = 0x80;
        assert_eq!(whole(&beyond), i128::MAX);
    }

    #[test]
    fn times_of_96_bits() {
        let at = |nanos: u64, day: u32| {
            let mut value = Int96::new();
            let low = u32::try_from(nanos & 0xffff_ffff).unwrap();
            value.set_data(low, u32::try_from(nanos >> 32).unwrap(), day);
            super::nanos(&value)
        };
        assert_eq!(at(0, 2_440_588), 0);
        assert_eq!(at(34_200_000_000_000, 2_460_312), 1_704_187_800_000_000_000);
        assert_eq!(at(0, u32::MAX), i64::MAX);
    }
}
