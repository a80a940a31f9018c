//! Symbols of pairs, such as `BTCUSDT`: which currency their prices are in is what they end with.

/// Currencies that symbols end with, longer ones first where one ends with another.
const CURRENCIES: [&str; 21] = [
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD",
    "NZD", "SEK", "NOK", "TRY", "BRL", "SGD", "BTC", "ETH", "BNB",
];

/// The currency of the prices of a pair; `None` if its symbol is no pair of known ones.
pub(super) fn currency(symbol: &str) -> Option<&'static str> {
    let ends_with =
        |currency: &&&str| symbol.len() > currency.len() && symbol.ends_with(**currency);
    CURRENCIES.iter().find(ends_with).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_ends_with_its_currency() {
        assert_eq!(currency("BTCUSDT"), Some("USDT"));
        assert_eq!(currency("EURUSD"), Some("USD"));
        assert_eq!(currency("USDJPY"), Some("JPY"));
        assert_eq!(currency("BNBFDUSD"), Some("FDUSD"));
        assert_eq!(currency("USD"), None);
        assert_eq!(currency("AAPL"), None);
    }
}
