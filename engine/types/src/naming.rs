//! What the name of an instrument says of its contract, by the rules by which venues make symbols (`docs/instruments.md`). Feeds ask, and
//! imports of files, which know no feed.

mod forms;

use crate::currency::{pair_of_currencies, quote_currency, split_dollar_pair, split_pair};
use crate::definition::{InstrumentDef, InstrumentKind, Payoff, Term};

/// What a symbol says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    kind: Option<InstrumentKind>,
    payoff: Option<Payoff>,
    base: Option<String>,
    /// Currency of the prices.
    quote: Option<String>,
    settlement: Option<String>,
    /// Money per unit of price times size, where the rules of the venue say it for all of its kind.
    multiplier: Option<i64>,
}

impl InstrumentDef {
    /// The definition of an instrument of which no more than `VENUE.SYMBOL` (or a file's name) is known: kind, payoff and currencies
    /// as the symbol says them; all else is assumed. Step of one mantissa; the currency is `USD` if the symbol says none.
    #[must_use]
    pub fn of_name(name: &str, price_decimals: u8, qty_decimals: u8) -> InstrumentDef {
        let (venue, symbol) = name.split_once('.').unwrap_or(("", name));
        let (said, is_rule) = match by_venue(venue, &symbol.to_ascii_uppercase()) {
            Some(said) => (said, true),
            None => (of_file(name), false),
        };
        let quote = said.quote.as_deref().filter(|quote| !quote.is_empty());
        let currency = quote.unwrap_or("USD");
        let mut def = InstrumentDef::assumed(name, price_decimals, qty_decimals, currency);
        let contract = &mut def.contract;
        if is_rule && quote.is_some() {
            contract.assumed.remove(&Term::Currency);
        }
        if let Some(multiplier) = said.multiplier {
            contract.assumed.remove(&Term::Multiplier);
            def.multiplier = multiplier;
        }
        contract.kind = said.kind;
        contract.payoff = said.payoff;
        contract.base = said.base;
        contract.settlement = said.settlement;
        def
    }
}

/// What a name without a venue's rules says: what contract it is, by its form, or that it is a pair, if it is two parts of which the second
/// is a currency, or capital letters that end with one.
fn of_file(name: &str) -> Said {
    let upper = name.to_ascii_uppercase();
    let after_venue = || upper.split_once('.').map(|(_, symbol)| symbol);
    let said = after_venue().and_then(forms::of_form);
    if let Some(said) = said.or_else(|| forms::of_form(&upper)) {
        return said;
    }
    let symbol = name.rsplit('.').next().unwrap_or(name);
    let parts: Vec<&str> = symbol.split(['-', '/', '_', ':']).collect();
    match parts.as_slice() {
        [base, quote] if !base.is_empty() => match quote_currency(&quote.to_ascii_uppercase()) {
            Some(_) => of_pair(&symbol.to_ascii_uppercase()),
            None => of_words(name),
        },
        [_] if is_pair(symbol) => of_pair(symbol),
        _ => of_words(name),
    }
}

/// What the one word of a name says that is a pair of currencies, as programs call their files: `OANDA_USDJPY, 60`, `USDJPY_M1_2024`.
fn of_words(name: &str) -> Said {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let mut pairs = words.filter_map(pair_of_currencies);
    match (pairs.next(), pairs.next()) {
        (Some((base, quote)), None) => Said {
            base: Some(base.to_owned()),
            quote: Some(quote.to_owned()),
            ..Said::default()
        },
        _ => Said::default(),
    }
}

/// Whether a symbol is written as a pair of currencies or coins: capital letters that end with a currency that is known, such as `EURUSD`.
#[must_use]
pub fn is_pair(symbol: &str) -> bool {
    // Coins whose codes end with that of another.
    const COINS: [&str; 8] = [
        "STETH", "WBETH", "CBETH", "WEETH", "RSETH", "EZETH", "FDUSD", "PYUSD",
    ];
    if COINS.contains(&symbol) {
        return false;
    }
    let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    symbol.bytes().all(is_code) && split_pair(symbol).is_some_and(|(base, _)| base.len() > 1)
}

/// What is behind the symbols of series that no trades make: marks, indices and premiums of contracts.
const SERIES: [&str; 3] = [".MARK", ".INDEX", ".PREMIUM"];

/// What a symbol in capital letters says by the rules of its venue; `None` if they are not known here.
fn by_venue(venue: &str, symbol: &str) -> Option<Said> {
    if venue.starts_with("binance")
        && let Some(contract) = SERIES.iter().find_map(|end| symbol.strip_suffix(end))
    {
        return Some(of_pair(contract).kind(InstrumentKind::Index).of(1));
    }
    Some(match venue {
        "binance" => match split_dollar_pair(symbol) {
            Some((base, quote)) => spot(&format!("{base}-{quote}")),
            None => spot(symbol),
        },
        "bitstamp" | "gemini" | "kraken" | "coinbase" => spot(symbol),
        "binance-usdm" => {
            let (pair, end) = symbol.split_once('_').unwrap_or((symbol, ""));
            linear(pair, has_end(!end.is_empty())).of(1)
        }
        "binance-cm" => {
            let (pair, end) = symbol.split_once('_').unwrap_or((symbol, "PERP"));
            let contract = if pair == "BTCUSD" { 100 } else { 10 };
            inverse(pair, has_end(end != "PERP")).of(contract)
        }
        "bitfinex" => bitfinex(symbol),
        "bitmex" => bitmex(symbol),
        "bybit" => bybit(symbol),
        "bybit-spot" => spot(symbol),
        "deribit" => deribit(symbol),
        "hyperliquid" => hyperliquid(symbol),
        "kraken-futures" => kraken_futures(symbol),
        "okx" => okx(symbol),
        _ => return None,
    })
}

impl Said {
    fn of(self, multiplier: i64) -> Said {
        Said {
            multiplier: Some(multiplier),
            ..self
        }
    }

    fn kind(self, kind: InstrumentKind) -> Said {
        Said {
            kind: Some(kind),
            ..self
        }
    }
}

fn has_end(has_end: bool) -> InstrumentKind {
    match has_end {
        true => InstrumentKind::Future,
        false => InstrumentKind::Perpetual,
    }
}

/// Base and quote of a pair, with a separator or without: the last part that is a currency, or what a part ends with.
fn of_pair(symbol: &str) -> Said {
    let parts: Vec<&str> = symbol.split(['-', '/', '_', '.', ':']).collect();
    let of = |base: Option<&str>, quote: &str| Said {
        base: base.filter(|base| !base.is_empty()).map(str::to_owned),
        quote: Some(quote.to_owned()),
        ..Said::default()
    };
    let alone = (1..parts.len()).find_map(|at| Some((at, quote_currency(parts[at])?)));
    if let Some((at, quote)) = alone {
        return of(parts.get(at - 1).copied(), quote);
    }
    match parts.iter().rev().find_map(|part| split_pair(part)) {
        Some((base, quote)) => of(Some(base), quote),
        None => Said::default(),
    }
}

fn spot(symbol: &str) -> Said {
    of_pair(symbol).kind(InstrumentKind::Spot).of(1)
}

fn linear(pair: &str, kind: InstrumentKind) -> Said {
    Said {
        payoff: Some(Payoff::Linear),
        ..of_pair(pair).kind(kind)
    }
}

/// Priced in dollars, paid in the coin.
fn inverse(pair: &str, kind: InstrumentKind) -> Said {
    let said = of_pair(pair).kind(kind);
    Said {
        payoff: Some(Payoff::Inverse),
        settlement: said.base.clone(),
        ..said
    }
}

/// `BTC-USDT`, `BTC-USDT-SWAP`, `BTC-USD-211231`, `BTC-USD-211231-40000-C`. Sizes of derivatives are contracts, whose size only the
/// venue's list says.
fn okx(symbol: &str) -> Said {
    let parts: Vec<&str> = symbol.split('-').collect();
    let (kind, pair) = match parts.as_slice() {
        [base, quote, "SWAP"] => (InstrumentKind::Perpetual, [*base, *quote]),
        [base, quote, _] => (InstrumentKind::Future, [*base, *quote]),
        [base, quote, _, _, _] => (InstrumentKind::Option, [*base, *quote]),
        _ => return spot(symbol),
    };
    match pair[1] {
        "USD" => inverse(&pair.join("-"), kind),
        _ => linear(&pair.join("-"), kind),
    }
}

/// `BTCUSDT` (spot or linear), `BTCUSD`, `BTCUSDM21`, `BTCPERP`, `BTC-29JUL22`, `BTC-29JUL22-25000-C`.
fn bybit(symbol: &str) -> Said {
    if let Some(base) = symbol.strip_suffix("PERP") {
        let pair = format!("{}-USDC", base.trim_end_matches('-'));
        return linear(&pair, InstrumentKind::Perpetual).of(1);
    }
    let parts: Vec<&str> = symbol.split('-').collect();
    if let [base, _, rest @ ..] = parts.as_slice() {
        let kind = match rest {
            [_, "C" | "P", ..] => InstrumentKind::Option,
            _ => InstrumentKind::Future,
        };
        return linear(&format!("{base}-USDC"), kind).of(1);
    }
    if let Some(pair) = without_month(symbol).filter(|pair| pair.ends_with("USD")) {
        return inverse(pair, InstrumentKind::Future).of(1);
    }
    match split_pair(symbol) {
        Some((_, "USD")) => inverse(symbol, InstrumentKind::Perpetual).of(1),
        _ => of_pair(symbol).of(1),
    }
}

/// What is before the code of a month and two digits of a year, such as `M21`.
fn without_month(symbol: &str) -> Option<&str> {
    let (head, tail) = symbol.split_at_checked(symbol.len().checked_sub(3)?)?;
    match tail.as_bytes() {
        [month, tens, ones]
            if b"FGHJKMNQUVXZ".contains(month)
                && tens.is_ascii_digit()
                && ones.is_ascii_digit() =>
        {
            Some(head)
        }
        _ => None,
    }
}

/// `BTC-PERPETUAL`, `BTC-25MAR22`, `BTC-31DEC21-34000-C` (priced in the coin), `BTC_USDC`, `BTC_USDC-PERPETUAL`, `BTC-FS-25MAR22_PERP`.
fn deribit(symbol: &str) -> Said {
    let parts: Vec<&str> = symbol.split('-').collect();
    let (underlying, kind) = match parts.as_slice() {
        [] | [_] => return spot(symbol),
        [underlying, "PERPETUAL"] => (*underlying, InstrumentKind::Perpetual),
        [underlying, _] => (*underlying, InstrumentKind::Future),
        [underlying, "FS", ..] => (*underlying, InstrumentKind::Spread),
        [underlying, ..] => (*underlying, InstrumentKind::Option),
    };
    if underlying.contains('_') {
        return linear(underlying, kind).of(1);
    }
    match kind {
        InstrumentKind::Option => Said {
            kind: Some(kind),
            base: Some(underlying.to_owned()),
            quote: Some(underlying.to_owned()),
            ..Said::default()
        },
        _ => inverse(&format!("{underlying}-USD"), kind).of(1),
    }
}

/// `PI_XBTUSD` and `FI_XBTUSD_210730` are inverse, `PF_` and `FF_` linear; `IN_` and `RR_` are indices.
fn kraken_futures(symbol: &str) -> Said {
    let (form, rest) = symbol.split_once('_').unwrap_or(("", symbol));
    let pair = rest.split('_').next().unwrap_or(rest);
    match form {
        "PI" => inverse(pair, InstrumentKind::Perpetual).of(1),
        "FI" => inverse(pair, InstrumentKind::Future).of(1),
        "PF" => linear(pair, InstrumentKind::Perpetual).of(1),
        "FF" => linear(pair, InstrumentKind::Future).of(1),
        "IN" | "RR" => of_pair(pair).kind(InstrumentKind::Index),
        _ => of_pair(symbol),
    }
}

/// `XBTUSD` and `XBTM22` are inverse, other pairs against the dollar quanto in bitcoin, `XBTUSDT` linear, `XBT_USDT` spot, `.BXBT` an index.
fn bitmex(symbol: &str) -> Said {
    if symbol.starts_with('.') {
        return Said::default().kind(InstrumentKind::Index);
    }
    if symbol.contains('_') {
        return spot(symbol);
    }
    let head = without_month(symbol);
    let kind = has_end(head.is_some());
    let pair = head.unwrap_or(symbol);
    match split_pair(pair) {
        Some((_, "USDT" | "USDC")) => linear(pair, kind),
        Some(("XBT", "USD")) => inverse(pair, kind).of(1),
        Some((_, "USD" | "EUR")) => Said {
            payoff: Some(Payoff::Quanto),
            settlement: Some("XBT".to_owned()),
            ..of_pair(pair).kind(kind)
        },
        _ if pair == "XBT" => inverse("XBT-USD", kind).of(1),
        _ => Said {
            kind: Some(kind),
            ..Said::default()
        },
    }
}

/// `BTCUSD` and `TESTBTC/TESTUSD` are spot, `BTCF0:USTF0` is a perpetual.
fn bitfinex(symbol: &str) -> Said {
    match symbol.split_once("F0:") {
        Some((base, quote)) => {
            let quote = quote.trim_end_matches("F0");
            linear(&format!("{base}-{quote}"), InstrumentKind::Perpetual).of(1)
        }
        None => spot(symbol),
    }
}

/// A coin is its perpetual, a pair or a number is spot.
fn hyperliquid(symbol: &str) -> Said {
    if symbol.contains('/') || symbol.starts_with('@') {
        return spot(symbol);
    }
    linear(&format!("{symbol}-USD"), InstrumentKind::Perpetual).of(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Untradable;

    fn of(name: &str) -> InstrumentDef {
        InstrumentDef::of_name(name, 2, 2)
    }

    #[test]
    fn currencies_are_taken_from_names() {
        let check = |name, expected| assert_eq!(of(name).currency, expected, "{name}");
        check("binance.ETHBTC", "BTC");
        check("binance.BTCTUSD", "TUSD");
        check("binance-cm.DOTUSD_PERP", "USD");
        check("binance-usdm.BTCUSDT_210625", "USDT");
        check("coinbase.SKL-BTC", "BTC");
        check("kraken.XBT/CHF", "CHF");
        check("okx.BTC-USDT-SWAP", "USDT");
        check("bitstamp.xrpeur", "EUR");
        check("bybit.BTCPERP", "USDC");
        check("kraken-futures.PI_XBTUSD", "USD");
        check("deribit.BTC-31DEC21-34000-C", "BTC");
        check("deribit.BTC-PERPETUAL", "USD");
        check("kraken-futures.FI_BCHUSD_210730", "USD");
        check("bitfinex.BTCF0:USTF0", "UST");
        check("hyperliquid.BTC", "USD");
        check("BTCUSDT", "USDT");
        check("BTC-EUR", "EUR");
        check("oanda.EURJPY", "JPY");
        check("OANDA_USDJPY, 60", "JPY");
        check("FX_IDC-EURGBP", "GBP");
        check("USDCHF_1 Min_Bid_2024.01.02_2024.01.03", "CHF");
        check("usdjpy", "JPY");
        check("EURJPY-USDJPY", "USD");
        check("AAPL", "USD");
        check("country", "USD");
        check("trades-BTC-2024", "USD");
    }

    #[test]
    fn what_pays_in_coins_is_not_traded_as_if_it_paid_in_dollars() {
        let inverse = [
            "binance-cm.BTCUSD_PERP",
            "binance-cm.ETHUSD_210625",
            "okx.BTC-USD-SWAP",
            "okx.BTC-USD-211231",
            "bybit.BTCUSD",
            "bybit.BTCUSDM21",
            "deribit.BTC-PERPETUAL",
            "deribit.ETH-25MAR22",
            "kraken-futures.PI_XBTUSD",
            "bitmex.XBTUSD",
            "bitmex.XBTM22",
        ];
        for name in inverse {
            assert_eq!(of(name).untradable(), Some(Untradable::Inverse), "{name}");
        }
        for name in ["bitmex.ETHUSD", "bitmex.ETHUSDH22"] {
            assert_eq!(of(name).untradable(), Some(Untradable::Quanto), "{name}");
        }
        let options = [
            "deribit.BTC-31DEC21-34000-C",
            "deribit.BTC_USDC-31DEC21-34000-C",
            "bybit.BTC-29JUL22-25000-C",
            "okx.BTC-USDT-211231-40000-C",
        ];
        for name in options {
            assert_eq!(of(name).untradable(), Some(Untradable::Option), "{name}");
        }
        let tradable = [
            "binance.BTCUSDT",
            "binance-usdm.BTCUSDT",
            "okx.BTC-USDT",
            "okx.BTC-USDT-SWAP",
            "bybit.BTCUSDT",
            "bybit.BTCPERP",
            "deribit.BTC_USDC-PERPETUAL",
            "kraken-futures.PF_XBTUSD",
            "bitmex.XBTUSDT",
            "hyperliquid.BTC",
            "bitfinex.BTCF0:USTF0",
            "GOOG",
        ];
        for name in tradable {
            assert_eq!(of(name).untradable(), None, "{name}");
        }
    }

    #[test]
    fn what_no_rule_says_is_assumed() {
        let file = of("BTCUSDT");
        assert!(file.contract.assumed.contains(&Term::Currency));
        assert!(file.contract.assumed.contains(&Term::Multiplier));
        assert_eq!(file.contract.base.as_deref(), Some("BTC"));
        let spot = of("binance.BTCUSDT");
        assert_eq!(spot.contract.assumed.len(), 2);
        assert_eq!(spot.contract.kind, Some(InstrumentKind::Spot));
        // How much of the coin a contract of OKX is, only its list says.
        let swap = of("okx.BTC-USDT-SWAP");
        assert!(swap.contract.assumed.contains(&Term::Multiplier));
        assert_eq!(of("binance-cm.BTCUSD_PERP").multiplier, 100);
        assert_eq!(of("binance-cm.ETHUSD_PERP").multiplier, 10);
    }

    #[test]
    fn symbols_without_letters_are_no_pair() {
        for name in [
            "",
            ".",
            "a.",
            "okx.",
            "bitmex.",
            "bybit.-",
            "deribit.--",
            "É",
            "bybit.é9",
        ] {
            assert!(!of(name).currency.is_empty(), "{name}");
        }
    }
}
