//! Binance `exchangeInfo` of spot, USD-margined and coin-margined futures.

use super::entry::{Entry, Reason, decimal, millis, need};
use super::object::Object;
use super::{List, Made};
use tickloom_types::Number;

/// 2100-12-25, which stands for no end.
const NO_END: i64 = 4_133_404_800_000;

pub(super) fn list<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(entries) = answer.objects("symbols") else {
        return Ok(None);
    };
    let is_known = |entry: &Object<'_>| entry.has("baseAsset") && entry.has("quoteAsset");
    if !entries.first().is_none_or(is_known) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "Binance exchangeInfo",
        named_by: "symbol",
        entries,
        read: Box::new(read),
        goes_on: false,
    }))
}

fn read(entry: &Object<'_>) -> Made {
    let entry = match (entry.has("contractType"), entry.has("contractSize")) {
        (false, false) => spot(entry)?,
        (_, is_coin_margined) => contract(entry, is_coin_margined)?,
    };
    Ok(vec![entry])
}

fn spot(entry: &Object<'_>) -> Result<Entry, Reason> {
    let name = format!("binance.{}", need(entry, "symbol")?);
    Ok(steps(entry, Entry::new(name, "spot"))?
        .say("multiplier", "1")
        .say("base", need(entry, "baseAsset")?)
        .say("currency", need(entry, "quoteAsset")?))
}

fn contract(entry: &Object<'_>, is_coin_margined: bool) -> Result<Entry, Reason> {
    let symbol = need(entry, "symbol")?;
    let form = need(entry, "contractType")?;
    let is_perpetual = form.contains("PERPETUAL");
    if !is_perpetual
        && !["QUARTER", "MONTH", "WEEK"]
            .iter()
            .any(|end| form.contains(end))
    {
        return Err(Reason::Kind(format!("a contract of type {form}")));
    }
    let kind = if is_perpetual { "perpetual" } else { "future" };
    let (base, quote) = (need(entry, "baseAsset")?, need(entry, "quoteAsset")?);
    let margin = need(entry, "marginAsset")?;
    let venue = if is_coin_margined {
        "binance-cm"
    } else {
        "binance-usdm"
    };
    let made = steps(entry, Entry::new(format!("{venue}.{symbol}"), kind))?;
    let made = match is_coin_margined {
        true if margin != base => {
            return Err(Reason::Kind(
                "a coin-margined contract that pays in another coin".to_owned(),
            ));
        }
        true => made.inverse(&base, &quote).say(
            "multiplier",
            decimal(entry, "contractSize")?.ok_or(Reason::Missing("contractSize"))?,
        ),
        false => made
            .say("base", base)
            .linear(&quote, Some(margin))
            .say("multiplier", "1"),
    };
    let ends = entry
        .text("deliveryDate")
        .and_then(|text| text.parse::<i64>().ok())
        .is_none_or(|millis| !is_perpetual || millis < NO_END);
    let expiry = if ends {
        millis(entry, "deliveryDate")?
    } else {
        None
    };
    Ok(made
        .say_if("underlying", entry.text("pair"))
        .say_if("from", millis(entry, "onboardDate")?)
        .say_if("expiry", expiry))
}

/// Tick and lot of the filters; zero says that there is no such rule.
fn steps(entry: &Object<'_>, mut made: Entry) -> Result<Entry, Reason> {
    for filter in entry.objects("filters").unwrap_or_default() {
        let (to, field) = match filter.text("filterType").as_deref() {
            Some("PRICE_FILTER") => ("tick", "tickSize"),
            Some("LOT_SIZE") => ("lot", "stepSize"),
            _ => continue,
        };
        let zero = |text: &String| Number::parse(text.as_bytes()).is_ok_and(|n| n.mantissa == 0);
        if !filter.text(field).as_ref().is_some_and(zero) {
            made = made.say_if(to, decimal(&filter, field)?);
        }
    }
    Ok(made)
}
