//! What is kept of trades, quotes and bars: trades and bars once, and of trades and of quotes that come over several channels those of one.

use super::{Desk, Made};
use crate::venues::batch::{Batch, ChannelId, Item, What};
use tickloom_types::Record;

impl Desk {
    /// Whether the record of an item is to be kept. What is not is counted.
    pub(super) fn is_to_be_kept(
        &mut self,
        at: usize,
        batch: &Batch,
        record: &Record,
        made: &mut Made,
    ) -> bool {
        let item = &batch.items[at];
        let symbol = item.symbol.0;
        let seen = match &item.what {
            What::Trade { channel, .. } if self.choice.of_trades(symbol) != Some(*channel) => {
                made.others += 1;
                // A message counts once, however many trades it tells.
                if !is_any_of(&batch.items[..at], symbol, *channel) {
                    *self.other_trades.entry((symbol, *channel)).or_default() += 1;
                }
                return false;
            }
            What::Quote { channel, .. } if self.choice.of_quotes(symbol) != Some(*channel) => {
                made.others += 1;
                if !is_any_of(&batch.items[..at], symbol, *channel) {
                    *self.other_quotes.entry((symbol, *channel)).or_default() += 1;
                }
                return false;
            }
            What::Trade { .. } => self.trades.entry(symbol).or_default().is_new(record),
            What::Bar { .. } => self.bars.entry(symbol).or_default().is_new(record),
            _ => return true,
        };
        match seen {
            Ok(is_new) => {
                made.repeated += u64::from(!is_new);
                is_new
            }
            Err(error) => {
                self.refused.push(error);
                false
            }
        }
    }
}

/// Whether one of these is a trade or a quote of the symbol over the channel.
fn is_any_of(items: &[Item], symbol: usize, over: ChannelId) -> bool {
    items.iter().rev().any(|item| {
        let is_over = matches!(&item.what, What::Trade { channel, .. } | What::Quote { channel, .. } if *channel == over);
        item.symbol.0 == symbol && is_over
    })
}
