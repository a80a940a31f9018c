//! What can be seen of a journal on its way to a server.

use super::SuspendedTable;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum FollowState {
    /// It was not reached yet.
    #[default]
    Connecting,
    /// It takes rows.
    Connected,
    /// It is away, or refuses. It is asked again and again.
    Down {
        /// For so long.
        seconds: u64,
        /// What went wrong last.
        reason: String,
    },
    /// It takes rows, but not into its tables; none are sent until it does.
    Suspended {
        /// For so long.
        seconds: u64,
        /// Which tables, and why.
        tables: Vec<SuspendedTable>,
    },
    /// Nothing is sent any more.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Where a journal on its way to a server stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FollowStatus {
    /// How the server is.
    #[serde(flatten)]
    pub state: FollowState,
    /// Records that the server has confirmed.
    pub confirmed: u64,
    /// Records in the journal that it has not.
    pub behind: u64,
    /// Records that it has no place for, which were left out.
    pub refused: u64,
    /// Why the first of them was.
    pub refusal: Option<String>,
    /// Segments (first and last) that were removed before they were sent.
    pub missing: Vec<(u32, u32)>,
}

impl FollowState {
    /// Notes how long it has been so.
    pub(super) fn waits(&mut self, time: Duration) {
        if let FollowState::Down { seconds, .. } | FollowState::Suspended { seconds, .. } = self {
            *seconds = time.as_secs();
        }
    }

    /// Its word, in metrics and objects.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            FollowState::Connecting => "connecting",
            FollowState::Connected => "connected",
            FollowState::Down { .. } => "down",
            FollowState::Suspended { .. } => "suspended",
            FollowState::Stopped { .. } => "stopped",
        }
    }
}

impl fmt::Display for FollowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.name())?;
        match &self.state {
            FollowState::Down { seconds, reason } => write!(f, " for {seconds} s ({reason})")?,
            FollowState::Stopped { reason } => write!(f, " ({reason})")?,
            FollowState::Suspended { seconds, tables } => {
                write!(f, " for {seconds} s")?;
                for table in tables {
                    let why = if table.is_by_hand() {
                        "by hand"
                    } else {
                        &table.message
                    };
                    let name = &table.table;
                    write!(f, "; table {name} ({why}): ALTER TABLE {name} RESUME WAL")?;
                }
            }
            FollowState::Connecting | FollowState::Connected => {}
        }
        if self.behind > 0 {
            write!(f, ", {} records behind", self.behind)?;
        }
        if let Some(refusal) = &self.refusal {
            write!(f, ", {} records left out ({refusal})", self.refused)?;
        }
        for (first, last) in &self.missing {
            write!(
                f,
                ", segments {first} to {last} were removed before they were sent: the catalog has them"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_wrong_and_what_to_do() {
        let mut status = FollowStatus::default();
        assert_eq!(status.to_string(), "connecting");
        status.behind = 5;
        let table = |tag: &str| SuspendedTable {
            table: "trades".to_owned(),
            tag: tag.to_owned(),
            message: "no space left".to_owned(),
        };
        status.state = FollowState::Suspended {
            seconds: 7,
            tables: vec![table("DISK FULL")],
        };
        assert_eq!(
            status.to_string(),
            "suspended for 7 s; table trades (no space left): ALTER TABLE trades RESUME WAL, 5 records behind"
        );
        status.state = FollowState::Connected;
        status.missing = vec![(2, 4)];
        status.refused = 1;
        status.refusal = Some("record 7: …".to_owned());
        assert_eq!(
            status.to_string(),
            "connected, 5 records behind, 1 records left out (record 7: …), segments 2 to 4 were removed before they were sent: \
             the catalog has them"
        );
        assert_eq!(serde_json::to_value(&status).unwrap()["state"], "connected");
    }
}
