//! A parsed expression: a tree that remembers where in the text each part stood. It is data and computes nothing.

use crate::functions::Function;
use crate::ops::{Binary, Unary};
use crate::{Field, lexer, parser};
use std::fmt;
use std::str::FromStr;
use tickloom_types::BarSpec;

/// An expression, checked for syntax, names of functions and fields, and numbers of arguments.
///
/// Printed, it gives its canonical text: same meaning, same text, whatever spaces and parentheses the source had.
/// Two expressions are equal if their canonical texts are.
#[derive(Clone, Debug)]
pub struct Expr {
    pub(crate) text: String,
    pub(crate) root: Node,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Character of the text, counted from 0.
    pub(crate) at: usize,
    /// Levels of the tree from here down, at most [`crate::limits::DEPTH_MAX`].
    pub(crate) depth: usize,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    Number(f64),
    Truth(bool),
    Parameter(String),
    Field(FieldRef),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Call {
        function: Function,
        arguments: Vec<Node>,
        /// Chosen output of a function with several.
        output: Option<&'static str>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldRef {
    /// Full name or symbol.
    pub(crate) instrument: Option<String>,
    pub(crate) field: Field,
    pub(crate) bar: Option<BarSpec>,
}

impl Expr {
    /// The text that was parsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is true or false by its form (a comparison, a cross, `and or not` of such) rather than a number.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        self.root.is_condition()
    }

    /// The names of its `$parameters` in the order of the text, each once.
    #[must_use]
    pub fn parameters(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.collect_parameters(&mut names);
        names
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.root == other.root
    }
}

/// Places do not matter.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.kind == other.kind
    }
}

impl FromStr for Expr {
    type Err = crate::ExprError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parser::parse(text)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Node {
    fn is_condition(&self) -> bool {
        match &self.kind {
            NodeKind::Truth(_) | NodeKind::Unary(Unary::Not, _) => true,
            NodeKind::Binary(binary, _, _) => binary.is_condition(),
            NodeKind::Call {
                function: Function::CrossOver | Function::CrossUnder,
                ..
            } => true,
            NodeKind::Call {
                function: Function::If,
                arguments,
                ..
            } => arguments.iter().all(Node::is_condition),
            NodeKind::Call {
                function: Function::Together,
                arguments,
                ..
            } => arguments.first().is_some_and(Node::is_condition),
            _ => false,
        }
    }

    fn collect_parameters<'a>(&'a self, names: &mut Vec<&'a str>) {
        match &self.kind {
            NodeKind::Parameter(name) if !names.contains(&name.as_str()) => names.push(name),
            NodeKind::Unary(_, operand) => operand.collect_parameters(names),
            NodeKind::Binary(_, left, right) => {
                left.collect_parameters(names);
                right.collect_parameters(names);
            }
            NodeKind::Call { arguments, .. } => {
                for argument in arguments {
                    argument.collect_parameters(names);
                }
            }
            _ => {}
        }
    }

    /// How tightly the outermost operator binds.
    fn power(&self) -> u8 {
        match &self.kind {
            NodeKind::Unary(unary, _) => unary.power(),
            NodeKind::Binary(binary, _, _) => binary.power(),
            _ => u8::MAX,
        }
    }

    /// With parentheses if it binds less tightly than its place asks for.
    fn write_operand(&self, f: &mut fmt::Formatter<'_>, power_min: u8) -> fmt::Result {
        if self.power() < power_min {
            write!(f, "({self})")
        } else {
            write!(f, "{self}")
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Number(value) => write_number(f, *value),
            NodeKind::Truth(value) => write!(f, "{value}"),
            NodeKind::Parameter(name) => write!(f, "${name}"),
            NodeKind::Field(field) => field.fmt(f),
            NodeKind::Unary(unary, operand) => {
                f.write_str(unary.text())?;
                operand.write_operand(f, unary.power())
            }
            NodeKind::Binary(binary, left, right) => {
                // Operators of one level group to the left; comparisons do not group at all.
                let power = binary.power();
                left.write_operand(f, power + u8::from(binary.is_comparison()))?;
                write!(f, " {} ", binary.text())?;
                right.write_operand(f, power + 1)
            }
            NodeKind::Call {
                function,
                arguments,
                output,
            } => {
                write!(f, "{}(", function.doc().name)?;
                for (i, argument) in arguments.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    argument.fmt(f)?;
                }
                f.write_str(")")?;
                output.map_or(Ok(()), |output| write!(f, ".{output}"))
            }
        }
    }
}

/// Shortest text that reads back as the same number; with an exponent where that is far shorter.
fn write_number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let short = format!("{value:?}");
    if short.contains('e') {
        f.write_str(&short)
    } else {
        write!(f, "{value}")
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instrument {
            Some(name) if is_plain(name) => write!(f, "{name}.")?,
            Some(name) => write!(f, "'{name}'.")?,
            None => {}
        }
        f.write_str(self.field.name())?;
        self.bar.map_or(Ok(()), |bar| write!(f, "@{bar}"))
    }
}

/// Whether a name can stand without quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(lexer::is_word_start)
        && name.chars().all(lexer::is_word)
        && !parser::KEYWORDS.contains(&name)
}
