//! Coinbase: `products` of Exchange (an array) and of Advanced Trade (`products`).

use super::List;
use super::entry::{Entry, Reason, decimal, need};
use super::object::Object;
use tickloom_types::Ts;

pub(super) fn exchange(entries: Vec<Object<'_>>) -> List<'_> {
    List {
        form: "Coinbase Exchange products",
        named_by: "id",
        entries,
        read: Box::new(|entry| {
            let (base, quote) = (
                need(entry, "base_currency")?,
                need(entry, "quote_currency")?,
            );
            let made = Entry::new(format!("coinbase.{}", need(entry, "id")?), "spot");
            Ok(vec![
                made.say_if("tick", decimal(entry, "quote_increment")?)
                    .say_if("lot", decimal(entry, "base_increment")?)
                    .say("multiplier", "1")
                    .say("base", base)
                    .say("currency", quote),
            ])
        }),
        goes_on: false,
    }
}

pub(super) fn advanced<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(entries) = answer.objects("products") else {
        return Ok(None);
    };
    if !entries.first().is_none_or(|entry| entry.has("product_id")) {
        return Ok(None);
    }
    let pages = answer.object("pagination");
    let goes_on = pages.and_then(|pages| pages.text("has_next"));
    Ok(Some(List {
        form: "Coinbase Advanced Trade products",
        named_by: "product_id",
        entries,
        read: Box::new(|entry| Ok(vec![read(entry)?])),
        goes_on: goes_on.as_deref() == Some("true"),
    }))
}

fn read(entry: &Object<'_>) -> Result<Entry, Reason> {
    let name = format!("coinbase.{}", need(entry, "product_id")?);
    let quote = need(entry, "quote_currency_id")?;
    let tick = match decimal(entry, "price_increment")? {
        Some(tick) => Some(tick),
        None => decimal(entry, "quote_increment")?,
    };
    let steps = |made: Entry| {
        let lot = decimal(entry, "base_increment")?;
        Ok(made.say_if("tick", tick).say_if("lot", lot))
    };
    let form = need(entry, "product_type")?;
    match form.as_str() {
        "SPOT" => Ok(steps(Entry::new(name, "spot"))?
            .say("multiplier", "1")
            .say("base", need(entry, "base_currency_id")?)
            .say("currency", quote)),
        "FUTURE" => {
            let details = entry.object("future_product_details");
            let details = details.ok_or(Reason::Missing("future_product_details"))?;
            let form = need(&details, "contract_expiry_type")?;
            let kind = match form.as_str() {
                "PERPETUAL" => "perpetual",
                "EXPIRING" => "future",
                _ => return Err(Reason::Kind(format!("a contract of expiry type {form}"))),
            };
            let size = decimal(&details, "contract_size")?;
            let root = details.text("contract_root_unit");
            let expiry = match kind {
                "future" => expiry(&details)?,
                _ => None,
            };
            Ok(steps(Entry::new(name, kind))?
                .say("multiplier", size.ok_or(Reason::Missing("contract_size"))?)
                .say_if("base", root.clone())
                .say_if("underlying", root)
                .linear(&quote, None)
                .say_if("expiry", expiry))
        }
        _ => Err(Reason::Kind(format!("a product of type {form}"))),
    }
}

/// A time in RFC 3339, or in seconds.
fn expiry(details: &Object<'_>) -> Result<Option<String>, Reason> {
    const FIELD: &str = "contract_expiry";
    let Some(text) = details.text(FIELD) else {
        return Ok(None);
    };
    let ts = match text.parse::<i64>() {
        Ok(seconds) => Ts::from_secs(seconds),
        Err(_) => Ts::parse(&text).ok(),
    };
    Ok(Some(ts.ok_or(Reason::Time(FIELD))?.to_string()))
}
