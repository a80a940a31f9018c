//! Which strategies are called at the end of a moment: those for which something changed in it.
//!
//! Rules and targets act on nothing but their expressions, so those are called of which one was evaluated. Code is called for
//! what changed in its instrument and in its own orders too, and so is what has a constant among its expressions. Nobody is looked at for whom nothing changed: a moment costs
//! the same however many strategies and instruments there are.

use crate::market::Market;
use crate::rule_values::RuleValues;
use crate::strategy::{Calls, Runner, RunnerKind};
use tickloom_types::{InstrumentId, Kind, OrderBody, Record};

/// Who is to be called, by place among the runners.
#[derive(Debug)]
pub(super) struct Calling {
    /// The runner of each expression.
    runner_of: Vec<usize>,
    /// By instrument: the runners that are code, or have an expression that is a constant.
    code: Vec<Vec<Code>>,
    /// By instrument: those among them that are called for every change of the book.
    book: Vec<Vec<Code>>,
    /// Runners in `code`, by place.
    is_code: Vec<bool>,
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
}

impl Calling {
    pub(super) fn new(runners: &[Runner], instruments: usize) -> Calling {
        let mut calling = Calling {
            runner_of: Vec::new(),
            code: vec![Vec::new(); instruments],
            book: vec![Vec::new(); instruments],
            is_code: vec![false; runners.len()],
            code_count: 0,
            changed: Vec::new(),
            called: Vec::with_capacity(2 * runners.len()),
        };
        for (at, runner) in runners.iter().enumerate() {
            calling.runner_of.extend(runner.rules().map(|_| at));
            if let RunnerKind::Code(strategy) = &runner.kind {
                calling.call_for_changes(at, runner);
                let book = of(&mut calling.book, runner.instrument.0);
                let book = book.filter(|_| strategy.calls() == Calls::Book);
                if let Some(book) = book {
                    book.push(Code {
                        runner: at,
                        strategy: runner.strategy,
                    });
                }
            }
        }
        calling
    }

    /// Calls runners with a constant among their expressions for what changes in their instrument too: a constant is never
    /// evaluated anew, and holds whenever they are called.
    pub(super) fn call_constants(&mut self, runners: &[Runner], rules: &RuleValues) {
        for rule in rules.constants() {
            let runner = self.runner_of[rule.0];
            if !self.is_code[runner] {
                self.call_for_changes(runner, &runners[runner]);
            }
        }
    }

    fn call_for_changes(&mut self, at: usize, runner: &Runner) {
        self.is_code[at] = true;
        self.code_count += 1;
        self.changed.reserve(2 * self.code_count);
        if let Some(code) = of(&mut self.code, runner.instrument.0) {
            code.push(Code {
                runner: at,
                strategy: runner.strategy,
            });
        }
    }

    /// Takes note of what a record changes for code, beside prices and bars.
    pub(super) fn on_record(&mut self, record: &Record) {
        if self.code_count == 0 {
            return;
        }
        let concerned = match record.kind() {
            Some(Kind::Status) => &mut self.code,
            Some(Kind::Level | Kind::OrderUpdate) => &mut self.book,
            _ => return,
        };
        let changed = &mut self.changed;
        let mut take = |code: &[Code]| changed.extend(code.iter().map(|code| code.runner));
        if record.instrument() == InstrumentId::NONE {
            concerned.iter().for_each(|code| take(code));
        } else if let Some(code) = of(concerned, record.header.instrument) {
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

    /// A runner has submitted or cancelled orders: code sees at the next moment what became of them.
    pub(super) fn has_intended(&mut self, runner: usize) {
        if self.is_code[runner] {
            self.changed.push(runner);
        }
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
