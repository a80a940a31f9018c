//! OKX `GET /api/v5/public/instruments`, and what its channel `instruments` sends.

use super::List;
use super::entry::{Entry, Reason, decimal, millis, need, product};
use super::object::Object;

pub(super) fn list<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let code = answer.text("code").filter(|code| code != "0");
    if let (Some(code), true) = (code, answer.has("msg") && answer.has("data")) {
        return Err(format!("OKX answered with error {code}"));
    }
    let Some(entries) = answer.objects("data") else {
        return Ok(None);
    };
    let is_known = |entry: &Object<'_>| entry.has("instId") && entry.has("instType");
    if !entries.first().is_none_or(is_known) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "OKX instruments",
        named_by: "instId",
        entries,
        read: Box::new(|entry| Ok(vec![read(entry)?])),
        goes_on: false,
    }))
}

fn read(entry: &Object<'_>) -> Result<Entry, Reason> {
    let name = format!("okx.{}", need(entry, "instId")?);
    let form = need(entry, "instType")?;
    let kind = match form.as_str() {
        "SPOT" | "MARGIN" => "spot",
        "SWAP" => "perpetual",
        "FUTURES" => "future",
        "OPTION" => "option",
        _ => return Err(Reason::Kind(format!("an instrument of type {form}"))),
    };
    let made = Entry::new(name, kind)
        .say_if("tick", decimal(entry, "tickSz")?)
        .say_if("lot", decimal(entry, "lotSz")?)
        .say_if("from", millis(entry, "listTime")?);
    if kind == "spot" {
        return Ok(made
            .say("multiplier", "1")
            .say("base", need(entry, "baseCcy")?)
            .say("currency", need(entry, "quoteCcy")?));
    }
    let family = entry.text("uly").or_else(|| entry.text("instFamily"));
    let family = family.ok_or(Reason::Missing("instFamily"))?;
    // BTC-USD_UM is BTC-USD with margin in dollars.
    let pair = family.split('_').next().unwrap_or(&family);
    let Some((base, quote)) = pair.split_once('-') else {
        return Err(Reason::Kind("on what is no pair".to_owned()));
    };
    let settlement = need(entry, "settleCcy")?;
    let sized_in = need(entry, "ctValCcy")?;
    let made = made
        .say("multiplier", product(entry, ["ctVal", "ctMult"])?)
        .say_if("expiry", millis(entry, "expTime")?)
        .say("underlying", pair);
    let unit = |wanted: &str| match sized_in == wanted {
        true => Ok(()),
        false => Err(Reason::Kind(format!(
            "contracts of an amount of {sized_in}"
        ))),
    };
    match (kind, entry.text("ctType").as_deref()) {
        // Priced in the coin that it pays.
        ("option", _) if settlement == base => {
            unit(base)?;
            Ok(made.say("base", base).linear(base, None))
        }
        ("option", _) | (_, Some("linear")) => {
            unit(base)?;
            Ok(made.say("base", base).linear(quote, Some(settlement)))
        }
        (_, Some("inverse")) if settlement == base => {
            unit(quote)?;
            Ok(made.inverse(base, quote))
        }
        (_, Some("inverse")) => Err(Reason::Kind(
            "an inverse contract that pays in another coin".to_owned(),
        )),
        (_, Some(other)) => Err(Reason::Kind(format!("a contract of ctType {other}"))),
        (_, None) => Err(Reason::Missing("ctType")),
    }
}
