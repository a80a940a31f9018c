"""Reads a catalog as strangers do, with DuckDB, Polars and pandas, and prints what they see: one line of JSON for each reader.

The test that wrote the catalog knows what they must see. Usage: readers.py CATALOG
"""

import json
import sys
from decimal import Decimal

import duckdb
import pandas
import polars

TRADES = ["ts_event", "ts_recv", "seq", "instrument", "date", "source", "flags", "price", "qty", "side"]


def plain(value):
    """Numbers and words as text; times as nanoseconds since the epoch."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def show(name, types, rows, total, sizes):
    """`sizes`: the sum of those of the second day, and how many of all are 10^12 or more."""
    types = {column: str(kind) for column, kind in types.items()}
    sizes = [plain(size) for size in sizes]
    print(json.dumps({"reader": name, "types": types, "rows": rows, "total": plain(total), "sizes": sizes}))


def read_duckdb(folder):
    source = f"read_parquet('{folder}/*/*/*.parquet', hive_partitioning = true)"
    # Python's times end at microseconds: nanoseconds are asked for as numbers.
    columns = ", ".join(f"epoch_ns({c})" if c.startswith("ts_") else c for c in TRADES)
    described = duckdb.sql(f"describe select {', '.join(TRADES)} from {source}").fetchall()
    rows = duckdb.sql(f"select {columns} from {source} order by seq").fetchall()
    ((total,),) = duckdb.sql(f"select sum(price * 2) from {source} where ts_event < '2024-08-10'").fetchall()
    late = "sum(qty) filter (where ts_event >= '2024-08-10')"
    (sizes,) = duckdb.sql(f"select {late}, count(*) filter (where qty >= 1000000000000) from {source}").fetchall()
    show("duckdb", {row[0]: row[1] for row in described}, [[plain(v) for v in row] for row in rows], total, sizes)


def read_polars(folder):
    scan = polars.scan_parquet(f"{folder}/*/*/*.parquet", hive_partitioning=True)
    frame = scan.select(TRADES).sort("seq").collect()
    times = [polars.col(c).cast(polars.Int64) for c in ("ts_event", "ts_recv")]
    rows = [[plain(v) for v in row] for row in frame.with_columns(times).rows()]
    early = polars.col("ts_event") < polars.datetime(2024, 8, 10, time_zone="UTC")
    total = scan.filter(early).select(polars.col("price").sum() * 2).collect().item()
    late = polars.col("qty").filter(~early).sum()
    large = (polars.col("qty") >= 10**12).sum()
    show("polars", frame.schema, rows, total, scan.select(late, large.alias("large")).collect().row(0))


def read_pandas(folder):
    frame = pandas.read_parquet(folder).sort_values("seq")[TRADES]
    types = frame.dtypes.to_dict()
    early = frame[frame["ts_event"] < pandas.Timestamp("2024-08-10", tz="UTC")]
    total = early["price"].sum() * 2
    late = frame[frame["ts_event"] >= pandas.Timestamp("2024-08-10", tz="UTC")]
    sizes = (late["qty"].sum(), (frame["qty"] >= 10**12).sum())
    for column in ("ts_event", "ts_recv"):
        frame[column] = frame[column].astype("int64")
    rows = [[plain(v) for v in row] for row in frame.itertuples(index=False, name=None)]
    show("pandas", types, rows, total, sizes)


def main():
    folder = f"{sys.argv[1]}/kind=trades"
    for read in (read_duckdb, read_polars, read_pandas):
        read(folder)


main()
