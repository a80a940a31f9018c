//! Which columns are read, and what is said of those that are not.

use super::{Dialect, Layout, Role, Shape};

impl Layout {
    /// Notes which columns are not used.
    pub(super) fn tell(&mut self) {
        let mut ignored = Vec::new();
        for (at, (name, role)) in self.names.iter().zip(&self.roles).enumerate() {
            match role.filter(|role| self.uses(*role)) {
                Some(_) => {}
                None if self.depth.iter().any(|level| level.has(at)) => {}
                None if name.is_empty() => {}
                None if self
                    .rules
                    .iter()
                    .any(|rule| rule.at == at && rule.is_told()) => {}
                None => ignored.push(name.as_str()),
            }
        }
        if self.shape == Shape::Depth {
            self.notes
                .push(format!("{} levels of each side", self.depth.len()));
        }
        if !ignored.is_empty() {
            self.notes
                .push(format!("columns not used: {}", ignored.join(", ")));
        }
    }

    /// The columns that are read: what is taken from which.
    pub(crate) fn taken(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let columns = self.names.iter().zip(&self.roles);
        columns.filter_map(|(name, role)| {
            let role = role.filter(|role| self.uses(*role))?;
            // Only bars have a volume.
            let what = match role {
                Role::Qty if !self.shape.is_bars() => "size",
                role => role.name(),
            };
            Some((what, name.as_str()))
        })
    }

    /// Whether a column of this role is read.
    pub(crate) fn uses(&self, role: Role) -> bool {
        match role {
            Role::Time | Role::Ticker | Role::Millis | Role::Micros | Role::Nanos => true,
            Role::Venue => self.is_by_venue,
            Role::Date | Role::TimeOfDay => self.column(Role::Time).is_none(),
            Role::CloseTime => self.shape.is_bars(),
            Role::Arrival => !self.shape.is_bars(),
            Role::BuyerMaker | Role::MakerSide | Role::IsBuy | Role::IsSell | Role::TradeId => {
                self.shape == Shape::Trades
            }
            Role::Side => {
                self.is_databento() && self.shape != Shape::Bars
                    || matches!(self.shape, Shape::Trades | Shape::Levels | Shape::Orders)
            }
            Role::Snapshot => self.shape == Shape::Levels,
            Role::Sequence => match self.shape {
                // Databento's trades have no other number.
                Shape::Trades => self.is_databento(),
                shape => !shape.is_bars(),
            },
            Role::OrderId => self.shape == Shape::Orders,
            Role::Level | Role::Void | Role::Closed => {
                let mut rules = self.rules.iter();
                rules.any(|rule| self.roles.get(rule.at) == Some(&Some(role)))
            }
            Role::Flags if self.dialect == Dialect::Metatrader => true,
            Role::Action | Role::Flags => self.is_databento() && self.shape != Shape::Bars,
            role => {
                let numbers = self.numbers();
                let mut columns = numbers.iter().flatten();
                columns.any(|at| self.roles[*at] == Some(role))
            }
        }
    }
}
