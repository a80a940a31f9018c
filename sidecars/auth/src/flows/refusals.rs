//! What is noted of attempts that failed, and of what is done very often.
//!
//! Wrong passwords and codes of an account are bounded by the waits between them, and each is an entry. Of anything else there may be any
//! number, by whoever wants to fill the disk: the audit log takes so many of a kind in a window, and then one entry that says how many it
//! left out.

use crate::change::By;
use crate::credential::passkey::PasskeyError;
use crate::model::{Account, Refusal};
use crate::store::refusal::{Counted, Window};
use crate::{Auth, AuthError, store};
use serde_json::{Value, json};
use tickloom_chassis::{
    Allowed, AuditOutcome, Problem, ProblemCode, RefusedAccess, Write, set_timer,
};
use tickloom_types::Ts;

const MINUTE_NS: i64 = 60_000_000_000;
/// Characters of what somebody is told that an entry has.
const WHY_MAX: usize = 300;
/// The kind of the timer at the end of each window in which something was counted.
pub(crate) const LEFT_OUT: &str = "left_out";

/// How many entries of one kind the audit log takes in a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Often {
    /// Entries.
    noted: i64,
    /// Minutes that the window has; windows begin at whole multiples of it since the epoch.
    minutes: i64,
}

/// Attempts of one kind that name no account.
const OF_STRANGERS: Often = Often {
    noted: 60,
    minutes: 1,
};
/// Attempts of one kind on one account or application, where nothing else bounds them.
pub(crate) const OF_ONE: Often = Often {
    noted: 5,
    minutes: 1,
};
/// Wrong passwords and codes of an account, which are bounded by the waits between them.
const EACH: Often = Often {
    noted: i64::MAX,
    minutes: 1,
};
/// What goes well over and over: tokens of one authorisation, program or session.
pub(crate) const GOING_ON: Often = Often {
    noted: 1,
    minutes: 60,
};

/// On what something was shown that is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On<'a> {
    Account(&'a Account),
    /// The name of a provider that is set.
    Provider(&'a str),
    /// An address that no account has.
    Nothing,
}

impl<'a> On<'a> {
    pub(crate) fn known(account: Option<&'a Account>) -> On<'a> {
        account.map_or(On::Nothing, On::Account)
    }

    /// As what of which there may be any number it is counted.
    fn often(self) -> Often {
        match self {
            On::Nothing => OF_STRANGERS,
            On::Account(_) | On::Provider(_) => OF_ONE,
        }
    }

    fn resource(self) -> String {
        match self {
            On::Account(account) => account.resource(),
            On::Provider(name) => format!("provider/{name}"),
            On::Nothing => String::new(),
        }
    }
}

impl Often {
    /// The window of a time.
    fn window(self, now: Ts) -> Window {
        let minute = now.0.div_euclid(MINUTE_NS);
        let first = minute - minute.rem_euclid(self.minutes);
        Window {
            since: first.saturating_mul(MINUTE_NS),
            last_minute: first + self.minutes - 1,
            noted: self.noted,
        }
    }
}

impl Auth {
    /// Notes that something was shown that is wrong.
    pub(crate) async fn note_refusal(
        &self,
        by: &By,
        (action, why): (&str, &AuthError),
        on: On<'_>,
    ) -> Result<(), AuthError> {
        let resource = on.resource();
        let (action, detail) = match why {
            // Somebody may have a copy of it, whatever it was shown for.
            AuthError::WrongPasskey(id, why @ PasskeyError::CounterBack) => {
                ("passkey_counter_back", passkey_detail(id, why))
            }
            AuthError::WrongPasskey(id, why) => (action, passkey_detail(id, why)),
            _ => (action, String::new()),
        };
        // Each is an entry, and counted apart from what is not.
        let (counted, often) = match on {
            On::Account(_) => (format!("each/{resource}"), EACH),
            _ => (resource.clone(), OF_STRANGERS),
        };
        let what = (action, resource.as_str(), counted.as_str());
        self.note_alike(by, what, detail, often).await
    }

    /// Notes that something was not even looked at: there were too many attempts, or the account may not be used.
    pub(crate) async fn note_turned_away(
        &self,
        by: &By,
        (action, why): (&str, &AuthError),
        on: On<'_>,
    ) -> Result<(), AuthError> {
        let why = match why {
            AuthError::TooManyAttempts(_) => "too_many_attempts",
            AuthError::Problem(problem) if problem.code == ProblemCode::Forbidden => "not_usable",
            _ => return Ok(()),
        };
        let resource = on.resource();
        let what = (action, resource.as_str(), resource.as_str());
        let detail = json!({"why": why}).to_string();
        self.note_alike(by, what, detail, on.often()).await
    }

    /// Notes that something was refused which somebody tried on an account or on nothing, if its window has room for it: with the same work
    /// whether there is such an account, and whether there is room.
    async fn note_alike(
        &self,
        by: &By,
        (action, resource, counted): (&str, &str, &str),
        detail: String,
        often: Often,
    ) -> Result<(), AuthError> {
        let mut write = self.write().await?;
        let refused = AuditOutcome::Refused;
        let has_room = count(&mut write, by, (action, counted, refused), often).await?;
        store::refusal::begin_entry(&mut write).await?;
        by.audit_with(&mut write, (action, resource), refused, detail)
            .await?;
        store::refusal::end_entry(&mut write, has_room).await?;
        write.commit().await?;
        Ok(())
    }

    /// Notes that somebody signs in to an account that may not be used, and returns what they are told.
    pub(crate) async fn not_usable(
        &self,
        by: &By,
        account: &Account,
        refusal: Refusal,
    ) -> Result<AuthError, AuthError> {
        let error = Problem::new(ProblemCode::Forbidden, refusal.to_string()).into();
        self.note_turned_away(by, ("sign_in", &error), On::Account(account))
            .await?;
        Ok(error)
    }

    /// Notes that somebody was not allowed something, on their own account: what is asked for may have any name, and fills no log.
    pub(crate) async fn note_access_refused(
        &self,
        refused: RefusedAccess<'_>,
    ) -> Result<(), AuthError> {
        let by = By::new(refused.subject, refused.origin, self.clock.now());
        let why: String = refused.told.detail.chars().take(WHY_MAX).collect();
        let what = ("access_refused", by.actor.as_str());
        self.note_refused(&by, what, &json!({"why": why})).await
    }

    /// The same of what is decided once more, and of what is decided beside the operation itself. Returns what they are told.
    pub(crate) async fn refused_within<A>(&self, allowed: &Allowed<A>, told: Problem) -> Problem {
        let is_decision = [ProblemCode::Forbidden, ProblemCode::SecondFactorDemanded];
        if !is_decision.contains(&told.code) {
            return told;
        }
        let refused = RefusedAccess {
            subject: &allowed.subject,
            origin: &allowed.origin,
            told: &told,
        };
        match self.note_access_refused(refused).await {
            Ok(()) => told,
            Err(error) => error.into(),
        }
    }

    /// Notes that something was refused of which there may be any number: on an account or an application, or on nothing that is known.
    pub(crate) async fn note_refused(
        &self,
        by: &By,
        what: (&str, &str),
        detail: &Value,
    ) -> Result<(), AuthError> {
        let often = if what.1.is_empty() {
            OF_STRANGERS
        } else {
            OF_ONE
        };
        let mut write = self.write().await?;
        let detail = if detail.is_null() {
            String::new()
        } else {
            detail.to_string()
        };
        let refused = (AuditOutcome::Refused, detail);
        note_often(&mut write, by, what, refused, often).await?;
        write.commit().await?;
        Ok(())
    }
}

/// Notes something of which there may be any number, if its window has room for it.
pub(crate) async fn note_often(
    write: &mut Write,
    by: &By,
    (action, resource): (&str, &str),
    (outcome, detail): (AuditOutcome, String),
    often: Often,
) -> Result<(), AuthError> {
    if !count(write, by, (action, resource, outcome), often).await? {
        return Ok(());
    }
    by.audit_with(write, (action, resource), outcome, detail)
        .await
}

/// Counts something of which there may be any number; whether its window has room for it.
async fn count(
    write: &mut Write,
    by: &By,
    (action, resource, outcome): (&str, &str, AuditOutcome),
    often: Often,
) -> Result<bool, AuthError> {
    tell_left_out(write, by.now).await?;
    let what = (action, resource, outcome.name());
    let window = often.window(by.now);
    let count = store::refusal::count(write, what, window).await?;
    // Set each time: whether it was the first is not to be told by the time that it takes.
    let over = window.last_minute.saturating_add(1);
    let key = format!("{LEFT_OUT}/{over}");
    set_timer(write, LEFT_OUT, &key, Ts(over.saturating_mul(MINUTE_NS))).await?;
    Ok(count <= often.noted)
}

/// Notes how much of windows that are over was left out.
pub(crate) async fn tell_left_out(write: &mut Write, now: Ts) -> Result<(), AuthError> {
    for counted in store::refusal::take_before(write, now.0.div_euclid(MINUTE_NS)).await? {
        let Counted {
            action,
            resource,
            count,
            since,
            noted,
            outcome,
        } = counted;
        if count > noted {
            let is_done = outcome == AuditOutcome::Done.name();
            let (actor, outcome) = if is_done {
                ("service/auth", AuditOutcome::Done)
            } else {
                ("anonymous", AuditOutcome::Refused)
            };
            let by = By::named(actor, String::new(), now);
            let detail = json!({"left_out": count - noted, "since": since}).to_string();
            let what = (action.as_str(), resource.as_str());
            by.audit_with(write, what, outcome, detail).await?;
        }
    }
    Ok(())
}

/// What an entry says of a passkey that showed something wrong.
fn passkey_detail(id: &str, why: &PasskeyError) -> String {
    json!({"passkey": id, "why": why.to_string()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_whole_minutes_and_hours() {
        // 22:13:20 of 14 November 2023: minute 28,333,333 since the epoch.
        let now = Ts(1_700_000_000_000_000_000);
        let window = OF_STRANGERS.window(now);
        assert_eq!(window.last_minute, 28_333_333);
        assert_eq!(window.since, 1_699_999_980_000_000_000);
        // 22:00 is minute 28,333,320.
        let window = GOING_ON.window(now);
        assert_eq!(window.last_minute, 28_333_379);
        assert_eq!(window.since, 1_699_999_200_000_000_000);
    }
}
