//! Calls of functions: each to the nodes that compute it.

use super::{Compiler, Term};
use crate::builder::Input;
use crate::error::{Fault, Problem};
use crate::expr::{FieldRef, Node, NodeKind};
use crate::field::{Clock, Field, Leaf};
use crate::functions::Function;
use crate::limits::WINDOW_MAX;
use crate::ops::deviation::{Deviation, ExactDeviation};
use crate::ops::mean::{ExactMean, Mean};
use crate::ops::shift::{Cross, Extreme, Lag};
use crate::ops::smooth::{Atr, Ema, Macd, Rsi};
use crate::ops::weighted::{ExactVwap, ExactWma, Vwap, Wma};
use crate::ops::{Binary, Op, scalar};
use tickloom_types::InstrumentId;

/// A function over one window, which has an exact way if its input is a mantissa.
struct Windowed {
    name: &'static str,
    exact: fn(u32, u8) -> Op,
    float: fn(u32) -> Op,
}

const SMA: Windowed = Windowed {
    name: "sma",
    exact: |n, decimals| Op::LeafSma(Box::new(ExactMean::new(n, decimals))),
    float: |n| Op::Sma(Box::new(Mean::new(n))),
};

const WMA: Windowed = Windowed {
    name: "wma",
    exact: |n, decimals| Op::LeafWma(Box::new(ExactWma::new(n, decimals))),
    float: |n| Op::Wma(Box::new(Wma::new(n))),
};

const STDDEV: Windowed = Windowed {
    name: "stddev",
    exact: |n, decimals| Op::LeafStddev(Box::new(ExactDeviation::new(n, decimals))),
    float: |n| Op::Stddev(Box::new(Deviation::new(n))),
};

/// A function of values over one window.
struct Over {
    name: &'static str,
    /// Memory for each tick of the window.
    cells: usize,
    make: fn(u32) -> Op,
}

const EMA: Over = Over {
    name: "ema",
    cells: 0,
    make: |n| Op::Ema(Ema::new(n)),
};

const RMA: Over = Over {
    name: "rma",
    cells: 0,
    make: |n| Op::Ema(Ema::wilder(n)),
};

const RSI: Over = Over {
    name: "rsi",
    cells: 0,
    make: |n| Op::Rsi(Box::new(Rsi::new(n))),
};

const HIGHEST: Over = Over {
    name: "highest",
    cells: 2,
    make: |n| Op::Extreme(Box::new(Extreme::highest(n))),
};

const LOWEST: Over = Over {
    name: "lowest",
    cells: 2,
    make: |n| Op::Extreme(Box::new(Extreme::lowest(n))),
};

/// A leaf of mantissas.
struct ExactLeaf {
    leaf: usize,
    decimals: u8,
    /// Leaves of equal clocks tick together.
    clock: (InstrumentId, Clock),
}

impl Compiler<'_> {
    /// The arguments are as many as the table of functions allows.
    pub(super) fn call(
        &mut self,
        at: usize,
        function: Function,
        arguments: &[Node],
        output: Option<&str>,
    ) -> Result<Term, Fault> {
        let name = function.doc().name;
        match function {
            Function::Sma => self.windowed(at, &SMA, arguments),
            Function::Wma => self.windowed(at, &WMA, arguments),
            Function::Stddev => self.windowed(at, &STDDEV, arguments),
            Function::Ema => self.over(at, &EMA, arguments),
            Function::Rma => self.over(at, &RMA, arguments),
            Function::Rsi => self.over(at, &RSI, arguments),
            Function::Highest => self.over(at, &HIGHEST, arguments),
            Function::Lowest => self.over(at, &LOWEST, arguments),
            Function::Lag => Ok(self.lagged(at, arguments)?.1),
            Function::Change => {
                let (now, before) = self.lagged(at, arguments)?;
                self.combine(at, "-", &[now, before], Op::Binary(Binary::Sub))
            }
            Function::Roc => {
                let (now, before) = self.lagged(at, arguments)?;
                self.combine(at, name, &[now, before], Op::Rate)
            }
            Function::Macd => self.macd(at, arguments, output),
            Function::Bbands => self.bbands(at, arguments, output),
            Function::Zscore => self.zscore(at, arguments),
            Function::Atr => self.atr(at, arguments),
            Function::Vwap => self.vwap(at, arguments),
            Function::CrossOver => self.cross(at, [&arguments[0], &arguments[1]]),
            Function::CrossUnder => self.cross(at, [&arguments[1], &arguments[0]]),
            Function::If => self.choose(at, arguments),
            Function::Together => self.together(arguments),
            Function::Abs => self.unary(&arguments[0], name, scalar::abs, Op::Abs),
            Function::Sqrt => self.unary(&arguments[0], name, scalar::sqrt, Op::Sqrt),
            Function::Log => self.unary(&arguments[0], name, scalar::log, Op::Log),
            Function::Min => self.pair(name, arguments, scalar::min, Op::Min),
            Function::Max => self.pair(name, arguments, scalar::max, Op::Max),
        }
    }

    fn pair(
        &mut self,
        name: &str,
        arguments: &[Node],
        apply: fn(f64, f64) -> f64,
        op: Op,
    ) -> Result<Term, Fault> {
        self.binary([&arguments[0], &arguments[1]], name, apply, op)
    }

    /// The node of something that changes.
    pub(super) fn series(&mut self, node: &Node) -> Result<usize, Fault> {
        match self.compile(node)? {
            Term::Node(series) => Ok(series),
            Term::Constant(found) => Err(Fault::new(node.at, Problem::Constant { found })),
        }
    }

    fn number(&mut self, node: &Node) -> Result<f64, Fault> {
        match self.compile(node)? {
            Term::Constant(value) => Ok(value),
            Term::Node(_) => Err(Fault::new(node.at, Problem::NotConstant)),
        }
    }

    fn window(&mut self, node: &Node) -> Result<u32, Fault> {
        let found = self.number(node)?;
        if !(1.0..=f64::from(WINDOW_MAX)).contains(&found) || found.fract() > 0.0 {
            return Err(Fault::new(node.at, Problem::Window { found }));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number in range"
        )]
        let window = found as u32;
        Ok(window)
    }

    /// The leaf behind a plain field that is set as a mantissa.
    fn exact_leaf(&mut self, node: &Node) -> Result<Option<ExactLeaf>, Fault> {
        let NodeKind::Field(field) = &node.kind else {
            return Ok(None);
        };
        if !field.field.is_exact() {
            return Ok(None);
        }
        let (leaf, decimals) = self.leaf(node.at, field)?;
        let Leaf {
            instrument, clock, ..
        } = self.builder.leaves()[leaf];
        Ok(Some(ExactLeaf {
            leaf,
            decimals,
            clock: (instrument, clock),
        }))
    }

    /// `function(x, n)` in integers if `x` is a mantissa.
    fn windowed(
        &mut self,
        at: usize,
        function: &Windowed,
        arguments: &[Node],
    ) -> Result<Term, Fault> {
        let n = self.window(&arguments[1])?;
        let label = format!("{} {n}", function.name);
        if let Some(ExactLeaf { leaf, decimals, .. }) = self.exact_leaf(&arguments[0])? {
            let label = format!("leaf {label}");
            let op = || (function.exact)(n, decimals);
            let node = self
                .builder
                .node(at, label, &[Input::Leaf(leaf)], n as usize, op)?;
            return Ok(Term::Node(node));
        }
        let x = self.series(&arguments[0])?;
        self.share(at, label, &[x], n as usize, || (function.float)(n))
    }

    /// `function(x, n)` of values.
    fn over(&mut self, at: usize, function: &Over, arguments: &[Node]) -> Result<Term, Fault> {
        let n = self.window(&arguments[1])?;
        let x = self.series(&arguments[0])?;
        let label = format!("{} {n}", function.name);
        let cells = function.cells * n as usize;
        self.share(at, label, &[x], cells, || (function.make)(n))
    }

    /// `x` and `x` as it was `n` ticks before, `n` being 1 if left out.
    fn lagged(&mut self, at: usize, arguments: &[Node]) -> Result<(Term, Term), Fault> {
        let n = arguments.get(1).map_or(Ok(1), |n| self.window(n))?;
        let x = self.series(&arguments[0])?;
        let label = format!("lag {n}");
        let before = self.share(at, label, &[x], n as usize, || Op::Lag(Lag::new(n)))?;
        Ok((Term::Node(x), before))
    }

    fn macd(&mut self, at: usize, arguments: &[Node], output: Option<&str>) -> Result<Term, Fault> {
        let fast = self.window(&arguments[1])?;
        let slow = self.window(&arguments[2])?;
        let smooth = self.window(&arguments[3])?;
        if fast >= slow {
            return Err(Fault::new(at, Problem::FastNotShorter { fast, slow }));
        }
        let x = self.series(&arguments[0])?;
        let label = format!("macd {fast} {slow}");
        let op = || Op::Macd(Box::new(Macd::new(fast, slow)));
        let line = self.share(at, label, &[x], 0, op)?;
        let signal = self.ema_of(at, line, smooth)?;
        match output {
            Some("signal") => Ok(signal),
            Some("histogram") => self.combine(at, "-", &[line, signal], Op::Binary(Binary::Sub)),
            _ => self.combine(at, "gate", &[line, signal], Op::Gate),
        }
    }

    fn ema_of(&mut self, at: usize, x: Term, n: u32) -> Result<Term, Fault> {
        let x = self.builder.materialise(at, x)?;
        self.share(at, format!("{} {n}", EMA.name), &[x], 0, || (EMA.make)(n))
    }

    fn bbands(
        &mut self,
        at: usize,
        arguments: &[Node],
        output: Option<&str>,
    ) -> Result<Term, Fault> {
        let middle = self.windowed(at, &SMA, arguments)?;
        let side = match output {
            Some("upper") => Binary::Add,
            Some("lower") => Binary::Sub,
            _ => return Ok(middle),
        };
        let factor = Term::Constant(self.number(&arguments[2])?);
        let deviation = self.windowed(at, &STDDEV, arguments)?;
        let width = self.combine(at, "*", &[factor, deviation], Op::Binary(Binary::Mul))?;
        self.combine(at, side.text(), &[middle, width], Op::Binary(side))
    }

    fn zscore(&mut self, at: usize, arguments: &[Node]) -> Result<Term, Fault> {
        let x = Term::Node(self.series(&arguments[0])?);
        let mean = self.windowed(at, &SMA, arguments)?;
        let deviation = self.windowed(at, &STDDEV, arguments)?;
        let distance = self.combine(at, "-", &[x, mean], Op::Binary(Binary::Sub))?;
        self.combine(at, "/", &[distance, deviation], Op::Binary(Binary::Div))
    }

    fn atr(&mut self, at: usize, arguments: &[Node]) -> Result<Term, Fault> {
        let defaults = [Field::High, Field::Low, Field::Close].map(|field| plain(at, field));
        let (series, n) = match arguments {
            [n] => (&defaults[..], n),
            _ => (&arguments[..3], &arguments[3]),
        };
        let n = self.window(n)?;
        let mut inputs = [0; 3];
        for (input, node) in inputs.iter_mut().zip(series) {
            *input = self.series(node)?;
        }
        let op = || Op::Atr(Box::new(Atr::new(n)));
        self.share(at, format!("atr {n}"), &inputs, 0, op)
    }

    fn vwap(&mut self, at: usize, arguments: &[Node]) -> Result<Term, Fault> {
        let defaults = [Field::Close, Field::Volume].map(|field| plain(at, field));
        let (series, n) = match arguments {
            [n] => (&defaults[..], n),
            _ => (&arguments[..2], &arguments[2]),
        };
        let n = self.window(n)?;
        let cells = 2 * n as usize;
        let exact = (self.exact_leaf(&series[0])?, self.exact_leaf(&series[1])?);
        if let (Some(price), Some(volume)) = exact
            && price.clock == volume.clock
        {
            let inputs = [Input::Leaf(price.leaf), Input::Leaf(volume.leaf)];
            let op = || Op::LeafVwap(Box::new(ExactVwap::new(n, price.decimals)));
            let node = self
                .builder
                .node(at, format!("leaf vwap {n}"), &inputs, cells, op)?;
            return Ok(Term::Node(node));
        }
        let inputs = [self.series(&series[0])?, self.series(&series[1])?];
        let op = || Op::Vwap(Box::new(Vwap::new(n)));
        self.share(at, format!("vwap {n}"), &inputs, cells, op)
    }

    /// Whether the first goes above the second.
    fn cross(&mut self, at: usize, operands: [&Node; 2]) -> Result<Term, Fault> {
        let [a, b] = operands;
        let terms = [self.compile(a)?, self.compile(b)?];
        if let [Term::Constant(found), Term::Constant(_)] = terms {
            return Err(Fault::new(a.at, Problem::Constant { found }));
        }
        let a = self.builder.materialise(at, terms[0])?;
        let b = self.builder.materialise(at, terms[1])?;
        self.share(at, "cross".to_owned(), &[a, b], 0, || {
            Op::Cross(Cross::new())
        })
    }

    fn choose(&mut self, at: usize, arguments: &[Node]) -> Result<Term, Fault> {
        let mut terms = [Term::Constant(0.0); 3];
        for (term, argument) in terms.iter_mut().zip(arguments) {
            *term = self.compile(argument)?;
        }
        if let [Term::Constant(c), Term::Constant(a), Term::Constant(b)] = terms {
            return Ok(Term::Constant(scalar::choose(c, a, b)));
        }
        self.combine(at, "if", &terms, Op::If)
    }
}

/// A field of the default instrument and bar size.
pub(super) fn plain(at: usize, field: Field) -> Node {
    let field = FieldRef {
        instrument: None,
        field,
        bar: None,
    };
    Node {
        at,
        depth: 1,
        kind: NodeKind::Field(field),
    }
}
