"""Whole commands as a user meets them, each beside a program of others on the same work, alternating in one run.

Called by `cargo xtask bench --report`, which writes what this prints as Markdown into docs/benchmarks.md:

    commands.py BINARY FOLDER ROUNDS SCALE

BINARY is the program with the settings of shipped ones. FOLDER keeps the data, which is made from a fixed seed where it is not there.
SCALE divides the number of rows, for a trial (1 is what is published). Times are wall clock of the whole process, memory is its largest
resident set; both as the median of the rounds with the least and the greatest. Progress is on stderr.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

CROSS = [
    "--enter", "cross_over(sma(close, 10), sma(close, 30))",
    "--exit", "cross_under(sma(close, 10), sma(close, 30))",
    "--size", "1",
]
MID = [
    "--enter", "cross_over(ema(mid, 20), ema(mid, 100))",
    "--exit", "cross_under(ema(mid, 20), ema(mid, 100))",
    "--size", "1",
]

POLARS_CROSS = """
import sys, polars as pl
path, column = sys.argv[1], "close"
frame = (pl.scan_csv(path) if path.endswith(".csv") else pl.scan_parquet(path)).select(pl.col(column).cast(pl.Float64)).collect()
fast, slow = pl.col(column).rolling_mean(10), pl.col(column).rolling_mean(30)
above = frame.select((fast > slow).alias("in"))["in"].fill_null(False)
held = above.shift(1, fill_value=False)
change = frame[column].diff().fill_null(0.0)
print(round(float((change * held).sum()), 2), int((above != held).sum()))
"""

POLARS_EMA = """
import sys, polars as pl
frame = pl.scan_parquet(sys.argv[1]).select(((pl.col("bid").cast(pl.Float64) + pl.col("ask").cast(pl.Float64)) / 2).alias("mid")).collect()
fast, slow = pl.col("mid").ewm_mean(span=20, adjust=False), pl.col("mid").ewm_mean(span=100, adjust=False)
above = frame.select((fast > slow).alias("in"))["in"].fill_null(False)
held = above.shift(1, fill_value=False)
change = frame["mid"].diff().fill_null(0.0)
print(round(float((change * held).sum()), 2), int((above != held).sum()))
"""

DUCKDB_IMPORT = """
import sys, duckdb
source, target = sys.argv[1], sys.argv[2]
duckdb.sql("SET threads = 1")
duckdb.sql("SET enable_progress_bar = false")
duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
print(duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall()[0][0])
"""

DUCKDB_SORT = DUCKDB_IMPORT.replace("FROM read_csv('{source}')", "FROM read_csv('{source}') ORDER BY timestamp")

POLARS_DAILY = """
import sys, polars as pl
frame = pl.scan_csv(sys.argv[1]).select("symbol", pl.col("close").cast(pl.Float64)).collect()
fast, slow = pl.col("close").rolling_mean(10).over("symbol"), pl.col("close").rolling_mean(30).over("symbol")
above = frame.with_columns((fast > slow).fill_null(False).alias("in"))
held = above.with_columns(pl.col("in").shift(1, fill_value=False).over("symbol").alias("held"), pl.col("close").diff().over("symbol").fill_null(0.0).alias("change"))
print(round(float((held["change"] * held["held"]).sum()), 2))
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def bars(path, count):
    """Minute bars of a random walk in cents."""
    rng, price, ts = random.Random(7), 100_000, 1_577_836_800
    with open(path, "w") as file:
        file.write("timestamp,open,high,low,close,volume\n")
        for _ in range(count):
            close = max(1_000, price + rng.randint(-20, 20))
            high, low = max(price, close) + rng.randint(0, 9), min(price, close) - rng.randint(0, 9)
            cents = [f"{value // 100}.{value % 100:02}" for value in (price, high, low, close)]
            file.write(f"{ts},{','.join(cents)},{rng.randint(1, 999)}\n")
            price, ts = close, ts + 60


def quotes(path, count):
    """Quotes of a random walk in ticks of 0.01, some milliseconds apart."""
    rng, bid, ts = random.Random(8), 5_000_000, 1_577_836_800_000
    with open(path, "w") as file:
        file.write("timestamp,bid,bid_size,ask,ask_size\n")
        for _ in range(count):
            bid += rng.randint(-3, 3)
            ask = bid + rng.randint(1, 3)
            file.write(f"{ts},{bid // 100}.{bid % 100:02},{rng.randint(1, 99)},{ask // 100}.{ask % 100:02},{rng.randint(1, 99)}\n")
            ts += rng.randint(1, 50)


SHUFFLE = """
import random, sys
with open(sys.argv[1]) as file:
    header, *rows = file.readlines()
random.Random(10).shuffle(rows)
with open(sys.argv[2], "w") as file:
    file.writelines([header, *rows])
"""


def shuffled(path, source):
    """The rows of another file in no order. A process of its own: what is held here would count as memory of those that are measured."""
    subprocess.run([sys.executable, "-c", SHUFFLE, source, path], check=True)


def daily(path, symbols, days):
    """Daily bars of many instruments, a day after the other."""
    rng = random.Random(9)
    prices = [rng.randint(1_000, 50_000) for _ in range(symbols)]
    with open(path, "w") as file:
        file.write("symbol,timestamp,open,high,low,close,volume\n")
        for day in range(days):
            ts = 1_577_836_800 + day * 86_400
            for at, price in enumerate(prices):
                close = max(100, price + rng.randint(-price // 40, price // 40))
                high, low = max(price, close), min(price, close)
                cents = [f"{value // 100}.{value % 100:02}" for value in (price, high, low, close)]
                file.write(f"S{at},{ts},{','.join(cents)},{rng.randint(1, 9999)}\n")
                prices[at] = close


def parquet(source, integers, floats, binary):
    """The same bars as people keep them: decimals and a timestamp, and floats and seconds."""
    script = (
        "import sys, polars as pl\n"
        "frame = pl.read_csv(sys.argv[1])\n"
        "prices = ['open', 'high', 'low', 'close']\n"
        "frame.write_parquet(sys.argv[3])\n"
        "time = pl.from_epoch('timestamp', time_unit='s').dt.cast_time_unit('us')\n"
        "frame.with_columns(time, *[pl.col(p).cast(pl.Decimal(18, 2)) for p in prices]).write_parquet(sys.argv[2])\n"
    )
    subprocess.run([binary, "-c", script, source, integers, floats], check=True)


def measured(command):
    """Seconds, largest resident set in MB, and what a command printed."""
    begun = time.perf_counter()
    talk = tempfile.TemporaryFile()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=talk)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        talk.seek(0)
        raise SystemExit(f"{command} ended with {process.returncode}:\n{talk.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss / 1024, output.decode()


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def result(output):
    """What a command found, in a few words, to see that it did the work."""
    try:
        found = json.loads(output)
    except ValueError:
        return output.strip()[:40]
    if not isinstance(found, dict):
        return output.strip()
    if "final_equity" in found:
        return f"{found['events']:,} records, {found['fills']:,} fills"
    files = found.get("files", [found])
    rows = sum(kind["written"] for file in files for kind in file.get("kinds", {}).values())
    return f"{rows:,} rows"


def main():
    binary, folder, rounds, scale = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.makedirs(folder, exist_ok=True)
    # One core, of which the machine's other work keeps off as far as it can.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    counts = {"bars": 2_000_000 // scale, "quotes": 10_000_000 // scale, "symbols": max(2, 4_500 // scale)}
    at = lambda name: os.path.join(folder, f"{scale}-{name}")
    made = [
        (at("bars.csv"), lambda path: bars(path, counts["bars"])),
        (at("quotes.csv"), lambda path: quotes(path, counts["quotes"])),
        (at("daily.csv"), lambda path: daily(path, counts["symbols"], 480)),
        (at("shuffled.csv"), lambda path: shuffled(path, at("quotes.csv"))),
    ]
    for path, make in made:
        if not os.path.exists(path):
            say(f"making {path}")
            make(path + ".part")
            os.rename(path + ".part", path)
    if not os.path.exists(at("floats.parquet")):
        parquet(at("bars.csv"), at("decimals.parquet"), at("floats.parquet"), sys.executable)
    if not os.path.exists(at("quotes.parquet")):
        script = "import sys, polars as pl\npl.read_csv(sys.argv[1]).write_parquet(sys.argv[2])"
        subprocess.run([sys.executable, "-c", script, at("quotes.csv"), at("quotes.parquet")], check=True)
    for name in ["bars", "quotes", "daily"]:
        if not os.path.isdir(at(name)):
            say(f"importing {name}")
            subprocess.run([binary, "import", at(f"{name}.csv"), "--catalog", at(name), "--json"], check=True, stdout=subprocess.DEVNULL)
    python = lambda script, *words: [sys.executable, "-c", script, *words]
    backtest = lambda data, *rules: [binary, "backtest", "--data", at(data), *rules, "--json"]
    strategy = at("daily.toml")
    with open(strategy, "w") as file:
        file.write('[[strategy]]\nkind = "rules"\nname = "cross"\ninstruments = "*"\nenter = "cross_over(sma(close, 10), sma(close, 30))"\nexit = "cross_under(sma(close, 10), sma(close, 30))"\nsize = "1"\n')
    fresh = at("fresh")
    importing = lambda name: [binary, "import", at(name), "--catalog", fresh, "--json"]
    million = lambda count: f"{count:,}"
    cases = [
        (f"backtest, SMA cross, {million(counts['bars'])} minute bars in the catalog", backtest("bars", *CROSS), "Polars, the same rule over Parquet", python(POLARS_CROSS, at("floats.parquet"))),
        ("the same from CSV", backtest("bars.csv", *CROSS), "Polars over CSV", python(POLARS_CROSS, at("bars.csv"))),
        ("the same from Parquet with decimals", backtest("decimals.parquet", *CROSS), "Polars over the same", python(POLARS_CROSS, at("decimals.parquet"))),
        ("the same from Parquet with floats", backtest("floats.parquet", *CROSS), "Polars over the same", python(POLARS_CROSS, at("floats.parquet"))),
        (f"backtest, EMA cross on mid, {million(counts['quotes'])} quotes in the catalog", backtest("quotes", *MID), "Polars, the same rule over Parquet", python(POLARS_EMA, at("quotes.parquet"))),
        (f"import of {million(counts['quotes'])} quotes as CSV", importing("quotes.csv"), "DuckDB, CSV to Parquet, one thread", python(DUCKDB_IMPORT, at("quotes.csv"), at("fresh.parquet"))),
        ("the same, rows in no order", importing("shuffled.csv"), "DuckDB, sorted by time", python(DUCKDB_SORT, at("shuffled.csv"), at("fresh.parquet"))),
        (f"backtest, SMA cross, {million(counts['symbols'])} instruments of 480 daily bars, one strategy over all", [binary, "backtest", "--data", at("daily"), "--strategy", strategy, "--bar", "1d", "--json"], "Polars over CSV", python(POLARS_DAILY, at("daily.csv"))),
    ]
    print("| work | tickloom, s | MB | what it found | beside it | s | MB | what it found | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, ours, other, theirs in cases:
        say(name)
        runs = {"ours": [], "theirs": []}
        for _ in range(rounds):
            for who, command in [("ours", ours), ("theirs", theirs)]:
                subprocess.run(["rm", "-rf", fresh, at("fresh.parquet")], check=True)
                runs[who].append(measured(command))
        cells = []
        for who in ["ours", "theirs"]:
            seconds, memory, output = zip(*runs[who])
            if who == "theirs":
                cells.append(other)
            cells += [spread(seconds, 2), spread(memory, 0), result(output[-1])]
        medians = [statistics.median(run[0] for run in runs[who]) for who in ["theirs", "ours"]]
        print(f"| {name} | {' | '.join(cells)} | {medians[0] / medians[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
