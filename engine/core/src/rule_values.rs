//! What the strategies' expressions are worth in a round of decisions, and which of them ticked.

/// Place of an expression among those of all strategies, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(pub(crate) usize);

/// What the strategies' expressions are worth at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleValues {
    rules: Vec<Rule>,
    /// By rule; apart, as it never changes.
    kinds: Vec<RuleKind>,
    round: u64,
    /// Whether constants count in this round.
    is_now: bool,
    /// Whether a rule was evaluated in this round.
    has_ticked: bool,
    /// See [`RuleValues::calling`].
    calling: Vec<RuleId>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// NaN while it is not ready.
    value: f64,
    /// Number of the round at which it was evaluated last.
    ticked_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleKind {
    /// Something may come of it whenever it is evaluated.
    Value,
    /// Nothing comes of it unless it holds.
    Condition,
    /// Without a field in it: it holds or not whenever strategies decide on records.
    Constant,
}

impl RuleValues {
    pub(crate) fn new(count: usize) -> RuleValues {
        RuleValues {
            rules: vec![
                Rule {
                    value: f64::NAN,
                    ticked_at: 0,
                };
                count
            ],
            kinds: vec![RuleKind::Value; count],
            round: 0,
            is_now: true,
            has_ticked: false,
            calling: Vec::with_capacity(count),
        }
    }

    /// A rule that has this value for ever.
    pub(crate) fn set_constant(&mut self, rule: RuleId, value: f64) {
        self.rules[rule.0].value = value;
        self.kinds[rule.0] = RuleKind::Constant;
    }

    /// Nothing comes of this rule, which is no constant, unless it holds.
    pub(crate) fn set_condition(&mut self, rule: RuleId) {
        self.kinds[rule.0] = RuleKind::Condition;
    }

    /// Of all rules; NaN while not ready.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.rules.iter().map(|rule| rule.value)
    }

    /// Takes over what rules were worth; those without a field in them have their value already.
    pub(crate) fn load(&mut self, values: &[f64]) {
        for ((rule, kind), value) in self.rules.iter_mut().zip(&self.kinds).zip(values) {
            if *kind != RuleKind::Constant {
                rule.value = *value;
            }
        }
    }

    /// What a rule was worth when it was evaluated last; `None` for one without a field in it, which never is.
    pub(crate) fn told(&self, rule: usize) -> Option<f64> {
        let value = self.rules.get(rule)?.value;
        (self.kinds[rule] != RuleKind::Constant).then_some(value)
    }

    /// `None` while it is not ready.
    pub(crate) fn value(&self, rule: RuleId) -> Option<f64> {
        let value = self.rules.get(rule.0)?.value;
        (!value.is_nan()).then_some(value)
    }

    /// Whether it was evaluated in this round, is ready and not zero.
    #[inline]
    pub(crate) fn holds(&self, rule: RuleId) -> bool {
        let is_true = |rule: &Rule| is_true(rule.value);
        self.rules.get(rule.0).is_some_and(is_true) && self.ticked(rule)
    }

    /// Whether it was evaluated in this round. A constant is, but not where time alone closed bars.
    pub(crate) fn ticked(&self, rule: RuleId) -> bool {
        let is_constant = || self.kinds[rule.0] == RuleKind::Constant;
        let known = self.rules.get(rule.0);
        known.is_some_and(|rule| rule.ticked_at == self.round || (self.is_now && is_constant()))
    }

    /// Whether a rule was evaluated in this round; constants never are.
    #[inline]
    pub(crate) fn has_ticked(&self) -> bool {
        self.has_ticked
    }

    /// The rules for which strategies are to be called in this round, in order: those that were evaluated, of conditions those
    /// that hold.
    pub(crate) fn calling(&self) -> &[RuleId] {
        &self.calling
    }

    /// A new round: nothing has ticked yet. `Now` is one on the records themselves, not on bars that time closed.
    pub(crate) fn begin(&mut self, on: RoundOn) {
        self.round += 1;
        self.is_now = on == RoundOn::Records;
        self.has_ticked = false;
        self.calling.clear();
    }

    /// It was evaluated; NaN is not ready. Rules come in their order.
    #[inline]
    pub(crate) fn set(&mut self, rule: RuleId, value: f64) {
        self.rules[rule.0] = Rule {
            value,
            ticked_at: self.round,
        };
        self.has_ticked = true;
        if self.kinds[rule.0] != RuleKind::Condition || is_true(value) {
            self.calling.push(rule);
        }
    }
}

/// Whether a condition of this value holds: it is ready and not zero.
#[inline]
fn is_true(value: f64) -> bool {
    value.abs() > 0.0
}

/// What a round of decisions is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundOn {
    /// The records of the moment.
    Records,
    /// Bars that closed because time passed.
    PassedBars,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_calls_its_strategy_when_it_holds_and_a_value_whenever_it_was_evaluated() {
        let [value, condition, constant] = [RuleId(0), RuleId(1), RuleId(2)];
        let mut rules = RuleValues::new(3);
        rules.set_condition(condition);
        rules.set_constant(constant, 1.0);
        for (worth, calling) in [
            (0.0, &[value][..]),
            (-0.0, &[value]),
            (f64::NAN, &[value]),
            (1.0, &[value, condition]),
            (-2.0, &[value, condition]),
        ] {
            rules.begin(RoundOn::Records);
            assert!(!rules.has_ticked() && rules.calling().is_empty());
            rules.set(value, worth);
            rules.set(condition, worth);
            assert_eq!(rules.calling(), calling, "{worth}");
            assert!(rules.has_ticked() && rules.ticked(value) && rules.ticked(condition));
            assert_eq!(rules.holds(value), worth.abs() > 0.0);
            assert_eq!(rules.holds(condition), worth.abs() > 0.0);
            assert!(rules.holds(constant), "on records");
        }
        rules.begin(RoundOn::PassedBars);
        assert!(!rules.has_ticked() && rules.calling().is_empty());
        assert!(!rules.ticked(value) && !rules.holds(condition) && !rules.holds(constant));
        rules.set(condition, 0.0);
        assert!(rules.has_ticked() && rules.calling().is_empty());
    }
}
