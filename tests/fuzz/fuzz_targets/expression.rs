//! Any text is an expression or an error that points into the text; and an expression over bars gives
//! the same values tick by tick and block by block, to the last bit.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tickloom_signals::{
    BarColumns, Expr, ExprError, Field, Graph, GraphBuilder, LeafId, OutputId, Scope, parse,
};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments, NANOS_PER_SECOND};

/// More bars than the smallest block has rows.
const BARS: usize = 150;

struct World {
    instruments: Instruments,
    default_instrument: InstrumentId,
    parameters: BTreeMap<String, f64>,
    /// Mantissas by field: open, high, low, close, volume.
    bars: [Vec<i64>; 5],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut instruments = Instruments::new();
    let bitcoin = InstrumentDef::new("binance.BTCUSDT", 2, 5, "USDT");
    let default_instrument = instruments.add(bitcoin).expect("a valid name");
    let ether = InstrumentDef::new("binance-usdm.ETHUSDT", 2, 3, "USDT");
    instruments.add(ether).expect("a valid name");
    World {
        instruments,
        default_instrument,
        parameters: BTreeMap::from([("fast".to_owned(), 3.0), ("slow".to_owned(), 7.0)]),
        bars: bars(),
    }
});

/// A walk of small steps, so that equal prices are frequent.
fn bars() -> [Vec<i64>; 5] {
    let mut columns = [(); 5].map(|()| Vec::with_capacity(BARS));
    let (mut state, mut open) = (1_u32, 10_000_i64);
    for _ in 0..BARS {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let step = |shift: u32| i64::from(state >> shift & 7);
        let close = open + step(8) - 3;
        let (high, low) = (open.max(close) + step(12), open.min(close) - step(16));
        for (column, value) in columns.iter_mut().zip([open, high, low, close, step(20)]) {
            column.push(value);
        }
        open = close;
    }
    columns
}

fn graph(expr: &Expr) -> Result<(Graph, OutputId), ExprError> {
    let scope = Scope {
        instruments: &WORLD.instruments,
        default_instrument: Some(WORLD.default_instrument),
        default_bar: Some(BarSpec::Time(60 * NANOS_PER_SECOND)),
        parameters: &WORLD.parameters,
    };
    let mut builder = GraphBuilder::new();
    let output = builder.add(expr, &scope)?;
    Ok((builder.build(), output))
}

fn by_steps(mut graph: Graph, output: OutputId) -> Vec<Option<f64>> {
    let fields: Vec<Field> = graph.leaves().iter().map(|leaf| leaf.field).collect();
    let [open, high, low, close, volume] = &WORLD.bars;
    let mut values = Vec::with_capacity(BARS);
    for row in 0..BARS {
        for (leaf, field) in fields.iter().enumerate() {
            let column = match field {
                Field::Open => open,
                Field::High => high,
                Field::Low => low,
                Field::Close => close,
                _ => volume,
            };
            graph.set_mantissa(LeafId(leaf), column[row]);
        }
        graph.step();
        values.push(graph.value(output));
    }
    values
}

fn by_blocks(mut graph: Graph, output: OutputId) -> Vec<Option<f64>> {
    let [open, high, low, close, volume] = &WORLD.bars;
    let columns = BarColumns {
        open,
        high,
        low,
        close,
        volume,
    };
    let mut values = Vec::with_capacity(BARS);
    graph.run_block(&columns, |graph, _| {
        let column = graph.column(output).iter();
        values.extend(column.map(|value| (!value.is_nan()).then_some(*value)));
    });
    values
}

fn check(text: &str) -> Result<(), ExprError> {
    let expr = parse(text)?;
    let (graph_of_steps, output) = graph(&expr)?;
    if graph_of_steps.is_single_bar().is_some() {
        let (graph_of_blocks, _) = graph(&expr)?;
        let bits = |values: Vec<Option<f64>>| -> Vec<Option<u64>> {
            values
                .into_iter()
                .map(|value| value.map(f64::to_bits))
                .collect()
        };
        assert_eq!(
            bits(by_steps(graph_of_steps, output)),
            bits(by_blocks(graph_of_blocks, output)),
        );
    }
    Ok(())
}

fuzz_target!(|text: &str| {
    if let Err(error) = check(text) {
        let columns = text.chars().count() + 1;
        assert!((1..=columns).contains(&error.column));
        assert!(!error.to_string().is_empty());
    }
});
