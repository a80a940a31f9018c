//! Files whose columns as they are called say that their rows are something else, or may be.

use super::words::{LEVELS, OF_BOOKS, OF_NO_TRADES, flag, is_nothing};
use super::{Rule, Says};
use crate::import::layout::sides::of_flags;
use crate::import::layout::{Layout, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::number::is_missing;
use crate::import::options::ImportOptions;
use crate::import::role::SIDES;
use crate::import::text::Fields;

/// What is paid for one's own fills, and gained by them, in names of columns without signs.
const PAID: [&str; 22] = [
    "fee",
    "fees",
    "feeamount",
    "feepaid",
    "feeusd",
    "feeusdt",
    "tradingfee",
    "totalfee",
    "execfee",
    "makerfee",
    "takerfee",
    "commission",
    "commissions",
    "commissionamount",
    "commfee",
    "comm",
    "ibcommission",
    "brokerage",
    "realizedpnl",
    "realizedpl",
    "realisedpnl",
    "closedpnl",
];
/// Whose they are.
const OWNERS: [&str; 9] = [
    "account",
    "accountid",
    "accountnumber",
    "clientaccountid",
    "portfolio",
    "portfolioid",
    "subaccount",
    "ordertxid",
    "clientorderid",
];

fn has_digit(text: &[u8]) -> bool {
    let is_number = text.iter().all(|byte| !matches!(byte, b'{' | b'['));
    is_number && text.iter().any(u8::is_ascii_digit)
}

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
    pub(super) fn no_columns_of_books(
        &self,
        data: &[&Fields],
        mapping: &Mapping,
    ) -> Result<(), Puzzle> {
        let is_told = |name: &str| {
            const OF_BOOKS: [&str; 4] = ["level", "order_id", "sequence", "snapshot"];
            let mut all = mapping.iter().filter(|(role, _)| !OF_BOOKS.contains(role));
            all.any(|(_, told)| plain(told) == plain(name))
        };
        let is_named = |names: &[&str]| {
            let mut all = self.names.iter().filter(|name| !is_told(name));
            all.any(|name| names.contains(&plain(name).as_str()))
        };
        // A level or an order has a number too.
        let has_ids = self.column(Role::TradeId).is_some();
        if !has_ids && !SIDES.iter().any(|side| mapping.has(*side)) {
            self.no_flags_of_books(data)?;
        }
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

    /// Refuses trades with a column of flags that say whether they are of the bid, or of the ask, or whether they change a book.
    fn no_flags_of_books(&self, data: &[&Fields]) -> Result<(), Puzzle> {
        for (at, name) in self.names.iter().enumerate() {
            if self.roles[at].is_some() || !data.iter().all(|row| flag(row.get(at)).is_some()) {
                continue;
            }
            match plain(name).as_str() {
                "isbid" | "bidside" => return Err(of_flags(name, true)),
                "isask" | "isoffer" | "askside" => return Err(of_flags(name, false)),
                // As cryptofeed calls whether a level changes a book.
                "delta" | "isdelta" => {
                    let found = format!("columns {}", self.names.join(", "));
                    let expected = format!(
                        "no column of a book among those of trades; --format book-levels if its rows are levels, --columns side={name} if {name} says who bought"
                    );
                    return Err((found, expected));
                }
                _ => {}
            }
        }
        Ok(())
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

    /// Refuses fills of one's own, as brokers and venues list them: of the trades of a market nobody says what was paid for them, or whose
    /// they are.
    pub(super) fn no_own_fills(
        &self,
        data: &[&Fields],
        options: &ImportOptions,
    ) -> Result<(), Puzzle> {
        if options.format.is_some() {
            return Ok(());
        }
        let is_free = |at: &usize| self.roles[*at].is_none();
        let says = |at: usize, is_one: fn(&[u8]) -> bool| {
            let mut rows = data.iter();
            rows.any(|row| is_one(row.get(at)))
        };
        let is_own = |at: &usize| {
            let name = plain(&self.names[*at]);
            let is_paid = PAID.contains(&name.as_str()) && says(*at, has_digit);
            let is_owned = OWNERS.contains(&name.as_str()) && says(*at, |text| !is_missing(text));
            is_paid || is_owned
        };
        let Some(at) = (0..self.names.len()).filter(is_free).find(is_own) else {
            return Ok(());
        };
        let found = format!(
            "a column {:?}, of fills of one's own, which are not all that was traded",
            self.names[at]
        );
        let expected =
            "trades of a market; --format csv (parquet, arrow) takes these rows for such";
        Err((found, expected.to_owned()))
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
