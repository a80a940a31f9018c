//! `together`: an expression that ticks only when all bars in it have the same close.

use super::calls::plain;
use super::{Compiler, Term};
use crate::error::{Fault, Problem};
use crate::expr::{Node, NodeKind};
use crate::field::{BarClock, Clock, Field, Leaf};
use crate::functions::Function;
use std::collections::BTreeSet;

impl Compiler<'_> {
    /// The first argument, under a gate of all bars in all of them. A call within another waits for the same bars and more,
    /// so it adds nothing. Where there is one series of bars alone, nothing has to be waited for.
    pub(super) fn together(&mut self, arguments: &[Node]) -> Result<Term, Fault> {
        if self.builder.is_gated() {
            return self.first(arguments);
        }
        let mut clocks = BTreeSet::new();
        for argument in arguments {
            self.collect_clocks(argument, &mut clocks)?;
        }
        if clocks.len() > 1 {
            self.builder.enter_gate(clocks);
        }
        let first = self.first(arguments);
        self.builder.leave_gate();
        first
    }

    /// Compiles all arguments, so that each is checked, and gives the first.
    fn first(&mut self, arguments: &[Node]) -> Result<Term, Fault> {
        let first = Term::Node(self.series(&arguments[0])?);
        for argument in &arguments[1..] {
            self.compile(argument)?;
        }
        Ok(first)
    }

    /// The bars that an expression reads.
    fn collect_clocks(
        &mut self,
        node: &Node,
        clocks: &mut BTreeSet<BarClock>,
    ) -> Result<(), Fault> {
        match &node.kind {
            NodeKind::Number(_) | NodeKind::Truth(_) | NodeKind::Parameter(_) => Ok(()),
            NodeKind::Field(field) => {
                let (leaf, _) = self.leaf(node.at, field)?;
                let Leaf {
                    instrument,
                    field,
                    clock,
                } = self.builder.leaves()[leaf];
                match clock {
                    Clock::Bar(spec) => clocks.insert((instrument, spec)),
                    Clock::Tick => {
                        let field = field.name();
                        return Err(Fault::new(node.at, Problem::NoClose { field }));
                    }
                };
                Ok(())
            }
            NodeKind::Unary(_, operand) => self.collect_clocks(operand, clocks),
            NodeKind::Binary(_, left, right) => {
                self.collect_clocks(left, clocks)?;
                self.collect_clocks(right, clocks)
            }
            NodeKind::Call {
                function,
                arguments,
                ..
            } => {
                // These read the bars of the default instrument where they are given nothing but a window.
                let is_short =
                    matches!(function, Function::Atr | Function::Vwap) && arguments.len() == 1;
                if is_short {
                    self.collect_clocks(&plain(node.at, Field::Close), clocks)?;
                }
                for argument in arguments {
                    self.collect_clocks(argument, clocks)?;
                }
                Ok(())
            }
        }
    }
}
