//! What an account was granted, kept so that a decision looks at few of them.

use super::pattern::{ResourcePattern, What, places};
use std::collections::{BTreeMap, HashMap};
use tickloom_types::Ts;

/// How an account comes to a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It was given to the account.
    #[default]
    Account,
    /// It was given to an organisation of this id, of which the account is a member.
    Organisation(String),
    /// It comes with a role in an organisation, and goes with it: nobody gave it.
    Role {
        /// Id of the organisation.
        organisation: String,
        /// The role.
        role: String,
    },
}

/// Something that an account may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id: `grn_…`; empty if it comes with a role.
    pub id: String,
    /// How the account comes to it.
    pub origin: Origin,
    /// What it allows.
    pub what: What,
    /// On which resources.
    pub resource: ResourcePattern,
    /// From when on it allows nothing; never if `None`.
    pub expires: Option<Ts>,
}

/// The grants of one account. Of two that allow the same on the same, the one that lasts longer counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    by_place: HashMap<String, BTreeMap<What, Grant>>,
}

impl Grants {
    /// Those of an account.
    #[must_use]
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Grants {
        let mut all = Grants::default();
        for grant in grants {
            let place = all
                .by_place
                .entry(grant.resource.place().to_owned())
                .or_default();
            let lasts = |grant: &Grant| grant.expires.map_or(i64::MAX, |at| at.0);
            match place.get(&grant.what) {
                Some(other) if lasts(other) >= lasts(&grant) => {}
                _ => drop(place.insert(grant.what.clone(), grant)),
            }
        }
        all
    }

    /// Those for a resource, nearest first, whatever they allow.
    pub(super) fn of<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a Grant> {
        places(resource)
            .filter_map(|place| self.by_place.get(place))
            .flat_map(BTreeMap::values)
    }
}
