//! Kraken `AssetPairs`, and `instruments` of Kraken Futures.

use super::entry::{Entry, Reason, decimal, need, step, time};
use super::object::Object;
use super::{List, Made};
use tickloom_types::{InstrumentDef, Term};

pub(super) fn pairs<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(members) = answer.object("result").and_then(|result| result.members()) else {
        return Ok(None);
    };
    let is_known = |entry: &Object<'_>| entry.has("altname") && entry.has("pair_decimals");
    if !members.first().is_some_and(|(_, entry)| is_known(entry)) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "Kraken AssetPairs",
        named_by: "altname",
        entries: members.into_iter().map(|(_, entry)| entry).collect(),
        read: Box::new(pair),
        goes_on: false,
    }))
}

/// A pair under the name of each version of the socket: `XBT/USD` of the first, `BTC/USD` of the second.
fn pair(entry: &Object<'_>) -> Made {
    let named = need(entry, "wsname")?;
    let Some((base, quote)) = named.split_once('/') else {
        return Err(Reason::Kind("a `wsname` that is no pair".to_owned()));
    };
    let tick = match decimal(entry, "tick_size")? {
        Some(tick) => Some(tick),
        None => step(entry, "pair_decimals")?,
    };
    let lot = step(entry, "lot_decimals")?;
    let of = |base: &str, quote: &str| {
        Entry::new(format!("kraken.{base}/{quote}"), "spot")
            .say_if("tick", tick.clone())
            .say_if("lot", lot.clone())
            .say("multiplier", "1")
            .say("base", base)
            .say("currency", quote)
    };
    let mut all = vec![of(base, quote)];
    let (new_base, new_quote) = (renamed(base), renamed(quote));
    if (new_base, new_quote) != (base, quote) {
        all.push(of(new_base, new_quote));
    }
    Ok(all)
}

fn renamed(coin: &str) -> &str {
    match coin {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        coin => coin,
    }
}

pub(super) fn futures<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(entries) = answer.objects("instruments") else {
        return Ok(None);
    };
    let is_known = |entry: &Object<'_>| entry.has("symbol") && entry.has("type");
    if !entries.first().is_none_or(is_known) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "Kraken Futures instruments",
        named_by: "symbol",
        entries,
        read: Box::new(|entry| Ok(vec![contract(entry)?])),
        goes_on: false,
    }))
}

fn contract(entry: &Object<'_>) -> Result<Entry, Reason> {
    // Lists before 2022 write symbols in small letters, messages never.
    let symbol = need(entry, "symbol")?.to_ascii_uppercase();
    let name = format!("kraken-futures.{symbol}");
    let form = need(entry, "type")?;
    let by_name = InstrumentDef::of_name(&name, 0, 0);
    let is_named = !by_name.contract.assumed.contains(&Term::Currency);
    let base = entry.text("base").or(by_name.contract.base);
    let quote = entry.text("quote");
    let quote = quote.or_else(|| is_named.then_some(by_name.currency));
    if form.contains("index") {
        return Ok(Entry::new(name, "index")
            .say_if("base", base)
            .say_if("currency", quote));
    }
    let base = base.ok_or(Reason::Missing("base"))?;
    let quote = quote.ok_or(Reason::Missing("quote"))?;
    let expiry = time(entry, "lastTradingTime")?;
    let kind = if expiry.is_some() {
        "future"
    } else {
        "perpetual"
    };
    let size = decimal(entry, "contractSize")?;
    let made = Entry::new(name, kind)
        .say_if("tick", decimal(entry, "tickSize")?)
        .say_if("lot", step(entry, "contractValueTradePrecision")?)
        .say("multiplier", size.ok_or(Reason::Missing("contractSize"))?)
        .say_if("underlying", entry.text("underlying"))
        .say_if("from", time(entry, "openingDate")?)
        .say_if("expiry", expiry);
    match form.as_str() {
        "futures_inverse" => Ok(made.inverse(&base, &quote)),
        "futures_vanilla" | "flexible_futures" => Ok(made.say("base", base).linear(&quote, None)),
        _ => Err(Reason::Kind(format!("an instrument of type {form}"))),
    }
}
