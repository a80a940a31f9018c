//! Signals and the strategies' expressions.

/// Place of an expression among those of all strategies, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(pub(crate) usize);

/// What the strategies' expressions are worth after this step.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleValues {
    /// NaN while not ready.
    values: Vec<f64>,
    ticked: Vec<bool>,
}

impl RuleValues {
    /// `None` while it is not ready.
    pub(crate) fn value(&self, rule: RuleId) -> Option<f64> {
        self.values.get(rule.0).copied().filter(|v| !v.is_nan())
    }

    /// Whether it was evaluated in this step.
    pub(crate) fn ticked(&self, rule: RuleId) -> bool {
        self.ticked.get(rule.0).copied().unwrap_or(false)
    }
}
