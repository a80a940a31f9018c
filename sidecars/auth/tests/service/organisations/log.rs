//! Organisations in the logs, in exports, and made again from the log.

use super::{BOB, EVE};
use crate::{ADA, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_chassis::rebuild;

/// What is personal is sealed in the log of events.
fn no_event_says(served: &Served, name: &str) {
    let database = served.database();
    served.runtime.block_on(async {
        let rows = sqlx::query("SELECT body FROM event");
        for row in rows.fetch_all(database.reader()).await.unwrap() {
            let body: String = sqlx::Row::get(&row, 0);
            assert!(!body.contains(name), "{body}");
        }
    });
}

#[test]
fn the_log_and_an_export_say_of_what_somebody_is_a_member() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let organisation = served.organisation(&ada, "Quants");
        served.join(&ada, &organisation, (&bob, BOB), "member");
        let other = served.organisation(&ada, "Others");
        served.invite(&ada, &other, BOB, "viewer").is(201);
        let bobs = Some(access_token(&bob));
        let exported = served
            .client
            .get("/auth/v1/accounts/me/export", bobs)
            .is(200)
            .json();
        assert_eq!(text(&exported["memberships"][0], "name"), "Quants");
        assert_eq!(text(&exported["invitations"][0], "organisation"), other);
        assert!(exported["invitations"][0].get("link").is_none());
        let page = served
            .client
            .get("/auth/v1/audit", Some(access_token(&ada)));
        let page = page.is(200).json();
        let entries: Vec<[&str; 3]> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .skip(7)
            .map(|entry| ["action", "resource", "detail"].map(|member| text(entry, member)))
            .collect();
        let [adas, bobs] =
            [&ada, &bob].map(|tokens| format!("account/{}", text(tokens, "account")));
        let place = format!("organisation/{organisation}");
        // In which session: what was joined in another one than it was invited in.
        let [ada, bob] = [&ada, &bob].map(|tokens| format!("session/{}", text(tokens, "session")));
        let said = |session: &str, mut detail: Value| {
            detail["shown"] = Value::from(session);
            detail.to_string()
        };
        let joined = |session: &str, role: &str| {
            said(session, json!({"organisation": organisation, "role": role}))
        };
        let invited = entries[2][1].to_owned();
        assert!(
            invited.starts_with(&format!("{place}/invitations/tlo_")),
            "{invited}"
        );
        let member = json!({"role": "member"});
        let expected: Vec<[String; 3]> = [
            ["created", &place, &said(&ada, json!({}))],
            ["joined", &adas, &joined(&ada, "administrator")],
            ["invitation_created", &invited, &said(&ada, member)],
            ["invitation_accepted", &invited, &said(&bob, json!({}))],
            ["joined", &bobs, &joined(&bob, "member")],
        ]
        .map(|entry| entry.map(str::to_owned))
        .to_vec();
        assert_eq!(entries[..5].to_vec(), expected);
        no_event_says(&served, "Quants");
    });
}

#[test]
fn organisations_that_are_made_again_from_the_log_are_the_same() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let other = served.organisation(&bob, "Others");
        served.join(&bob, &organisation, (&ada, ADA), "member");
        served.join(&bob, &organisation, (&eve, EVE), "viewer");
        served
            .set_role(&bob, &organisation, &ada["account"], "administrator")
            .is(200);
        let body = json!({"what": "run.read", "resource": "run/*"});
        for _ in 0..2 {
            served
                .organisation_grant(&ada, &organisation, &body)
                .is(201);
        }
        let granted = served.organisation_grant(&ada, &organisation, &body);
        let path = format!(
            "/auth/v1/organisations/{organisation}/grants/{}",
            text(&granted.is(201).json(), "id")
        );
        let (adas, bobs) = (Some(access_token(&ada)), Some(access_token(&bob)));
        served.client.delete(&path, adas).is(204);
        for organisation in [&organisation, &other] {
            let path = format!("/auth/v1/organisations/{organisation}/machines");
            let body = json!({"name": "feed", "role": "member"});
            served.client.post(&path, bobs, &body).is(201);
        }
        let path = format!("/auth/v1/organisations/{other}");
        served.client.delete(&path, bobs).is(204);
        served.leave(&bob, &organisation).is(204);
        served
            .client
            .delete("/auth/v1/accounts/me", Some(access_token(&eve)))
            .is(204);
        let database = served.database();
        let (before, after) = served.runtime.block_on(async {
            let before = crate::accounts::projected(&database).await;
            rebuild::<Auth>(&database).await.unwrap();
            (before, crate::accounts::projected(&database).await)
        });
        assert_eq!(before, after);
        let count = |table: &str| before.iter().filter(|row| row.starts_with(table)).count();
        // Of the members Ada and the program are left; of the grants hers and two of the organisation.
        let found = ["account ", "granted ", "organisation ", "member "].map(count);
        assert_eq!(found, [5, 3, 2, 2], "{before:#?}");
        // A token says the same as before.
        assert!(
            served
                .reason(
                    &ada,
                    "member.change",
                    &format!("organisation/{organisation}/members")
                )
                .0
        );
    });
}
