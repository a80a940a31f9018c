//! Columns of a book with all its levels in a row: `asks[0].price`, `bid_px_00`, `bid_size_1`, by any of their names.

use super::plain;

/// Levels that a row may have.
const LEVELS_MAX: usize = 1_000;

/// Columns of one level of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DepthLevel {
    pub(crate) bid: usize,
    pub(crate) bid_qty: usize,
    pub(crate) ask: usize,
    pub(crate) ask_qty: usize,
}

impl DepthLevel {
    pub(crate) fn has(self, column: usize) -> bool {
        [self.bid, self.bid_qty, self.ask, self.ask_qty].contains(&column)
    }
}

/// What a column of a level holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    is_bid: bool,
    is_price: bool,
    level: usize,
}

/// The levels that have all four columns, the best first. One level alone is a quote, and none.
pub(super) fn columns(names: &[String]) -> Vec<DepthLevel> {
    let parts: Vec<(usize, Part)> = names
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((at, part(&plain(name))?)))
        .collect();
    let mut levels: Vec<usize> = parts.iter().map(|(_, part)| part.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let column = |level: usize, is_bid: bool, is_price: bool| {
        let wanted = Part {
            is_bid,
            is_price,
            level,
        };
        let found = parts.iter().find(|(_, part)| *part == wanted);
        found.map(|(at, _)| *at)
    };
    let whole: Vec<DepthLevel> = levels
        .iter()
        .map_while(|level| {
            Some(DepthLevel {
                bid: column(*level, true, true)?,
                bid_qty: column(*level, true, false)?,
                ask: column(*level, false, true)?,
                ask_qty: column(*level, false, false)?,
            })
        })
        .take(LEVELS_MAX)
        .collect();
    if whole.len() < 2 { Vec::new() } else { whole }
}

/// Whether columns look like levels, whole or not.
pub(super) fn has_levels(names: &[String]) -> bool {
    let parts = names.iter().filter_map(|name| part(&plain(name)));
    let levels: Vec<usize> = parts.map(|part| part.level).collect();
    levels.iter().any(|level| *level > 1 || *level != levels[0])
}

fn part(name: &str) -> Option<Part> {
    let sides = [
        ("bids", true),
        ("bid", true),
        ("asks", false),
        ("ask", false),
        ("offer", false),
        ("b", true),
        ("a", false),
    ];
    // `bid_size_1` begins with `bids` too.
    sides.iter().find_map(|(side, is_bid)| {
        let rest = name.strip_prefix(side)?;
        part_of_side(rest, *is_bid, side.len() > 1)
    })
}

/// What follows the side: a word before or after the number of the level.
fn part_of_side(rest: &str, is_bid: bool, may_lack_word: bool) -> Option<Part> {
    let digits = |c: char| c.is_ascii_digit();
    let word = rest.trim_matches(digits);
    let number = match rest.strip_prefix(word) {
        Some(number) if !word.is_empty() => number,
        _ => rest.trim_end_matches(|c: char| !c.is_ascii_digit()),
    };
    let level: usize = number.parse().ok()?;
    let is_price = match word {
        "price" | "px" | "p" | "rate" => true,
        "" if may_lack_word => true,
        "size" | "qty" | "amount" | "volume" | "vol" | "sz" | "quantity" | "q" | "s" | "v" => false,
        _ => return None,
    };
    Some(Part {
        is_bid,
        is_price,
        level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &str) -> Vec<[usize; 4]> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let levels = columns(&names).into_iter();
        levels
            .map(|level| [level.bid, level.bid_qty, level.ask, level.ask_qty])
            .collect()
    }

    #[test]
    fn levels_have_many_names() {
        let both = [[3, 4, 1, 2], [7, 8, 5, 6]];
        assert_eq!(
            found(
                "t,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount,bids[1].price,bids[1].amount"
            ),
            both
        );
        assert_eq!(
            found(
                "t,ask_px_00,ask_sz_00,bid_px_00,bid_sz_00,ask_px_01,ask_sz_01,bid_px_01,bid_sz_01,bid_ct_00"
            ),
            both
        );
        assert_eq!(
            found("t,ask1,ask1_size,bid1,bid_size_1,ask2,askSize2,bid2,bid2qty"),
            both
        );
        assert_eq!(found("t,ap1,as1,bp1,bs1,ap2,as2,bp2,bs2"), both);
        assert!(found("t,ask1,ask1_size,bid1,bid_size_1").is_empty());
        assert!(found("t,ask1,bid1,ask2,bid2").is_empty());
        assert!(has_levels(&["ask2".to_owned()]) && !has_levels(&["ask".to_owned()]));
    }
}
