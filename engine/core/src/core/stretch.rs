//! Many records at once: what [`Core::step`] does one by one, with less to do where nothing comes of a record.
//!
//! Quotes of one instrument that follow each other are a stretch. Expressions do not depend on what is traded, so they are evaluated
//! for all its quotes first, a node at a time. Then only those records are stepped at which something can happen: a signal
//! changes, a condition holds that matters to what is held, an order waits, or whoever looks on wants to see one. All others are
//! passed: the next one overwrites what they say.

use super::Core;
use crate::market::Market;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::RuleId;
use crate::signal_stage::Ahead;
use crate::strategy::Runner;
use tickloom_types::{InstrumentId, Record, Seq, Ts};

/// Records below which a stretch is no gain.
const RECORDS_MIN: usize = 8;

/// Who looks on while [`Core::steps`] takes records.
pub trait Steps {
    /// From which event time on a record is to be shown by [`Steps::stepped`], whatever comes of it.
    fn due(&self) -> Ts;

    /// These quotes passed: nothing came of them, none ends a moment at or after [`Steps::due`], and they are whole moments but
    /// perhaps for the end of the last one.
    fn passed(&mut self, quotes: &[Record]);

    /// A record was taken in; what it caused, and what there is now.
    fn stepped(&mut self, seq: Seq, record: &Record, outputs: &Outputs, now: Now<'_>);
}

/// What there is after a record.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// Cash and positions.
    pub portfolio: &'a Portfolio,
    /// The market.
    pub market: &'a Market,
}

/// What the records of a stretch are walked through with.
struct Walk<'a> {
    seqs: &'a [Seq],
    records: &'a [Record],
    /// Expressions evaluated at the ends of the moments of these records.
    ahead: &'a Ahead,
    instrument: InstrumentId,
    /// Whether every price is looked at.
    visits_all: bool,
}

impl Core {
    /// Takes records, each with its sequence at the same place, as [`Core::step`] takes one after the other. What those caused
    /// that are shown to `on` is all that any caused; `out` is used for it.
    pub fn steps(
        &mut self,
        seqs: &[Seq],
        records: &[Record],
        out: &mut Outputs,
        on: &mut impl Steps,
    ) {
        let count = seqs.len().min(records.len());
        let may_stretch = self.decider.trade.has_expressions_alone();
        let mut at = 0;
        while at < count {
            let plain = if may_stretch {
                self.market.plain_quotes(&records[at..count])
            } else {
                count - at
            };
            let rows = at..at + plain.max(1);
            let (seqs, records) = (&seqs[rows.clone()], &records[rows.clone()]);
            if !may_stretch || plain < RECORDS_MIN || !self.stretch(seqs, records, out, on) {
                for (seq, record) in seqs.iter().zip(records) {
                    self.step(*seq, record, out);
                    on.stepped(*seq, record, out, self.now());
                }
            }
            at = rows.end;
        }
    }

    /// Takes plain quotes of one instrument; whether they can be taken together.
    fn stretch(
        &mut self,
        seqs: &[Seq],
        records: &[Record],
        out: &mut Outputs,
        on: &mut impl Steps,
    ) -> bool {
        let Some(instrument) = records.first().map(Record::instrument) else {
            return true;
        };
        let Some(mut ahead) = self.stage.take_ahead(instrument) else {
            return false;
        };
        let visits_all = self.decider.trade.looks_at_every_price();
        let mut from = 0;
        while from < records.len() {
            let count = self.stage.evaluate_ahead(&records[from..], &mut ahead);
            let rows = from..from + count;
            from = rows.end;
            self.stage
                .was_ready_ahead(&ahead, &mut self.decider.was_ready);
            let walk = Walk {
                seqs: &seqs[rows.clone()],
                records: &records[rows],
                ahead: &ahead,
                instrument,
                visits_all,
            };
            self.walk(&walk, out, on);
        }
        self.stage.put_ahead(instrument, ahead);
        true
    }

    /// Visits the records at which something can happen, and passes all others but the last.
    fn walk(&mut self, walk: &Walk<'_>, out: &mut Outputs, on: &mut impl Steps) {
        let (records, ends) = (walk.records, walk.ahead.ends());
        let (mut at, mut row) = (0, 0);
        // The row of the next event, as long as nothing has changed since it was looked for.
        let mut event = None;
        while at < records.len() {
            let is_awaited = walk.visits_all || self.market.is_in_moment() || self.awaits(walk);
            if is_awaited {
                event = None;
            } else {
                let next = *event.get_or_insert_with(|| self.next_event(walk.ahead, row));
                let until = ends.get(next).copied().unwrap_or(records.len() - 1);
                let due = on.due().0;
                let mut quiet = records[at..until].iter();
                let quiet = quiet.position(|record| record.header.ts_event >= due);
                let quiet = &records[at..quiet.map_or(until, |count| at + count)];
                if !quiet.is_empty() {
                    row += self.market.pass_quotes(walk.instrument, quiet);
                    on.passed(quiet);
                    at += quiet.len();
                }
            }
            self.visit((walk.seqs[at], &records[at]), walk.ahead, row, out);
            on.stepped(walk.seqs[at], &records[at], out, self.now());
            if !self.market.is_in_moment() {
                if event == Some(row) {
                    event = None;
                }
                row += 1;
            }
            at += 1;
        }
    }

    /// A step of a record whose expressions were evaluated already.
    fn visit(
        &mut self,
        (seq, record): (Seq, &Record),
        ahead: &Ahead,
        row: usize,
        out: &mut Outputs,
    ) {
        let Core {
            market,
            stage,
            decider,
        } = self;
        out.clear();
        market.apply(seq, record, out);
        decider.match_orders(seq, record, market, out);
        while market.next_round() {
            decider.begin(market);
            stage.tell_ahead(ahead, row, |change| decider.take(seq, market, &change, out));
            decider.decide(seq, market, out);
        }
    }

    /// Whether an order waits that a quote may fill, or that a strategy looks at whose expressions tick.
    fn awaits(&self, walk: &Walk<'_>) -> bool {
        let trade = &self.decider.trade;
        trade.has_orders(walk.instrument)
            || self
                .runners(walk.ahead)
                .any(|runner| trade.has_orders(runner.instrument))
    }

    /// The first row from `row` on in which something can happen while no order waits; the number of rows if nothing can.
    fn next_event(&self, ahead: &Ahead, row: usize) -> usize {
        let mut end = self.stage.next_change(ahead, row, ahead.ends().len());
        let portfolio = self.decider.trade.portfolio();
        for runner in self.runners(ahead) {
            let held = portfolio.position(runner.strategy, runner.instrument).qty();
            let first = self.decider.signals + runner.rules().start;
            let column = |place: usize| self.stage.column_ahead(ahead, first + place);
            end = runner.next_event(held, row..end, column);
        }
        end
    }

    /// The strategies of which some expression ticks with these quotes.
    fn runners<'a>(&'a self, ahead: &'a Ahead) -> impl Iterator<Item = &'a Runner> {
        let trade = &self.decider.trade;
        let rules = self.stage.numbers(ahead);
        let rules = rules.filter_map(|number| number.checked_sub(self.decider.signals));
        let mut before = None;
        let runners = rules.map(|rule| trade.runner_of(RuleId(rule)));
        runners
            .filter(move |runner| before.replace(*runner) != Some(*runner))
            .map(|runner| &trade.runners()[runner])
    }
}
