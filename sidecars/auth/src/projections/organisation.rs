//! Rows of organisations and their members.

use super::{DROP_GRANT, DROP_GRANTS, add_grant, drop_rows};
use crate::events::AuthEvent;
use crate::events::organisation::OrganisationEvent;
use crate::model::organisation::Organisation;
use tickloom_chassis::{Result, Write};
use tickloom_types::Ts;

const ADD: &str = "INSERT INTO organisation (id, version, state, name, created, demands_factor) VALUES ($1, $2, $3, $4, $5, $6)";
const SET: &str = "UPDATE organisation SET version = $2, state = $3, name = $4, demands_factor = $5 WHERE id = $1";
const JOIN: &str =
    "INSERT INTO member (organisation, account, role, since) VALUES ($1, $2, $3, $4)";
const SET_ROLE: &str = "UPDATE member SET role = $3 WHERE organisation = $1 AND account = $2";
const LEAVE: &str = "DELETE FROM member WHERE organisation = $1 AND account = $2";
const LEAVE_ALL: &str = "DELETE FROM member WHERE account = $1";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ADD, SET, JOIN, SET_ROLE, LEAVE, LEAVE_ALL];

/// Writes down what an event made of an organisation.
pub(crate) async fn project(
    write: &mut Write,
    after: &Organisation,
    event: &OrganisationEvent,
    by: (Ts, &str),
) -> Result<()> {
    match event {
        OrganisationEvent::Created { .. } => {
            let added = sqlx::query(ADD)
                .bind(&after.id)
                .bind(after.version)
                .bind(after.state.name())
                .bind(&after.name)
                .bind(after.created)
                .bind(i64::from(after.demands_second_factor));
            added.execute(write.connection()).await?;
            return Ok(());
        }
        OrganisationEvent::GrantCreated {
            id,
            what,
            resource,
            expires,
        } => add_grant(write, &after.id, (id, what, resource, *expires), by).await?,
        OrganisationEvent::GrantRevoked { id } => drop_rows(write, &[DROP_GRANT], id).await?,
        OrganisationEvent::Deleted => drop_rows(write, &[DROP_GRANTS], &after.id).await?,
        OrganisationEvent::Renamed { .. }
        | OrganisationEvent::SecondFactorDemanded
        | OrganisationEvent::SecondFactorDemandEnded
        | OrganisationEvent::MachineAdded { .. } => {}
    }
    let set = sqlx::query(SET)
        .bind(&after.id)
        .bind(after.version)
        .bind(after.state.name())
        .bind(&after.name)
        .bind(i64::from(after.demands_second_factor));
    set.execute(write.connection()).await?;
    Ok(())
}

/// Writes down that an account joined or left an organisation, or has another role there.
pub(super) async fn set_member(
    write: &mut Write,
    account: &str,
    event: &AuthEvent,
    at: Ts,
) -> Result<()> {
    let set = match event {
        AuthEvent::Joined { organisation, role } => sqlx::query(JOIN)
            .bind(organisation)
            .bind(account)
            .bind(role.name())
            .bind(at.0),
        AuthEvent::RoleSet { organisation, role } => sqlx::query(SET_ROLE)
            .bind(organisation)
            .bind(account)
            .bind(role.name()),
        AuthEvent::Left { organisation } => sqlx::query(LEAVE).bind(organisation).bind(account),
        _ => return Ok(()),
    };
    set.execute(write.connection()).await?;
    Ok(())
}

/// An account that was deleted is a member nowhere.
pub(super) async fn leave_all(write: &mut Write, account: &str) -> Result<()> {
    drop_rows(write, &[LEAVE_ALL], account).await
}
