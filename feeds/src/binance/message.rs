//! The JSON shapes that the venues send.
//!
//! Every field is optional in the shapes so that a missing one is reported by its name.
//! Strings are borrowed from the frame; price levels are read by `levels` without allocating.

use serde::Deserialize;
use sonic_rs::LazyValue;

/// Everything at the top of a frame that tells what it is.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) stream: Option<&'a str>,
    #[serde(borrow)]
    pub(super) data: Option<LazyValue<'a>>,
    #[serde(borrow)]
    pub(super) e: Option<&'a str>,
    #[serde(borrow, rename = "lastUpdateId")]
    pub(super) last_update_id: Option<LazyValue<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<LazyValue<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<LazyValue<'a>>,
    #[serde(borrow)]
    pub(super) code: Option<LazyValue<'a>>,
    /// Best bid, or the bid levels: with `s` and without `e` it is a spot `bookTicker`.
    #[serde(borrow, rename = "B")]
    pub(super) bid_qty: Option<LazyValue<'a>>,
}

/// `trade` and `aggTrade`.
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
    #[serde(borrow, rename = "s")]
    pub(super) symbol: Option<&'a str>,
    #[serde(rename = "t")]
    pub(super) trade_id: Option<u64>,
    #[serde(rename = "a")]
    pub(super) agg_id: Option<u64>,
    #[serde(borrow, rename = "p")]
    pub(super) price: Option<&'a str>,
    #[serde(borrow, rename = "q")]
    pub(super) qty: Option<&'a str>,
    #[serde(rename = "m")]
    pub(super) buyer_is_maker: Option<bool>,
    /// Of spot alone.
    #[serde(borrow, rename = "M")]
    pub(super) ignored: Option<LazyValue<'a>>,
    /// The kind of the order; of futures alone.
    #[serde(borrow, rename = "X")]
    pub(super) order_type: Option<LazyValue<'a>>,
    /// Which futures it is of, since June 2026.
    #[serde(rename = "st")]
    pub(super) settled_in: Option<u64>,
}

/// `bookTicker`.
#[derive(Deserialize)]
pub(super) struct BookTicker<'a> {
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
    #[serde(borrow, rename = "s")]
    pub(super) symbol: Option<&'a str>,
    #[serde(rename = "u")]
    pub(super) update_id: Option<u64>,
    #[serde(borrow, rename = "b")]
    pub(super) bid: Option<&'a str>,
    #[serde(borrow, rename = "B")]
    pub(super) bid_qty: Option<&'a str>,
    #[serde(borrow, rename = "a")]
    pub(super) ask: Option<&'a str>,
    #[serde(borrow, rename = "A")]
    pub(super) ask_qty: Option<&'a str>,
    /// Which futures it is of, since June 2026.
    #[serde(rename = "st")]
    pub(super) settled_in: Option<u64>,
}

/// `depthUpdate`.
#[derive(Deserialize)]
pub(super) struct DepthUpdate<'a> {
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
    #[serde(borrow, rename = "s")]
    pub(super) symbol: Option<&'a str>,
    #[serde(rename = "U")]
    pub(super) first_id: Option<u64>,
    #[serde(rename = "u")]
    pub(super) last_id: Option<u64>,
    #[serde(rename = "pu")]
    pub(super) previous_id: Option<u64>,
    /// Which futures it is of, since June 2026.
    #[serde(rename = "st")]
    pub(super) settled_in: Option<u64>,
    #[serde(borrow, rename = "b")]
    pub(super) bids: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "a")]
    pub(super) asks: Option<LazyValue<'a>>,
}

/// The answer of the REST depth service.
#[derive(Deserialize)]
pub(super) struct Snapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    pub(super) last_id: Option<u64>,
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
    #[serde(borrow)]
    pub(super) symbol: Option<&'a str>,
    #[serde(borrow)]
    pub(super) bids: Option<LazyValue<'a>>,
    #[serde(borrow)]
    pub(super) asks: Option<LazyValue<'a>>,
}

/// The top of a book, whole each time: of spot without symbol and times, of futures as a `depthUpdate`.
#[derive(Deserialize)]
pub(super) struct Top<'a> {
    #[serde(rename = "lastUpdateId", alias = "u")]
    pub(super) last_id: Option<u64>,
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
    #[serde(borrow, rename = "s")]
    pub(super) symbol: Option<&'a str>,
    /// Which futures it is of, since June 2026.
    #[serde(rename = "st")]
    pub(super) settled_in: Option<u64>,
    #[serde(borrow, alias = "b")]
    pub(super) bids: Option<LazyValue<'a>>,
    #[serde(borrow, alias = "a")]
    pub(super) asks: Option<LazyValue<'a>>,
}

/// The times of any message.
#[derive(Deserialize)]
pub(super) struct Times {
    #[serde(rename = "E")]
    pub(super) event_time: Option<i64>,
    #[serde(rename = "T")]
    pub(super) transaction_time: Option<i64>,
}
