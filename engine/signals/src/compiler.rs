//! The meaning of an expression: resolves names against a scope, folds constants, and asks the builder for nodes.

mod calls;
mod together;

use crate::builder::{GraphBuilder, Input};
use crate::error::{Fault, Problem};
use crate::expr::{FieldRef, Node, NodeKind};
use crate::field::{Clock, Leaf, Scope};
use crate::ops::exact::Divisor;
use crate::ops::{Op, Unary, scalar, scale};
use tickloom_types::{InstrumentDef, InstrumentId};

/// A sub-expression: a number that never changes, or a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Term {
    Constant(f64),
    Node(usize),
}

/// Walks the tree of one expression.
pub(crate) struct Compiler<'a> {
    builder: &'a mut GraphBuilder,
    scope: &'a Scope<'a>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(builder: &'a mut GraphBuilder, scope: &'a Scope<'a>) -> Compiler<'a> {
        Compiler { builder, scope }
    }

    /// The sub-expression that `node` stands for.
    pub(crate) fn compile(&mut self, node: &Node) -> Result<Term, Fault> {
        match &node.kind {
            NodeKind::Number(value) => Ok(Term::Constant(scalar::tame(*value))),
            NodeKind::Truth(value) => Ok(Term::Constant(f64::from(u8::from(*value)))),
            NodeKind::Parameter(name) => self.parameter(node.at, name),
            NodeKind::Field(field) => self.field(node.at, field),
            NodeKind::Unary(unary, operand) => {
                let (name, apply): (_, fn(f64) -> f64) = match unary {
                    Unary::Neg => ("neg", scalar::neg),
                    Unary::Not => ("not", scalar::not),
                };
                self.unary(operand, name, apply, Op::Unary(*unary))
            }
            NodeKind::Binary(binary, left, right) => {
                let apply = |a, b| binary.apply(a, b);
                self.binary([left, right], binary.text(), apply, Op::Binary(*binary))
            }
            NodeKind::Call {
                function,
                arguments,
                output,
            } => self.call(node.at, *function, arguments, *output),
        }
    }

    fn parameter(&self, at: usize, name: &str) -> Result<Term, Fault> {
        let parameters = self.scope.parameters;
        match parameters.get(name) {
            Some(value) => Ok(Term::Constant(scalar::tame(*value))),
            None => Err(Fault::unknown(
                at,
                "parameter",
                name,
                parameters.keys().map(String::as_str),
            )),
        }
    }

    fn unary(
        &mut self,
        operand: &Node,
        name: &str,
        apply: fn(f64) -> f64,
        op: Op,
    ) -> Result<Term, Fault> {
        match self.compile(operand)? {
            Term::Constant(a) => Ok(Term::Constant(apply(a))),
            Term::Node(a) => self.share(operand.at, name.to_owned(), &[a], 0, || op),
        }
    }

    fn binary(
        &mut self,
        operands: [&Node; 2],
        name: &str,
        apply: impl Fn(f64, f64) -> f64,
        op: Op,
    ) -> Result<Term, Fault> {
        let [left, right] = operands;
        let terms = [self.compile(left)?, self.compile(right)?];
        if let [Term::Constant(a), Term::Constant(b)] = terms {
            return Ok(Term::Constant(apply(a, b)));
        }
        self.combine(left.at, name, &terms, op)
    }

    /// A node over nodes.
    fn share(
        &mut self,
        at: usize,
        label: String,
        inputs: &[usize],
        cells: usize,
        op: impl FnOnce() -> Op,
    ) -> Result<Term, Fault> {
        let inputs: Vec<Input> = inputs.iter().map(|node| Input::Node(*node)).collect();
        let node = self.builder.node(at, label, &inputs, cells, op)?;
        Ok(Term::Node(node))
    }

    /// A node without memory over terms, of which not all are constant.
    fn combine(&mut self, at: usize, name: &str, terms: &[Term], op: Op) -> Result<Term, Fault> {
        let mut inputs = Vec::with_capacity(terms.len());
        for term in terms {
            inputs.push(self.builder.materialise(at, *term)?);
        }
        self.share(at, name.to_owned(), &inputs, 0, || op)
    }

    fn field(&mut self, at: usize, field: &FieldRef) -> Result<Term, Fault> {
        let (leaf, decimals) = self.leaf(at, field)?;
        let exact = field.field.is_exact();
        let node = self
            .builder
            .node(at, "leaf".to_owned(), &[Input::Leaf(leaf)], 0, || {
                if exact {
                    Op::LeafMantissa(Divisor::new(scale(decimals)))
                } else {
                    Op::LeafValue
                }
            })?;
        Ok(Term::Node(node))
    }

    /// The leaf that a field means in this scope, and the decimals of its mantissas.
    fn leaf(&mut self, at: usize, field: &FieldRef) -> Result<(usize, u8), Fault> {
        let name = field.field.name();
        let (instrument, def) = match &field.instrument {
            Some(instrument) => self.instrument(at, instrument)?,
            None => self
                .default_instrument()
                .ok_or(Fault::new(at, Problem::NoInstrument { field: name }))?,
        };
        let clock = if field.field.is_bar() {
            let bar = field.bar.or(self.scope.default_bar);
            Clock::Bar(bar.ok_or(Fault::new(at, Problem::NoBarSize { field: name }))?)
        } else {
            Clock::Tick
        };
        let decimals = field.field.decimals(def);
        let leaf = Leaf {
            instrument,
            field: field.field,
            clock,
        };
        Ok((self.builder.leaf(leaf, &def.name), decimals))
    }

    fn default_instrument(&self) -> Option<(InstrumentId, &'a InstrumentDef)> {
        let id = self.scope.default_instrument?;
        Some((id, self.scope.instruments.get(id)?))
    }

    /// The instrument with this full name, or the only one with this symbol.
    fn instrument(
        &self,
        at: usize,
        name: &str,
    ) -> Result<(InstrumentId, &'a InstrumentDef), Fault> {
        let instruments = self.scope.instruments;
        if let Some(found) = instruments.find(name) {
            return Ok(found);
        }
        let symbol = format!(".{name}");
        let names = || instruments.defs().iter().map(|def| def.name.as_str());
        let matching: Vec<&str> = names().filter(|full| full.ends_with(&symbol)).collect();
        if let [only] = matching[..]
            && let Some(found) = instruments.find(only)
        {
            return Ok(found);
        }
        if matching.is_empty() {
            let symbols = names().map(|full| full.rsplit('.').next().unwrap_or(full));
            return Err(Fault::unknown(
                at,
                "instrument",
                name,
                names().chain(symbols),
            ));
        }
        let problem = Problem::Ambiguous {
            name: name.to_owned(),
            candidates: matching.join(", "),
        };
        Err(Fault::new(at, problem))
    }
}
