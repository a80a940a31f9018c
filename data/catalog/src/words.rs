//! Columns of few different words: numbers that have a name in the records, dictionaries in Parquet.

use super::misfit::{Misfit, misfit};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::DataType;
use std::sync::Arc;
use tickloom_types::{BookAction, BookState, OrderStatus, OrderType, RiskRule, Side, StatusCode};

/// The lists of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Of [`Side`].
    Side,
    /// Of [`OrderType`].
    OrderType,
    /// Of [`OrderStatus`].
    OrderStatus,
    /// Of [`RiskRule`].
    RiskRule,
    /// Of [`StatusCode`].
    StatusCode,
    /// Of [`BookState`].
    BookState,
    /// Of [`BookAction`].
    BookAction,
}

/// The type of a column of few different words.
pub(crate) fn word_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

impl Words {
    /// Numbers and their words.
    #[must_use]
    pub fn list(self) -> Vec<(u64, &'static str)> {
        macro_rules! list {
            ($type:ident) => {
                $type::ALL.iter().map(|v| (*v as u64, v.name())).collect()
            };
        }
        match self {
            Words::Side => list!(Side),
            Words::OrderType => list!(OrderType),
            Words::OrderStatus => list!(OrderStatus),
            Words::RiskRule => list!(RiskRule),
            Words::StatusCode => list!(StatusCode),
            Words::BookState => list!(BookState),
            Words::BookAction => list!(BookAction),
        }
    }

    /// What an error says that it should be.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Words::Side => "a side",
            Words::OrderType => "an order type",
            Words::OrderStatus => "an order status",
            Words::RiskRule => "a risk rule",
            Words::StatusCode => "a status code",
            Words::BookState => "a book state",
            Words::BookAction => "an action on an order",
        }
    }

    /// The words of these numbers; 0 is null.
    pub(crate) fn encode(self, numbers: impl Iterator<Item = u64>) -> Result<ArrayRef, Misfit> {
        let list = self.list();
        let keys = numbers
            .enumerate()
            .map(|(row, number)| {
                if number == 0 {
                    return Ok(None);
                }
                list.iter()
                    .position(|(n, _)| *n == number)
                    .and_then(|at| i32::try_from(at).ok())
                    .map(Some)
                    .ok_or_else(|| misfit(row, number, self.expected()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(word_array(keys, list.iter().map(|(_, word)| *word)))
    }

    /// The numbers of these words; null is 0.
    pub(crate) fn decode(self, array: &dyn Array) -> Result<Vec<u64>, Misfit> {
        let list = self.list();
        let dictionary = array.as_dictionary::<Int32Type>();
        let words = dictionary.values().as_string::<i32>();
        let numbers: Vec<Option<u64>> = words
            .iter()
            .map(|word| list.iter().find(|(_, w)| Some(*w) == word).map(|(n, _)| *n))
            .collect();
        let number = |row| match dictionary.key(row) {
            None => Ok(0),
            Some(key) => numbers[key].ok_or_else(|| misfit(row, words.value(key), self.expected())),
        };
        (0..dictionary.len()).map(number).collect()
    }
}

/// A column of words: each row the index of its word, `None` for null.
pub(crate) fn word_array<'a>(
    keys: impl IntoIterator<Item = Option<i32>>,
    words: impl IntoIterator<Item = &'a str>,
) -> ArrayRef {
    let keys: Int32Array = keys.into_iter().collect();
    let words = StringArray::from_iter_values(words);
    Arc::new(DictionaryArray::new(keys, Arc::new(words)))
}
