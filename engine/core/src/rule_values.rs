//! What the strategies' expressions are worth in a round of decisions, and which of them ticked.

/// Place of an expression among those of all strategies, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(pub(crate) usize);

/// What the strategies' expressions are worth at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleValues {
    rules: Vec<Rule>,
    round: u64,
    /// Whether constants count in this round.
    is_now: bool,
    /// Rules that were evaluated in this round, in order.
    ticked: Vec<RuleId>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// NaN while it is not ready.
    value: f64,
    /// Number of the round at which it was evaluated last.
    ticked_at: u64,
    /// Without a field in it: it holds or not whenever strategies decide on records.
    is_constant: bool,
}

impl RuleValues {
    pub(crate) fn new(count: usize) -> RuleValues {
        RuleValues {
            rules: vec![
                Rule {
                    value: f64::NAN,
                    ticked_at: 0,
                    is_constant: false,
                };
                count
            ],
            round: 0,
            is_now: true,
            ticked: Vec::with_capacity(count),
        }
    }

    /// A rule that has this value for ever.
    pub(crate) fn set_constant(&mut self, rule: RuleId, value: f64) {
        self.rules[rule.0].value = value;
        self.rules[rule.0].is_constant = true;
    }

    /// Of all rules; NaN while not ready.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.rules.iter().map(|rule| rule.value)
    }

    /// Takes over what rules were worth; those without a field in them have their value already.
    pub(crate) fn load(&mut self, values: &[f64]) {
        for (rule, value) in self.rules.iter_mut().zip(values) {
            if !rule.is_constant {
                rule.value = *value;
            }
        }
    }

    /// What a rule was worth when it was evaluated last; `None` for one without a field in it, which never is.
    pub(crate) fn told(&self, rule: usize) -> Option<f64> {
        let rule = self.rules.get(rule)?;
        (!rule.is_constant).then_some(rule.value)
    }

    /// `None` while it is not ready.
    pub(crate) fn value(&self, rule: RuleId) -> Option<f64> {
        let value = self.rules.get(rule.0)?.value;
        (!value.is_nan()).then_some(value)
    }

    /// Whether it was evaluated in this round, is ready and not zero.
    #[inline]
    pub(crate) fn holds(&self, rule: RuleId) -> bool {
        let rule = self.rules.get(rule.0);
        rule.is_some_and(|rule| rule.value.abs() > 0.0 && self.is_new(rule))
    }

    /// Whether it was evaluated in this round. A constant is, but not where time alone closed bars.
    pub(crate) fn ticked(&self, rule: RuleId) -> bool {
        self.rules.get(rule.0).is_some_and(|rule| self.is_new(rule))
    }

    #[inline]
    fn is_new(&self, rule: &Rule) -> bool {
        rule.ticked_at == self.round || (self.is_now && rule.is_constant)
    }

    /// The rules that were evaluated in this round, in order; constants are not among them.
    pub(crate) fn all_ticked(&self) -> &[RuleId] {
        &self.ticked
    }

    /// A new round: nothing has ticked yet. `Now` is one on the records themselves, not on bars that time closed.
    pub(crate) fn begin(&mut self, on: RoundOn) {
        self.round += 1;
        self.is_now = on == RoundOn::Records;
        self.ticked.clear();
    }

    /// It was evaluated; NaN is not ready. Rules come in their order.
    pub(crate) fn set(&mut self, rule: RuleId, value: f64) {
        let known = &mut self.rules[rule.0];
        known.value = value;
        if std::mem::replace(&mut known.ticked_at, self.round) != self.round {
            self.ticked.push(rule);
        }
    }
}

/// What a round of decisions is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundOn {
    /// The records of the moment.
    Records,
    /// Bars that closed because time passed.
    PassedBars,
}
