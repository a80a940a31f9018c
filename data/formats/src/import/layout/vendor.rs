//! What is known of the files of a vendor who is named, beside their columns.

use super::columns::has_time;
use super::{Dialect, Layout, Puzzle, Role, Shape, plain};
use crate::import::format::Format;
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
use crate::import::time::{DateOrder, TimeFormat};
use jiff::tz::TimeZone;

/// The clocks by which Kibot's times are: `Time zone: US Eastern (New York)` in its description of data formats.
const KIBOT_ZONE: &str = "America/New_York";

/// The columns of TradeStation's bars of a part of a day, each at its last instant.
const TRADESTATION: [&str; 8] = ["date", "time", "open", "high", "low", "close", "up", "down"];

/// What ticks of MetaTrader say beside their times.
const METATRADER: [Role; 5] = [Role::Bid, Role::Ask, Role::Price, Role::Qty, Role::Flags];

/// What the rows are if they are ticks as MetaTrader 5 exports them.
///
/// # Errors
/// They are said to be, and are not.
pub(super) fn metatrader(
    names: &[String],
    roles: &[Option<Role>],
    format: Option<Format>,
) -> Result<Option<(Shape, Dialect)>, Puzzle> {
    if format.is_some_and(|format| format != Format::MetatraderTicks) {
        return Ok(None);
    }
    let known: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let is_named = known == ["date", "time", "bid", "ask", "last", "volume", "flags"];
    // What was told of the columns goes before what they are called.
    if is_named && has_time(roles) && METATRADER.iter().all(|role| roles.contains(&Some(*role))) {
        return Ok(Some((Shape::Quotes, Dialect::Metatrader)));
    }
    if format == Some(Format::MetatraderTicks) {
        let expected = "<DATE>, <TIME>, <BID>, <ASK>, <LAST>, <VOLUME> and <FLAGS>, as MetaTrader 5 exports ticks";
        return Err((format!("columns {}", names.join(", ")), expected.to_owned()));
    }
    Ok(None)
}

impl Layout {
    /// Bars as we write them, which another program may have written again, are stamped at their close and say their size; those of
    /// TradeStation are stamped so too.
    pub(super) fn set_own(&mut self) {
        let has = |name: &str| self.names.iter().any(|known| known == name);
        let is_own = self.shape == Shape::Bars && has("ts_event") && has("bar_spec");
        if is_own && !self.is_databento() {
            self.known.are_closes = true;
            let note = "ts_event and bar_spec are those of Tickloom: times are the closes of bars";
            self.notes.push(note.to_owned());
        }
        let names: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        if names == TRADESTATION {
            self.known.are_closes = true;
            let note =
                "Up and Down beside Time are columns of TradeStation: times are the closes of bars";
            self.notes.push(note.to_owned());
        }
    }

    /// Notes bars that may be those of NinjaTrader, whose times are closes: without a header, with times as `20240102 093000` and semicolons.
    /// HistData writes opens so, with volumes of zero.
    pub(super) fn set_closes_in_doubt(&mut self, data: &[Fields]) {
        let is_time = |text: &[u8]| {
            let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
            matches!(text.split_at_checked(8), Some((date, [b' ', time @ ..]))
                if digits(date) && time.len() == 6 && digits(time))
        };
        let is_plain = self.shape == Shape::Bars && !self.has_header && self.delimiter == b';';
        let Some(volume) = self.column(Role::Qty).filter(|_| is_plain) else {
            return;
        };
        let mut rows = data.iter().filter(|row| row.len() == self.names.len());
        let is_one = |row: &&Fields| is_time(row.get(0));
        let has_volume = |row: &&Fields| row.get(volume).iter().any(|b| matches!(b, b'1'..=b'9'));
        self.known.may_be_closes =
            rows.clone().all(|row| is_one(&row)) && rows.any(|row| has_volume(&row));
    }

    /// Takes what the named vendor says of all its files, where nothing else was said.
    pub(super) fn set_vendor(&mut self, options: &ImportOptions) -> Result<(), Puzzle> {
        let is_told = options.zone.is_some() || self.known.zone.is_some();
        if options.format != Some(Format::Kibot) || is_told {
            return Ok(());
        }
        let zone = TimeZone::get(KIBOT_ZONE);
        let zone = zone.map_err(|error| (error.to_string(), "zones of IANA".to_owned()))?;
        self.known.zone = Some(zone);
        self.notes
            .push(format!("times are of {KIBOT_ZONE}, as Kibot writes them"));
        Ok(())
    }

    /// How a named vendor writes times; `None` where the rows have to say.
    pub(super) fn vendor_time(format: Option<Format>) -> Option<TimeFormat> {
        match format {
            Some(Format::Kibot) => Some(TimeFormat::Text(DateOrder::MonthFirst)),
            Some(Format::Kraken) => Some(TimeFormat::Unit(9)),
            _ => None,
        }
    }
}
