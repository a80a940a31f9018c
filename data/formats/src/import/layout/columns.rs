//! Which column holds what, and what the rows are then.

use super::depth::has_levels;
use super::other::no_twins;
use super::sides::{are_of_book, of_book, say_trades, sides_by_content};
use super::vendor;
use super::volume::sizes_in_units;
use super::zone::zone_word;
use super::{DepthLevel, Dialect, Format, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::text::Fields;
use crate::import::time::TimeFormat;

/// Names of a first column that a program wrote for its row labels.
const INDEX_NAMES: &[&str] = &["", "index", "unnamed0"];

/// Roles by the names alone.
pub(super) fn known(names: &[String]) -> Vec<Option<Role>> {
    let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let mut roles: Vec<Option<Role>> = (names.iter().zip(&plain))
        .map(|(name, plain)| Role::of(plain).or_else(|| in_zone(name)))
        .collect();
    of_the_tape(&plain, &mut roles);
    // Databento names an instrument by its number where symbols are not mapped.
    if !roles.contains(&Some(Role::Ticker))
        && let Some(at) = plain.iter().position(|name| name == "instrumentid")
    {
        roles[at] = Some(Role::Ticker);
    }
    // It tells instruments of one symbol apart there.
    let is_named = |name: &str| plain.iter().any(|plain| plain == name);
    if is_named("rtype")
        && let Some(at) = plain.iter().position(|name| name == "publisherid")
    {
        roles[at] = Some(Role::Venue);
    }
    row_times_count_last(&plain, &mut roles);
    nearest_counts(&plain, &mut roles);
    price_of_bars(&plain, &mut roles);
    whole_time(&mut roles);
    if !has_time(&roles)
        && plain
            .first()
            .is_some_and(|name| INDEX_NAMES.contains(&name.as_str()))
    {
        roles[0] = Some(Role::Time);
    }
    roles
}

/// The role of a column of times whose name says their zone too, or in brackets how they are written: `Time (HH:MM)`.
fn in_zone(name: &str) -> Option<Role> {
    let in_brackets = || {
        name.trim()
            .strip_suffix([')', ']'])?
            .rsplit_once(['(', '['])
    };
    let (name, _) = zone_word(name).or_else(in_brackets)?;
    let role = Role::of(&super::plain(name))?;
    let is_time = matches!(
        role,
        Role::Time | Role::Date | Role::TimeOfDay | Role::CloseTime | Role::Arrival
    );
    is_time.then_some(role)
}

/// On the consolidated tape of the US, as Polygon has it, a row is of the time at its exchange and arrives from the tape; numbers of trades
/// are those of an exchange.
fn of_the_tape(names: &[String], roles: &mut [Option<Role>]) {
    let at = |name: &str| names.iter().position(|known| known == name);
    let (Some(tape), Some(_)) = (at("siptimestamp"), at("participanttimestamp")) else {
        return;
    };
    let has_arrival = roles.contains(&Some(Role::Arrival));
    roles[tape] = (!has_arrival).then_some(Role::Arrival);
    for role in roles.iter_mut() {
        if *role == Some(Role::TradeId) {
            *role = None;
        }
    }
}

/// When a row was written into a database is a time of what it tells only if nothing else is.
fn row_times_count_last(names: &[String], roles: &mut [Option<Role>]) {
    let is_of_row = |at: usize| matches!(names[at].as_str(), "createdat" | "createdtime");
    let is_time =
        |role: &Option<Role>| matches!(role, Some(Role::Time | Role::Date | Role::TimeOfDay));
    let has_other = (0..roles.len()).any(|at| is_time(&roles[at]) && !is_of_row(at));
    for (at, role) in roles.iter_mut().enumerate() {
        if has_other && is_of_row(at) && *role == Some(Role::Time) {
            *role = None;
        }
    }
}

/// Of several columns of one meaning the first counts; of prices and sizes that which is called most as they are: `volume` goes before
/// `volume_sma_20`, and `high` before `24 high`.
fn nearest_counts(names: &[String], roles: &mut [Option<Role>]) {
    for at in 0..roles.len() {
        let Some(role) = roles[at] else { continue };
        let alike = (0..roles.len()).filter(|other| roles[*other] == Some(role));
        let distance = |at: &usize| match role.is_number() {
            true => role.distance(&names[*at]),
            false => 0,
        };
        let nearest = alike.min_by_key(distance);
        for (other, taken) in roles.iter_mut().enumerate() {
            if *taken == Some(role) && Some(other) != nearest {
                *taken = None;
            }
        }
    }
}

/// Beside open, high and low a price is the close, unless there is a settlement too, which may be meant.
fn price_of_bars(names: &[String], roles: &mut [Option<Role>]) {
    let has = |role| roles.contains(&Some(role));
    let is_of_bars = has(Role::Open) && has(Role::High) && has(Role::Low) && !has(Role::Close);
    if !is_of_bars || names.iter().any(|name| name.starts_with("settle")) {
        return;
    }
    for role in roles {
        if *role == Some(Role::Price) {
            *role = Some(Role::Close);
        }
    }
}

/// A date or a time alone is the whole time.
fn whole_time(roles: &mut [Option<Role>]) {
    let has = |role| roles.contains(&Some(role));
    if has(Role::Time) || has(Role::Date) && has(Role::TimeOfDay) {
        return;
    }
    for role in roles {
        if matches!(role, Some(Role::Date | Role::TimeOfDay)) {
            *role = Some(Role::Time);
        }
    }
}

pub(super) fn has_time(roles: &[Option<Role>]) -> bool {
    let has = |role| roles.contains(&Some(role));
    has(Role::Time) || has(Role::Date) && has(Role::TimeOfDay)
}

/// Roles by the names, the first rows and what was told.
pub(super) fn roles(
    names: &[String],
    data: &[Fields],
    mapping: &Mapping,
) -> Result<Vec<Option<Role>>, Puzzle> {
    let mut roles = known(names);
    for (role, column) in mapping.iter() {
        let role = named_role(role)?;
        let at = match column.as_str() {
            "" | "-" => None,
            column => Some(named_column(names, column)?),
        };
        for (other, taken) in roles.iter_mut().enumerate() {
            if *taken == Some(role) || Some(other) == at {
                *taken = None;
            }
        }
        if let Some(at) = at {
            roles[at] = Some(role);
        }
        // A time that is told is the whole time, and a date that is told is not overruled by a time that is not.
        for taken in &mut roles {
            let is_other = match role {
                Role::Time => matches!(taken, Some(Role::Date | Role::TimeOfDay)),
                Role::Date => *taken == Some(Role::Time) && !mapping.has(Role::Time),
                _ => false,
            };
            if is_other {
                *taken = None;
            }
        }
    }
    if !mapping.is_empty() {
        whole_time(&mut roles);
    }
    by_content(&mut roles, data);
    sides_by_content(names, &mut roles, data, mapping)?;
    sizes_in_units(names, &mut roles, data, mapping)?;
    if mapping.is_empty() {
        no_twins(names, &roles)?;
    }
    Ok(roles)
}

/// What only the rows say: that a column called time holds dates too, or that a first column without a known name holds times.
fn by_content(roles: &mut [Option<Role>], data: &[Fields]) {
    let at = |roles: &[Option<Role>], role| roles.iter().position(|known| *known == Some(role));
    if let (None, Some(date), Some(time)) = (
        at(roles, Role::Time),
        at(roles, Role::Date),
        at(roles, Role::TimeOfDay),
    ) {
        let is_whole = |row: &Fields| {
            let joined = [row.get(date), b" ", row.get(time)].concat();
            TimeFormat::of(&joined).is_none() && TimeFormat::of(row.get(time)).is_some()
        };
        if data.first().is_some_and(is_whole) {
            roles[time] = Some(Role::Time);
            roles[date] = None;
        }
    }
    let ohlc = [Role::Open, Role::High, Role::Low, Role::Close];
    let has_bars = ohlc.iter().all(|role| roles.contains(&Some(*role)));
    let is_free = matches!(roles.first(), Some(None | Some(Role::Price)));
    let is_date = |row: &Fields| matches!(TimeFormat::of(row.get(0)), Some(TimeFormat::Text(_)));
    if !has_time(roles) && is_free && has_bars && data.first().is_some_and(is_date) {
        roles[0] = Some(Role::Time);
    }
}

fn named_role(name: &str) -> Result<Role, Puzzle> {
    Role::named(name).ok_or_else(|| {
        let expected = format!("one of {}", Role::names());
        (format!("a column for {name:?}"), expected)
    })
}

/// A column by its name, exactly or but for case and signs, or by its number from one.
fn named_column(names: &[String], column: &str) -> Result<usize, Puzzle> {
    let exact = names.iter().position(|name| name == column);
    let alike = || {
        let wanted = plain(column);
        let mut alike =
            (0..names.len()).filter(|at| !wanted.is_empty() && plain(&names[*at]) == wanted);
        alike.next().filter(|_| alike.next().is_none())
    };
    let numbered = || {
        let number: usize = column.parse().ok()?;
        number.checked_sub(1).filter(|at| *at < names.len())
    };
    exact.or_else(alike).or_else(numbered).ok_or_else(|| {
        let expected = format!("a column {column:?}, or its number");
        (format!("columns {}", names.join(", ")), expected)
    })
}

/// What rows with columns of these roles are, of formats without books.
pub(super) fn plain_shape(roles: &[Option<Role>]) -> Option<Shape> {
    let has = |wanted: &[Role]| wanted.iter().all(|role| roles.contains(&Some(*role)));
    if !has_time(roles) {
        return None;
    }
    let bid = [Role::BidOpen, Role::BidHigh, Role::BidLow, Role::BidClose];
    let ask = [Role::AskOpen, Role::AskHigh, Role::AskLow, Role::AskClose];
    if has(&[Role::Open, Role::High, Role::Low, Role::Close]) {
        Some(Shape::Bars)
    } else if has(&bid) && has(&ask) {
        Some(Shape::BidAskBars)
    } else if has(&[Role::Bid, Role::Ask]) {
        Some(Shape::Quotes)
    } else if has(&[Role::Price, Role::Qty]) && !roles.contains(&Some(Role::High)) {
        // With a high it would be bars of which something is missing.
        Some(Shape::Trades)
    } else {
        None
    }
}

/// Whether there are times and prices, whatever the rows are.
pub(super) fn is_market(roles: &[Option<Role>]) -> bool {
    const PRICES: [Role; 7] = [
        Role::Open,
        Role::High,
        Role::Low,
        Role::Close,
        Role::Bid,
        Role::Ask,
        Role::Price,
    ];
    let has_time = roles.contains(&Some(Role::TimeOfDay)) || has_time(roles);
    has_time && PRICES.iter().any(|price| roles.contains(&Some(*price)))
}

/// What the rows are, and who wrote them.
pub(super) fn shape(
    names: &[String],
    roles: &[Option<Role>],
    depth: &[DepthLevel],
    data: &[Fields],
    (format, mapping): (Option<Format>, &Mapping),
) -> Result<(Shape, Dialect), Puzzle> {
    if let Some(found) = vendor::metatrader(names, roles, format)? {
        return Ok(found);
    }
    shape_by_roles(names, roles, depth, data, (format, mapping))
}

/// The same of rows that say all that they are. A file that has the columns of a book is never taken for trades.
fn shape_by_roles(
    names: &[String],
    roles: &[Option<Role>],
    depth: &[DepthLevel],
    data: &[Fields],
    (format, mapping): (Option<Format>, &Mapping),
) -> Result<(Shape, Dialect), Puzzle> {
    let has = |wanted: &[Role]| wanted.iter().all(|role| roles.contains(&Some(*role)));
    let is_named = |wanted: &[&str]| {
        let mut plain = names.iter().map(|name| plain(name));
        plain.any(|name| wanted.contains(&name.as_str()))
    };
    let puzzle =
        |expected: &str| Err((format!("columns {}", names.join(", ")), expected.to_owned()));
    let is_level = has_time(roles) && has(&[Role::Side, Role::Price, Role::Qty]);
    match format {
        Some(Format::BookLevels) if !is_level => {
            return puzzle("a time, side, price and size of a level");
        }
        Some(Format::BookLevels) => return Ok((Shape::Levels, Dialect::Plain)),
        Some(Format::BookDepth) if depth.is_empty() || !has_time(roles) => {
            return puzzle(
                "a time and prices and sizes of two levels or more, such as bids[0].price",
            );
        }
        _ => {}
    }
    if is_named(&["rtype"]) && is_named(&["publisherid"]) {
        let is_nano = is_nano(roles, depth, data);
        let shape = if !depth.is_empty() {
            Some(Shape::Depth)
        } else if has(&[
            Role::OrderId,
            Role::Action,
            Role::Side,
            Role::Price,
            Role::Qty,
        ]) {
            Some(Shape::Orders)
        } else {
            plain_shape(roles)
        };
        // Quotes without an action are looked at in intervals, and their time is another.
        let is_event = |shape: &Shape| *shape != Shape::Quotes || has(&[Role::Action]);
        if let Some(shape) = shape.filter(|shape| has_time(roles) && is_event(shape)) {
            return Ok((shape, Dialect::Databento { is_nano }));
        }
    }
    if format == Some(Format::DatabentoCsv) || is_named(&["rtype"]) && is_named(&["publisherid"]) {
        return puzzle("columns of Databento's mbo, mbp-1, mbp-10, trades or ohlcv");
    }
    let first: Vec<String> = names.iter().take(4).map(|name| plain(name)).collect();
    let dialect = match first == ["exchange", "symbol", "timestamp", "localtimestamp"] {
        true => Dialect::Tardis,
        false => Dialect::Plain,
    };
    if !depth.is_empty() && has_time(roles) {
        return Ok((Shape::Depth, dialect));
    }
    match plain_shape(roles) {
        Some(Shape::Trades) if has(&[Role::Snapshot]) && is_level => Ok((Shape::Levels, dialect)),
        Some(Shape::Trades)
            if !has(&[Role::TradeId])
                && !mapping.has(Role::Side)
                && are_of_book(roles, data)
                && !say_trades(names, data) =>
        {
            let side = roles.iter().position(|role| *role == Some(Role::Side));
            Err(of_book(side.map_or("side", |at| &names[at])))
        }
        Some(Shape::Quotes | Shape::Trades) if has_levels(names) => {
            puzzle("prices and sizes of all levels of both sides")
        }
        Some(shape) => Ok((shape, dialect)),
        None => puzzle(
            "a time and open, high, low, close (bars), or bid, ask (quotes), or price, size (trades); --columns says which is which",
        ),
    }
}

/// Whether prices of Databento are whole numbers of 1e-9.
fn is_nano(roles: &[Option<Role>], depth: &[DepthLevel], data: &[Fields]) -> bool {
    let prices = [Role::Price, Role::Open, Role::Bid];
    let of_roles = prices
        .iter()
        .filter_map(|price| roles.iter().position(|role| *role == Some(*price)));
    let columns: Vec<usize> = of_roles
        .chain(depth.iter().map(|level| level.bid))
        .collect();
    let mut texts = data
        .iter()
        .flat_map(|row| columns.iter().map(|at| row.get(*at)))
        .filter(|text| !text.is_empty());
    texts.all(|text| text.iter().all(|b| b.is_ascii_digit() || *b == b'-'))
}
