//! The table of functions: the one place that knows their names, arguments and definitions. The parser checks calls
//! against it, `tickloom signals` prints it and docs/expressions.md repeats it (a test compares).

/// A function of the language, as documented to its users.
#[derive(Clone, Copy, Debug)]
pub struct FunctionDoc {
    /// The name.
    pub name: &'static str,
    /// Its arguments, e.g. `x, n`; what is in brackets may be left out.
    pub arguments: &'static str,
    /// Names of its outputs if it has several; without a dot the first is meant.
    pub outputs: &'static [&'static str],
    /// What it computes.
    pub definition: &'static str,
    /// How many ticks of its input are not ready at the start.
    pub warm_up: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    pub(crate) function: Function,
    /// Allowed numbers of arguments; empty for one or more.
    pub(crate) arity: &'static [usize],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Sma,
    Ema,
    Wma,
    Rma,
    Macd,
    Rsi,
    Atr,
    Bbands,
    Stddev,
    Highest,
    Lowest,
    Roc,
    Vwap,
    Zscore,
    CrossOver,
    CrossUnder,
    Lag,
    Change,
    If,
    Together,
    Abs,
    Min,
    Max,
    Sqrt,
    Log,
}

impl Function {
    pub(crate) fn find(name: &str) -> Option<Function> {
        let doc = TABLE.iter().find(|doc| doc.name == name)?;
        Some(doc.function)
    }

    /// Its row of the table.
    pub(crate) fn doc(self) -> &'static FunctionDoc {
        TABLE
            .iter()
            .find(|doc| doc.function == self)
            .expect("a test shows that every function has its row")
    }
}

impl FunctionDoc {
    /// Whether it takes so many arguments.
    pub(crate) fn takes(&self, arguments: usize) -> bool {
        match self.arity {
            [] => arguments > 0,
            counts => counts.contains(&arguments),
        }
    }

    /// How to call it, e.g. `sma(x, n)`.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("{}({})", self.name, self.arguments)
    }
}

/// All functions, in the order of the documentation.
#[must_use]
pub fn table() -> &'static [FunctionDoc] {
    &TABLE
}

const BASE: FunctionDoc = FunctionDoc {
    name: "",
    arguments: "x, n",
    outputs: &[],
    definition: "",
    warm_up: "n - 1",
    example: "",
    function: Function::Sma,
    arity: &[2],
};

static TABLE: [FunctionDoc; 25] = [
    FunctionDoc {
        name: "sma",
        definition: "mean of the last n values",
        example: "sma(close, 30)",
        function: Function::Sma,
        ..BASE
    },
    FunctionDoc {
        name: "ema",
        definition: "e + (x - e) * 2 / (n + 1), begun with the mean of the first n values",
        example: "ema(close, 12)",
        function: Function::Ema,
        ..BASE
    },
    FunctionDoc {
        name: "wma",
        definition: "mean of the last n values with weights 1 (oldest) to n (newest)",
        example: "wma(close, 20)",
        function: Function::Wma,
        ..BASE
    },
    FunctionDoc {
        name: "rma",
        definition: "r + (x - r) / n, begun with the mean of the first n values (Wilder's mean)",
        example: "rma(close, 14)",
        function: Function::Rma,
        ..BASE
    },
    FunctionDoc {
        name: "macd",
        arguments: "x, fast, slow, smooth",
        outputs: &["line", "signal", "histogram"],
        definition: "line: ema(x, fast) - ema(x, slow), both begun at the same tick; signal: ema(line, smooth); \
                     histogram: line - signal",
        warm_up: "slow + smooth - 2",
        example: "macd(close, 12, 26, 9).histogram > 0",
        function: Function::Macd,
        arity: &[4],
    },
    FunctionDoc {
        name: "rsi",
        definition: "100 * up / (up + down), where up and down are rma(…, n) of the rises and falls of x; \
                     not ready where x has not moved at all",
        warm_up: "n",
        example: "rsi(close, 14) < 30",
        function: Function::Rsi,
        ..BASE
    },
    FunctionDoc {
        name: "atr",
        arguments: "[high, low, close,] n",
        definition: "rma(true range, n); true range: the largest of high - low, |high - c|, |low - c|, \
                     c being the close one tick before",
        warm_up: "n",
        example: "atr(14) / close",
        function: Function::Atr,
        arity: &[1, 4],
        ..BASE
    },
    FunctionDoc {
        name: "bbands",
        arguments: "x, n, k",
        outputs: &["middle", "upper", "lower"],
        definition: "middle: sma(x, n); upper and lower: k * stddev(x, n) above and below it",
        example: "close > bbands(close, 20, 2).upper",
        function: Function::Bbands,
        arity: &[3],
        ..BASE
    },
    FunctionDoc {
        name: "stddev",
        definition: "standard deviation of the last n values (of a population: divided by n)",
        example: "stddev(close, 20)",
        function: Function::Stddev,
        ..BASE
    },
    FunctionDoc {
        name: "highest",
        definition: "largest of the last n values",
        example: "close >= highest(high, 20)",
        function: Function::Highest,
        ..BASE
    },
    FunctionDoc {
        name: "lowest",
        definition: "smallest of the last n values",
        example: "close <= lowest(low, 20)",
        function: Function::Lowest,
        ..BASE
    },
    FunctionDoc {
        name: "roc",
        definition: "(x / lag(x, n) - 1) * 100",
        warm_up: "n",
        example: "roc(close, 10) > 5",
        function: Function::Roc,
        ..BASE
    },
    FunctionDoc {
        name: "vwap",
        arguments: "[price, volume,] n",
        definition: "sum of price * volume over sum of volume, of the last n ticks; vwap(n) is vwap(close, volume, n)",
        example: "close > vwap(60)",
        function: Function::Vwap,
        arity: &[1, 3],
        ..BASE
    },
    FunctionDoc {
        name: "zscore",
        definition: "(x - sma(x, n)) / stddev(x, n); not ready while all n values are equal",
        example: "zscore(close, 20) < -2",
        function: Function::Zscore,
        ..BASE
    },
    FunctionDoc {
        name: "cross_over",
        arguments: "a, b",
        definition: "true if a is > b and was <= b one tick before",
        warm_up: "1",
        example: "cross_over(sma(close, 10), sma(close, 30))",
        function: Function::CrossOver,
        ..BASE
    },
    FunctionDoc {
        name: "cross_under",
        arguments: "a, b",
        definition: "true if a is < b and was >= b one tick before",
        warm_up: "1",
        example: "cross_under(sma(close, 10), sma(close, 30))",
        function: Function::CrossUnder,
        ..BASE
    },
    FunctionDoc {
        name: "lag",
        arguments: "x [, n]",
        definition: "x as it was n ticks before (1 if left out)",
        warm_up: "n",
        example: "close > lag(close)",
        function: Function::Lag,
        arity: &[1, 2],
        ..BASE
    },
    FunctionDoc {
        name: "change",
        arguments: "x [, n]",
        definition: "x - lag(x, n)",
        warm_up: "n",
        example: "change(close, 5)",
        function: Function::Change,
        arity: &[1, 2],
        ..BASE
    },
    FunctionDoc {
        name: "if",
        arguments: "condition, a, b",
        definition: "a where the condition is true, b where it is false",
        warm_up: "0",
        example: "if(close > open, volume, -volume)",
        function: Function::If,
        arity: &[3],
        ..BASE
    },
    FunctionDoc {
        name: "together",
        arguments: "x [, a, b, …]",
        definition: "x, evaluated only when the newest bars of all fields in x, a, b, … have the same close; \
                     windows in it count those times alone",
        warm_up: "0",
        example: "together(close / close@1d)",
        function: Function::Together,
        arity: &[],
        ..BASE
    },
    FunctionDoc {
        name: "abs",
        arguments: "x",
        definition: "x without its sign",
        warm_up: "0",
        example: "abs(imbalance) > 0.5",
        function: Function::Abs,
        arity: &[1],
        ..BASE
    },
    FunctionDoc {
        name: "min",
        arguments: "a, b",
        definition: "the smaller of the two",
        warm_up: "0",
        example: "min(open, close)",
        function: Function::Min,
        ..BASE
    },
    FunctionDoc {
        name: "max",
        arguments: "a, b",
        definition: "the larger of the two",
        warm_up: "0",
        example: "max(open, close)",
        function: Function::Max,
        ..BASE
    },
    FunctionDoc {
        name: "sqrt",
        arguments: "x",
        definition: "square root; not ready below zero",
        warm_up: "0",
        example: "sqrt(volume)",
        function: Function::Sqrt,
        arity: &[1],
        ..BASE
    },
    FunctionDoc {
        name: "log",
        arguments: "x",
        definition: "natural logarithm; not ready at zero and below",
        warm_up: "0",
        example: "log(close / lag(close))",
        function: Function::Log,
        arity: &[1],
        ..BASE
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_one_row_and_its_example_parses() {
        for doc in table() {
            assert_eq!(Function::find(doc.name), Some(doc.function));
            assert_eq!(doc.function.doc().name, doc.name);
            crate::parse(doc.example).unwrap();
        }
        assert_eq!(TABLE.len(), Function::Log as usize + 1);
    }
}
