//! Which strategies are called at the end of a moment: those for which something changed in it.
//!
//! Rules and targets act on nothing but their expressions, so those are called of which one was evaluated. Code is called for
//! what changed in its instrument and in its own orders too. Nobody is looked at for whom nothing changed: a moment costs
//! the same however many strategies and instruments there are.

use crate::market::Market;
use crate::signal_stage::RuleValues;
use crate::strategy::{Calls, Runner, RunnerKind};
use tickloom_types::{InstrumentId, Kind, OrderBody, Record};

/// Who is to be called, by place among the runners.
#[derive(Debug)]
pub(super) struct Calling {
    /// The runner of each expression.
    runner_of: Vec<usize>,
    /// The runners that are code, by instrument.
    code: Vec<Vec<Code>>,
    /// How many runners are code.
    code_count: usize,
    /// Code for which something changed since it was called.
    changed: Vec<usize>,
    /// Those of this moment, each once, in order.
    called: Vec<usize>,
}

/// A runner that is code.
#[derive(Clone, Copy, Debug)]
struct Code {
    runner: usize,
    strategy: u8,
    calls: Calls,
}

impl Calling {
    pub(super) fn new(runners: &[Runner], instruments: usize) -> Calling {
        let mut code: Vec<Vec<Code>> = vec![Vec::new(); instruments];
        let mut runner_of = Vec::new();
        let mut code_count = 0;
        for (at, runner) in runners.iter().enumerate() {
            runner_of.extend(runner.rules().map(|_| at));
            let RunnerKind::Code(strategy) = &runner.kind else {
                continue;
            };
            code_count += 1;
            if let Some(code) = of(&mut code, runner.instrument.0) {
                code.push(Code {
                    runner: at,
                    strategy: runner.strategy,
                    calls: strategy.calls(),
                });
            }
        }
        Calling {
            runner_of,
            code,
            code_count,
            changed: Vec::with_capacity(2 * code_count),
            called: Vec::with_capacity(runners.len() + code_count),
        }
    }

    /// Takes note of what a record changes for code, beside prices and bars.
    pub(super) fn on_record(&mut self, record: &Record) {
        if self.code_count == 0 {
            return;
        }
        let least = match record.kind() {
            Some(Kind::Status) => Calls::Changes,
            Some(Kind::Level | Kind::OrderUpdate) => Calls::Book,
            _ => return,
        };
        let concerned = |code: &&Code| least == Calls::Changes || code.calls == Calls::Book;
        let changed = &mut self.changed;
        let mut take = |code: &[Code]| {
            changed.extend(code.iter().filter(concerned).map(|code| code.runner));
        };
        if record.instrument() == InstrumentId::NONE {
            self.code.iter().for_each(|code| take(code));
        } else if let Some(code) = of(&mut self.code, record.header.instrument) {
            take(code);
        }
        self.forget_repeats();
    }

    /// Takes note of orders that changed.
    pub(super) fn on_orders(&mut self, outputs: &[Record]) {
        if self.code_count == 0 {
            return;
        }
        for output in outputs {
            if output.kind() != Some(Kind::Order) {
                continue;
            }
            let strategy = OrderBody::of(output).strategy;
            let code = of(&mut self.code, output.header.instrument);
            let code = code.map_or(&[][..], |code| &code[..]);
            let own = code.iter().filter(|code| code.strategy == strategy);
            self.changed.extend(own.map(|code| code.runner));
        }
        self.forget_repeats();
    }

    /// Code has submitted or cancelled orders: it sees at the next moment what became of them.
    pub(super) fn has_intended(&mut self, runner: usize) {
        self.changed.push(runner);
    }

    /// Collects who is to be called at the end of a moment; false if nobody is.
    pub(super) fn collect(&mut self, record: &Record, market: &Market, rules: &RuleValues) -> bool {
        self.called.clear();
        for rule in rules.all_ticked() {
            let runner = self.runner_of[rule.0];
            if self.called.last() != Some(&runner) {
                self.called.push(runner);
            }
        }
        if self.code_count > 0 {
            self.collect_code(record, market);
        }
        !self.called.is_empty()
    }

    /// The places of those who are to be called.
    pub(super) fn called(&self) -> &[usize] {
        &self.called
    }

    fn collect_code(&mut self, record: &Record, market: &Market) {
        let ticked = market.ticks().iter().map(|tick| tick.instrument);
        let closed = market.closed_bars().iter();
        let closed = closed.filter_map(|bar| usize::try_from(bar.header.instrument).ok());
        for instrument in ticked.chain(closed) {
            let code = self.code.get(instrument).map_or(&[][..], |code| &code[..]);
            self.called.extend(code.iter().map(|code| code.runner));
        }
        self.called.extend(&self.changed);
        // Bars that time closed are shown as of before the record; what the record itself changed is not to be seen yet.
        if record.kind() != Some(Kind::BarClosed) {
            self.changed.clear();
        }
        self.called.sort_unstable();
        self.called.dedup();
    }

    /// A long moment may change the same many times: the list stays as short as there is code.
    fn forget_repeats(&mut self) {
        if self.changed.len() > self.code_count {
            self.changed.sort_unstable();
            self.changed.dedup();
        }
    }
}

fn of(code: &mut [Vec<Code>], instrument: u32) -> Option<&mut Vec<Code>> {
    code.get_mut(usize::try_from(instrument).ok()?)
}
