//! Bybit `GET /v5/market/instruments-info` of spot, linear and inverse contracts and options.

use super::List;
use super::entry::{Entry, Reason, decimal, millis, need};
use super::object::Object;

pub(super) fn list<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(code) = answer.text("retCode") else {
        return Ok(None);
    };
    if code != "0" {
        return Err(format!("Bybit answered with error {code}"));
    }
    let result = answer.object("result");
    let known = result.and_then(|result| {
        Some((
            result.text("category")?,
            result.objects("list")?,
            result.has("nextPageCursor") && result.text("nextPageCursor").is_some(),
        ))
    });
    let Some((category, entries, goes_on)) = known else {
        return Ok(None);
    };
    if !["spot", "linear", "inverse", "option"].contains(&category.as_str()) {
        return Err(format!(
            "Bybit instruments-info of category {category}, expected spot, linear, inverse or option"
        ));
    }
    if !entries.first().is_none_or(|entry| entry.has("baseCoin")) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "Bybit instruments-info",
        named_by: "symbol",
        entries,
        read: Box::new(move |entry| Ok(vec![read(entry, &category)?])),
        goes_on,
    }))
}

fn read(entry: &Object<'_>, category: &str) -> Result<Entry, Reason> {
    let form = entry.text("contractType");
    let kind = match (category, form.as_deref()) {
        ("spot", _) => "spot",
        ("option", _) => "option",
        ("linear", Some("LinearPerpetual")) | ("inverse", Some("InversePerpetual")) => "perpetual",
        ("linear", Some("LinearFutures")) | ("inverse", Some("InverseFutures")) => "future",
        (_, Some(form)) => return Err(Reason::Kind(format!("a contract of type {form}"))),
        (_, None) => return Err(Reason::Missing("contractType")),
    };
    let venue = if kind == "spot" {
        "bybit-spot"
    } else {
        "bybit"
    };
    let (base, quote) = (need(entry, "baseCoin")?, need(entry, "quoteCoin")?);
    let mut made = Entry::new(format!("{venue}.{}", need(entry, "symbol")?), kind)
        .say("multiplier", "1")
        .say_if("from", millis(entry, "launchTime")?)
        .say_if("expiry", millis(entry, "deliveryTime")?);
    if let Some(prices) = entry.object("priceFilter") {
        made = made.say_if("tick", decimal(&prices, "tickSize")?);
    }
    if let Some(sizes) = entry.object("lotSizeFilter") {
        let field = if kind == "spot" {
            "basePrecision"
        } else {
            "qtyStep"
        };
        made = made.say_if("lot", decimal(&sizes, field)?);
    }
    if kind == "spot" {
        return Ok(made.say("base", base).say("currency", quote));
    }
    let settlement = need(entry, "settleCoin")?;
    match category {
        "inverse" if settlement != base => Err(Reason::Kind(
            "an inverse contract that pays in another coin".to_owned(),
        )),
        "inverse" => Ok(made.inverse(&base, &quote)),
        _ => Ok(made.say("base", base).linear(&quote, Some(settlement))),
    }
}
