//! Which strategies are called in a round of decisions: those for which something changed.
//!
//! Rules and targets act on nothing but their expressions, so those are called of which one was evaluated. Code, and rules
//! that hold or not without any field, watch their instrument and their own orders too. Nobody is looked at for whom nothing
//! changed: a round costs the same however many strategies and instruments there are.

use crate::market::Market;
use crate::rule_values::{RuleId, RuleValues};
use crate::strategy::{Calls, Runner, RunnerKind};
use tickloom_types::{InstrumentId, Kind, OrderBody, Record};

/// Who is to be called, by place among the runners.
#[derive(Debug)]
pub(super) struct Calling {
    /// The runner of each expression.
    runner_of: Vec<usize>,
    /// Those that are called for more than their expressions, by instrument.
    watchers: Vec<Vec<Watcher>>,
    watcher_count: usize,
    /// Watchers for which something changed since they were called.
    changed: Vec<usize>,
    /// Those of this round, each once, in order.
    called: Vec<usize>,
}

/// A runner that watches its instrument and its orders.
#[derive(Clone, Copy, Debug)]
struct Watcher {
    runner: usize,
    strategy: u8,
    calls: Calls,
}

impl Calling {
    /// `constants` are the rules without a field in them.
    pub(super) fn new(
        runners: &[Runner],
        instruments: usize,
        constants: impl Iterator<Item = RuleId>,
    ) -> Calling {
        let mut runner_of = Vec::new();
        let mut calls = Vec::with_capacity(runners.len());
        for (at, runner) in runners.iter().enumerate() {
            runner_of.extend(runner.rules().map(|_| at));
            calls.push(match &runner.kind {
                RunnerKind::Code(code) => Some(code.calls()),
                RunnerKind::Rules(_) | RunnerKind::Target(_) => None,
            });
        }
        for constant in constants {
            calls[runner_of[constant.0]].get_or_insert(Calls::Changes);
        }
        let mut watchers: Vec<Vec<Watcher>> = vec![Vec::new(); instruments];
        let mut watcher_count = 0;
        for (at, (runner, calls)) in runners.iter().zip(calls).enumerate() {
            let own = usize::try_from(runner.instrument.0).ok();
            let own = own.and_then(|at| watchers.get_mut(at));
            if let Some((own, calls)) = own.zip(calls) {
                watcher_count += 1;
                own.push(Watcher {
                    runner: at,
                    strategy: runner.strategy,
                    calls,
                });
            }
        }
        Calling {
            runner_of,
            watchers,
            watcher_count,
            changed: Vec::with_capacity(2 * watcher_count),
            called: Vec::with_capacity(runners.len() + watcher_count),
        }
    }

    /// Takes note of what a record changes for watchers, beside prices and bars.
    pub(super) fn on_record(&mut self, record: &Record) {
        if self.watcher_count == 0 {
            return;
        }
        let least = match record.kind() {
            Some(Kind::Status) => Calls::Changes,
            Some(Kind::Level | Kind::OrderUpdate) => Calls::Book,
            _ => return,
        };
        let concerns = |watcher: &&Watcher| least == Calls::Changes || watcher.calls == Calls::Book;
        let of_all = record.instrument() == InstrumentId::NONE;
        let watchers = match usize::try_from(record.header.instrument) {
            Ok(at) if !of_all => self.watchers.get(at).map_or(&[][..], std::slice::from_ref),
            _ => &self.watchers[..],
        };
        let concerned = watchers.iter().flatten().filter(concerns);
        self.changed.extend(concerned.map(|watcher| watcher.runner));
        self.forget_repeats();
    }

    /// Takes note of orders that changed.
    pub(super) fn on_orders(&mut self, outputs: &[Record]) {
        if self.watcher_count == 0 {
            return;
        }
        for output in outputs {
            if output.kind() != Some(Kind::Order) {
                continue;
            }
            let strategy = OrderBody::of(output).strategy;
            let at = usize::try_from(output.header.instrument).ok();
            let watchers = at
                .and_then(|at| self.watchers.get(at))
                .into_iter()
                .flatten();
            let own = watchers.filter(|watcher| watcher.strategy == strategy);
            self.changed.extend(own.map(|watcher| watcher.runner));
        }
        self.forget_repeats();
    }

    /// Collects who is to be called in this round; false if nobody is.
    pub(super) fn collect(&mut self, market: &Market, rules: &RuleValues) -> bool {
        self.called.clear();
        for rule in rules.all_ticked() {
            let runner = self.runner_of[rule.0];
            if self.called.last() != Some(&runner) {
                self.called.push(runner);
            }
        }
        if self.watcher_count > 0 {
            self.collect_watchers(market);
        }
        !self.called.is_empty()
    }

    /// The places of those who are to be called.
    pub(super) fn called(&self) -> &[usize] {
        &self.called
    }

    fn collect_watchers(&mut self, market: &Market) {
        let ticked = market.ticks().iter().map(|tick| tick.instrument);
        let closed = market.closed_bars().iter();
        let closed = closed.filter_map(|bar| usize::try_from(bar.header.instrument).ok());
        for instrument in ticked.chain(closed) {
            let watchers = self.watchers.get(instrument).into_iter().flatten();
            self.called.extend(watchers.map(|watcher| watcher.runner));
        }
        self.called.extend(&self.changed);
        // Bars that time closed are shown as of before the records; what those changed themselves is not to be seen yet.
        if market.is_now() {
            self.changed.clear();
        }
        self.called.sort_unstable();
        self.called.dedup();
    }

    /// A long moment may change the same many times: the list stays as short as there are watchers.
    fn forget_repeats(&mut self) {
        if self.changed.len() > self.watcher_count {
            self.changed.sort_unstable();
            self.changed.dedup();
        }
    }
}
