//! What is remembered to apply limits: times of orders, the loss of the day. What orders may come to is worked out anew.

use super::settings::OrderRate;
use super::{DailyLoss, RiskGate};
use tickloom_types::{StateError, StateReader, StateWriter, Ts};

impl RiskGate {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        if let Some(rate) = &self.rate {
            rate.save(to);
        }
        if let Some(daily_loss) = &self.daily_loss {
            daily_loss.save(to);
        }
    }

    /// Onto a gate with the same limits.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("the limits");
        if let Some(rate) = &mut self.rate {
            rate.load(from)?;
        }
        if let Some(daily_loss) = &mut self.daily_loss {
            daily_loss.load(from)?;
        }
        Ok(())
    }
}

impl OrderRate {
    fn save(&self, to: &mut StateWriter) {
        to.count(self.newest.len());
        for ts in &self.newest {
            to.i64(ts.0);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for _ in 0..from.count(self.most)? {
            self.newest.push_back(Ts(from.i64()?));
        }
        Ok(())
    }
}

impl DailyLoss {
    fn save(&self, to: &mut StateWriter) {
        to.option(self.day, StateWriter::i64);
        to.i128(self.start);
        to.bool(self.latched);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.day = from.option(StateReader::i64)?;
        self.start = from.i128()?;
        self.latched = from.bool()?;
        Ok(())
    }
}
