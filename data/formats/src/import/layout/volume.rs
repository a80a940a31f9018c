//! Sizes and volumes in units of what is traded: where names or numbers say that a column is of money, or of lots, it is not taken for
//! units.

use super::{Layout, Puzzle, Role, plain};
use crate::import::mapping::Mapping;
use crate::import::text::Fields;

/// Words of sizes, in names of columns.
const SIZES: [&str; 6] = ["volume", "vol", "size", "amount", "qty", "quantity"];
/// What sizes of trades are called where a volume beside them may be that of a day.
const OF_TRADES: [&str; 7] = [
    "size",
    "qty",
    "quantity",
    "lastsize",
    "lastqty",
    "tradesize",
    "tradeqty",
];
/// Words beside them of sizes in money.
const MONEY: [&str; 18] = [
    "quote", "currency", "ccy", "usd", "usdt", "usdc", "busd", "fdusd", "eur", "gbp", "jpy", "krw",
    "cny", "inr", "dollar", "dollars", "notional", "money",
];
/// Columns of the money that changed hands, in lower case without signs.
const TURNOVERS: [&str; 14] = [
    "turnover",
    "amount",
    "value",
    "tradedvalue",
    "turnovervalue",
    "totaltradedvalue",
    "tottrdval",
    "quotevolume",
    "quoteassetvolume",
    "dollarvolume",
    "money",
    "notional",
    "成交额",
    "成交金额",
];
/// How far a product of rounded numbers may be from what it is compared with, as a part.
const ROUNDED: f64 = 1e-3;
/// Between these a price says nothing: money is as many units.
const NEAR_ONE: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// What the name of a column says that its sizes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Base,
    Money,
    Unsaid,
}

impl Unit {
    /// By a name of a word of sizes and one beside it, and by what the symbol of the first row begins and ends with.
    fn of(name: &str, symbol: &str) -> Option<Unit> {
        let words = words(name);
        let is_size = |word: &&String| SIZES.contains(&word.as_str());
        let rest: Vec<&String> = words.iter().filter(|word| !is_size(word)).collect();
        if rest.len() == words.len() {
            return None;
        }
        Some(match rest.as_slice() {
            [word] if *word == "base" => Unit::Base,
            [word] if word.len() > 1 && symbol.starts_with(*word) => Unit::Base,
            [word] if word.len() > 1 && symbol.ends_with(*word) => Unit::Money,
            [word] if MONEY.contains(&word.as_str()) => Unit::Money,
            _ => Unit::Unsaid,
        })
    }
}

/// The words of a name, in lower case: parted by signs, and by capitals behind small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || was_small && c.is_uppercase();
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Takes sizes from the column of units, where the nearest by its name is one of money.
///
/// # Errors
/// A column of money alone, or one whose numbers are those of another column times the price.
pub(super) fn sizes_in_units(
    names: &[String],
    roles: &mut [Option<Role>],
    data: &[Fields],
    mapping: &Mapping,
) -> Result<(), Puzzle> {
    let is_taken = |role: &Option<Role>| *role == Some(Role::Qty);
    let has = |role: Role| roles.contains(&Some(role));
    let has_prices = has(Role::Price) || has(Role::Close);
    let taken = roles.iter().position(is_taken);
    let told = mapping.has(Role::Qty) || !has_prices;
    if told || taken.is_none() && !has(Role::Price) {
        return Ok(());
    }
    let symbol = roles.iter().position(|role| *role == Some(Role::Ticker));
    let symbol = symbol.zip(data.first()).map(|(at, row)| row.get(at));
    let symbol = plain(&String::from_utf8_lossy(symbol.unwrap_or_default()));
    let unit = |at: usize| Unit::of(&names[at], &symbol);
    let is_free = |at: &usize| roles[*at].is_none() || Some(*at) == taken;
    let free: Vec<usize> = (0..names.len()).filter(is_free).collect();
    let find = |is: &dyn Fn(usize) -> bool| free.iter().copied().find(|at| is(*at));
    let base = find(&|at| unit(at) == Some(Unit::Base));
    let is_size = |at: usize| OF_TRADES.contains(&plain(&names[at]).as_str());
    let size = find(&is_size).filter(|_| has(Role::Price) && !has(Role::Open));
    let better = real_volume(names, data, taken).or(match taken.map(|at| (at, unit(at))) {
        None => base.or(size),
        Some((at, _)) if size.is_some() && !is_size(at) => size,
        Some((_, Some(Unit::Money))) => {
            let is_volume = |at: usize| {
                let is_one = Role::of(&plain(&names[at])) == Some(Role::Qty);
                is_one && unit(at) == Some(Unit::Unsaid)
            };
            base.or_else(|| find(&is_volume))
        }
        Some((at, _)) if Role::Qty.distance(&plain(&names[at])) == usize::MAX => base,
        Some(_) => None,
    });
    if let Some(better) = better {
        for role in roles.iter_mut().filter(|role| is_taken(role)) {
            *role = None;
        }
        roles[better] = Some(Role::Qty);
        return Ok(());
    }
    let Some(at) = taken else { return Ok(()) };
    let name = &names[at];
    if is_of_coinmarketcap(names) {
        let found =
            format!("a column {name:?} of CoinMarketCap, which is in money over all venues");
        let expected = format!("--columns volume={name} to take it as it is, or volume=-");
        return Err((found, expected));
    }
    if unit(at) == Some(Unit::Money) {
        let found = format!("a column {name:?} of sizes in money, and none of sizes in units");
        let expected = format!(
            "--columns volume=COLUMN of the units, volume={name} to take it as it is, or volume=-"
        );
        return Err((found, expected));
    }
    let is_units = |other: &usize| *other != at && unit(*other).is_some();
    let units = free
        .iter()
        .filter(|other| is_units(other))
        .find(|other| is_product(roles, data, (at, **other), 1.0));
    match units {
        None => Ok(()),
        Some(units) => {
            let units = &names[*units];
            let found = format!(
                "a column {name:?} of sizes, whose numbers are those of {units:?} times the price"
            );
            let expected =
                format!("--columns volume={units} for the units, or volume={name} for the money");
            Err((found, expected))
        }
    }
}

/// MetaTrader's volume of what was traded beside that which counts changes of the price, if there is any in it.
fn real_volume(names: &[String], data: &[Fields], taken: Option<usize>) -> Option<usize> {
    const COUNTS: [&str; 2] = ["tickvol", "tickvolume"];
    let counts = taken.is_some_and(|at| COUNTS.contains(&plain(&names[at]).as_str()));
    let is_real = |name: &String| plain(name) == "realvolume";
    let real = names.iter().position(is_real).filter(|_| counts)?;
    let has_some = |row: &Fields| row.get(real).iter().any(|b| matches!(b, b'1'..=b'9'));
    data.iter().any(has_some).then_some(real)
}

/// Whether columns are those of CoinMarketCap's histories of days.
fn is_of_coinmarketcap(names: &[String]) -> bool {
    const NAMES: [&str; 5] = ["timeopen", "timeclose", "timehigh", "timelow", "marketcap"];
    let has = |wanted: &&str| names.iter().any(|name| plain(name) == **wanted);
    NAMES.iter().all(has)
}

/// Whether in all first rows one column is another times the price, and so many times that.
fn is_product(
    roles: &[Option<Role>],
    data: &[Fields],
    (money, units): (usize, usize),
    times: f64,
) -> bool {
    let at = |role: Role| roles.iter().position(|known| *known == Some(role));
    let range = match (at(Role::Low), at(Role::High), at(Role::Price)) {
        (Some(low), Some(high), _) => (low, high),
        (_, _, Some(price)) => (price, price),
        _ => return false,
    };
    let mut count = 0;
    for row in data.iter().filter(|row| row.len() == roles.len()) {
        let value = |at: usize| -> Option<f64> {
            let text = std::str::from_utf8(row.get(at)).ok()?;
            text.trim().parse().ok()
        };
        let (Some(money), Some(units)) = (value(money), value(units)) else {
            return false;
        };
        let (Some(low), Some(high)) = (value(range.0), value(range.1)) else {
            return false;
        };
        if money == 0.0 && units == 0.0 {
            continue;
        }
        let price = money / (units * times);
        let is_in = price >= low * (1.0 - ROUNDED) && price <= high * (1.0 + ROUNDED);
        if !is_in || low <= 0.0 || NEAR_ONE.contains(&price) {
            return false;
        }
        count += 1;
    }
    count > 1
}

impl Layout {
    /// Says, or refuses, volumes that a column of what was paid shows to be in lots, or to be of contracts of several units.
    ///
    /// # Errors
    /// Volumes of Tushare, in lots of a hundred shares.
    pub(super) fn set_turnover(
        &mut self,
        data: &[Fields],
        mapping: &Mapping,
    ) -> Result<(), Puzzle> {
        let qty = self.column(Role::Qty).filter(|_| !mapping.has(Role::Qty));
        let Some(qty) = qty.filter(|_| self.shape.is_bars()) else {
            return Ok(());
        };
        let is_named = |at: usize, name: &str| plain(&self.names[at]) == name;
        let is_turnover = |at: &usize| {
            self.roles[*at].is_none() && TURNOVERS.iter().any(|name| is_named(*at, name))
        };
        let Some(money) = (0..self.names.len()).find(is_turnover) else {
            return Ok(());
        };
        let times = (1..=6).flat_map(|power: i32| [power, -power]);
        let power = times.into_iter().find(|power| {
            let times = 10_f64.powi(*power);
            is_product(&self.roles, data, (money, qty), times)
        });
        let Some(power) = power else { return Ok(()) };
        let (name, money) = (&self.names[qty], &self.names[money]);
        let times = match power {
            1.. => format!("{}", 10_i64.pow(power.unsigned_abs())),
            _ => format!("a {}th of", 10_i64.pow(power.unsigned_abs())),
        };
        // Thousands of money and lots of a hundred.
        let is_tushare = power == -1
            && (0..self.names.len()).any(|at| is_named(at, "tscode"))
            && data.iter().all(|row| is_of_china(row, &self.names));
        if is_tushare {
            let found = format!(
                "a column {name:?} of Tushare, whose volumes of shares are in lots of 100 and whose {money:?} is in thousands"
            );
            let expected = format!(
                "--columns volume={name} to take lots as they are, or volume=-, or volumes in shares"
            );
            return Err((found, expected));
        }
        let note = format!(
            "{money:?} is {times} times the price times {name:?}: volumes are in lots, contracts are of several units, or the money is in another unit; they are taken as they are"
        );
        self.notes.push(note);
        Ok(())
    }
}

/// Whether a row is of a share of Shanghai, Shenzhen or Beijing by Tushare's code.
fn is_of_china(row: &Fields, names: &[String]) -> bool {
    let at = names.iter().position(|name| plain(name) == "tscode");
    let code = at.map(|at| row.get(at)).unwrap_or_default();
    [b".SH", b".SZ", b".BJ"]
        .iter()
        .any(|end| code.ends_with(*end))
}
