//! Programs of organisations: what they may do, and who administers them.

use super::{BOB, detail, with_program};
use crate::client::Reply;
use crate::{Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_chassis::rebuild;

#[test]
fn a_program_of_an_organisation_may_do_what_it_may_and_is_its_administrators() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (bob, eve, organisation, machine) = with_program(&served, &ada);
        let machines = format!("/auth/v1/organisations/{organisation}/machines");
        let (bobs, eves) = (Some(access_token(&bob)), Some(access_token(&eve)));
        let body = json!({"name": "feed", "role": "member"});
        served
            .client
            .post(&machines, eves, &body)
            .refused(403, "forbidden");
        let body = json!({"name": "feed", "role": "administrator"});
        served
            .client
            .post(&machines, bobs, &body)
            .refused(422, "refused");
        let own = format!("/auth/v1/accounts/{}", text(&machine, "id"));
        served.client.get(&own, bobs).is(200);
        let (_, why) = served.reason(
            &bob,
            "account.change",
            &format!("account/{}", text(&machine, "id")),
        );
        assert_eq!(
            why,
            format!("role administrator in organisation {organisation} allows it")
        );
        served.client.get(&own, eves).refused(403, "forbidden");
        let key = json!({"name": "k", "scopes": ["*"]});
        let keys = format!("{own}/keys");
        served
            .client
            .post(&keys, eves, &key)
            .refused(403, "forbidden");
        let key = served.client.post(&keys, bobs, &key).is(201).json();
        let secret = Some(text(&key, "secret"));
        let may = |resource: &str| {
            let path = format!("/auth/v1/accounts/me/decision?action=run.read&resource={resource}");
            let found = served.client.get(&path, secret).is(200).json();
            found["allow"].as_bool().unwrap()
        };
        assert!(!may("run/today"));
        let granted = json!({"what": "run.read", "resource": "run/today"});
        served
            .organisation_grant(&ada, &organisation, &granted)
            .is(201);
        assert!(may("run/today") && !may("run/other"));
        // It gets nothing else, and so whoever has its keys does not either.
        let direct = json!({"what": "administrator", "resource": "*"});
        let grants = format!("{own}/grants");
        let reply = served
            .client
            .post(&grants, Some(access_token(&ada)), &direct);
        assert_eq!(
            detail(reply, 422, "refused"),
            "the program belongs to an organisation, and may do what the organisation may: grant it to the organisation"
        );
        served
            .client
            .post(&grants, bobs, &direct)
            .refused(403, "forbidden");
    });
}

#[test]
fn a_program_stays_in_its_organisation_whose_administrators_alone_administer_it() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (bob, eve, organisation, machine) = with_program(&served, &ada);
        let (bobs, eves) = (Some(access_token(&bob)), Some(access_token(&eve)));
        let own = format!("/auth/v1/accounts/{}", text(&machine, "id"));
        let keys = format!("{own}/keys");
        let body = json!({"name": "k", "scopes": ["*"]});
        let key = served.client.post(&keys, bobs, &body).is(201).json();
        let secret = Some(text(&key, "secret"));
        served
            .remove(&bob, &organisation, &machine["id"])
            .refused(422, "refused");
        served
            .set_role(&bob, &organisation, &machine["id"], "administrator")
            .refused(422, "refused");
        served
            .set_role(&bob, &organisation, &machine["id"], "viewer")
            .is(200);
        served.organisation(&eve, "Others");
        for reply in [
            served.client.get(&own, eves),
            served.client.delete(&own, eves),
            served.client.get(&keys, eves),
        ] {
            reply.refused(403, "forbidden");
        }
        let suspend = format!("{own}/suspend");
        served
            .client
            .send(("POST", &suspend), bobs, &[], None)
            .is(200);
        served
            .client
            .get("/auth/v1/accounts/me", secret)
            .refused(401, "unauthenticated");
        served.client.delete(&own, bobs).is(204);
        let members = format!("/auth/v1/organisations/{organisation}/members");
        let left = served.client.get(&members, bobs).is(200).json();
        assert_eq!(left["items"].as_array().unwrap().len(), 2);
        // What others administer stays theirs: Bob has no right on the people of his organisation.
        let eves_account = format!("/auth/v1/accounts/{}", text(&eve, "account"));
        for reply in [
            served.client.get(&eves_account, bobs),
            served.client.delete(&eves_account, bobs),
            served.client.get(&format!("{eves_account}/sessions"), bobs),
        ] {
            reply.refused(403, "forbidden");
        }
    });
}

#[test]
fn what_the_firm_suspended_its_organisation_does_not_resume() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (bob, _, _, machine) = with_program(&served, &ada);
        let own = format!("/auth/v1/accounts/{}", text(&machine, "id"));
        let set = |tokens: &Value, word: &str| {
            let path = format!("{own}/{word}");
            served
                .client
                .send(("POST", &path), Some(access_token(tokens)), &[], None)
        };
        let by = |reply: Reply| reply.is(200).json()["suspended_by"].clone();
        // Its own suspension an organisation lifts, and so does the firm.
        assert_eq!(by(set(&bob, "suspend")), "organisation");
        assert_eq!(by(set(&bob, "resume")), Value::Null);
        assert_eq!(by(set(&bob, "suspend")), "organisation");
        assert_eq!(by(set(&ada, "resume")), Value::Null);
        assert_eq!(by(set(&ada, "suspend")), "firm");
        let said = detail(set(&bob, "resume"), 403, "forbidden");
        assert!(said.starts_with("account.suspend on account/*: "), "{said}");
        set(&bob, "suspend").refused(422, "refused");
        assert_eq!(by(set(&ada, "resume")), Value::Null);
        // The firm takes over what its organisation suspended.
        assert_eq!(by(set(&bob, "suspend")), "organisation");
        assert_eq!(by(set(&ada, "suspend")), "firm");
        set(&bob, "resume").refused(403, "forbidden");
        set(&ada, "suspend").refused(422, "refused");
        // The log of events knows it too.
        let database = served.database();
        served.runtime.block_on(rebuild::<Auth>(&database)).unwrap();
        set(&bob, "resume").refused(403, "forbidden");
        let shown = served
            .client
            .get(&own, Some(access_token(&bob)))
            .is(200)
            .json();
        assert_eq!(
            (text(&shown, "state"), text(&shown, "suspended_by")),
            ("suspended", "firm")
        );
    });
}

#[test]
fn who_was_granted_it_for_one_account_suspends_it_for_nobody_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (bob, eve, _, machine) = with_program(&served, &ada);
        let set = |tokens: &Value, account: &Value, word: &str| {
            let path = format!("/auth/v1/accounts/{}/{word}", account.as_str().unwrap());
            let token = Some(access_token(tokens));
            served.client.send(("POST", &path), token, &[], None)
        };
        let by = |reply: Reply| reply.is(200).json()["suspended_by"].clone();
        let may = |account: &Value| {
            let resource = format!("account/{}", account.as_str().unwrap());
            served.grant(&ada, &eve["account"], "account.suspend", &resource);
        };
        // A person is of no organisation.
        may(&bob["account"]);
        assert_eq!(by(set(&eve, &bob["account"], "suspend")), "grantee");
        assert_eq!(by(set(&eve, &bob["account"], "resume")), Value::Null);
        assert_eq!(by(set(&eve, &bob["account"], "suspend")), "grantee");
        assert_eq!(by(set(&ada, &bob["account"], "suspend")), "firm");
        set(&eve, &bob["account"], "resume").refused(403, "forbidden");
        assert_eq!(by(set(&ada, &bob["account"], "resume")), Value::Null);
        // Of a program she takes over what its organisation suspended, which does not lift hers.
        let bob = served.sign_in(BOB, crate::PASSWORD);
        may(&machine["id"]);
        assert_eq!(by(set(&bob, &machine["id"], "suspend")), "organisation");
        assert_eq!(by(set(&eve, &machine["id"], "suspend")), "grantee");
        let said = detail(set(&bob, &machine["id"], "resume"), 403, "forbidden");
        assert!(said.contains("granted that for this account"), "{said}");
        let database = served.database();
        served.runtime.block_on(rebuild::<Auth>(&database)).unwrap();
        served.runtime.block_on(database.close());
        set(&bob, &machine["id"], "resume").refused(403, "forbidden");
        assert_eq!(by(set(&eve, &machine["id"], "resume")), Value::Null);
    });
}
