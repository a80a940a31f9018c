//! Currencies and coins by the codes that symbols are made of.

/// Currencies and coins in which prices are.
const QUOTES: [&str; 55] = [
    // Coins that follow a currency.
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USDD", "USDE", "USD1", "UST", "DAI", "PYUSD",
    "RLUSD", "GUSD", "EURI", "EURC", "EURT", "EURS", "AEUR", "XUSD", "USDS", "BRL1",
    // Currencies, as ISO 4217 has them.
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "RON", "TRY", "BRL", "MXN", "ARS", "COP", "ZAR", "UAH", "SGD", "HKD", "CNH", "CNY",
    "KRW", "INR", // Coins that other coins are priced in.
    "BTC", "XBT", "ETH", "BNB", "LTC",
];

/// The code of a currency or coin that prices are in, as the table has it; case counts.
#[must_use]
pub fn quote_currency(code: &str) -> Option<&'static str> {
    QUOTES.into_iter().find(|known| *known == code)
}

/// The two sides of a pair that is written without a separator, such as `BTCUSDT`: what it ends with, the longest code that leaves
/// something, and what is before it.
///
/// `None` if it ends with no code that is known.
#[must_use]
pub fn split_pair(symbol: &str) -> Option<(&str, &'static str)> {
    let ends = QUOTES
        .into_iter()
        .filter_map(|quote| Some((symbol.strip_suffix(quote)?, quote)));
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
        assert_eq!(split_pair("USD"), None);
        assert_eq!(split_pair("AAPL"), None);
        assert_eq!(split_pair(""), None);
    }

    #[test]
    fn a_code_is_known_as_it_is_written() {
        assert_eq!(quote_currency("USDT"), Some("USDT"));
        assert_eq!(quote_currency("usdt"), None);
    }
}
