//! Every statement of the service.

use crate::model::{Fill, Signal};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use tickloom_chassis::{Result, Write};

const ADD_FILL: &str = "INSERT INTO fill \
    (run, number, cause, at, instrument, strategy, order_number, side, price, quantity, fee, currency, taker) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const ADD_SIGNAL: &str = "INSERT INTO signal (run, number, cause, at, name, ready, value, bits) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const RUNS: &str = "SELECT run, started FROM core_run WHERE run > $1 ORDER BY run LIMIT $2";
const HAS_RUN: &str = "SELECT started FROM core_run WHERE run = $1";
const FILLS: &str = "SELECT number, cause, at, instrument, strategy, order_number, side, price, quantity, fee, currency, taker \
    FROM fill WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3";
const SIGNALS: &str = "SELECT number, cause, at, name, ready, value, bits \
    FROM signal WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3";

/// Every statement.
pub(crate) const STATEMENTS: &[&str] = &[ADD_FILL, ADD_SIGNAL, RUNS, HAS_RUN, FILLS, SIGNALS];

pub(crate) async fn add_fill(write: &mut Write, run: &str, fill: &Fill) -> Result<()> {
    sqlx::query(ADD_FILL)
        .bind(run)
        .bind(fill.number)
        .bind(fill.cause)
        .bind(fill.at)
        .bind(&fill.instrument)
        .bind(&fill.strategy)
        .bind(fill.order)
        .bind(&fill.side)
        .bind(&fill.price)
        .bind(&fill.quantity)
        .bind(&fill.fee)
        .bind(&fill.currency)
        .bind(i64::from(fill.taker))
        .execute(write.connection())
        .await?;
    Ok(())
}

pub(crate) async fn add_signal(write: &mut Write, run: &str, signal: &Signal) -> Result<()> {
    sqlx::query(ADD_SIGNAL)
        .bind(run)
        .bind(signal.number)
        .bind(signal.cause)
        .bind(signal.at)
        .bind(&signal.name)
        .bind(i64::from(signal.ready))
        .bind(signal.value)
        .bind(&signal.bits)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Names and starts of runs after a name, by name.
pub(crate) async fn runs(reader: &AnyPool, after: &str, rows: i64) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query(RUNS).bind(after).bind(rows);
    let rows = rows.fetch_all(reader).await?;
    let run = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(run).collect()
}

/// Whether a run is known.
pub(crate) async fn has_run(reader: &AnyPool, run: &str) -> Result<bool> {
    let row = sqlx::query(HAS_RUN)
        .bind(run)
        .fetch_optional(reader)
        .await?;
    Ok(row.is_some())
}

/// Fills of a run with numbers above one.
pub(crate) async fn fills(reader: &AnyPool, run: &str, after: i64, rows: i64) -> Result<Vec<Fill>> {
    let rows = sqlx::query(FILLS).bind(run).bind(after).bind(rows);
    let rows = rows.fetch_all(reader).await?;
    rows.iter().map(fill).collect()
}

/// Values of signals of a run with numbers above one.
pub(crate) async fn signals(
    reader: &AnyPool,
    run: &str,
    after: i64,
    rows: i64,
) -> Result<Vec<Signal>> {
    let rows = sqlx::query(SIGNALS).bind(run).bind(after).bind(rows);
    let rows = rows.fetch_all(reader).await?;
    rows.iter().map(signal).collect()
}

fn fill(row: &AnyRow) -> Result<Fill> {
    Ok(Fill {
        number: row.try_get(0)?,
        cause: row.try_get(1)?,
        at: row.try_get(2)?,
        instrument: row.try_get(3)?,
        strategy: row.try_get(4)?,
        order: row.try_get(5)?,
        side: row.try_get(6)?,
        price: row.try_get(7)?,
        quantity: row.try_get(8)?,
        fee: row.try_get(9)?,
        currency: row.try_get(10)?,
        taker: row.try_get::<i64, _>(11)? == 1,
    })
}

fn signal(row: &AnyRow) -> Result<Signal> {
    Ok(Signal {
        number: row.try_get(0)?,
        cause: row.try_get(1)?,
        at: row.try_get(2)?,
        name: row.try_get(3)?,
        ready: row.try_get::<i64, _>(4)? == 1,
        value: row.try_get(5)?,
        bits: row.try_get(6)?,
    })
}
