"""Writes the same twelve bars with the programs that people have, in all the ways that these write them, into the folder of the
first argument. The name of a file says how it is to be read: `NAME.OPTION=VALUE.ending`."""

import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
ROWS = range(12)
START = datetime(2024, 1, 2, 9, 30, tzinfo=timezone.utc)
TIMES = [START + timedelta(minutes=i) for i in ROWS]
NAIVE = [time.replace(tzinfo=None) for time in TIMES]
SECONDS = [int(time.timestamp()) for time in TIMES]
CENTS = {
    "open": [10_000 + 25 * i for i in ROWS],
    "high": [10_050 + 25 * i for i in ROWS],
    "low": [9_925 + 25 * i for i in ROWS],
    "close": [10_010 + 25 * i for i in ROWS],
}
VOLUME = [1_000 + 7 * i for i in ROWS]


def prices(of):
    """The prices, each made of its text."""
    return {name: of([f"{cents // 100}.{cents % 100:02}" for cents in column]) for name, column in CENTS.items()}


FLOATS = prices(lambda texts: pa.array([float(text) for text in texts], pa.float64()))
STAMPS = pa.array(TIMES, pa.timestamp("us", tz="UTC"))


def table(time=None, volume=None, columns=None, **more):
    times = time if isinstance(time, dict) else {"time": STAMPS if time is None else time}
    volume = pa.array(VOLUME, pa.int64()) if volume is None else volume
    return pa.table({**times, **(columns or FLOATS), "volume": volume, **more})


def parquet(name, what, **options):
    pq.write_table(what, folder / f"{name}.parquet", **options)


# What pages are packed in, and how they are encoded.
for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    parquet(f"packed-{codec}", table(), compression=codec)
    parquet(f"second-{codec}", table(), compression=codec, data_page_version="2.0", row_group_size=5)
parquet("plain", table(), use_dictionary=False, data_page_size=32)
parquet("differences", table(time=pa.array(SECONDS, pa.int64()), symbol=pa.array(["ABC"] * 12)), use_dictionary=False,
        column_encoding={"time": "DELTA_BINARY_PACKED", "symbol": "DELTA_LENGTH_BYTE_ARRAY", "open": "BYTE_STREAM_SPLIT"})
parquet("groups", table(), row_group_size=1)
required = [field.with_nullable(False) for field in table().schema]
parquet("required", table().cast(pa.schema(required)))

# Times.
for unit in ["s", "ms", "us", "ns"]:
    parquet(f"stamp-{unit}", table(pa.array(TIMES, pa.timestamp(unit, tz="UTC"))))
    parquet(f"local-{unit}", table(pa.array(NAIVE, pa.timestamp(unit))))
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    parquet(f"epoch-{unit}", table(pa.array([s * per_second for s in SECONDS], pa.int64())))
    parquet(f"unsigned-{unit}", table(pa.array([s * per_second for s in SECONDS], pa.uint64())))
parquet("zone", table(pa.array(TIMES, pa.timestamp("ms", tz="America/New_York"))))
new_york = [time - timedelta(hours=5) for time in NAIVE]
parquet("wall.zone=America%New_York", table(pa.array(new_york, pa.timestamp("ms"))))
parquet("ninety-six", table(pa.array(NAIVE, pa.timestamp("ns"))), use_deprecated_int96_timestamps=True)
parquet("int32", table(pa.array(SECONDS, pa.int32())))
parquet("float-s", table(pa.array([float(s) for s in SECONDS], pa.float64())))
parquet("text", table(pa.array([str(time) for time in NAIVE])))
parquet("compact.time_format=compact", table(pa.array([int(time.strftime("%Y%m%d%H%M")) for time in NAIVE], pa.int64())))
days = pa.array([date(2024, 1, 2)] * 12, pa.date32())
for unit, of in [("s", pa.time32), ("ms", pa.time32), ("us", pa.time64), ("ns", pa.time64)]:
    parquet(f"two-{unit}", table({"date": days, "time": pa.array([time.time() for time in NAIVE], of(unit))}))
midnights = pa.array([datetime(2024, 1, 2)] * 12, pa.timestamp("ns"))
parquet("two-midnight", table({"date": midnights, "time": pa.array([time.time() for time in NAIVE], pa.time64("us"))}))
parquet("two-texts", table({"date": pa.array(["2024-01-02"] * 12), "time": pa.array([f"{t:%H:%M}" for t in NAIVE])}))
parquet("two-numbers", table({"date": pa.array([20240102] * 12, pa.int32()), "time": pa.array([f"{t:%H%M%S}" for t in NAIVE])}))

# Numbers.
parquet("single", table(columns=prices(lambda texts: pa.array([float(text) for text in texts], pa.float32()))))
for kind in [pa.decimal32(9, 2), pa.decimal64(18, 4), pa.decimal128(10, 2), pa.decimal128(38, 18), pa.decimal256(60, 9)]:
    columns = prices(lambda texts, kind=kind: pa.array([Decimal(text) for text in texts], kind))
    parquet(f"decimal-{kind.bit_width}-{kind.scale}", table(columns=columns))
    feather.write_feather(table(columns=columns), folder / f"decimal-{kind.bit_width}-{kind.scale}.feather")
parquet("decimal-int", table(columns=prices(lambda texts: pa.array([Decimal(t) for t in texts], pa.decimal128(9, 2)))),
        store_decimal_as_integer=True)
for kind in [pa.string(), pa.large_string(), pa.string_view(), pa.binary()]:
    parquet(f"texts-{kind}", table(columns=prices(lambda texts, kind=kind: pa.array(texts, kind)), volume=pa.array([str(v) for v in VOLUME], kind)))
for kind in [pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64()]:
    parquet(f"volume-{kind}", table(volume=pa.array(VOLUME, kind)))
parquet("dictionaries", table(columns={name: column.dictionary_encode() for name, column in FLOATS.items()},
                              symbol=pa.array(["ABC"] * 12).dictionary_encode()))
parquet("nested", table(legs=pa.array([[1]] * 12), about=pa.array([{"a": 1}] * 12)))

# Arrow.
for codec in ["uncompressed", "lz4", "zstd"]:
    feather.write_feather(table(), folder / f"feather-{codec}.feather", compression=codec, chunksize=5)
dictionaries = table(columns={n: c.dictionary_encode() for n, c in FLOATS.items()}, symbol=pa.array(["ABC"] * 12).dictionary_encode())
views = table(pa.array([str(time) for time in NAIVE], pa.string_view()), symbol=pa.array(["ABC"] * 12, pa.string_view()),
              legs=pa.array([[1]] * 12), about=pa.array([{"a": 1}] * 12))
for name, what in [("plain", table()), ("dictionaries", dictionaries), ("views", views)]:
    for ending, open_writer in [("arrow", pa.ipc.new_file), ("arrows", pa.ipc.new_stream)]:
        with open_writer(folder / f"ipc-{name}.{ending}", what.schema) as writer:
            writer.write_table(what, max_chunksize=7)

# Programs.
frame = table().to_pandas()
frame.to_parquet(folder / "pandas.parquet")
frame.set_index("time").to_parquet(folder / "pandas-index.parquet")
frame.set_index("time").rename_axis(None).to_parquet(folder / "pandas-unnamed.parquet")
naive = frame.set_index(pd.DatetimeIndex(NAIVE)).drop(columns="time")
naive.to_parquet(folder / "pandas-naive.parquet")
frame.to_feather(folder / "pandas.feather")
frame.astype({"volume": "Int64"}).to_parquet(folder / "pandas-int64.parquet")
polars = pl.from_arrow(table(symbol=pa.array(["ABC"] * 12)))
polars.write_parquet(folder / "polars.parquet")
polars.with_columns(pl.col("symbol").cast(pl.Categorical)).write_parquet(folder / "polars-categories.parquet", compression="snappy")
for codec in ["uncompressed", "lz4", "zstd"]:
    polars.write_ipc(folder / f"polars-{codec}.arrow", compression=codec)
polars.write_ipc_stream(folder / "polars.arrows")
rows = table()
for codec in ["snappy", "zstd", "gzip", "lz4_raw", "brotli"]:
    duckdb.sql(f"copy rows to '{folder}/duckdb-{codec}.parquet' (format parquet, codec '{codec}')")
