//! Currencies and coins by the codes that symbols are made of.

/// Currencies and coins in which prices are. Codes that end a coin and a dollar written together (`TUSD` in `XBTUSD`) are not among them.
const QUOTES: [&str; 50] = [
    // Coins that follow a currency.
    "USDT", "USDC", "FDUSD", "PYUSD", "RLUSD", "USDP", "USDD", "USDE", "USDS", "USD1", "UST", "DAI",
    "EURI", "EURC", "EURT", "EURS", // Currencies, as ISO 4217 has them.
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "RON", "TRY", "BRL", "MXN", "ARS", "COP", "ZAR", "UAH", "SGD", "HKD", "CNH", "CNY",
    "KRW", "INR", "IDR", // Coins that other coins are priced in.
    "BTC", "XBT", "ETH", "BNB", "LTC",
];

/// What is priced in dollars of a venue that has no pair with `USD` itself.
const DOLLARS: [&str; 2] = ["TUSD", "BUSD"];

/// The places of currencies of countries in the table.
const COUNTRIES: std::ops::Range<usize> = 16..45;

/// The two currencies of countries of which a word is made, in letters of one case, perhaps with digits behind: `USDJPY`, `usdjpy`, `USDJPY60`.
pub(crate) fn pair_of_currencies(word: &str) -> Option<(&'static str, &'static str)> {
    let pair = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_of_one_case = pair.bytes().all(|b| b.is_ascii_uppercase())
        || pair.bytes().all(|b| b.is_ascii_lowercase());
    let code = |part: &str| {
        let countries = QUOTES.get(COUNTRIES).unwrap_or_default();
        let mut countries = countries.iter().copied();
        countries.find(|known| known.eq_ignore_ascii_case(part))
    };
    if pair.len() != 6 || !is_of_one_case {
        return None;
    }
    let (base, quote) = pair.split_at_checked(3)?;
    let (base, quote) = (code(base)?, code(quote)?);
    (base != quote).then_some((base, quote))
}

/// The code of a currency or coin that prices are in, as the table has it; case counts.
pub(crate) fn quote_currency(code: &str) -> Option<&'static str> {
    let mut all = QUOTES.into_iter().chain(DOLLARS);
    all.find(|known| *known == code)
}

/// The code of a currency or coin that somebody wrote: in capital letters if it is one of the table then, or else as it is.
#[must_use]
pub fn currency_code(text: &str) -> &str {
    quote_currency(&text.to_ascii_uppercase()).unwrap_or(text)
}

/// Whether a text can be the code of a currency or coin: 1 to 20 ASCII letters and digits, with points, dashes and underscores between.
#[must_use]
pub fn is_currency_code(text: &str) -> bool {
    let is_end = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut chars = text.chars();
    text.len() <= 20 && is_end(chars.next()) && is_end(text.chars().last()) && chars.all(is_inner)
}

/// The two sides of a pair that is written without a separator, such as `BTCUSDT`: what it ends with, the longest code that leaves
/// something, and what is before it.
///
/// `None` if it ends with no code that is known.
#[must_use]
pub fn split_pair(symbol: &str) -> Option<(&str, &'static str)> {
    longest(symbol, QUOTES.into_iter())
}

/// [`split_pair`] of a venue that has no pair with `USD` itself: `XBTUSD` would be of `TUSD` there.
pub(crate) fn split_dollar_pair(symbol: &str) -> Option<(&str, &'static str)> {
    longest(symbol, QUOTES.into_iter().chain(DOLLARS))
}

fn longest(
    symbol: &str,
    quotes: impl Iterator<Item = &'static str>,
) -> Option<(&str, &'static str)> {
    let ends = quotes.filter_map(|quote| Some((symbol.strip_suffix(quote)?, quote)));
    ends.filter(|(base, _)| !base.is_empty())
        .max_by_key(|(_, quote)| quote.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_ends_with_the_currency_of_its_prices() {
        assert_eq!(split_pair("BTCUSDT"), Some(("BTC", "USDT")));
        assert_eq!(split_pair("EURUSD"), Some(("EUR", "USD")));
        assert_eq!(split_pair("USDJPY"), Some(("USD", "JPY")));
        assert_eq!(split_pair("BNBFDUSD"), Some(("BNB", "FDUSD")));
        assert_eq!(split_pair("DOTUSD"), Some(("DOT", "USD")));
        assert_eq!(split_pair("SHIBUSD"), Some(("SHIB", "USD")));
        assert_eq!(split_dollar_pair("BTCTUSD"), Some(("BTC", "TUSD")));
        assert_eq!(split_pair("USD"), None);
        assert_eq!(split_pair("AAPL"), None);
        assert_eq!(split_pair(""), None);
    }

    #[test]
    fn a_word_of_two_currencies_is_a_pair() {
        assert_eq!((QUOTES[16], QUOTES[44]), ("USD", "IDR"));
        for word in ["USDJPY", "usdjpy", "USDJPY60"] {
            assert_eq!(pair_of_currencies(word), Some(("USD", "JPY")), "{word}");
        }
        assert_eq!(pair_of_currencies("EURIDR"), Some(("EUR", "IDR")));
        for word in [
            "UsdJpy", "USDUSD", "BTCUSD", "USDBTC", "USDJPYX", "USD", "60", "", "ÖÖÖ",
        ] {
            assert_eq!(pair_of_currencies(word), None, "{word}");
        }
    }

    #[test]
    fn a_code_is_known_as_it_is_written() {
        assert_eq!(quote_currency("USDT"), Some("USDT"));
        assert_eq!(quote_currency("TUSD"), Some("TUSD"));
        assert_eq!(quote_currency("usdt"), None);
    }

    #[test]
    fn codes_are_of_letters_and_digits() {
        for text in [
            "USD",
            "usd",
            "X",
            "USD1",
            "1INCH",
            "USDC.e",
            "U_S-D",
            "A2345678901234567890",
        ] {
            assert!(is_currency_code(text), "{text}");
        }
        for text in [
            "",
            " ",
            "A\"B",
            "US DOLLAR",
            "USD ",
            ".",
            "USD.",
            "€",
            "A23456789012345678901",
        ] {
            assert!(!is_currency_code(text), "{text}");
        }
    }

    #[test]
    fn a_known_code_may_be_written_in_any_case() {
        for (text, expected) in [
            ("usd", "USD"),
            ("Eur", "EUR"),
            ("tusd", "TUSD"),
            ("kPEPE", "kPEPE"),
            ("", ""),
        ] {
            assert_eq!(currency_code(text), expected);
        }
    }
}
