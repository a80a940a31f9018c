//! What happens to organisations. Who joins and leaves happens to accounts; here is what happens to the organisation itself.

use super::{body_of, event_of};
use crate::seal::{PersonKey, SealError};
use serde::{Deserialize, Serialize};

/// Something that happened to an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub(crate) enum OrganisationEvent {
    Created {
        name: String,
    },
    Renamed {
        name: String,
    },
    Deleted,
    /// It demands that the people who are members have a second factor.
    SecondFactorDemanded,
    SecondFactorDemandEnded,
    /// A program of its own: its administrators administer it from now on.
    MachineAdded {
        account: String,
    },
    GrantCreated {
        id: String,
        what: String,
        resource: String,
        expires: Option<i64>,
    },
    GrantRevoked {
        id: String,
    },
}

impl OrganisationEvent {
    /// What happened, as the log has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            OrganisationEvent::Created { .. } => "created",
            OrganisationEvent::Renamed { .. } => "renamed",
            OrganisationEvent::Deleted => "deleted",
            OrganisationEvent::SecondFactorDemanded => "second_factor_demanded",
            OrganisationEvent::SecondFactorDemandEnded => "second_factor_demand_ended",
            OrganisationEvent::MachineAdded { .. } => "machine_added",
            OrganisationEvent::GrantCreated { .. } => "grant_created",
            OrganisationEvent::GrantRevoked { .. } => "grant_revoked",
        }
    }

    /// The body for the log, with the name sealed: it may be a person's.
    pub(crate) fn body(&self, key: &PersonKey) -> Result<String, SealError> {
        Ok(body_of(&self.clone().map_name(|name| key.seal(&name))?))
    }

    /// What the log says, opened. Without the organisation's key the name is empty.
    pub(crate) fn read(
        kind: &str,
        body: &str,
        key: Option<&PersonKey>,
    ) -> Result<OrganisationEvent, String> {
        let sealed: OrganisationEvent = event_of(kind, body)?;
        sealed
            .map_name(|name| key.map_or(Ok(String::new()), |key| key.open(&name)))
            .map_err(|error| error.to_string())
    }

    fn map_name<E>(
        self,
        with: impl Fn(String) -> Result<String, E>,
    ) -> Result<OrganisationEvent, E> {
        Ok(match self {
            OrganisationEvent::Created { name } => OrganisationEvent::Created { name: with(name)? },
            OrganisationEvent::Renamed { name } => OrganisationEvent::Renamed { name: with(name)? },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_back_from_the_log_and_no_name_is_in_it() {
        let key = PersonKey::make().unwrap();
        let text = || "Quants".to_owned();
        for event in [
            OrganisationEvent::Created { name: text() },
            OrganisationEvent::Renamed { name: text() },
            OrganisationEvent::Deleted,
            OrganisationEvent::SecondFactorDemanded,
            OrganisationEvent::SecondFactorDemandEnded,
            OrganisationEvent::MachineAdded {
                account: "mch_1".to_owned(),
            },
            OrganisationEvent::GrantCreated {
                id: "grn_1".to_owned(),
                what: "run.read".to_owned(),
                resource: "run/*".to_owned(),
                expires: Some(7),
            },
            OrganisationEvent::GrantRevoked {
                id: "grn_1".to_owned(),
            },
        ] {
            let body = event.body(&key).unwrap();
            assert!(!body.contains("Quants"), "{body}");
            let found = OrganisationEvent::read(event.kind(), &body, Some(&key)).unwrap();
            assert_eq!(found, event, "{body}");
        }
        let created = OrganisationEvent::Created { name: text() };
        let body = created.body(&key).unwrap();
        let without = OrganisationEvent::read("created", &body, None).unwrap();
        let empty = OrganisationEvent::Created {
            name: String::new(),
        };
        assert_eq!(without, empty);
    }
}
