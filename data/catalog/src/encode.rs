//! Encodes the columns of a row group that have few different values: decimals, words, and numbers that are mostly the same. The library
//! does that too, but for any type and any values; here it is known that all are numbers, so that no value is copied, hashed as bytes
//! or compared as bytes. What comes of it is a column chunk as the library writes it: a dictionary, pages of places in it with their
//! statistics, and, once there are too many different values, pages of plain ones.

mod chunk;
mod dictionary;
mod group;
mod hybrid;
mod pack;
#[cfg(test)]
mod tests;

pub(crate) use group::GroupWriter;
pub(crate) use pack::ZSTD_LEVEL;
