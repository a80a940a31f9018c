//! How many authorisations of one application an account has at a time: with one more the oldest ends.

use super::audit;
use crate::change::By;
use crate::logout_notices::end_last_authorisation;
use crate::store::authorisation::{self, Authorisation};
use crate::{AuthError, IDLE_NS};
use serde_json::json;
use tickloom_chassis::{AuditOutcome, Write};

/// Those that go on, and of which there are tokens.
const GOING_ON_MAX: i64 = 100;
/// Those whose code nobody has redeemed yet.
const WAITING_MAX: i64 = 20;

/// Which of them are counted: each kind apart, so that what nobody redeems ends nothing that somebody has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Those whose code nobody has redeemed yet.
    Waiting,
    /// Those of which there are tokens.
    GoingOn,
}

/// Ends the oldest of those that are too many with a new one, which stays, and notes it.
pub(super) async fn end_beyond(
    write: &mut Write,
    by: &By,
    new: &Authorisation,
    bound: Bound,
) -> Result<(), AuthError> {
    let (is_waiting, most) = match bound {
        Bound::Waiting => (true, WAITING_MAX),
        Bound::GoingOn => (false, GOING_ON_MAX),
    };
    let times = (by.now.0, by.now.0 - IDLE_NS);
    for ended in authorisation::beyond(write, new, (is_waiting, most), times).await? {
        // Of one whose code nobody has redeemed its application knows nothing.
        end_last_authorisation(write, (&ended, !is_waiting), by.now).await?;
        let resource = format!("account/{}/authorisations/{}", new.account, ended.id);
        let action = ("authorisation_ended", resource.as_str());
        let detail = json!({"client": new.client, "for": new.id});
        audit(write, by, action, AuditOutcome::Done, &detail).await?;
    }
    Ok(())
}
