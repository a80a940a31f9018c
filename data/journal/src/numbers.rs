//! Numbers of a run's inputs, outputs and orders: how many there are, and which may be told ahead of the journal.

use crate::limits::NUMBERS_MAX;
use serde::{Deserialize, Serialize};
use tickloom_types::Seq;

/// How many inputs and outputs a run has, or the numbers that the next ones have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// Inputs: the sequence of the next one.
    pub inputs: Seq,
    /// Outputs: the number of the next one.
    pub outputs: u64,
}

impl Numbers {
    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Numbers) -> Numbers {
        Numbers {
            inputs: self.inputs.max(other.inputs),
            outputs: self.outputs.max(other.outputs),
        }
    }

    /// Whether a run can have so many.
    pub(crate) fn are_possible(self) -> bool {
        self.inputs <= NUMBERS_MAX && self.outputs <= NUMBERS_MAX
    }
}

/// Numbers that may be told to others before they are in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// Inputs with a sequence below this.
    pub inputs: Seq,
    /// Outputs with a number below this.
    pub outputs: u64,
    /// Orders up to this number. `None` if it is not said: then each of the outputs may be an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<u32>,
}

impl Reserved {
    /// Inputs and outputs below these.
    #[must_use]
    pub fn numbers(self) -> Numbers {
        Numbers {
            inputs: self.inputs,
            outputs: self.outputs,
        }
    }

    /// The greater of each.
    #[must_use]
    pub(crate) fn max(self, other: Reserved) -> Reserved {
        Reserved {
            orders: self.orders.max(other.orders),
            ..Reserved::from(self.numbers().max(other.numbers()))
        }
    }
}

impl From<Numbers> for Reserved {
    /// Orders are not said.
    fn from(numbers: Numbers) -> Reserved {
        Reserved {
            inputs: numbers.inputs,
            outputs: numbers.outputs,
            orders: None,
        }
    }
}
