//! What an account may do: what it was granted, what its organisations were granted, and what its roles in them bring. The one function
//! that decides looks at these grants and at nothing else.

use crate::model::organisation::MemberRole;
use crate::store;
use crate::store::account::{Granted, unreadable};
use sqlx::AnyConnection;
use tickloom_chassis::{ChassisError, Grant, Grants, Origin, What};
use tickloom_types::Ts;

/// Memberships of one account, at most: what one person administers is bounded, and others have to accept.
const MEMBERSHIPS_MAX: i64 = 10_000;

/// What an account may do, read on one connection: in a transaction, that of the transaction, as it waits for no other one.
pub(crate) async fn grants_of(
    at: &mut AnyConnection,
    account: &str,
) -> Result<Grants, ChassisError> {
    let mut grants = Vec::new();
    for granted in store::account::grants(&mut *at, account).await? {
        grants.push(grant(&granted, Origin::Account)?);
    }
    for through in store::organisation::grants_through(&mut *at, account).await? {
        let origin = Origin::Organisation(through.organisation);
        let grant = grant(&through.granted, origin)?;
        match through.role {
            MemberRole::Administrator | MemberRole::Member => grants.push(grant),
            MemberRole::Viewer => {
                let what = grant.what.reading();
                grants.extend(what.map(|what| Grant { what, ..grant }));
            }
        }
    }
    for membership in
        store::organisation::memberships(&mut *at, account, "", MEMBERSHIPS_MAX).await?
    {
        let organisation = membership.organisation.as_str();
        for (what, below) in role_allows(membership.role) {
            let resource = format!("organisation/{organisation}{below}");
            grants.push(of_role(organisation, membership.role, (what, &resource))?);
        }
    }
    for (organisation, machine) in
        store::organisation::machines_administered(&mut *at, account).await?
    {
        for below in ["", "/*"] {
            let resource = format!("account/{machine}{below}");
            let allowed = ("account.*", resource.as_str());
            grants.push(of_role(&organisation, MemberRole::Administrator, allowed)?);
        }
    }
    Ok(Grants::new(grants))
}

/// What a role allows in its organisation: actions, and on what below it.
fn role_allows(role: MemberRole) -> &'static [(&'static str, &'static str)] {
    match role {
        MemberRole::Administrator => &[("administrator", ""), ("administrator", "/*")],
        MemberRole::Member | MemberRole::Viewer => &[
            ("organisation.read", ""),
            ("organisation.read", "/*"),
            ("member.read", "/members"),
        ],
    }
}

fn grant(granted: &Granted, origin: Origin) -> Result<Grant, ChassisError> {
    let wrong = |error| unreadable("granted", &granted.id, error);
    Ok(Grant {
        id: granted.id.clone(),
        origin,
        what: granted.what.parse().map_err(wrong)?,
        resource: granted.resource.parse().map_err(wrong)?,
        expires: granted.expires.map(Ts),
    })
}

/// A grant that comes with a role.
fn of_role(
    organisation: &str,
    role: MemberRole,
    (what, resource): (&str, &str),
) -> Result<Grant, ChassisError> {
    let wrong = |error| unreadable("member", organisation, error);
    Ok(Grant {
        id: String::new(),
        origin: Origin::Role {
            organisation: organisation.to_owned(),
            role: role.name().to_owned(),
        },
        what: what.parse::<What>().map_err(wrong)?,
        resource: resource.parse().map_err(wrong)?,
        expires: None,
    })
}
