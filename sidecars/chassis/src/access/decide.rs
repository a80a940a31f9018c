//! The one function that decides.

use super::grants::{Grant, Origin};
use super::subject::Subject;
use serde::Serialize;
use std::fmt;
use tickloom_types::Ts;
use utoipa::ToSchema;

/// What everybody may do to their own account.
const OWN_ACTIONS: [&str; 3] = ["account.read", "account.change", "organisation.create"];

/// Whether something may be done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allow: bool,
    /// Why.
    pub because: Because,
}

/// Why something may be done or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Because {
    /// It is the account's own.
    Own,
    /// A grant allows it.
    Grant {
        /// Its id.
        id: String,
        /// What it allows.
        what: String,
        /// On which resources.
        resource: String,
        /// The organisation that it was given to, if it holds through one.
        #[serde(skip_serializing_if = "Option::is_none")]
        organisation: Option<String>,
    },
    /// A role in an organisation allows it.
    Role {
        /// Id of the organisation.
        organisation: String,
        /// The role.
        role: String,
    },
    /// The token or key is not for this action, whatever the account may do.
    OutOfScope {
        /// What it is for.
        scopes: Vec<String>,
    },
    /// A grant allowed it once.
    Expired {
        /// Its id.
        id: String,
        /// Since when it does not, in nanoseconds since the epoch.
        at: i64,
    },
    /// No grant allows it.
    NoGrant,
    /// A second factor is demanded of the account, and it has none.
    SecondFactorDemanded,
    /// The account is suspended or was deleted.
    Inactive,
}

/// Whether a subject may do an action (`NOUN.VERB`) on a resource (`NOUN/NAME`, or `NOUN/*` for all of them), and why.
///
/// Of whom a second factor is demanded who has none may do nothing. The action has to be in a scope of the token or key. Then it may be done to the subject's own account, or by a grant for the
/// resource or for something above it. It looks at the grants of these places alone, however many there are.
#[must_use]
pub fn decide(subject: &Subject, action: &str, resource: &str, now: Ts) -> Decision {
    if subject.lacks_second_factor {
        return refuse(Because::SecondFactorDemanded);
    }
    decide_enrolled(subject, action, resource, now)
}

/// The same for what it takes to set a second factor up, which is done without one: in a session, and to one's own account alone.
pub(super) fn decide_enrolment(
    subject: &Subject,
    action: &str,
    resource: &str,
    now: Ts,
) -> Decision {
    if subject.session.is_some() && is_own(&subject.account, resource) {
        return decide_enrolled(subject, action, resource, now);
    }
    decide(subject, action, resource, now)
}

fn decide_enrolled(subject: &Subject, action: &str, resource: &str, now: Ts) -> Decision {
    if !subject.scopes.iter().any(|scope| scope.covers(action)) {
        let scopes = subject.scopes.iter().map(ToString::to_string).collect();
        return refuse(Because::OutOfScope { scopes });
    }
    if OWN_ACTIONS.contains(&action) && is_own(&subject.account, resource) {
        return allow(Because::Own);
    }
    let mut expired: Option<&Grant> = None;
    for grant in subject.grants.of(resource) {
        if !grant.what.covers(action) {
            continue;
        }
        if grant.expires.is_none_or(|at| now < at) {
            return allow(because(grant));
        }
        expired = expired.or(Some(grant));
    }
    refuse(match expired {
        Some(grant) => Because::Expired {
            id: grant.id.clone(),
            at: grant.expires.map_or(0, |at| at.0),
        },
        None => Because::NoGrant,
    })
}

fn because(grant: &Grant) -> Because {
    let organisation = match &grant.origin {
        Origin::Account => None,
        Origin::Organisation(organisation) => Some(organisation.clone()),
        Origin::Role { organisation, role } => {
            return Because::Role {
                organisation: organisation.clone(),
                role: role.clone(),
            };
        }
    };
    Because::Grant {
        id: grant.id.clone(),
        what: grant.what.to_string(),
        resource: grant.resource.to_string(),
        organisation,
    }
}

/// Whether a resource is the account itself or below it.
fn is_own(account: &str, resource: &str) -> bool {
    let name = resource.strip_prefix("account/");
    let rest = name.and_then(|name| name.strip_prefix(account));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn allow(because: Because) -> Decision {
    Decision {
        allow: true,
        because,
    }
}

fn refuse(because: Because) -> Decision {
    Decision {
        allow: false,
        because,
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Own => f.write_str("it is the account's own"),
            Because::Grant {
                id,
                what,
                resource,
                organisation: None,
            } => write!(f, "grant {id} allows {what} on {resource}"),
            Because::Grant {
                id,
                what,
                resource,
                organisation: Some(organisation),
            } => write!(
                f,
                "grant {id} of organisation {organisation} allows {what} on {resource}"
            ),
            Because::Role { organisation, role } => {
                write!(f, "role {role} in organisation {organisation} allows it")
            }
            Because::OutOfScope { scopes } => {
                write!(f, "the token or key is for {} only", scopes.join(" "))
            }
            Because::Expired { id, .. } => write!(f, "grant {id} has expired"),
            Because::NoGrant => f.write_str("no grant allows it"),
            Because::SecondFactorDemanded => {
                f.write_str("a second factor is demanded of the account, which has none")
            }
            Because::Inactive => f.write_str("the account is suspended or was deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ActionPattern, Grants};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn grant(id: &str, what: &str, resource: &str, expires: Option<i64>) -> Grant {
        Grant {
            id: id.to_owned(),
            origin: Origin::Account,
            what: what.parse().unwrap(),
            resource: resource.parse().unwrap(),
            expires: expires.map(Ts),
        }
    }

    fn subject(scopes: &[&str], grants: Vec<Grant>) -> Subject {
        Subject {
            account: "usr_1".to_owned(),
            session: None,
            key: None,
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            grants: Arc::new(Grants::new(grants)),
            authenticated_at: Ts(0),
            lacks_second_factor: false,
        }
    }

    #[test]
    fn each_decision_says_why() {
        let grants = || {
            vec![
                grant("grn_1", "run.read", "run/today", Some(100)),
                grant("grn_2", "viewer", "topic/*", None),
            ]
        };
        let all = subject(&["*"], grants());
        let narrow = subject(&["topic.read", "account.read"], grants());
        for (subject, action, resource, now, allow, why) in [
            (
                &all,
                "run.read",
                "run/today",
                99,
                true,
                "grant grn_1 allows run.read on run/today",
            ),
            (
                &all,
                "run.read",
                "run/today",
                100,
                false,
                "grant grn_1 has expired",
            ),
            (&all, "run.read", "run/*", 99, false, "no grant allows it"),
            (
                &all,
                "run.change",
                "run/today",
                99,
                false,
                "no grant allows it",
            ),
            (
                &all,
                "topic.read",
                "topic/a/b",
                1,
                true,
                "grant grn_2 allows viewer on topic/*",
            ),
            (
                &all,
                "account.read",
                "account/usr_1",
                1,
                true,
                "it is the account's own",
            ),
            (
                &all,
                "account.change",
                "account/usr_1/keys",
                1,
                true,
                "it is the account's own",
            ),
            (
                &all,
                "account.read",
                "account/usr_12",
                1,
                false,
                "no grant allows it",
            ),
            (
                &all,
                "account.create",
                "account/usr_1",
                1,
                false,
                "no grant allows it",
            ),
            (
                &narrow,
                "run.read",
                "run/today",
                1,
                false,
                "the token or key is for topic.read account.read only",
            ),
            (
                &narrow,
                "account.change",
                "account/usr_1",
                1,
                false,
                "the token or key is for topic.read account.read only",
            ),
            (
                &narrow,
                "topic.read",
                "topic/a",
                1,
                true,
                "grant grn_2 allows viewer on topic/*",
            ),
        ] {
            let decision = decide(subject, action, resource, Ts(now));
            assert_eq!(
                (decision.allow, decision.because.to_string().as_str()),
                (allow, why),
                "{action} {resource} {now}"
            );
        }
    }

    #[test]
    fn who_lacks_a_demanded_second_factor_sets_one_up_and_does_nothing_else() {
        let everything = vec![grant("grn_1", "administrator", "*", None)];
        let lacking = Subject {
            session: Some("ses_1".to_owned()),
            lacks_second_factor: true,
            ..subject(&["*"], everything)
        };
        let why = "a second factor is demanded of the account, which has none";
        for (action, resource, to_enrol) in [
            ("run.read", "run/today", false),
            ("account.read", "account/usr_1", true),
            ("account.change", "account/usr_1", true),
            ("account.change", "account/usr_2", false),
            ("account.change", "account/*", false),
        ] {
            let decision = decide(&lacking, action, resource, Ts(1));
            let found = (decision.allow, decision.because.to_string());
            assert_eq!(found, (false, why.to_owned()), "{action} {resource}");
            let enrolment = decide_enrolment(&lacking, action, resource, Ts(1));
            assert_eq!(enrolment.allow, to_enrol, "{action} {resource}");
        }
        let narrow = Subject {
            scopes: vec!["run.read".parse().unwrap()],
            ..lacking.clone()
        };
        let key = Subject {
            session: None,
            key: Some("key_1".to_owned()),
            ..lacking
        };
        for subject in [narrow, key] {
            let decision = decide_enrolment(&subject, "account.change", "account/usr_1", Ts(1));
            assert!(!decision.allow, "{subject:?}");
        }
    }

    #[test]
    fn what_holds_through_an_organisation_says_through_which() {
        let through = Grant {
            origin: Origin::Organisation("org_1".to_owned()),
            ..grant("grn_1", "topic.read", "topic/*", None)
        };
        let role = Grant {
            origin: Origin::Role {
                organisation: "org_1".to_owned(),
                role: "member".to_owned(),
            },
            ..grant("", "organisation.read", "organisation/org_1", None)
        };
        let subject = subject(&["*"], vec![through, role]);
        for (action, resource, allow, why) in [
            (
                "topic.read",
                "topic/a",
                true,
                "grant grn_1 of organisation org_1 allows topic.read on topic/*",
            ),
            (
                "organisation.read",
                "organisation/org_1",
                true,
                "role member in organisation org_1 allows it",
            ),
            (
                "organisation.read",
                "organisation/org_2",
                false,
                "no grant allows it",
            ),
            (
                "organisation.create",
                "account/usr_1",
                true,
                "it is the account's own",
            ),
        ] {
            let decision = decide(&subject, action, resource, Ts(1));
            let found = (decision.allow, decision.because.to_string());
            assert_eq!(found, (allow, why.to_owned()), "{action} {resource}");
        }
    }

    #[test]
    fn of_two_grants_of_the_same_the_longer_one_counts() {
        for order in [[10, 20], [20, 10]] {
            let grants = order.map(|at| grant(&at.to_string(), "run.read", "run/*", Some(at)));
            let subject = subject(&["*"], grants.to_vec());
            assert!(decide(&subject, "run.read", "run/a", Ts(15)).allow);
            assert!(!decide(&subject, "run.read", "run/a", Ts(20)).allow);
        }
    }

    fn words() -> impl Strategy<Value = (String, String)> {
        ("[ab]", prop::collection::vec("[ab]", 1..3))
            .prop_map(|(noun, names)| (noun, names.join("/")))
    }

    proptest! {
        // A plain model: any grant that covers action and resource and has not expired.
        #[test]
        fn a_decision_is_that_of_a_plain_search(
            grants in prop::collection::vec(
                (words(), prop::sample::select(vec!["*", "a.read", "b.*", "*.read", "viewer", "administrator"]),
                 0..3_u8, prop::option::of(0..10_i64)), 0..8),
            (noun, name) in words(),
            verb in prop::sample::select(vec!["read", "change"]),
            now in 0..10_i64,
        ) {
            let grants: Vec<Grant> = grants.into_iter().enumerate().map(|(at, ((noun, name), what, width, expires))| {
                let resource = match width {
                    0 => format!("{noun}/{name}"),
                    1 => format!("{noun}/*"),
                    _ => "*".to_owned(),
                };
                grant(&at.to_string(), what, &resource, expires)
            }).collect();
            let (action, resource) = (format!("{noun}.{verb}"), format!("{noun}/{name}"));
            let expected = grants.iter().any(|grant| {
                let pattern = grant.resource.to_string();
                let covers = match pattern.strip_suffix('*') {
                    Some(start) => resource.starts_with(start),
                    None => resource == pattern,
                };
                covers && grant.what.covers(&action) && grant.expires.is_none_or(|at| now < at.0)
            });
            let subject = Subject { scopes: vec![ActionPattern::ALL], ..subject(&[], grants) };
            prop_assert_eq!(decide(&subject, &action, &resource, Ts(now)).allow, expected);
        }
    }
}
