//! The service keeps what the chassis promises, on both engines.

#![cfg(test)]

use tickloom_activity::{Activity, ActivityConfig};
use tickloom_chassis::conformance::{Conforms, Harness, List, conformance};

/// What a journal would have brought.
const RUN: &str = "INSERT INTO core_run (run, started, meta) VALUES ($1, 1, '')";
const FILL: &str = "INSERT INTO fill \
    (run, number, cause, at, instrument, strategy, order_number, side, price, quantity, fee, currency, taker) \
    VALUES ($1, $2, 0, 1, 'binance.BTCUSDT', 'cross', 5, 'buy', '1', '1', '0', 'USDT', 0)";
const SIGNAL: &str = "INSERT INTO signal (run, number, cause, at, name, ready, value, bits) \
    VALUES ($1, $2, 0, 1, 'trend', 1, 0.5, NULL)";

struct Promises;

/// Adds a row of a run.
fn add(harness: &Harness<Promises>, statement: &'static str, run: &str, number: Option<usize>) {
    let database = harness.database();
    harness.runtime.block_on(async {
        let mut write = database.write().await.unwrap();
        let row = sqlx::query(statement).bind(run);
        let row = match number {
            Some(number) => row.bind(i64::try_from(number).unwrap()),
            None => row,
        };
        row.execute(write.connection()).await.unwrap();
        write.commit().await.unwrap();
        database.close().await;
    });
}

impl Conforms for Promises {
    type Service = Activity;
    const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");

    fn config() -> ActivityConfig {
        ActivityConfig::default()
    }

    fn lists() -> Vec<List<Promises>> {
        vec![
            List {
                operation: "GET /activity/v1/runs",
                path: |_, _| "/activity/v1/runs".to_owned(),
                id: "run",
                // Names that a query has to encode.
                add: |harness, _, number| add(harness, RUN, &format!("run&{number} +%"), None),
            },
            List {
                operation: "GET /activity/v1/runs/{run}/fills",
                path: |harness, _| {
                    add(harness, RUN, "fills", None);
                    "/activity/v1/runs/fills/fills".to_owned()
                },
                id: "number",
                add: |harness, _, number| add(harness, FILL, "fills", Some(number)),
            },
            List {
                operation: "GET /activity/v1/runs/{run}/signals",
                path: |harness, _| {
                    add(harness, RUN, "signals", None);
                    "/activity/v1/runs/signals/signals".to_owned()
                },
                id: "number",
                add: |harness, _, number| add(harness, SIGNAL, "signals", Some(number)),
            },
        ]
    }
}

#[test]
fn it_conforms() {
    conformance::<Promises>();
}
