//! How often mail is sent that anybody may ask for: to one address with pauses between, and in all so much in a minute, in which the networks
//! of those who ask have their turns. Who asks very often fills nobody's mail, and keeps nobody else from theirs.

use crate::credential::hashed;
use crate::flows::email::CHANGE;
use crate::flows::links::{LINK_REQUEST, LinkRequest};
use crate::{AuthError, store};
use std::net::{IpAddr, Ipv6Addr};
use tickloom_chassis::{
    NewEffect, Problem, Timer, TimerFuture, TimerHandler, Write, enqueue, set_timer,
};
use tickloom_types::Ts;

const MINUTE_NS: i64 = 60_000_000_000;
/// The pause after the first mail to an address, each of the next being twice as long, and the longest: as long as the link of the last mail
/// is good, so that whoever is kept waiting by others has one.
const FIRST_PAUSE_NS: i64 = MINUTE_NS;
const LONGEST_PAUSE_NS: i64 = 60 * MINUTE_NS;
/// After so long without a mail those before are forgotten: a day.
const FORGOTTEN_NS: i64 = 24 * 60 * MINUTE_NS;
/// Mails to one address for which one network asked, until there was none for a day.
const OF_NETWORK: i64 = 10;
/// Mails of one kind that are sent in a minute.
const IN_MINUTE: i64 = 60;
/// Requests of one network and kind that wait for their turn, at most.
const WAITING_OF_ONE: i64 = 10;
/// The kind of the timers at which those that wait have their turns: one for each kind of request.
const MAIL_TURN: &str = "mail_turn";

/// The network of an address as one site has it, which may be many customers': of version 6 the first 48 bits (RFC 6177).
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// The pause after so many mails to an address, in nanoseconds.
fn pause(sent: i64) -> i64 {
    if sent <= 0 {
        return 0;
    }
    let doublings = u32::try_from(sent - 1).unwrap_or(u32::MAX);
    let factor = 2_i64.checked_pow(doublings).unwrap_or(i64::MAX);
    FIRST_PAUSE_NS.saturating_mul(factor).min(LONGEST_PAUSE_NS)
}

/// How many mails were counted for something, none of them a day ago or longer, and when the last was.
async fn counted(write: &mut Write, subject: &str, now: Ts) -> Result<(i64, i64), AuthError> {
    let found = store::secret::failures(write.connection(), subject).await?;
    let found = found.filter(|(_, last)| *last >= now.0.saturating_sub(FORGOTTEN_NS));
    Ok(found.unwrap_or_default())
}

async fn add(write: &mut Write, subject: &str, at: i64) -> Result<(), AuthError> {
    let forgotten = at.saturating_sub(FORGOTTEN_NS);
    Ok(store::secret::failed(write, subject, at, forgotten).await?)
}

/// For what mails to an address are counted. Who signs a stranger up does not keep them from choosing a password anew.
fn of_address(wanted: &LinkRequest) -> String {
    let purpose = match (&wanted.name, &wanted.account) {
        (Some(_), _) => "welcome",
        (None, None) => "recover",
        (None, Some(_)) => CHANGE,
    };
    format!("{purpose}/{}", hashed(&wanted.email))
}

/// For what those are counted beside that one network asks for.
fn of_network(wanted: &LinkRequest) -> Option<String> {
    let network = wanted.network.as_ref()?;
    Some(format!("{}/{network}", of_address(wanted)))
}

/// Whether there was no mail to the address for as long as there has to be none.
pub(crate) async fn is_let(
    write: &mut Write,
    wanted: &LinkRequest,
    now: Ts,
) -> Result<bool, AuthError> {
    // One account makes no more mails, whatever addresses it asks for.
    let own = wanted.account.as_ref().map(|of| format!("{CHANGE}/{of}"));
    for subject in [Some(of_address(wanted)), own].into_iter().flatten() {
        let (sent, last) = counted(write, &subject, now).await?;
        if last > now.0.saturating_sub(pause(sent)) {
            return Ok(false);
        }
    }
    let Some(subject) = of_network(wanted) else {
        return Ok(true);
    };
    Ok(counted(write, &subject, now).await?.0 < OF_NETWORK)
}

/// Counts a mail that is sent.
pub(crate) async fn count(
    write: &mut Write,
    wanted: &LinkRequest,
    now: Ts,
) -> Result<(), AuthError> {
    let own = wanted.account.as_ref().map(|of| format!("{CHANGE}/{of}"));
    let all = [Some(of_address(wanted)), own, of_network(wanted)];
    for subject in all.into_iter().flatten() {
        add(write, &subject, now.0).await?;
    }
    Ok(())
}

/// Forgets mails with which somebody chooses a password anew, once somebody did: they ask for the next one without a pause.
pub(crate) async fn forget(write: &mut Write, email: &str) -> Result<(), AuthError> {
    Ok(store::secret::clear(write, &format!("recover/{}", hashed(email))).await?)
}

/// When a mail with an invitation to an address is sent: now, or once the pause after the one before is over. It is counted.
pub(crate) async fn invitation_at(
    write: &mut Write,
    email: &str,
    now: Ts,
) -> Result<Ts, AuthError> {
    let subject = format!("invitation/{}", hashed(email));
    let (sent, last) = counted(write, &subject, now).await?;
    let at = now.0.max(last.saturating_add(pause(sent)));
    add(write, &subject, at).await?;
    Ok(Ts(at))
}

/// Whether a mail may be sent in this minute, which is counted then; if not, the request waits for its turn.
pub(crate) async fn is_its_turn(
    write: &mut Write,
    (key, wanted): (&str, &LinkRequest),
    now: Ts,
) -> Result<bool, AuthError> {
    // Those of somebody who is signed in are bounded by the account.
    if wanted.is_in_turn || wanted.account.is_some() {
        return Ok(true);
    }
    let kind = wanted.action();
    let network = wanted.network.as_deref().unwrap_or_default();
    let minute = now.0.div_euclid(MINUTE_NS);
    let (all, own) = store::mail_turn::waiting(write, kind, network).await?;
    if all == 0 && store::mail_turn::sent(write, kind, minute).await? < IN_MINUTE {
        store::secret::count_request(write, kind, minute).await?;
        return Ok(true);
    }
    if own < WAITING_OF_ONE {
        let payload = written(wanted)?;
        let what = (key, kind, network);
        store::mail_turn::add(write, what, (now.0, &payload)).await?;
        let next = Ts(minute.saturating_add(1).saturating_mul(MINUTE_NS));
        set_timer(write, MAIL_TURN, &format!("{MAIL_TURN}/{kind}"), next).await?;
    }
    Ok(false)
}

/// A request as it is stored.
pub(crate) fn written(wanted: &LinkRequest) -> Result<String, AuthError> {
    let written = serde_json::to_string(wanted);
    Ok(written.map_err(|error| Problem::internal(error.to_string()))?)
}

/// Lets requests that wait have their turns, as many as there may be mails in the minute.
pub(crate) struct MailTurns;

impl TimerHandler for MailTurns {
    fn kind(&self) -> &'static str {
        MAIL_TURN
    }

    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a> {
        Box::pin(async move {
            let kind = timer.key.strip_prefix("mail_turn/").unwrap_or_default();
            let minute = timer.now.0.div_euclid(MINUTE_NS);
            while store::mail_turn::sent(write, kind, minute).await? < IN_MINUTE {
                let Some(payload) = store::mail_turn::take_first(write, kind).await? else {
                    return Ok(None);
                };
                go_on(write, &payload, timer.now).await?;
                store::secret::count_request(write, kind, minute).await?;
            }
            Ok(Some(Ts(minute.saturating_add(1).saturating_mul(MINUTE_NS))))
        })
    }
}

/// Lets a request that waited be looked at again.
async fn go_on(write: &mut Write, payload: &str, now: Ts) -> Result<(), AuthError> {
    let mut wanted: LinkRequest = serde_json::from_str(payload)
        .map_err(|_| Problem::internal("a request that waits is none".to_owned()))?;
    wanted.is_in_turn = true;
    let effect = NewEffect {
        key: format!("{LINK_REQUEST}/{}", uuid::Uuid::now_v7().simple()),
        kind: LINK_REQUEST,
        payload: written(&wanted)?,
        at: now,
    };
    enqueue(write, &effect).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let minutes = [0, 1, 2, 4, 8, 16, 32, 60, 60];
        for (sent, minutes) in (0_i64..).zip(minutes) {
            assert_eq!(pause(sent), minutes * MINUTE_NS, "{sent}");
        }
        assert_eq!((pause(i64::MAX), pause(-1)), (LONGEST_PAUSE_NS, 0));
    }

    #[test]
    fn a_site_is_all_that_one_customer_may_have() {
        let site = |text: &str| site(text.parse().unwrap()).to_string();
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
        assert_eq!(site("203.0.113.9"), "203.0.113.9");
    }
}
