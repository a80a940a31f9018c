//! All expressions of a run in their one order, and what the market must make for them.

use crate::bars::BarBuilder;
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::{BARS_MAX, EXPRESSIONS_MAX};
use crate::market::Market;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use tickloom_signals::{Clock, Expr, ExprError, Graph, GraphBuilder, OutputId, Scope, parse};
use tickloom_types::{BarSpec, InstrumentId, pow10};

/// An expression as it is configured.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    /// What it belongs to, such as `strategy cross`.
    owner: String,
    field: &'static str,
    text: String,
    instrument: Option<InstrumentId>,
    /// Number of the same expression for the first instrument of a strategy that trades several.
    original: Option<usize>,
}

/// What an expression belongs to.
pub(crate) struct Named {
    /// Such as `strategy cross`.
    pub(crate) owner: String,
    /// The setting that holds it.
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

impl Expression {
    fn wrong(&self, source: ExprError) -> CoreError {
        CoreError::Expression {
            owner: self.owner.clone(),
            field: self.field,
            source: Box::new(source),
        }
    }
}

/// A graph of expressions, and which of its outputs each is, in their order.
pub(crate) type Compiled = (Graph, Vec<OutputId>);

/// All expressions of a run, in order.
#[derive(Clone, Debug)]
pub(crate) struct Expressions {
    all: Vec<Expression>,
    /// How many of them, from the first, are signals.
    pub(crate) signals: usize,
}

impl Expressions {
    /// Lists them.
    ///
    /// # Errors
    /// [`CoreError`] if a name is there twice, an instrument is not there, or there are too many.
    pub(crate) fn new(config: &CoreConfig) -> Result<Expressions, CoreError> {
        check_unique("signal", config.signals.iter().map(|def| def.name.as_str()))?;
        check_unique("strategy", config.strategies.iter().map(|def| def.name()))?;
        let signals = config.signals.iter().map(|def| Expression {
            owner: format!("signal {}", def.name),
            field: "expr",
            text: def.expr.clone(),
            instrument: config.default_instrument,
            original: None,
        });
        let mut all: Vec<Expression> = signals.collect();
        for strategy in &config.strategies {
            let expressions = strategy.expressions();
            let traded = strategy.traded(config)?;
            let is_one_of_many = traded.len() > 1;
            let first = all.len();
            for instrument in traded {
                let mut owner = format!("strategy {}", strategy.name());
                if let Some(def) = config
                    .instruments
                    .get(instrument)
                    .filter(|_| is_one_of_many)
                {
                    owner = format!("{owner} on {}", def.name);
                }
                let copies = expressions.iter().zip(first..);
                all.extend(copies.map(|((field, text), original)| Expression {
                    owner: owner.clone(),
                    field,
                    text: (*text).to_owned(),
                    instrument: Some(instrument),
                    original: is_one_of_many.then_some(original),
                }));
            }
        }
        if all.len() > EXPRESSIONS_MAX {
            return Err(CoreError::TooManyExpressions(all.len()));
        }
        Ok(Expressions {
            all,
            signals: config.signals.len(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// What the expression with this number belongs to, and its text.
    pub(crate) fn name(&self, number: usize) -> Named {
        let expression = &self.all[number];
        Named {
            owner: expression.owner.clone(),
            field: expression.field,
            text: expression.text.clone(),
        }
    }

    /// What the copies of an expression for the instruments of one strategy have in common; `None` if there is one alone.
    pub(crate) fn original(&self, number: usize) -> Option<usize> {
        self.all[number].original
    }

    /// Checks that every parameter stands in some expression.
    ///
    /// # Errors
    /// [`CoreError::UnusedParameter`] for the first that does not; [`CoreError::Expression`] if one cannot be read.
    pub(crate) fn check_parameters(&self, config: &CoreConfig) -> Result<(), CoreError> {
        if config.parameters.is_empty() {
            return Ok(());
        }
        let mut used = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for expression in &self.all {
            if !seen.insert(expression.text.as_str()) {
                continue;
            }
            let parsed = parse(&expression.text).map_err(|source| expression.wrong(source))?;
            used.extend(parsed.parameters().into_iter().map(str::to_owned));
        }
        match config.parameters.keys().find(|name| !used.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(CoreError::UnusedParameter {
                name: name.clone(),
                used: used.into_iter().collect(),
            }),
        }
    }

    pub(crate) fn rules(&self) -> usize {
        self.len() - self.signals
    }

    /// Compiles a share of them into one graph.
    ///
    /// # Errors
    /// [`CoreError::Expression`] with the owner and the place in its text.
    pub(crate) fn compile(
        &self,
        share: Range<usize>,
        config: &CoreConfig,
    ) -> Result<Compiled, CoreError> {
        let mut builder = GraphBuilder::new();
        let mut outputs = Vec::with_capacity(share.len());
        // Copies of an expression for many instruments are one text.
        let mut parsed: BTreeMap<&str, Expr> = BTreeMap::new();
        for expression in &self.all[share] {
            let text = expression.text.as_str();
            let expr = match parsed.entry(text) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let expr = parse(text).map_err(|source| expression.wrong(source))?;
                    new.insert(expr)
                }
            };
            let scope = Scope {
                instruments: &config.instruments,
                default_instrument: expression.instrument,
                default_bar: config.default_bar,
                parameters: &config.parameters,
            };
            let output = builder.add(expr, &scope);
            outputs.push(output.map_err(|source| expression.wrong(source))?);
        }
        Ok((builder.build(), outputs))
    }
}

/// A market that makes all bars that the graph's leaves need.
///
/// # Errors
/// [`CoreError`] if a bar size does not fit its instrument, or there are too many.
pub(crate) fn market_for(graph: &Graph, config: &CoreConfig) -> Result<Market, CoreError> {
    let mut wanted: BTreeSet<(InstrumentId, BarSpec)> = BTreeSet::new();
    for leaf in graph.leaves() {
        if let Clock::Bar(spec) = leaf.clock {
            wanted.insert((leaf.instrument, spec));
        }
    }
    if wanted.len() > BARS_MAX {
        return Err(CoreError::TooManyBars(wanted.len()));
    }
    let mut instruments = config.instruments.clone();
    let mut builders = Vec::with_capacity(wanted.len());
    for (id, spec) in wanted {
        let source = instruments.bar_source(spec)?;
        let def = instruments
            .get(id)
            .expect("leaves are of known instruments");
        let builder = BarBuilder::new(id, spec, source, pow10(def.qty_decimals));
        let mut builder = builder.ok_or_else(|| CoreError::BarSize {
            spec,
            instrument: def.name.clone(),
        })?;
        if config.given_bars.contains(&spec) {
            builder.await_given();
        }
        builders.push(builder);
    }
    Ok(Market::new(instruments, builders, config.stale_after))
}

fn check_unique<'a>(
    kind: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), CoreError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(CoreError::Twice {
                kind,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}
