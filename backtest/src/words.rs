//! What a run has to say for itself in sentences: what it took for granted, and what never came of it. The same for the terminal,
//! JSON and the report.

use crate::sampler::traded;
use tickloom_core::{
    CoreConfig, Expired, FillModel, NeverClosed, NeverReady, StrategyDef, Waiting,
};
use tickloom_types::{InstrumentDef, InstrumentKind, Term, format_decimal};

/// Expressions, or sizes of bars, that are named one by one; of more, how many there are.
const NAMED_MAX: usize = 20;

/// What a run of this configuration takes for granted that a market would not grant, each in a sentence.
#[must_use]
pub fn assumptions(config: &CoreConfig) -> Vec<String> {
    if config.strategies.is_empty() {
        return Vec::new();
    }
    let account = &config.account;
    let mut all = Vec::new();
    if account.fee.nano() == 0 {
        all.push("free of costs: no fee is set, and fills pay no slippage".to_owned());
    } else {
        all.push("fills pay the fee, and no slippage".to_owned());
    }
    if account.fill == FillModel::SameClose {
        all.push(
            "orders fill at the very close that made the decision, at which nobody can trade"
                .to_owned(),
        );
    }
    if account.volume_share.is_none() {
        all.push("every fill is whole, whatever the volume, and moves no price".to_owned());
    }
    if config.strategies.iter().any(may_be_short) {
        all.push("short positions pay nothing for what is borrowed".to_owned());
    }
    if account.margin {
        all.push("cash below zero costs no interest".to_owned());
    }
    let contracts = traded(config).into_iter();
    let defs = contracts.filter_map(|id| config.instruments.get(id));
    let (sentences, more) = (
        defs.filter_map(of_contract),
        "more instruments of which as much is assumed",
    );
    all.extend(some_of(sentences, more));
    all
}

/// What nobody said of what a traded instrument is worth.
fn of_contract(def: &InstrumentDef) -> Option<String> {
    let assumes = |term| def.contract.assumed.contains(&term);
    let mut assumed = Vec::new();
    if assumes(Term::Currency) {
        assumed.push(format!("prices in {}", def.currency));
    }
    if assumes(Term::Multiplier) {
        assumed.push(format!("a multiplier of {}", def.multiplier_text()));
    }
    let mut said = Vec::new();
    if def.contract.kind == Some(InstrumentKind::Index) {
        said.push("an index, which nobody can trade at its value".to_owned());
    }
    if !assumed.is_empty() {
        let assumed = assumed.join(" and ");
        said.push(format!("{assumed}, as nothing says what they are"));
    }
    let mut steps = Vec::new();
    if assumes(Term::Tick) {
        let tick = format_decimal(def.tick_size.into(), def.price_decimals);
        steps.push(format!("a tick of {tick}"));
    }
    if assumes(Term::Lot) {
        let lot = format_decimal(def.lot_size.into(), def.qty_decimals);
        steps.push(format!("a lot of {lot}"));
    }
    if !steps.is_empty() {
        let steps = steps.join(" and ");
        said.push(format!("{steps}, as far as numbers go"));
    }
    (!said.is_empty()).then(|| format!("{}: {}", def.name, said.join("; ")))
}

/// Whether a strategy may sell what it does not hold.
fn may_be_short(strategy: &StrategyDef) -> bool {
    match strategy {
        StrategyDef::Rules { short_enter, .. } => short_enter.is_some(),
        StrategyDef::Target { .. } | StrategyDef::Code { .. } => true,
    }
}

/// What never came of a run, each in a sentence.
#[must_use]
pub fn warnings(never_ready: &[NeverReady], never_closed: &[NeverClosed]) -> Vec<String> {
    let never_ready = never_ready.iter().map(|never| {
        format!(
            "{}: {} {:?} was never ready: {}",
            never.owner, never.field, never.expr, never.why
        )
    });
    let mut all = some_of(never_ready, "more expressions were never ready");
    let told = |sentence: &str| all.iter().any(|known| known.ends_with(sentence));
    let never_closed = never_closed
        .iter()
        .map(|never| format!("no bar of {} of {} closed", never.bar, never.instrument))
        .filter(|sentence| !told(sentence));
    let never_closed: Vec<String> = never_closed.collect();
    all.extend(some_of(
        never_closed.into_iter(),
        "more sizes of bars of which none closed",
    ));
    all
}

/// Which orders wait at the end, and for what, each in a sentence: first those that nobody quotes for, which are rarer than those of the
/// last bar.
#[must_use]
pub fn warnings_of_waiting(waiting: &[Waiting]) -> Vec<String> {
    let (unquoted, others): (Vec<_>, Vec<_>) = waiting.iter().partition(|order| order.is_unquoted);
    let sentences = unquoted.into_iter().chain(others).map(|order| {
        format!(
            "{}: order {} to {} {} still waits at the end: {}",
            order.strategy, order.order, order.side, order.instrument, order.why
        )
    });
    some_of(sentences, "more orders still wait at the end")
}

/// Which instruments a run went on with after their ends, each in a sentence.
#[must_use]
pub fn warnings_of_expired(expired: &[Expired]) -> Vec<String> {
    let sentences = expired.iter().map(|expired| {
        format!(
            "{}: it ends at {}, and the data goes on to {}: what comes after the end counts as what came before",
            expired.instrument, expired.expiry, expired.newest
        )
    });
    some_of(sentences, "more instruments go on after their ends")
}

/// The first sentences, and how many more there are.
fn some_of(sentences: impl Iterator<Item = String>, more: &str) -> Vec<String> {
    let mut all: Vec<String> = sentences.collect();
    let left_out = all.len().saturating_sub(NAMED_MAX);
    if left_out > 0 {
        all.truncate(NAMED_MAX);
        all.push(format!("{left_out} {more}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run;
    use crate::testing::{bars, config};
    use std::ops::ControlFlow;
    use tickloom_core::SignalDef;
    use tickloom_types::Ts;

    #[test]
    fn a_run_without_costs_says_so() {
        let mut config = config("1");
        config.account.fee = "0".parse().unwrap();
        config.account.fill = FillModel::SameClose;
        assert_eq!(
            assumptions(&config),
            [
                "free of costs: no fee is set, and fills pay no slippage",
                "orders fill at the very close that made the decision, at which nobody can trade",
                "every fill is whole, whatever the volume, and moves no price",
            ]
        );
        config.account.fee = "0.001".parse().unwrap();
        config.account.fill = FillModel::NextOpen;
        config.account.volume_share = Some("0.1".parse().unwrap());
        config.account.margin = true;
        assert_eq!(
            assumptions(&config),
            [
                "fills pay the fee, and no slippage",
                "cash below zero costs no interest"
            ]
        );
        config.strategies.clear();
        assert!(assumptions(&config).is_empty());
    }

    #[test]
    fn what_never_came_is_told_once() {
        let mut config = config("1");
        config.signals = vec![
            SignalDef::new("week", "close@1w"),
            SignalDef::new("either", "close > 0 or close@1w > 0"),
            SignalDef::new("long", "sma(close, 4)"),
        ];
        let records = (0..).zip(bars(&[1_000, 1_100, 1_200])).map(Ok);
        let outcome = run(&config, records, &mut |_: u64| ControlFlow::Continue(())).unwrap();
        assert_eq!(
            warnings(&outcome.never_ready, &outcome.never_closed),
            [
                "signal week: expr \"close@1w\" was never ready: no bar of 1w of X closed",
                "signal long: expr \"sma(close, 4)\" was never ready: its windows were never full, \
                 or it was undefined at every event",
            ]
        );
        config.signals.remove(0);
        config.signals.truncate(1);
        let records = (0..).zip(bars(&[1_000, 1_100, 1_200])).map(Ok);
        let outcome = run(&config, records, &mut |_: u64| ControlFlow::Continue(())).unwrap();
        assert_eq!(
            warnings(&outcome.never_ready, &outcome.never_closed),
            ["no bar of 1w of X closed"]
        );
    }

    #[test]
    fn an_order_that_waits_is_told() {
        let order = Waiting {
            strategy: "cross".to_owned(),
            instrument: "X".to_owned(),
            order: 3,
            side: "buy",
            why: "there is no ask",
            is_unquoted: true,
        };
        let told = "cross: order 3 to buy X still waits at the end: there is no ask";
        assert_eq!(warnings_of_waiting(std::slice::from_ref(&order)), [told]);
        // Of thousands the first are told, and it before those that only the end of the data keeps.
        let of_the_last_bar = |number| Waiting {
            order: number,
            why: "nothing came after it that could fill it",
            is_unquoted: false,
            ..order.clone()
        };
        let all = (10..4_510).map(of_the_last_bar).chain([order.clone()]);
        let all = warnings_of_waiting(&all.collect::<Vec<_>>());
        assert_eq!(all.len(), NAMED_MAX + 1);
        assert_eq!(all[0], told);
        assert_eq!(all[NAMED_MAX], "4481 more orders still wait at the end");
    }

    #[test]
    fn what_goes_on_after_its_end_is_told_with_its_times() {
        let expired = Expired {
            instrument: "ESH4".to_owned(),
            expiry: Ts::parse("2024-03-15T13:30:00Z").unwrap(),
            newest: Ts::parse("2024-04-01").unwrap(),
        };
        assert_eq!(
            warnings_of_expired(&[expired]),
            [
                "ESH4: it ends at 2024-03-15T13:30:00Z, and the data goes on to 2024-04-01T00:00:00Z: \
                 what comes after the end counts as what came before"
            ]
        );
    }

    #[test]
    fn very_many_sentences_are_counted() {
        let sentences = (0..25).map(|n| n.to_string());
        let told = some_of(sentences, "more");
        assert_eq!(told.len(), NAMED_MAX + 1);
        assert_eq!(told[NAMED_MAX], "5 more");
    }
}
