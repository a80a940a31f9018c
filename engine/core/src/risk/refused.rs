//! How many orders were refused, by rule.

use tickloom_types::RiskRule;

/// One place for each number of a rule; the numbers are wire format and stay small.
const PLACES: usize = 16;

/// Refused orders by the rule that refused them, when they were submitted or when they were to fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    pub(super) counts: [u64; PLACES],
}

impl Refused {
    /// Orders that this rule refused.
    #[must_use]
    pub fn by(&self, rule: RiskRule) -> u64 {
        self.counts[place(rule)]
    }

    /// Orders that any rule refused.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The rules that refused an order, in the order of their numbers, each with how many.
    pub fn iter(&self) -> impl Iterator<Item = (RiskRule, u64)> + '_ {
        let all = RiskRule::ALL.iter().map(|rule| (*rule, self.by(*rule)));
        all.filter(|(_, count)| *count > 0)
    }

    /// Takes note of a refused order.
    pub(crate) fn count(&mut self, rule: RiskRule) {
        self.counts[place(rule)] += 1;
    }
}

fn place(rule: RiskRule) -> usize {
    usize::from(rule as u8)
}

const _: () = {
    let mut at = 0;
    while at < RiskRule::ALL.len() {
        assert!((RiskRule::ALL[at] as usize) < PLACES);
        at += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_count_of_its_own() {
        let mut refused = Refused::default();
        for rule in [RiskRule::Short, RiskRule::Cash, RiskRule::Short] {
            refused.count(rule);
        }
        assert_eq!(refused.total(), 3);
        assert_eq!(
            refused.iter().collect::<Vec<_>>(),
            [(RiskRule::Cash, 1), (RiskRule::Short, 2)]
        );
    }
}
