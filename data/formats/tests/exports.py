"""Reads exported files as strangers do and prints what they see: one line of JSON for each reader and format.

pandas reads CSV, pyarrow Arrow, DuckDB all text and Parquet, Polars Arrow and Parquet. Usage: exports.py FOLDER
"""

import json
import sys
from decimal import Decimal

import duckdb
import pandas
import polars
import pyarrow.ipc

TRADES = ["ts_event", "ts_recv", "seq", "instrument", "source", "flags", "price", "qty", "side"]
EXACT = "{'ts_event': 'TIMESTAMP_NS', 'ts_recv': 'TIMESTAMP_NS', 'price': 'DECIMAL(38,9)', 'qty': 'DECIMAL(38,9)'}"
COLUMNS = (
    "{'ts_event': 'VARCHAR', 'ts_recv': 'VARCHAR', 'seq': 'UBIGINT', 'instrument': 'VARCHAR', 'source': 'VARCHAR',"
    " 'flags': 'UTINYINT', 'price': 'DECIMAL(38,9)', 'qty': 'DECIMAL(38,9)', 'side': 'VARCHAR'}"
)


def plain(value):
    """Numbers and words as text, decimals with nine digits."""
    if isinstance(value, Decimal):
        return format(value, ".9f")
    return str(value)


def show(reader, rows):
    print(json.dumps({"reader": reader, "rows": [[plain(value) for value in row] for row in rows]}))


def pandas_csv(path):
    exact = {"price": Decimal, "qty": Decimal}
    frame = pandas.read_csv(path, skiprows=1, converters=exact, parse_dates=["ts_event", "ts_recv"])
    for column in ("ts_event", "ts_recv"):
        assert str(frame[column].dtype) == "datetime64[ns, UTC]", frame.dtypes
        frame[column] = frame[column].astype("int64")
    return frame[TRADES].itertuples(index=False, name=None)


def duckdb_from(source):
    columns = ", ".join(f"epoch_ns({c}::timestamp_ns)" if c.startswith("ts_") else c for c in TRADES)
    return duckdb.sql(f"select {columns} from {source} where seq is not null order by seq").fetchall()


def arrow(path):
    table = pyarrow.ipc.open_file(path).read_all()
    assert json.loads(table.schema.metadata[b"tickloom"])["table"] == "trades"
    times = [table[c].cast("int64").to_pylist() for c in ("ts_event", "ts_recv")]
    return zip(*times, *(table[c].to_pylist() for c in TRADES[2:]))


def polars_of(frame):
    times = [polars.col(c).cast(polars.Int64) for c in ("ts_event", "ts_recv")]
    return frame.select(TRADES).with_columns(times).rows()


def main():
    path = f"{sys.argv[1]}/trades"
    show("pandas, csv", pandas_csv(f"{path}.csv"))
    show("pandas, csv.gz", pandas_csv(f"{path}.csv.gz"))
    show("DuckDB, csv", duckdb_from(f"read_csv('{path}.csv', skip = 1, types = {EXACT})"))
    show("DuckDB, jsonl", duckdb_from(f"read_json('{path}.jsonl', format = 'newline_delimited', columns = {COLUMNS})"))
    show("DuckDB, parquet", duckdb_from(f"read_parquet('{path}.parquet')"))
    show("pyarrow, arrow", arrow(f"{path}.arrow"))
    show("Polars, arrow", polars_of(polars.read_ipc(f"{path}.arrow")))
    show("Polars, parquet", polars_of(polars.read_parquet(f"{path}.parquet")))


main()
