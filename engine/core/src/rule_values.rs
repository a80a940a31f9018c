//! What the strategies' expressions are worth in a round of decisions, and which of them ticked.

/// Place of an expression among those of all strategies, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(pub(crate) usize);

/// What the strategies' expressions are worth at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleValues {
    /// NaN while not ready.
    values: Vec<f64>,
    /// Number of the round at which each was evaluated last.
    ticked_at: Vec<u64>,
    /// Those without a field in them, which hold or not whenever strategies decide on records.
    is_constant: Vec<bool>,
    round: u64,
    /// Whether constants count in this round.
    is_now: bool,
    /// Rules that were evaluated in this round, in order.
    ticked: Vec<RuleId>,
}

impl RuleValues {
    pub(crate) fn new(count: usize) -> RuleValues {
        RuleValues {
            values: vec![f64::NAN; count],
            ticked_at: vec![0; count],
            is_constant: vec![false; count],
            round: 0,
            is_now: true,
            ticked: Vec::with_capacity(count),
        }
    }

    /// A rule that has this value for ever.
    pub(crate) fn set_constant(&mut self, rule: RuleId, value: f64) {
        self.values[rule.0] = value;
        self.is_constant[rule.0] = true;
    }

    /// Of all rules; NaN while not ready.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Takes over what rules were worth; those without a field in them have their value already.
    pub(crate) fn load(&mut self, values: &[f64]) {
        for (at, value) in values.iter().enumerate() {
            if !self.is_constant[at] {
                self.values[at] = *value;
            }
        }
    }

    /// What a rule was worth when it was evaluated last; `None` for one without a field in it, which never is.
    pub(crate) fn told(&self, rule: usize) -> Option<f64> {
        let is_constant = *self.is_constant.get(rule)?;
        self.values.get(rule).copied().filter(|_| !is_constant)
    }

    /// `None` while it is not ready.
    pub(crate) fn value(&self, rule: RuleId) -> Option<f64> {
        self.values.get(rule.0).copied().filter(|v| !v.is_nan())
    }

    /// Whether it was evaluated in this round. A constant is, but not where time alone closed bars.
    pub(crate) fn ticked(&self, rule: RuleId) -> bool {
        let at = self.ticked_at.get(rule.0).copied();
        at == Some(self.round) || (self.is_now && self.is_constant.get(rule.0) == Some(&true))
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
        self.values[rule.0] = value;
        if std::mem::replace(&mut self.ticked_at[rule.0], self.round) != self.round {
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
