//! Strategies as they stand in a configuration: what they trade, and on which conditions.
//!
//! Nothing is compiled here: expressions are text, and what each instrument makes of a size is known when the run starts.

use super::Size;
use crate::config::CoreConfig;
use crate::error::CoreError;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tickloom_types::InstrumentId;

/// What stands for all instruments of a run.
const ALL: &str = "*";

/// What a strategy trades. Over several instruments it runs for each as if that were its only one, on the run's one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Traded {
    /// One instrument by name, or `*` for all of the run.
    One(String),
    /// Several instruments by name.
    Many(Vec<String>),
}

/// A strategy: rules, a target position, or code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StrategyDef {
    /// Conditions for getting in and out, long and short.
    Rules {
        /// Unique name within the run.
        name: String,
        /// What it trades; without it the run's default instrument.
        #[serde(default, alias = "instruments")]
        instrument: Option<Traded>,
        /// Buys when this holds and there is no long position.
        #[serde(default)]
        enter: Option<String>,
        /// Sells the long position when this holds.
        #[serde(default)]
        exit: Option<String>,
        /// Sells short when this holds and there is no short position.
        #[serde(default)]
        short_enter: Option<String>,
        /// Buys the short position back when this holds.
        #[serde(default)]
        short_exit: Option<String>,
        /// Size of an entry.
        size: Size,
    },
    /// The position in units that is wanted: positive long, negative short.
    Target {
        /// Unique name within the run.
        name: String,
        /// What it trades; without it the run's default instrument.
        #[serde(default, alias = "instruments")]
        instrument: Option<Traded>,
        /// The wanted position, rounded toward zero to the instrument's size step.
        target: String,
    },
    /// Code that was compiled in, by its name.
    Code {
        /// Unique name within the run.
        name: String,
        /// What it trades; without it the run's default instrument.
        #[serde(default, alias = "instruments")]
        instrument: Option<Traded>,
        /// Name of the code, such as `trailing_stop`.
        code: String,
        /// Expressions that the code asks for, by the names that it gives them.
        #[serde(default)]
        expressions: BTreeMap<String, String>,
        /// Values that the code asks for, as text.
        #[serde(default)]
        settings: BTreeMap<String, String>,
    },
}

impl StrategyDef {
    /// The strategy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            StrategyDef::Rules { name, .. }
            | StrategyDef::Target { name, .. }
            | StrategyDef::Code { name, .. } => name,
        }
    }

    /// What it says that it trades, if it says so.
    #[must_use]
    pub fn instrument(&self) -> Option<&Traded> {
        match self {
            StrategyDef::Rules { instrument, .. }
            | StrategyDef::Target { instrument, .. }
            | StrategyDef::Code { instrument, .. } => instrument.as_ref(),
        }
    }

    /// The instruments that it trades, each once, in the order in which it names them.
    ///
    /// # Errors
    /// [`CoreError`] if it names none, one twice, or one that the run does not have.
    pub fn traded(&self, config: &CoreConfig) -> Result<Vec<InstrumentId>, CoreError> {
        let owner = || format!("strategy {}", self.name());
        let wrong = |field, value: &str, expected| CoreError::Setting {
            owner: owner(),
            field,
            value: value.to_owned(),
            expected,
        };
        let names = match self.instrument() {
            Some(traded) => traded.names(),
            None => {
                let is_known = |id: &InstrumentId| config.instruments.get(*id).is_some();
                let default = config.default_instrument.filter(is_known);
                let expected = "an instrument, as the run has no default";
                return match default {
                    Some(id) => Ok(vec![id]),
                    None => Err(wrong("instrument", "", expected)),
                };
            }
        };
        let defs = config.instruments.defs();
        let all = || (0_u32..).map(InstrumentId).zip(defs);
        if self.instrument().is_some_and(Traded::is_all) {
            return match defs.is_empty() {
                true => Err(wrong("instruments", ALL, "a run with instruments")),
                false => Ok(all().map(|(id, _)| id).collect()),
            };
        }
        if names.is_empty() {
            return Err(wrong("instruments", "[]", "at least one instrument"));
        }
        let known: BTreeMap<&str, InstrumentId> =
            all().map(|(id, def)| (def.name.as_str(), id)).collect();
        let mut taken = BTreeSet::new();
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id = known.get(name.as_str()).copied();
            let id = id.ok_or_else(|| CoreError::UnknownInstrument {
                owner: owner(),
                name: name.clone(),
            })?;
            if !taken.insert(id) {
                return Err(wrong("instruments", name, "each instrument once"));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// Checks what each value alone cannot say: the same for a file and for a command line.
    ///
    /// # Errors
    /// [`CoreError::Setting`] if rules never open a position, never leave one, or leave one that they never open.
    pub fn check(&self) -> Result<(), CoreError> {
        let StrategyDef::Rules {
            enter,
            exit,
            short_enter,
            short_exit,
            ..
        } = self
        else {
            return Ok(());
        };
        let wrong = |field, value: &Option<String>, expected| {
            Err(CoreError::Setting {
                owner: format!("strategy {}", self.name()),
                field,
                value: value.clone().unwrap_or_default(),
                expected,
            })
        };
        match (enter, exit, short_enter, short_exit) {
            (None, Some(_), _, _) => {
                wrong("exit", exit, "enter beside it: there is nothing to leave")
            }
            (_, _, None, Some(_)) => wrong(
                "short_exit",
                short_exit,
                "short_enter beside it: there is nothing to leave",
            ),
            (None, _, None, _) => wrong(
                "enter",
                enter,
                "a condition, or short_enter: nothing is traded",
            ),
            (Some(_), None, None, _) => {
                wrong("exit", exit, "a condition, or short_enter: when to leave")
            }
            (None, _, Some(_), None) => wrong(
                "short_exit",
                short_exit,
                "a condition, or enter: when to leave",
            ),
            _ => Ok(()),
        }
    }

    /// Its expressions in the order in which they are numbered for each instrument, each with its field.
    pub(crate) fn expressions(&self) -> Vec<(&'static str, &str)> {
        match self {
            StrategyDef::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                ..
            } => [
                ("enter", enter),
                ("exit", exit),
                ("short_enter", short_enter),
                ("short_exit", short_exit),
            ]
            .into_iter()
            .filter_map(|(field, text)| Some((field, text.as_deref()?)))
            .collect(),
            StrategyDef::Target { target, .. } => vec![("target", target)],
            StrategyDef::Code { expressions, .. } => expressions
                .values()
                .map(|text| ("expressions", text.as_str()))
                .collect(),
        }
    }
}

impl Traded {
    /// Whether it stands for all instruments of the run.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.names() == [ALL]
    }

    /// The names as they are written.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Traded::One(name) => std::slice::from_ref(name),
            Traded::Many(names) => names,
        }
    }
}

impl From<&str> for Traded {
    fn from(name: &str) -> Traded {
        Traded::One(name.to_owned())
    }
}

impl<'de> Deserialize<'de> for Traded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Traded, D::Error> {
        from.deserialize_any(TradedVisitor)
    }
}

struct TradedVisitor;

impl<'de> Visitor<'de> for TradedVisitor {
    type Value = Traded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an instrument, a list of names, or \"*\" for all instruments")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Traded, E> {
        Ok(Traded::One(name.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Traded, A::Error> {
        let mut all = Vec::new();
        while let Some(name) = names.next_element()? {
            all.push(name);
        }
        Ok(Traded::Many(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::InstrumentDef;

    fn rules(texts: [Option<&str>; 4]) -> StrategyDef {
        let [enter, exit, short_enter, short_exit] = texts.map(|text| text.map(str::to_owned));
        StrategyDef::Rules {
            name: "s".to_owned(),
            instrument: None,
            enter,
            exit,
            short_enter,
            short_exit,
            size: Size::All,
        }
    }

    #[test]
    fn expressions_are_numbered_in_a_fixed_order() {
        let def = rules([Some("a"), None, Some("c"), None]);
        assert_eq!(def.expressions(), [("enter", "a"), ("short_enter", "c")]);
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        let check = |texts: [&str; 4], expected: Option<&str>| {
            let def = rules(texts.map(|text| (!text.is_empty()).then_some(text)));
            let error = def.check().err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected, "{texts:?}");
        };
        check(["a", "b", "", ""], None);
        check(["", "", "a", "b"], None);
        check(["a", "", "b", ""], None);
        check(["a", "b", "c", ""], None);
        check(["a", "b", "c", "d"], None);
        check(
            ["", "b", "", ""],
            Some("strategy s: exit is \"b\", expected enter beside it: there is nothing to leave"),
        );
        check(
            ["", "b", "c", "d"],
            Some("strategy s: exit is \"b\", expected enter beside it: there is nothing to leave"),
        );
        check(
            ["a", "b", "", "d"],
            Some(
                "strategy s: short_exit is \"d\", expected short_enter beside it: there is nothing to leave",
            ),
        );
        check(
            ["", "", "", ""],
            Some(
                "strategy s: enter is \"\", expected a condition, or short_enter: nothing is traded",
            ),
        );
        check(
            ["a", "", "", ""],
            Some("strategy s: exit is \"\", expected a condition, or short_enter: when to leave"),
        );
        check(
            ["", "", "a", ""],
            Some("strategy s: short_exit is \"\", expected a condition, or enter: when to leave"),
        );
    }

    #[test]
    fn what_a_strategy_trades_is_one_name_several_or_all() {
        let mut config = CoreConfig::default();
        for name in ["a", "b", "c"] {
            let def = InstrumentDef::new(name, 2, 0, "USD");
            config.instruments.add(def).unwrap();
        }
        let check = |field: &str, expected: Result<&[u32], &str>| {
            let text = format!(r#"{{"kind":"target","name":"s","target":"1"{field}}}"#);
            let def: StrategyDef = serde_json::from_str(&text).unwrap();
            let again = serde_json::to_string(&def).unwrap();
            assert_eq!(serde_json::from_str::<StrategyDef>(&again).unwrap(), def);
            let found = def.traded(&config).map_err(|error| error.to_string());
            let ids = expected.map(|ids| ids.iter().copied().map(InstrumentId).collect());
            assert_eq!(found, ids.map_err(str::to_owned), "{text}");
        };
        check(r#","instrument":"b""#, Ok(&[1]));
        check(r#","instruments":["c","a"]"#, Ok(&[2, 0]));
        check(r#","instruments":"*""#, Ok(&[0, 1, 2]));
        check(
            "",
            Err(
                "strategy s: instrument is \"\", expected an instrument, as the run has no default",
            ),
        );
        check(
            r#","instruments":[]"#,
            Err("strategy s: instruments is \"[]\", expected at least one instrument"),
        );
        check(
            r#","instruments":["a","b","a"]"#,
            Err("strategy s: instruments is \"a\", expected each instrument once"),
        );
        check(
            r#","instruments":["a","d"]"#,
            Err("strategy s: there is no instrument \"d\" in this run"),
        );
        let both =
            r#"{"kind":"target","name":"s","target":"1","instrument":"a","instruments":["b"]}"#;
        assert!(serde_json::from_str::<StrategyDef>(both).is_err());
        let wrong = r#"{"kind":"target","name":"s","target":"1","instruments":3}"#;
        let error = serde_json::from_str::<StrategyDef>(wrong).unwrap_err();
        assert!(error.to_string().contains("a list of names"), "{error}");
    }
}
