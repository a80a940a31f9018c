//! What people say of instruments, beside what the source of the data says: contracts with the times in which they hold, in
//! `_instruments.toml` of a catalog or in a file (`docs/instruments.md`).

mod text;

use crate::{CatalogError, Result};
use std::collections::BTreeSet;
use tickloom_types::{
    Contract, InstrumentDef, InstrumentKind, Number, Payoff, Term, Ts, format_decimal, pow10,
};

/// What is said of an instrument, in the time in which it holds. What is not said stays as the source of the data has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Name of the instrument.
    pub name: String,
    /// Since when it holds; since ever if that is not said.
    pub from: Option<Ts>,
    /// Until when it holds, exclusive.
    pub to: Option<Ts>,
    tick: Option<Number>,
    lot: Option<Number>,
    multiplier: Option<Number>,
    kind: Option<InstrumentKind>,
    payoff: Option<Payoff>,
    base: Option<String>,
    currency: Option<String>,
    settlement: Option<String>,
    underlying: Option<String>,
    expiry: Option<Ts>,
    calendar: Option<String>,
    negative_prices: Option<bool>,
}

/// Definitions of instruments, in the order of their names and times. Those of one instrument hold at different times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    all: Vec<Definition>,
}

impl Definitions {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Definition] {
        &self.all
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a definition. What was said before for the very same times is completed by it; where times overlap otherwise, it is
    /// refused.
    ///
    /// # Errors
    /// [`CatalogError::Definition`].
    pub fn add(&mut self, definition: Definition) -> Result<()> {
        if let (Some(from), Some(to)) = (definition.from, definition.to)
            && to <= from
        {
            return Err(wrong(
                &definition.name,
                format!("from {from} to {to}"),
                "a time that ends after it begins",
            ));
        }
        let (begin, end) = self.place(&definition.name);
        let mut same = self.all.iter_mut().take(end).skip(begin);
        if let Some(known) = same.find(|d| (d.from, d.to) == (definition.from, definition.to)) {
            known.complete(definition);
            return Ok(());
        }
        let mut same = self.of(&definition.name).iter();
        if let Some(other) = same.find(|d| d.overlaps(definition.from, definition.to)) {
            return Err(wrong(
                &definition.name,
                format!("{} and {}", other.validity(), definition.validity()),
                "definitions of which only one holds at a time",
            ));
        }
        let before = self.of(&definition.name).iter();
        let before = before.filter(|d| d.from < definition.from).count();
        self.all.insert(begin + before, definition);
        Ok(())
    }

    /// What is said of an instrument, in the order of its times.
    fn of(&self, name: &str) -> &[Definition] {
        let (begin, end) = self.place(name);
        self.all.get(begin..end).unwrap_or_default()
    }

    /// From where on and to where, exclusive, an instrument's definitions are.
    fn place(&self, name: &str) -> (usize, usize) {
        let begin = self.all.partition_point(|d| d.name.as_str() < name);
        let end = self.all.partition_point(|d| d.name.as_str() <= name);
        (begin, end)
    }

    /// Forgets what is said of an instrument; says whether there was anything.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.all.len();
        self.all.retain(|d| d.name != name);
        self.all.len() < before
    }

    /// These, and of instruments of which they say nothing those of `others`.
    #[must_use]
    pub fn before(mut self, others: &Definitions) -> Definitions {
        let own: BTreeSet<String> = self.all.iter().map(|d| d.name.clone()).collect();
        let more = others.all.iter().filter(|d| !own.contains(&d.name));
        self.all.extend(more.cloned());
        self.all.sort_by_key(|d| (d.name.clone(), d.from));
        self
    }

    /// Whether prices of an instrument may be below zero, if that or what it is was said.
    #[must_use]
    pub fn may_be_negative(&self, name: &str) -> Option<bool> {
        let may = self.of(name).iter().map(|d| {
            let mut def = InstrumentDef::new(name, 0, 0, "");
            def.contract.kind = d.kind;
            def.contract.negative_prices = d.negative_prices;
            def.may_be_negative()
        });
        may.reduce(|one, other| if one == other { one } else { None })?
    }

    /// What an instrument is to who reads the times from `from` to `to`, both inclusive: as its source says, with what is said here.
    ///
    /// # Errors
    /// [`CatalogError::Definitions`] if different things hold within that time; [`CatalogError::Instrument`] if what is said does not fit
    /// what it is.
    pub fn apply(&self, def: &InstrumentDef, from: Ts, to: Ts) -> Result<InstrumentDef> {
        let until = Some(Ts(to.0.saturating_add(1)));
        let mut held = Vec::new();
        let mut covered = from;
        for said in self.of(&def.name) {
            if !said.overlaps(Some(from), until) {
                continue;
            }
            if said.from.is_some_and(|begin| begin > covered) {
                held.push((covered, def.clone()));
            }
            held.push((said.from.unwrap_or(from).max(from), said.on(def)?));
            covered = said.to.unwrap_or(Ts(i64::MAX));
        }
        if covered <= to {
            held.push((covered, def.clone()));
        }
        let mut held = held.into_iter();
        let Some((_, mut all)) = held.next() else {
            return Ok(def.clone());
        };
        for (since, next) in held {
            all = same_contract(all, next, since)?;
        }
        all.check()?;
        Ok(all)
    }
}

/// Both, at the finer scale, if money comes out the same by either.
fn same_contract(a: InstrumentDef, b: InstrumentDef, since: Ts) -> Result<InstrumentDef> {
    let worth = |def: &InstrumentDef| {
        let contract = &def.contract;
        [
            ("currency", def.currency.clone()),
            ("multiplier", def.multiplier_text()),
            ("payoff", word(contract.payoff.as_ref())),
            (
                "settlement",
                contract.settlement.clone().unwrap_or_default(),
            ),
            ("kind", word(contract.kind.as_ref())),
        ]
    };
    let (one, other) = (worth(&a), worth(&b));
    if let Some(((field, one), (_, other))) =
        one.into_iter().zip(other).find(|(one, other)| one != other)
    {
        return Err(CatalogError::Definitions {
            instrument: a.name,
            field,
            one: format!("{one} before {since}"),
            other: format!("{other} from then on"),
            settle: format!("read the time before it or from it on (--to {since}, --from {since})"),
        });
    }
    let (price, qty) = (
        a.price_decimals.max(b.price_decimals),
        a.qty_decimals.max(b.qty_decimals),
    );
    let a = at_scale(a, price, qty)?;
    let b = at_scale(b, price, qty)?;
    Ok(InstrumentDef {
        tick_size: a.tick_size.min(b.tick_size),
        lot_size: a.lot_size.min(b.lot_size),
        ..a
    })
}

/// The same with at least so many decimals of prices and of sizes.
fn at_scale(mut def: InstrumentDef, price: u8, qty: u8) -> Result<InstrumentDef> {
    let name = def.name.clone();
    let finer = |step: i64, of: u8, wanted: u8| {
        let more = wanted.saturating_sub(of);
        step.checked_mul(pow10(more)).ok_or_else(|| {
            wrong(
                &name,
                format!("{step} at {of} decimals"),
                "a step that fits in 64 bits",
            )
        })
    };
    def.tick_size = finer(def.tick_size, def.price_decimals, price)?;
    def.lot_size = finer(def.lot_size, def.qty_decimals, qty)?;
    def.price_decimals = def.price_decimals.max(price);
    def.qty_decimals = def.qty_decimals.max(qty);
    Ok(def)
}

impl Definition {
    /// Whether it fits an instrument: steps in 64 bits, decimals of money within their limit.
    ///
    /// # Errors
    /// [`CatalogError::Definition`], [`CatalogError::Instrument`].
    pub fn check_on(&self, def: &InstrumentDef) -> Result<()> {
        Ok(self.on(def)?.check()?)
    }

    /// When it holds, in words.
    fn validity(&self) -> String {
        match (self.from, self.to) {
            (None, None) => "always".to_owned(),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("to {to}"),
            (Some(from), Some(to)) => format!("from {from} to {to}"),
        }
    }

    /// Whether it holds at any time from `from` to before `to`.
    fn overlaps(&self, from: Option<Ts>, to: Option<Ts>) -> bool {
        let begins = |at: Option<Ts>| at.map_or(i64::MIN, |ts| ts.0);
        let ends = |at: Option<Ts>| at.map_or(i64::MAX, |ts| ts.0);
        begins(self.from) < ends(to) && begins(from) < ends(self.to)
    }

    /// Takes over what another says.
    fn complete(&mut self, other: Definition) {
        fn put<T>(own: &mut Option<T>, other: Option<T>) {
            if other.is_some() {
                *own = other;
            }
        }
        put(&mut self.tick, other.tick);
        put(&mut self.lot, other.lot);
        put(&mut self.multiplier, other.multiplier);
        put(&mut self.kind, other.kind);
        put(&mut self.payoff, other.payoff);
        put(&mut self.base, other.base);
        put(&mut self.currency, other.currency);
        put(&mut self.settlement, other.settlement);
        put(&mut self.underlying, other.underlying);
        put(&mut self.expiry, other.expiry);
        put(&mut self.calendar, other.calendar);
        put(&mut self.negative_prices, other.negative_prices);
    }

    /// An instrument with what is said here.
    fn on(&self, def: &InstrumentDef) -> Result<InstrumentDef> {
        let decimals = |step: Option<Number>| step.map_or(0, |step| step.decimals);
        let mut def = at_scale(def.clone(), decimals(self.tick), decimals(self.lot))?;
        let step = |step: Number, of: u8| {
            step.at(of).filter(|step| *step > 0).ok_or_else(|| {
                let text = format_decimal(step.mantissa.into(), step.decimals);
                wrong(&self.name, text, "a step above zero that fits in 64 bits")
            })
        };
        if let Some(tick) = self.tick {
            def.tick_size = step(tick, def.price_decimals)?;
            def.contract.assumed.remove(&Term::Tick);
        }
        if let Some(lot) = self.lot {
            def.lot_size = step(lot, def.qty_decimals)?;
            def.contract.assumed.remove(&Term::Lot);
        }
        if let Some(multiplier) = self.multiplier {
            def.multiplier = multiplier.mantissa;
            def.multiplier_decimals = multiplier.decimals;
            def.contract.assumed.remove(&Term::Multiplier);
        }
        if let Some(currency) = &self.currency {
            def.currency.clone_from(currency);
            def.contract.assumed.remove(&Term::Currency);
        }
        if self.calendar.is_some() {
            def.calendar.clone_from(&self.calendar);
        }
        let known = def.contract;
        def.contract = Contract {
            kind: self.kind.or(known.kind),
            payoff: self.payoff.or(known.payoff),
            base: self.base.clone().or(known.base),
            settlement: match self.payoff {
                // What pays in the currency of its prices needs no other.
                Some(Payoff::Linear) => self.settlement.clone(),
                _ => self.settlement.clone().or(known.settlement),
            },
            underlying: self.underlying.clone().or(known.underlying),
            expiry: self.expiry.or(known.expiry),
            negative_prices: self.negative_prices.or(known.negative_prices),
            valid_from: self.from.or(known.valid_from),
            valid_to: self.to.or(known.valid_to),
            assumed: known.assumed,
        };
        Ok(def)
    }
}

/// A value of an enumeration as it is written.
fn word<T: serde::Serialize>(value: Option<&T>) -> String {
    let text = value.and_then(|value| serde_json::to_value(value).ok());
    let text = text.as_ref().and_then(serde_json::Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn wrong(name: &str, value: String, expected: &'static str) -> CatalogError {
    CatalogError::Definition {
        instrument: name.to_owned(),
        value,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fields: &[(&str, &str)]) -> Definition {
        Definition::from_fields("ES", fields.iter().copied()).unwrap()
    }

    const ALWAYS: (Ts, Ts) = (Ts(0), Ts(i64::MAX - 1));

    fn apply(all: &Definitions, def: &InstrumentDef) -> Result<InstrumentDef> {
        all.apply(def, ALWAYS.0, ALWAYS.1)
    }

    #[test]
    fn what_is_said_counts_and_the_rest_stays() {
        let mut all = Definitions::default();
        all.add(said(&[
            ("tick", "1/32"),
            ("multiplier", "0.5"),
            ("kind", "future"),
        ]))
        .unwrap();
        let def = InstrumentDef::assumed("ES", 2, 0, "USD");
        let es = apply(&all, &def).unwrap();
        assert_eq!((es.price_decimals, es.tick_size), (5, 3_125));
        assert_eq!(es.multiplier_text(), "0.5");
        assert_eq!(es.contract.kind, Some(InstrumentKind::Future));
        assert_eq!(
            es.contract.assumed.iter().copied().collect::<Vec<_>>(),
            [Term::Currency, Term::Lot]
        );
        let other = InstrumentDef::assumed("NQ", 2, 0, "USD");
        assert_eq!(apply(&all, &other).unwrap(), other);
    }

    #[test]
    fn what_holds_at_different_times_concerns_who_reads_both() {
        let mut all = Definitions::default();
        all.add(said(&[("to", "2024-06-01"), ("multiplier", "50")]))
            .unwrap();
        all.add(said(&[("from", "2024-06-01"), ("multiplier", "20")]))
            .unwrap();
        let def = InstrumentDef::new("ES", 2, 0, "USD");
        let june = Ts::parse("2024-06-01").unwrap();
        let before = all.apply(&def, Ts(0), Ts(june.0 - 1)).unwrap();
        assert_eq!(before.multiplier, 50);
        assert_eq!(all.apply(&def, june, june).unwrap().multiplier, 20);
        let error = apply(&all, &def).unwrap_err().to_string();
        assert!(error.contains("50 before 2024-06-01T00:00:00Z"), "{error}");
        assert!(error.contains("--from 2024-06-01T00:00:00Z"), "{error}");
    }

    #[test]
    fn before_and_after_what_is_said_the_source_counts() {
        let mut all = Definitions::default();
        all.add(said(&[("from", "2024-06-01"), ("multiplier", "20")]))
            .unwrap();
        let def = InstrumentDef::new("ES", 2, 0, "USD");
        assert!(apply(&all, &def).is_err());
        let june = Ts::parse("2024-06-01").unwrap();
        assert_eq!(
            all.apply(&def, Ts(0), Ts(june.0 - 1)).unwrap().multiplier,
            1
        );
        // A finer tick is no other money.
        let mut ticks = Definitions::default();
        ticks
            .add(said(&[("from", "2024-06-01"), ("tick", "0.25")]))
            .unwrap();
        assert_eq!(apply(&ticks, &def).unwrap().tick_size, 1);
    }

    #[test]
    fn definitions_of_one_time_complete_each_other_and_others_do_not_overlap() {
        let mut all = Definitions::default();
        all.add(said(&[("tick", "0.25")])).unwrap();
        all.add(said(&[("multiplier", "50")])).unwrap();
        assert_eq!(all.all().len(), 1);
        let error = all.add(said(&[("from", "2024-06-01")])).unwrap_err();
        assert!(
            error.to_string().contains("only one holds at a time"),
            "{error}"
        );
        assert!(all.remove("ES") && !all.remove("ES"));
    }

    #[test]
    fn a_multiplier_with_too_many_decimals_is_refused() {
        let mut all = Definitions::default();
        all.add(said(&[("multiplier", "0.01")])).unwrap();
        let error = apply(&all, &InstrumentDef::new("ES", 9, 8, "USD")).unwrap_err();
        assert!(
            error.to_string().contains("is 19, expected at most 18"),
            "{error}"
        );
    }
}
