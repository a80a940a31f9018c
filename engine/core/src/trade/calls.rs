//! Which strategies are called in a round of decisions: those for which something changed.
//!
//! Rules and targets act on nothing but their expressions: rules are called when one holds, targets when theirs was evaluated.
//! Code, and rules that hold or not without any field, watch their instrument and their own orders too. Nobody is looked at for whom nothing
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
    pub(super) watchers: Vec<Vec<Watcher>>,
    /// Those among them that are called for every change of the book, by instrument.
    of_book: Vec<Vec<usize>>,
    watches_books: bool,
    watcher_count: usize,
    /// Watchers for which something changed since they were called.
    pub(super) changed: Vec<usize>,
    /// Those of this round, each once, in order.
    called: Vec<usize>,
}

/// A runner that watches its instrument and its orders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watcher {
    pub(super) runner: usize,
    strategy: u8,
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
        let mut of_book = vec![Vec::new(); instruments];
        let mut watcher_count = 0;
        for (at, (runner, calls)) in runners.iter().zip(calls).enumerate() {
            let own = usize::try_from(runner.instrument.0).ok();
            let own = own.and_then(|at| watchers.get_mut(at));
            if let Some((own, calls)) = own.zip(calls) {
                watcher_count += 1;
                own.push(Watcher {
                    runner: at,
                    strategy: runner.strategy,
                });
                if calls == Calls::Book {
                    of_book[runner.instrument.0 as usize].push(at);
                }
            }
        }
        Calling {
            runner_of,
            watchers,
            watches_books: of_book.iter().any(|of_book| !of_book.is_empty()),
            of_book,
            watcher_count,
            changed: Vec::with_capacity(2 * watcher_count),
            called: Vec::with_capacity(runners.len() + watcher_count),
        }
    }

    /// Whether anybody is called for every change of a book.
    #[inline]
    pub(super) fn watches_books(&self) -> bool {
        self.watches_books
    }

    /// Whether nobody is called for more than expressions.
    pub(super) fn has_no_watchers(&self) -> bool {
        self.watcher_count == 0
    }

    /// The runner of an expression.
    pub(super) fn runner_of(&self, rule: RuleId) -> usize {
        self.runner_of[rule.0]
    }

    /// Whether nothing has changed for watchers beside prices and bars.
    #[inline]
    pub(super) fn has_no_news(&self) -> bool {
        self.changed.is_empty()
    }

    /// Takes note of what a record changes for watchers, beside prices and bars. Most records are levels, and most strategies
    /// do not watch the book: nobody is looked at for those.
    #[inline]
    pub(super) fn on_record(&mut self, record: &Record) {
        if self.watcher_count > 0 {
            self.watch_record(record);
        }
    }

    fn watch_record(&mut self, record: &Record) {
        let at = usize::try_from(record.header.instrument).ok();
        match record.kind() {
            Some(Kind::Level | Kind::OrderUpdate) => {
                let of_book = at.and_then(|at| self.of_book.get(at));
                match of_book {
                    Some(of_book) if !of_book.is_empty() => self.changed.extend(of_book),
                    _ => return,
                }
            }
            Some(Kind::Status) => {
                let own = at.and_then(|at| self.watchers.get(at));
                let watchers = match record.instrument() {
                    InstrumentId::NONE => &self.watchers[..],
                    _ => own.map_or(&[][..], std::slice::from_ref),
                };
                let runners = watchers.iter().flatten().map(|watcher| watcher.runner);
                self.changed.extend(runners);
            }
            _ => return,
        }
        self.forget_repeats();
    }

    /// Takes note of orders that changed.
    #[inline]
    pub(super) fn on_orders(&mut self, outputs: &[Record]) {
        if self.watcher_count > 0 {
            self.watch_orders(outputs);
        }
    }

    fn watch_orders(&mut self, outputs: &[Record]) {
        for output in outputs {
            if output.kind() != Some(Kind::Order) {
                continue;
            }
            let strategy = OrderBody::of(output).strategy;
            let at = usize::try_from(output.header.instrument).ok();
            let of_instrument = at.and_then(|at| self.watchers.get(at));
            let of_instrument = of_instrument.map_or(&[][..], |watchers| &watchers[..]);
            let is_own = |watcher: &&Watcher| watcher.strategy == strategy;
            let own = of_instrument.iter().filter(is_own);
            let before = self.changed.len();
            self.changed.extend(own.map(|watcher| watcher.runner));
            if self.changed.len() == before {
                // Code may trade what is not its own instrument; whichever of the strategy's did, all of them are called.
                let all = self.watchers.iter().flatten().filter(is_own);
                self.changed.extend(all.map(|watcher| watcher.runner));
            }
        }
        self.forget_repeats();
    }

    /// Whether a runner watches its instrument and its orders.
    pub(super) fn is_watcher(&self, at: usize, instrument: InstrumentId) -> bool {
        let own = usize::try_from(instrument.0).ok();
        let own = own.and_then(|own| self.watchers.get(own));
        own.is_some_and(|own| own.iter().any(|watcher| watcher.runner == at))
    }

    /// Collects who is to be called in this round; false if nobody is and no expression was evaluated.
    #[inline]
    pub(super) fn collect(&mut self, market: &Market, rules: &RuleValues) -> bool {
        self.called.clear();
        if !rules.has_ticked() && self.watcher_count == 0 {
            return false;
        }
        for rule in rules.calling() {
            let runner = self.runner_of[rule.0];
            if self.called.last() != Some(&runner) {
                self.called.push(runner);
            }
        }
        if self.watcher_count > 0 {
            self.collect_watchers(market);
        }
        rules.has_ticked() || !self.called.is_empty()
    }

    /// The places of those who are to be called.
    pub(super) fn called(&self) -> &[usize] {
        &self.called
    }

    fn collect_watchers(&mut self, market: &Market) {
        let ticked = market.tops().iter().chain(market.lasts());
        let ticked = ticked.map(|tick| tick.instrument);
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
