"""DuckDB's answers to the questions that tests/sql.rs asks of `tickloom sql`, over the same Parquet files.

Usage: peer.py CATALOG QUESTION. Prints a row a line, fields by commas: times in nanoseconds since the epoch, decimals without
zeros at their end, nothing for null.
"""

import sys
from decimal import Decimal

import duckdb

catalog, question = sys.argv[1:]
db = duckdb.connect()
for table in ["trades", "quotes"]:
    files = f"{catalog}/kind={table}/*/*/*.parquet"
    db.sql(
        f"create view {table} as select * replace (epoch_ns(ts_event) as ts_event) "
        f"from read_parquet('{files}', hive_partitioning = false)"
    )

QUESTIONS = {
    # A bucket is stamped with its close.
    "bars": """
        select instrument, (ts_event // 10000000000 + 1) * 10000000000 as closes,
               arg_min(price, (ts_event, run, seq)), max(price), min(price), arg_max(price, (ts_event, run, seq)),
               sum(qty), count(*)
        from trades group by all order by closes, instrument
    """,
    "notional": """
        select side, sum(price * qty), sum(qty) from trades group by side order by side
    """,
    # Of several quotes at one time the last counts, which DuckDB leaves open.
    "asof": """
        with last as (
            select * from quotes
            qualify row_number() over (partition by instrument, ts_event order by run desc, seq desc) = 1
        )
        select t.seq, t.ts_event, t.price, q.seq, q.bid, q.ask
        from trades t asof left join last q on t.instrument = q.instrument and t.ts_event >= q.ts_event
        order by t.run, t.seq
    """,
    # What was known on arrival: an as-of join by seq has no ties within a run.
    "arrival": """
        select t.seq, t.price, q.seq, q.bid, q.ask
        from trades t asof left join quotes q
        on t.instrument = q.instrument and t.run = q.run and t.seq > q.seq
        order by t.run, t.seq
    """,
    "window": """
        select ts_event, price, qty from trades
        where ts_event >= (select min(ts_event) + 5000000000 from trades)
          and ts_event < (select min(ts_event) + 9000000000 from trades)
          and price <= 61850.1 order by seq
    """,
}


def plain(value):
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


for row in db.sql(QUESTIONS[question]).fetchall():
    print(",".join(plain(value) for value in row))
