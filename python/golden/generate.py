"""Writes the golden values of engine/signals: a price series and what TA-Lib (or numpy, where TA-Lib has nothing) makes of it.

Run once, by hand, in an environment with the packages of requirements.txt beside this file:

    python python/golden/generate.py engine/signals/tests/golden

It writes bars.csv (integers: prices in hundredths, volumes in thousandths) and one column of expected.csv per expression,
empty where the indicator is not ready. Nothing here is shared with the Rust code: the numpy references are written
from the definitions, window by window.
"""

import csv
import pathlib
import sys

import numpy as np
import talib

ROWS = 400


def bars():
    """A random walk on a grid of cents, with flat stretches, from a fixed linear congruential generator."""
    state = 12345

    def below(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % n

    rows, close = [], 10_000
    for row in range(ROWS):
        flat = 150 <= row < 175
        open_ = close
        close = max(close + (0 if flat else below(301) - 148), 1_000)
        high = max(open_, close) + (0 if flat else below(80))
        low = min(open_, close) - (0 if flat else below(80))
        rows.append((open_, high, low, close, 1_000 + below(5_000_000)))
    return rows


def windows(x, n, f):
    """f of each window of n, NaN before the first."""
    out = np.full(len(x), np.nan)
    for end in range(n, len(x) + 1):
        out[end - 1] = f(slice(end - n, end))
    return out


def rma(x, n):
    """Wilder's mean: seeded with the mean of the first n, then r + (x - r) / n."""
    out = np.full(len(x), np.nan)
    r = out[n - 1] = np.mean(x[:n])
    for at in range(n, len(x)):
        r = out[at] = (r * (n - 1) + x[at]) / n
    return out


def zscore(x, n):
    def of(window):
        deviation = np.std(x[window])
        return (x[window][-1] - np.mean(x[window])) / deviation if np.ptp(x[window]) else np.nan

    return windows(x, n, of)


def vwap(price, volume, n):
    return windows(price, n, lambda w: np.dot(price[w], volume[w]) / np.sum(volume[w]))


def expected(mantissas):
    """Expression to values."""
    columns = np.array(mantissas, dtype=float).T
    o, h, l, c = columns[:4] / 100
    v = columns[4] / 1000
    macd = talib.MACD(c, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(c, 20, 2, 2, talib.MA_Type.SMA)
    return {
        "sma(close, 10)": talib.SMA(c, 10),
        "sma(volume, 30)": talib.SMA(v, 30),
        "sma((high + low) / 2, 10)": talib.SMA((h + l) / 2, 10),
        "ema(close, 12)": talib.EMA(c, 12),
        "ema(open, 2)": talib.EMA(o, 2),
        "wma(close, 20)": talib.WMA(c, 20),
        "wma((high + low) / 2, 5)": talib.WMA((h + l) / 2, 5),
        "macd(close, 12, 26, 9).line": macd[0],
        "macd(close, 12, 26, 9).signal": macd[1],
        "macd(close, 12, 26, 9).histogram": macd[2],
        "rsi(close, 14)": talib.RSI(c, 14),
        "rsi(close, 3)": talib.RSI(c, 3),
        "atr(14)": talib.ATR(h, l, c, 14),
        "bbands(close, 20, 2).upper": upper,
        "bbands(close, 20, 2).middle": middle,
        "bbands(close, 20, 2).lower": lower,
        "stddev(close, 20)": talib.STDDEV(c, 20),
        "stddev((high + low) / 2, 20)": talib.STDDEV((h + l) / 2, 20),
        "highest(high, 20)": talib.MAX(h, 20),
        "lowest(low, 20)": talib.MIN(l, 20),
        "roc(close, 10)": talib.ROC(c, 10),
        "change(close, 5)": talib.MOM(c, 5),
        # What TA-Lib lacks.
        "rma(close, 14)": rma(c, 14),
        "zscore(close, 20)": zscore(c, 20),
        "zscore((high + low) / 2, 20)": zscore((h + l) / 2, 20),
        "vwap(20)": vwap(c, v, 20),
        "vwap((high + low + close) / 3, volume, 7)": vwap((h + l + c) / 3, v, 7),
    }


def main(folder):
    folder = pathlib.Path(folder)
    mantissas = bars()
    with open(folder / "bars.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["open", "high", "low", "close", "volume"])
        writer.writerows(mantissas)
    values = expected(mantissas)
    with open(folder / "expected.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", delimiter=";")
        writer.writerow(values)
        for row in zip(*values.values()):
            writer.writerow("" if np.isnan(x) else repr(float(x)) for x in row)


if __name__ == "__main__":
    main(sys.argv[1])
