//! Symbols that say by their form what contract they are, whoever writes them: those of ccxt, TradingView and Yahoo, and the ends and
//! beginnings that venues give perpetuals, futures and options.

use super::{Said, has_end, inverse, is_pair, linear, of_pair};
use crate::currency::{quote_currency, split_pair};
use crate::definition::{InstrumentKind, Payoff};

/// Prefixes of TradingView for pairs of currencies.
const OF_FX: [&str; 7] = [
    "FX",
    "FX_IDC",
    "OANDA",
    "FOREXCOM",
    "SAXO",
    "PEPPERSTONE",
    "ICMARKETS",
];
/// Ends of perpetuals.
const PERPETUAL: [&str; 6] = [
    "_PERPETUAL",
    "-PERPETUAL",
    "_PERP",
    "-PERP",
    "-SWAP",
    "_SWAP",
];

/// What a symbol in capital letters says by its form; `None` if it has none of these.
pub(super) fn of_form(symbol: &str) -> Option<Said> {
    of_ccxt(symbol)
        .or_else(|| of_yahoo(symbol))
        .or_else(|| of_trading_view(symbol))
        .or_else(|| of_perpetual(symbol))
        .or_else(|| of_kraken(symbol))
        .or_else(|| of_option(symbol))
}

/// `BTC/USDT:USDT`, `BTC/USD:BTC`, `BTC/USD:BTC-240329`, `BTC/USD:BTC-240329-40000-C`: base, quote and what it pays in.
fn of_ccxt(symbol: &str) -> Option<Said> {
    let (pair, rest) = symbol.split_once(':')?;
    let (base, quote) = pair.split_once('/')?;
    let mut parts = rest.split('-');
    let settlement = parts.next()?;
    let kind = match parts.collect::<Vec<&str>>().as_slice() {
        [] => InstrumentKind::Perpetual,
        [_, _, "C" | "P"] => InstrumentKind::Option,
        _ => InstrumentKind::Future,
    };
    let payoff = match settlement {
        // An option is priced in what it pays in.
        _ if kind == InstrumentKind::Option => None,
        _ if settlement == quote => Some(Payoff::Linear),
        _ if settlement == base => Some(Payoff::Inverse),
        _ => Some(Payoff::Quanto),
    };
    let quote = match kind {
        InstrumentKind::Option => settlement,
        _ => quote,
    };
    let is_code = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if ![base, quote, settlement].iter().all(is_code) {
        return None;
    }
    let text = |part: &str| Some(part.to_owned());
    Some(Said {
        kind: Some(kind),
        payoff,
        base: text(base),
        quote: text(quote),
        settlement: text(settlement),
        ..Said::default()
    })
}

/// `EURUSD=X`, `JPY=X` (yen of a dollar), `ES=F`, `^GSPC`.
fn of_yahoo(symbol: &str) -> Option<Said> {
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if let Some(pair) = symbol.strip_suffix("=X").filter(|pair| is_word(pair)) {
        return of_currencies(pair).or_else(|| {
            let quote = Some(pair.to_owned()).filter(|quote| quote.len() == 3)?;
            Some(Said {
                kind: Some(InstrumentKind::Fx),
                base: Some("USD".to_owned()),
                quote: Some(quote),
                ..Said::default()
            })
        });
    }
    let kind = match symbol.strip_suffix("=F").filter(|root| is_word(root)) {
        Some(_) => InstrumentKind::Future,
        None if symbol.len() > 1 && symbol.starts_with('^') => InstrumentKind::Index,
        None => return None,
    };
    Some(Said::default().kind(kind))
}

/// `BINANCE:BTCUSDT.P`, `FX:EURUSD`, `CME_MINI:ES1!`; `BTCUSDT.P` alone too.
fn of_trading_view(symbol: &str) -> Option<Said> {
    let (prefix, rest) = match symbol.split_once(':') {
        Some((prefix, rest)) if quote_currency(rest).is_none() => (prefix, rest),
        Some(_) => return None,
        None => ("", symbol),
    };
    if let Some(pair) = rest.strip_suffix(".P").filter(|pair| is_pair(pair)) {
        return Some(perpetual(pair));
    }
    let is_continuous = rest.strip_suffix('!').is_some_and(|root| {
        let root = root.trim_end_matches(|c: char| c.is_ascii_digit());
        !root.is_empty() && root.len() + 1 < rest.len()
    });
    if is_continuous {
        return Some(Said::default().kind(InstrumentKind::Future));
    }
    if prefix.is_empty() {
        return None;
    }
    let of_fx = Some(rest).filter(|_| OF_FX.contains(&prefix));
    of_fx
        .and_then(of_currencies)
        .or_else(|| of_form(rest))
        .or_else(|| is_pair(rest).then(|| of_pair(rest)))
}

/// A pair of two currencies of three letters.
fn of_currencies(pair: &str) -> Option<Said> {
    let (base, quote) = pair
        .split_at_checked(3)
        .filter(|(_, quote)| quote.len() == 3)?;
    Some(Said {
        kind: Some(InstrumentKind::Fx),
        base: Some(base.to_owned()),
        quote: Some(quote.to_owned()),
        ..Said::default()
    })
}

/// `BTC-USDT-SWAP`, `BTC-USD-SWAP`, `BTCUSD_PERP`, `BTCUSDT-PERP`, `BTC-PERPETUAL`, `BTC_USDC-PERPETUAL`, `BTC_USDT_USDT`.
fn of_perpetual(symbol: &str) -> Option<Said> {
    let of_three = || {
        let mut parts = symbol.split('_');
        let three = [parts.next()?, parts.next()?, parts.next()?];
        let [base, quote, settlement] = three;
        let is_one = parts.next().is_none() && quote_currency(quote).is_some();
        (is_one && !base.is_empty() && (settlement == quote || settlement == base))
            .then(|| of_ccxt(&format!("{base}/{quote}:{settlement}")))
            .flatten()
    };
    let Some((pair, end)) = (PERPETUAL.iter())
        .find_map(|end| Some((symbol.strip_suffix(end)?, *end)))
        .filter(|(pair, _)| !pair.is_empty())
    else {
        return of_three();
    };
    let has_quote =
        split_pair(pair).is_some_and(|(base, _)| !base.trim_matches(['-', '_']).is_empty());
    if has_quote {
        return Some(perpetual(pair));
    }
    let said = match end {
        // A coin alone is priced in dollars and paid in itself there.
        "-PERPETUAL" => inverse(&format!("{pair}-USD"), InstrumentKind::Perpetual),
        _ => Said::default().kind(InstrumentKind::Perpetual),
    };
    Some(said)
}

/// A perpetual of a pair: against the dollar itself it pays in the coin.
fn perpetual(pair: &str) -> Said {
    match of_pair(pair).quote.as_deref() {
        Some("USD") => inverse(pair, InstrumentKind::Perpetual),
        _ => linear(pair, InstrumentKind::Perpetual),
    }
}

/// `PI_XBTUSD`, `FI_XBTUSD_240329` (inverse), `PF_XBTUSD`, `FF_XBTUSD_240329`.
fn of_kraken(symbol: &str) -> Option<Said> {
    let (form, rest) = symbol.split_once('_')?;
    let pair = rest.split('_').next().filter(|pair| is_pair(pair))?;
    let kind = has_end(form.starts_with('F'));
    match form {
        "PI" | "FI" => Some(inverse(pair, kind)),
        "PF" | "FF" => Some(linear(pair, kind)),
        _ => None,
    }
}

/// `BTC-31DEC21-34000-C`, `AAPL240119C00150000`.
fn of_option(symbol: &str) -> Option<Said> {
    let option = || Said::default().kind(InstrumentKind::Option);
    let parts: Vec<&str> = symbol.split('-').collect();
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let [.., strike, "C" | "P"] = parts.as_slice()
        && parts.len() > 3
        && are_digits(strike)
    {
        return Some(option());
    }
    // The root, the day, call or put, and the strike in thousandths, by the Options Clearing Corporation.
    let (head, strike) = symbol.split_at_checked(symbol.len().checked_sub(8)?)?;
    let head = head.strip_suffix(['C', 'P'])?;
    let (root, day) = head.split_at_checked(head.len().checked_sub(6)?)?;
    let root = root.trim_end();
    let is_root = (1..=6).contains(&root.len()) && root.bytes().all(|b| b.is_ascii_uppercase());
    (is_root && are_digits(day) && are_digits(strike)).then(option)
}

#[cfg(test)]
mod tests {
    use crate::definition::{InstrumentDef, InstrumentKind, Untradable};

    fn of(name: &str) -> InstrumentDef {
        InstrumentDef::of_name(name, 2, 2)
    }

    #[test]
    fn contracts_that_pay_in_coins_say_so_by_their_form() {
        for name in [
            "okex-swap.BTC-USD-SWAP",
            "BTC-USD-SWAP",
            "unknown.BTCUSD_PERP",
            "BTCUSD_PERP",
            "PI_XBTUSD",
            "x.FI_XBTUSD_240329",
            "BTC/USD:BTC",
            "BTC/USD:BTC-240329",
            "BTCUSD.P",
            "BYBIT:BTCUSD.P",
            "BTC-PERPETUAL",
            "BTC_USD_BTC",
        ] {
            assert_eq!(of(name).untradable(), Some(Untradable::Inverse), "{name}");
        }
        assert_eq!(of("ETH/USD:BTC").untradable(), Some(Untradable::Quanto));
        for name in [
            "BTC/USD:BTC-240329-40000-C",
            "x.BTC-31DEC21-34000-C",
            "AAPL240119C00150000",
            "O:SPY251219P00650000",
        ] {
            assert_eq!(of(name).untradable(), Some(Untradable::Option), "{name}");
        }
    }

    #[test]
    fn kinds_and_currencies_are_read_from_forms() {
        let check = |name: &str, kind: InstrumentKind, base: Option<&str>, currency: &str| {
            let def = of(name);
            assert_eq!(def.untradable(), None, "{name}");
            assert_eq!(def.contract.kind, Some(kind), "{name}");
            assert_eq!(def.contract.base.as_deref(), base, "{name}");
            assert_eq!(def.currency, currency, "{name}");
        };
        let perpetual = InstrumentKind::Perpetual;
        check("BTC/USDT:USDT", perpetual, Some("BTC"), "USDT");
        check("BTCUSDT.P", perpetual, Some("BTC"), "USDT");
        check("BINANCE:BTCUSDT.P", perpetual, Some("BTC"), "USDT");
        check("BTCUSDT-PERP", perpetual, Some("BTC"), "USDT");
        check("x.BTC-USDT-SWAP", perpetual, Some("BTC"), "USDT");
        check("BTC_USDC-PERPETUAL", perpetual, Some("BTC"), "USDC");
        check("BTC_USDT_USDT", perpetual, Some("BTC"), "USDT");
        check("PF_XBTUSD", perpetual, Some("XBT"), "USD");
        check("BTC-PERP", perpetual, None, "USD");
        check("FX:EURJPY", InstrumentKind::Fx, Some("EUR"), "JPY");
        check("EURUSD=X", InstrumentKind::Fx, Some("EUR"), "USD");
        check("JPY=X", InstrumentKind::Fx, Some("USD"), "JPY");
        check("ES=F", InstrumentKind::Future, None, "USD");
        check("CME_MINI:ES1!", InstrumentKind::Future, None, "USD");
        check("^GSPC", InstrumentKind::Index, None, "USD");
        let pair = of("BINANCE:BTCUSDT");
        assert_eq!(
            (
                pair.currency.as_str(),
                pair.contract.kind,
                pair.contract.base.as_deref()
            ),
            ("USDT", None, Some("BTC"))
        );
    }

    #[test]
    fn other_names_have_no_form() {
        for name in [
            "AAPL",
            "BRK.B",
            "BAC.P",
            "STETH",
            "WBETH",
            "X_PERPETUUM",
            "A:B",
            "=X",
            "^",
            "!",
            "1!",
        ] {
            let def = of(name);
            assert_eq!(def.untradable(), None, "{name}");
            assert_eq!(
                (def.currency.as_str(), def.contract.base),
                ("USD", None),
                "{name}"
            );
        }
    }
}
