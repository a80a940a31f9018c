//! Deribit `public/get_instruments`.

use super::List;
use super::entry::{Entry, Reason, decimal, millis, need};
use super::object::Object;
use tickloom_types::{Number, PRICE_DECIMALS_MAX, pow10};

pub(super) fn list<'a>(answer: &Object<'a>) -> Result<Option<List<'a>>, String> {
    let Some(entries) = answer.objects("result") else {
        return Ok(None);
    };
    let is_known = |entry: &Object<'_>| entry.has("instrument_name");
    if !entries.first().is_some_and(is_known) {
        return Ok(None);
    }
    Ok(Some(List {
        form: "Deribit get_instruments",
        named_by: "instrument_name",
        entries,
        read: Box::new(|entry| Ok(vec![read(entry)?])),
        goes_on: false,
    }))
}

fn read(entry: &Object<'_>) -> Result<Entry, Reason> {
    let name = format!("deribit.{}", need(entry, "instrument_name")?);
    let form = need(entry, "kind")?;
    let is_perpetual = entry.text("settlement_period").as_deref() == Some("perpetual");
    let kind = match form.as_str() {
        "future" if is_perpetual => "perpetual",
        "future" | "option" | "spot" => form.as_str(),
        "future_combo" | "option_combo" => {
            return Err(Reason::Kind(
                "a combination of several contracts".to_owned(),
            ));
        }
        _ => return Err(Reason::Kind(format!("an instrument of kind {form}"))),
    };
    let has_end = kind == "future" || kind == "option";
    let expiry = match has_end {
        true => millis(entry, "expiration_timestamp")?,
        false => None,
    };
    let (base, quote) = (
        need(entry, "base_currency")?,
        need(entry, "quote_currency")?,
    );
    // Amounts are in the coin, or in the currency of the prices of inverse contracts, never in contracts.
    let made = Entry::new(name, kind)
        .say_if("tick", tick(entry)?)
        .say_if("lot", decimal(entry, "min_trade_amount")?)
        .say("multiplier", "1")
        .say_if("from", millis(entry, "creation_timestamp")?)
        .say_if("expiry", expiry);
    if kind == "spot" {
        return Ok(made.say("base", base).say("currency", quote));
    }
    let made = made.say_if("underlying", entry.text("price_index"));
    match need(entry, "instrument_type")?.as_str() {
        // Priced in the coin that it pays.
        "reversed" if kind == "option" => Ok(made.say("base", &*base).linear(&base, None)),
        "reversed" => Ok(made.inverse(&base, &quote)),
        "linear" => {
            let settlement = entry.text("settlement_currency");
            Ok(made.say("base", base).linear(&quote, settlement))
        }
        other => Err(Reason::Kind(format!(
            "a contract of instrument_type {other}"
        ))),
    }
}

/// The finest of the steps, which depend on the price.
fn tick(entry: &Object<'_>) -> Result<Option<String>, Reason> {
    let mut finest = decimal(entry, "tick_size")?;
    for step in entry.objects("tick_size_steps").unwrap_or_default() {
        let step = decimal(&step, "tick_size")?;
        if let (Some(one), Some(other)) = (&step, &finest)
            && is_below(one, other)
        {
            finest = step;
        }
    }
    Ok(finest)
}

fn is_below(one: &str, other: &str) -> bool {
    let at_nine = |text: &str| {
        let number = Number::parse(text.as_bytes()).ok()?;
        let more = PRICE_DECIMALS_MAX.saturating_sub(number.decimals);
        Some(i128::from(number.mantissa) * i128::from(pow10(more)))
    };
    at_nine(one) < at_nine(other)
}
