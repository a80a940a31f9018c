//! Rows that were one row in a file of DBN: a quote or the levels of a book with the trade that changed them.

use super::super::rows::Row;
use super::shape::has_trades;
use dbn::Schema;
use tickloom_catalog::MOMENT_ROWS_MAX;
use tickloom_catalog::Table;
use tickloom_types::{Flags, Header, LevelBody, Record};

/// The records of one message.
pub(super) struct Group {
    /// The row that it goes by.
    pub(super) row: Row,
    /// The trade in it.
    pub(super) trade: Option<Record>,
    /// All levels, of a book.
    pub(super) levels: Vec<Record>,
}

/// Puts rows together.
pub(super) struct Groups {
    table: Table,
    /// Whether trades belong to the rows beside them; otherwise they are passed over.
    has_trades: bool,
    /// The last trade, which the levels behind it may be of.
    trade: Option<Row>,
    open: Option<Group>,
}

impl Groups {
    pub(super) fn of(table: Table, came_as: Option<Schema>) -> Groups {
        Groups {
            table,
            has_trades: has_trades(came_as),
            trade: None,
            open: None,
        }
    }

    /// Takes a row; a group that is complete by then.
    pub(super) fn take(&mut self, row: &Row) -> Option<Group> {
        let table = Table::of(&row.record);
        match self.table {
            Table::Quotes if table == Some(Table::Trades) => {
                let open = self.open.as_mut().filter(|_| self.has_trades)?;
                if open.trade.is_none() && is_next(&open.row, 0, row) {
                    open.trade = Some(row.record);
                }
                None
            }
            Table::Quotes => self.open.replace(Group::of(row, None)),
            Table::BookSnapshots if table == Some(Table::Trades) => {
                self.trade = Some(*row).filter(|_| self.has_trades);
                None
            }
            Table::BookSnapshots => self.take_level(row),
            _ => Some(Group::of(row, None)),
        }
    }

    fn take_level(&mut self, row: &Row) -> Option<Group> {
        let trade = self.trade.take().filter(|trade| is_next(trade, 0, row));
        if let Some(open) = &mut self.open
            && LevelBody::of(&row.record).clear == 0
            && is_next(&open.row, open.levels.len() - 1, row)
            && open.levels.len() < MOMENT_ROWS_MAX
        {
            open.levels.push(row.record);
            return None;
        }
        let mut group = Group::of(row, trade.map(|trade| trade.record));
        group.levels.push(row.record);
        self.open.replace(group)
    }

    /// No more rows come.
    pub(super) fn end(&mut self) -> Option<Group> {
        self.open.take()
    }
}

impl Group {
    fn of(row: &Row, trade: Option<Record>) -> Group {
        Group {
            row: *row,
            trade,
            levels: Vec::new(),
        }
    }
}

/// Whether a row follows `between` others behind this one, in its moment and with its stamps.
fn is_next(before: &Row, between: usize, row: &Row) -> bool {
    let stamps = |of: Header| (of.ts_event, of.ts_recv, of.instrument, of.source);
    let next = before.key.seq.saturating_add(between as u64 + 1);
    before.run == row.run
        && row.key.seq == next
        && before.record.has(Flags::MORE)
        && stamps(before.record.header) == stamps(row.record.header)
}
