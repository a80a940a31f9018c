//! What the trading half remembers: strategies, open orders, account, and who is to be called at the next moment.

use super::account::Account;
use super::calls::Calling;
use super::desk::Desk;
use super::{Finest, TradeStage};
use crate::snapshot::CannotSave;
use crate::strategy::{Runner, RunnerKind};
use crate::venue::PaperVenue;
use tickloom_types::{InstrumentId, Seq, StateError, StateReader, StateWriter, Ts};

impl TradeStage {
    /// `names` are those of the strategies.
    pub(crate) fn save(&self, names: &[String], to: &mut StateWriter) -> Result<(), CannotSave> {
        for runner in &self.runners {
            let mut own = StateWriter::new();
            if !runner.save(&mut own) {
                let name = names.get(usize::from(runner.strategy));
                return Err(CannotSave::Strategy {
                    name: name.cloned().unwrap_or_default(),
                });
            }
            to.blob(own.bytes());
        }
        self.calling.save(to);
        for finest in &self.finest {
            finest.save(to);
        }
        self.desk.save(to);
        Ok(())
    }

    /// Onto a stage of the same configuration with so many strategies, before this record.
    pub(crate) fn load(
        &mut self,
        from: &mut StateReader<'_>,
        strategies: usize,
        next_seq: Seq,
    ) -> Result<(), StateError> {
        from.begin("the strategies");
        for runner in &mut self.runners {
            let mut own = StateReader::new(from.blob()?, "a strategy");
            runner.load(&mut own)?;
            own.end()?;
        }
        self.calling.load(from)?;
        for finest in &mut self.finest {
            *finest = Finest::load(from)?;
        }
        self.desk.load(from, strategies, next_seq)
    }

    /// The venue where orders wait.
    pub(crate) fn venue(&self) -> &PaperVenue {
        self.desk.venue()
    }
}

impl Runner {
    /// False if it cannot be saved. Rules and targets remember nothing.
    fn save(&self, to: &mut StateWriter) -> bool {
        match &self.kind {
            RunnerKind::Rules(_) | RunnerKind::Target(_) => true,
            RunnerKind::Code(code) => code.save(to),
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        match &mut self.kind {
            RunnerKind::Rules(_) | RunnerKind::Target(_) => Ok(()),
            RunnerKind::Code(code) => code.load(from),
        }
    }
}

impl Calling {
    /// Each of those for whom something changed once: in which order it did is no matter.
    fn save(&self, to: &mut StateWriter) {
        let mut changed = self.changed.clone();
        changed.sort_unstable();
        changed.dedup();
        to.count(changed.len());
        for runner in changed {
            to.count(runner);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let watchers = self.watchers.iter().flatten();
        let mut known: Vec<usize> = watchers.map(|watcher| watcher.runner).collect();
        known.sort_unstable();
        for _ in 0..from.count(known.len())? {
            let runner = from.place(usize::MAX)?;
            let is_next = self.changed.last() < Some(&runner);
            let is_known = known.binary_search(&runner).is_ok();
            from.check(is_next && is_known, "a strategy that is called")?;
            self.changed.push(runner);
        }
        Ok(())
    }
}

impl Finest {
    fn save(self, to: &mut StateWriter) {
        match self {
            Finest::Nothing => to.u8(0),
            Finest::Bars { spec, close } => {
                to.u8(1);
                to.bar_spec(spec);
                to.i64(close.0);
            }
        }
    }

    fn load(from: &mut StateReader<'_>) -> Result<Finest, StateError> {
        match from.u8()? {
            0 => Ok(Finest::Nothing),
            1 => Ok(Finest::Bars {
                spec: from.bar_spec()?,
                close: Ts(from.i64()?),
            }),
            _ => Err(from.wrong("a kind of price")),
        }
    }
}

impl Desk {
    fn save(&self, to: &mut StateWriter) {
        to.u32(self.last_order);
        to.i64(self.now.0);
        self.account.save(to);
        self.venue.save(to);
    }

    fn load(
        &mut self,
        from: &mut StateReader<'_>,
        strategies: usize,
        next_seq: Seq,
    ) -> Result<(), StateError> {
        self.last_order = from.u32()?;
        self.now = Ts(from.i64()?);
        self.account.load(from, strategies)?;
        self.venue.load(from, strategies, next_seq)?;
        let instruments = (0..self.instruments).map(InstrumentId);
        self.account.take_orders(&self.venue, instruments);
        Ok(())
    }
}

impl Account {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.fills);
        self.risk.save(to);
        self.portfolio.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>, strategies: usize) -> Result<(), StateError> {
        self.fills = from.tally()?;
        self.risk.load(from)?;
        self.portfolio.load(from, strategies)
    }

    /// Works out what the waiting orders come to.
    fn take_orders(&mut self, venue: &PaperVenue, instruments: impl Iterator<Item = InstrumentId>) {
        for order in venue.all_orders() {
            self.expect_order(order.strategy, order.new.instrument);
        }
        for instrument in instruments {
            self.recount(instrument, venue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::{Context, Intents, Strategy};
    use crate::{CoreConfig, StrategyDef};
    use tickloom_types::{InstrumentDef, Instruments};

    /// Code that says nothing of what it remembers.
    #[derive(Debug)]
    struct Secretive;

    impl Strategy for Secretive {
        fn on_event(&mut self, _: &Context<'_>, _: &mut Intents) {}
    }

    fn stage() -> TradeStage {
        let mut instruments = Instruments::new();
        let id = instruments
            .add(InstrumentDef::new("X", 2, 0, "USD"))
            .unwrap();
        let config = CoreConfig {
            instruments,
            default_instrument: Some(id),
            strategies: vec![StrategyDef::Target {
                name: "s".to_owned(),
                instrument: None,
                target: "1".to_owned(),
            }],
            ..CoreConfig::default()
        };
        TradeStage::new(&config, std::iter::empty()).unwrap()
    }

    #[test]
    fn code_that_does_not_save_is_named() {
        let names = ["first".to_owned()];
        let mut to = StateWriter::new();
        let mut plain = stage();
        plain.save(&names, &mut to).unwrap();
        let mut from = StateReader::new(to.bytes(), "test");
        stage().load(&mut from, 1, 0).unwrap();
        from.end().unwrap();

        let code = Runner::of_code(0, InstrumentId(0), Box::new(Secretive));
        plain.runners[0] = code;
        let error = plain.save(&names, &mut StateWriter::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "strategy first does not save its state, so that the run goes on by replay alone"
        );
        let error = plain.load(&mut StateReader::new(to.bytes(), "test"), 1, 0);
        assert!(error.unwrap_err().to_string().contains("can be saved"));
    }
}
