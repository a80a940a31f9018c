//! Organisations, and the roles of their members. Nothing here asks a database or the time.

use super::{AccountKind, Refusal};
use crate::events::organisation::OrganisationEvent;
use serde::{Deserialize, Serialize};
use tickloom_types::Ts;
use utoipa::ToSchema;

/// What ids of organisations begin with.
pub(crate) const PREFIX: &str = "org";
/// Organisations that one person administers, at most, when another one is created.
pub(crate) const ADMINISTERED_MAX: usize = 20;
/// Members of an organisation, at most, people and programs together.
pub(crate) const MEMBERS_MAX: usize = 1000;
/// Programs of an organisation, at most.
pub(crate) const MACHINES_MAX: usize = 100;

/// Whether an organisation is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrganisationState {
    /// It is.
    Active,
    /// It was deleted, with its programs; nobody is a member any more.
    Deleted,
}

/// What a member may do in the organisation, and of what the organisation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MemberRole {
    /// Everything in the organisation, its programs too; and all that the organisation may do.
    Administrator,
    /// Sees the organisation and its members; and all that the organisation may do.
    Member,
    /// Sees the organisation and its members; and what the organisation may do that changes nothing.
    Viewer,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Organisation {
    /// Its id: `org_…`.
    pub(crate) id: String,
    /// How many changes it had.
    pub(crate) version: i64,
    /// Whether it is there.
    pub(crate) state: OrganisationState,
    /// What it is called.
    pub(crate) name: String,
    /// Whether it demands that the people who are members have a second factor.
    pub(crate) demands_second_factor: bool,
    /// When it was created, in nanoseconds since the epoch.
    pub(crate) created: i64,
}

impl MemberRole {
    /// Every role.
    pub(crate) const ALL: [MemberRole; 3] = [
        MemberRole::Administrator,
        MemberRole::Member,
        MemberRole::Viewer,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            MemberRole::Administrator => "administrator",
            MemberRole::Member => "member",
            MemberRole::Viewer => "viewer",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<MemberRole> {
        MemberRole::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether an account of this kind can have it: a program administers no organisation, as it changes no rights.
    pub(crate) fn for_kind(self, kind: AccountKind) -> Result<(), Refusal> {
        match (self, kind) {
            (MemberRole::Administrator, AccountKind::Machine) => Err(Refusal::NotAPerson),
            _ => Ok(()),
        }
    }
}

impl OrganisationState {
    pub(crate) const ALL: [OrganisationState; 2] =
        [OrganisationState::Active, OrganisationState::Deleted];

    pub(crate) fn name(self) -> &'static str {
        match self {
            OrganisationState::Active => "active",
            OrganisationState::Deleted => "deleted",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<OrganisationState> {
        OrganisationState::ALL
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl Organisation {
    /// An organisation to which nothing has happened yet.
    pub(crate) fn new(id: String) -> Organisation {
        Organisation {
            id,
            version: 0,
            state: OrganisationState::Active,
            name: String::new(),
            demands_second_factor: false,
            created: 0,
        }
    }

    /// As it is in the log and in permissions: `organisation/org_…`.
    pub(crate) fn resource(&self) -> String {
        format!("organisation/{}", self.id)
    }

    /// The organisation after an event.
    #[must_use]
    pub(crate) fn after(mut self, event: &OrganisationEvent, at: Ts) -> Organisation {
        self.version += 1;
        match event {
            OrganisationEvent::Created { name } => {
                self.name.clone_from(name);
                self.created = at.0;
            }
            OrganisationEvent::Renamed { name } => self.name.clone_from(name),
            OrganisationEvent::SecondFactorDemanded => self.demands_second_factor = true,
            OrganisationEvent::SecondFactorDemandEnded => self.demands_second_factor = false,
            OrganisationEvent::Deleted => {
                self.state = OrganisationState::Deleted;
                self.name = String::new();
            }
            OrganisationEvent::MachineAdded { .. }
            | OrganisationEvent::GrantCreated { .. }
            | OrganisationEvent::GrantRevoked { .. } => {}
        }
        self
    }

    /// Whether it is there.
    pub(crate) fn usable(&self) -> Result<(), Refusal> {
        match self.state {
            OrganisationState::Active => Ok(()),
            OrganisationState::Deleted => Err(Refusal::OrganisationDeleted),
        }
    }
}

/// Whether something may be granted to an organisation on these resources. Who is a member of it is for its administrators to say, and
/// so it never has a say on accounts, organisations, grants, applications or the audit log: these are granted to accounts alone.
pub(crate) fn may_have(resource: &str) -> Result<(), Refusal> {
    let noun = resource.split('/').next().unwrap_or_default();
    if ["*", "account", "organisation", "grant", "audit", "client"].contains(&noun) {
        return Err(Refusal::NotForOrganisations);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_auth_itself_guards_is_not_for_organisations() {
        for (resource, expected) in [
            ("run/*", Ok(())),
            ("topic/es/*", Ok(())),
            ("accounts/x", Ok(())),
            ("*", Err(Refusal::NotForOrganisations)),
            ("account/*", Err(Refusal::NotForOrganisations)),
            ("account/usr_1", Err(Refusal::NotForOrganisations)),
            ("organisation/org_1", Err(Refusal::NotForOrganisations)),
            ("grant/*", Err(Refusal::NotForOrganisations)),
            ("audit/*", Err(Refusal::NotForOrganisations)),
            ("client/cli_1", Err(Refusal::NotForOrganisations)),
        ] {
            assert_eq!(may_have(resource), expected, "{resource}");
        }
    }

    #[test]
    fn words_come_back_and_what_is_deleted_has_no_name() {
        for role in MemberRole::ALL {
            assert_eq!(MemberRole::of_name(role.name()), Some(role));
        }
        for state in OrganisationState::ALL {
            assert_eq!(OrganisationState::of_name(state.name()), Some(state));
        }
        assert_eq!(MemberRole::of_name("owner"), None);
        let created = OrganisationEvent::Created {
            name: "Quants".to_owned(),
        };
        let organisation = Organisation::new("org_1".to_owned()).after(&created, Ts(5));
        assert_eq!((organisation.version, organisation.created), (1, 5));
        let deleted = organisation.after(&OrganisationEvent::Deleted, Ts(6));
        assert_eq!((deleted.version, deleted.name.as_str()), (2, ""));
        assert_eq!(deleted.usable(), Err(Refusal::OrganisationDeleted));
    }
}
