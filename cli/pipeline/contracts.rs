//! A recorded run goes on with the definitions that it began with, though this version knows more of what is traded.

use crate::config::Settings;
use std::path::Path;
use tickloom_core::CoreConfig;
use tickloom_journal::read_journal_meta;
use tickloom_types::{Contract, InstrumentDef, Instruments};

/// Takes the instruments of the last run in the record directory, if those of the settings differ from them only in what was not
/// known of contracts when it began: the run goes on then, and does not count as one with other settings.
pub(crate) fn keep(settings: &mut Settings) {
    let last = settings.record.dir.as_deref().and_then(configured);
    let now = &settings.core.instruments;
    if let Some(last) = last.filter(|last| knows_less(last, now)) {
        settings.core.instruments = last;
    }
}

/// The instruments that the last run was configured with. What cannot be read is told of when the run is opened.
fn configured(dir: &Path) -> Option<Instruments> {
    let journals = std::fs::read_dir(dir.join("journal")).ok()?;
    let journals = journals.filter_map(|entry| Some(entry.ok()?.path()));
    let last = journals.filter(|path| path.is_dir()).max()?;
    let meta = read_journal_meta(&last).ok().flatten()?;
    let config: CoreConfig = serde_json::from_str(&meta.config).ok()?;
    Some(config.instruments)
}

fn knows_less(before: &Instruments, now: &Instruments) -> bool {
    let is_less = |(before, now): (&InstrumentDef, &InstrumentDef)| {
        let plain = InstrumentDef {
            contract: Contract::default(),
            ..now.clone()
        };
        before == now || *before == plain
    };
    before != now
        && before.sources() == now.sources()
        && before.len() == now.len()
        && before.defs().iter().zip(now.defs()).all(is_less)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(defs: &[&InstrumentDef]) -> Instruments {
        let mut all = Instruments::new();
        for def in defs {
            all.add((*def).clone()).unwrap();
        }
        all
    }

    #[test]
    fn only_what_was_not_known_may_differ() {
        let now = InstrumentDef::of_name("binance.BTCUSDT", 8, 8);
        let before = InstrumentDef::new("binance.BTCUSDT", 8, 8, "USDT");
        let other = InstrumentDef::of_name("binance.ETHUSDT", 8, 8);
        assert!(knows_less(&all(&[&before]), &all(&[&now])));
        let both = all(&[&now, &other]);
        assert!(knows_less(&all(&[&before, &other]), &both));
        // The same, more instruments, another currency, and what was known and is not any more are no such thing.
        assert!(!knows_less(&all(&[&now]), &all(&[&now])));
        assert!(!knows_less(&all(&[&before]), &both));
        let euro = InstrumentDef::new("binance.BTCUSDT", 8, 8, "EUR");
        assert!(!knows_less(&all(&[&euro]), &all(&[&now])));
        assert!(!knows_less(&all(&[&now]), &all(&[&before])));
    }
}
