//! What strategies may trade: contracts whose profit is computed truly, all in the account's currency.

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::strategy::Runner;

/// Refuses by name what is traded and cannot be.
pub(super) fn check(config: &CoreConfig, runners: &[Runner]) -> Result<(), CoreError> {
    let mut currency: Option<&str> = None;
    for runner in runners {
        let Some(def) = config.instruments.get(runner.instrument) else {
            continue;
        };
        let owner = || {
            let strategy = config.strategies.get(usize::from(runner.strategy));
            format!(
                "strategy {}",
                strategy.map_or("", |strategy| strategy.name())
            )
        };
        if let Some(why) = def.untradable() {
            return Err(CoreError::Untradable {
                owner: owner(),
                instrument: def.name.clone(),
                why,
            });
        }
        match currency {
            Some(first) if first != def.currency => {
                return Err(CoreError::Setting {
                    owner: owner(),
                    field: "currency of its instrument",
                    value: def.currency.clone(),
                    expected: "the same for all that is traded, as the account has one",
                });
            }
            _ => currency = Some(&def.currency),
        }
    }
    Ok(())
}
