//! Files whose columns as they are called say that their rows are something else, or may be.

use super::words::{LEVELS, OF_BOOKS, OF_NO_TRADES, is_nothing};
use super::{Rule, Says};
use crate::import::layout::{Layout, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::text::Fields;

impl Layout {
    /// All rows of a file of Databento's are of one schema that is read.
    pub(super) fn set_rules_of_databento(&mut self, data: &[Fields]) -> Result<(), Puzzle> {
        // Statistics, status and the like, by the `rtype` of DBN.
        const NOT_READ: std::ops::RangeInclusive<u8> = 18..=24;
        let column = |wanted: &str| self.names.iter().position(|name| plain(name) == wanted);
        let (Some(at), Some(row)) = (column("rtype"), data.first()) else {
            return Ok(());
        };
        let first = row.get(at).to_vec();
        let number: Option<u8> = std::str::from_utf8(&first)
            .ok()
            .and_then(|text| text.parse().ok());
        if number.is_some_and(|number| NOT_READ.contains(&number)) {
            let found = format!("rows of rtype {}", String::from_utf8_lossy(&first));
            let expected = "Databento's mbo, mbp-1, mbp-10, trades or ohlcv; statistics, imbalances and status are not read";
            return Err((found, expected.to_owned()));
        }
        let action = column("action").filter(|_| self.shape == Shape::Trades);
        if let Some(at) = action {
            let says = Says::IsTrade;
            self.rules.push(Rule { at, says });
        }
        let says = Says::RowType(first);
        self.rules.push(Rule { at, says });
        Ok(())
    }

    /// Refuses trades that have the columns of a book.
    pub(super) fn no_columns_of_books(&self, mapping: &Mapping) -> Result<(), Puzzle> {
        let is_named = |names: &[&str]| {
            let mut all = self.names.iter().map(|name| plain(name));
            all.any(|name| names.contains(&name.as_str()))
        };
        // A level or an order has a number too.
        let has_ids = self.column(Role::TradeId).is_some();
        let is_level = self.column(Role::Level).is_some()
            || !mapping.has(Role::Level) && !has_ids && is_named(LEVELS);
        let is_one = is_named(OF_NO_TRADES) || !has_ids && is_named(OF_BOOKS);
        let is_order = !mapping.is_none(Role::OrderId) && !mapping.is_none(Role::Level) && is_one;
        let settled = match (is_level, is_order) {
            (true, _) => "level",
            (false, true) => "order_id",
            (false, false) => return Ok(()),
        };
        let expected = format!(
            "no column of a book among those of trades; --format book-levels if its rows are levels, --columns {settled}=- if they are trades"
        );
        Err((format!("columns {}", self.names.join(", ")), expected))
    }

    /// Refuses trades whose sizes are called a total, of all trades before.
    pub(super) fn no_totals(&self, mapping: &Mapping) -> Result<(), Puzzle> {
        let is_total = |at: &usize| {
            let name = plain(&self.names[*at]);
            name.starts_with("total") || name.starts_with("cum") || name == "volumetraded"
        };
        let is_told = mapping.has(Role::Qty);
        let Some(at) = self.column(Role::Qty).filter(|at| !is_told && is_total(at)) else {
            return Ok(());
        };
        let name = &self.names[at];
        let found = format!("a column {name:?}, which is a total of trades, or the size of each");
        Err((
            found,
            format!("--columns size=COLUMN of the sizes, or size={name}"),
        ))
    }

    /// Refuses rows of a quote and a trade, of which one would be lost; prices that are never there are none of trades.
    pub(super) fn no_trades_beside(
        &mut self,
        data: &[&Fields],
        mapping: &Mapping,
    ) -> Result<(), Puzzle> {
        const SETTLED: [Role; 7] = [
            Role::Bid,
            Role::Ask,
            Role::BidQty,
            Role::AskQty,
            Role::Price,
            Role::Qty,
            Role::Flags,
        ];
        let (Some(at), Some(_)) = (self.column(Role::Price), self.column(Role::Qty)) else {
            return Ok(());
        };
        if SETTLED.iter().any(|role| mapping.has(*role)) {
            return Ok(());
        }
        if data.iter().all(|row| is_nothing(row.get(at))) {
            let says = Says::NoPrice;
            self.rules.push(Rule { at, says });
            return Ok(());
        }
        let found = format!(
            "columns {}: trades with the bid and ask at their time, or quotes with the last trade beside them",
            self.names.join(", ")
        );
        let expected = "--columns bid=-,ask=- for the trades, or price=-,size=- for the quotes";
        Err((found, expected.to_owned()))
    }
}
