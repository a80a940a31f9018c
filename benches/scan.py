"""Reads the trades of a catalog with DuckDB or Polars on one thread, each time that its name comes on stdin, and says how long
it took and how many rows came. Usage: scan.py CATALOG
"""

import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb
import polars

COLUMNS = ["ts_event", "ts_recv", "seq", "source", "flags", "price", "qty", "trade_id", "side"]


def duckdb_batches(files):
    reader = connection.cursor().sql(f"select {', '.join(COLUMNS)} from read_parquet('{files}')").to_arrow_reader(100_000)
    return sum(batch.num_rows for batch in reader)


def duckdb_aggregate(files):
    columns = ", ".join(f"max({column})" for column in COLUMNS)
    return connection.cursor().execute(f"select count(*), {columns} from read_parquet('{files}')").fetchone()[0]


def polars_table(files):
    return polars.scan_parquet(files, hive_partitioning=False).select(COLUMNS).collect().height


connection = duckdb.connect()
connection.execute("set threads = 1").fetchall()
connection.execute("set preserve_insertion_order = true").fetchall()
READERS = {"duckdb batches": duckdb_batches, "duckdb aggregate": duckdb_aggregate, "polars": polars_table}


def main():
    files = f"{sys.argv[1]}/kind=trades/*/*/*.parquet"
    for line in sys.stdin:
        began = time.perf_counter()
        rows = READERS[line.strip()](files)
        print(time.perf_counter() - began, rows, flush=True)


main()
