//! Organisations: who is a member, in which role, and what holds through them.

#[path = "organisations/administrators.rs"]
mod administrators;
#[path = "organisations/grants.rs"]
mod grants;
#[path = "organisations/log.rs"]
mod log;
#[path = "organisations/programs.rs"]
mod programs;

use crate::client::Reply;
use crate::{Served, access_token, on_both, text};
use serde_json::{Value, json};

/// What people do in organisations.
impl Served {
    /// An organisation, created by this person; returns its id.
    pub(crate) fn organisation(&self, tokens: &Value, name: &str) -> String {
        let body = json!({"name": name});
        let created = self
            .client
            .post("/auth/v1/organisations", Some(access_token(tokens)), &body);
        text(&created.is(201).json(), "id").to_owned()
    }

    pub(crate) fn invite(
        &self,
        tokens: &Value,
        organisation: &str,
        email: &str,
        role: &str,
    ) -> Reply {
        let path = format!("/auth/v1/organisations/{organisation}/invitations");
        let body = json!({"email": email, "role": role});
        self.client.post(&path, Some(access_token(tokens)), &body)
    }

    pub(crate) fn accept(&self, tokens: &Value, link: &Value) -> Reply {
        let body = json!({"link": link});
        let path = "/auth/v1/accounts/me/memberships";
        self.client.post(path, Some(access_token(tokens)), &body)
    }

    /// Lets somebody join who was invited by their address.
    pub(crate) fn join(
        &self,
        administrator: &Value,
        organisation: &str,
        (tokens, email): (&Value, &str),
        role: &str,
    ) {
        let invited = self.invite(administrator, organisation, email, role);
        let link = invited.is(201).json()["link"].clone();
        self.accept(tokens, &link).is(201);
    }

    fn set_role(&self, tokens: &Value, organisation: &str, account: &Value, role: &str) -> Reply {
        let path = member(organisation, account);
        let body = json!({"role": role});
        let token = Some(access_token(tokens));
        self.client.send(("PATCH", &path), token, &[], Some(&body))
    }

    fn remove(&self, tokens: &Value, organisation: &str, account: &Value) -> Reply {
        let path = member(organisation, account);
        self.client.delete(&path, Some(access_token(tokens)))
    }

    fn leave(&self, tokens: &Value, organisation: &str) -> Reply {
        let path = format!("/auth/v1/accounts/me/memberships/{organisation}");
        self.client.delete(&path, Some(access_token(tokens)))
    }

    fn organisation_grant(&self, tokens: &Value, organisation: &str, body: &Value) -> Reply {
        let path = format!("/auth/v1/organisations/{organisation}/grants");
        self.client.post(&path, Some(access_token(tokens)), body)
    }

    /// Why somebody may do something or not, as they are told themselves.
    fn reason(&self, tokens: &Value, action: &str, resource: &str) -> (bool, String) {
        let path = format!("/auth/v1/accounts/me/decision?action={action}&resource={resource}");
        let found = self.client.get(&path, Some(access_token(tokens))).is(200);
        let found = found.json();
        (
            found["allow"].as_bool().unwrap(),
            text(&found, "reason").to_owned(),
        )
    }
}

fn member(organisation: &str, account: &Value) -> String {
    let account = account.as_str().unwrap();
    format!("/auth/v1/organisations/{organisation}/members/{account}")
}

const BOB: &str = "bob@example.com";
const EVE: &str = "eve@example.com";

fn detail(reply: Reply, status: u16, code: &str) -> String {
    text(&reply.refused(status, code).json(), "detail").to_owned()
}

#[test]
fn an_organisation_has_members_in_roles_who_leave_when_they_want() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let own = format!("/auth/v1/organisations/{organisation}");
        let (bobs, eves) = (Some(access_token(&bob)), Some(access_token(&eve)));
        let found = served.client.get(&own, bobs).is(200).json();
        assert_eq!(
            found,
            json!({"id": organisation, "version": 1, "state": "active", "name": "Quants", "demands_second_factor": false, "created": crate::BEGIN.0})
        );
        // Who is no member learns not even whether there is one.
        let nowhere = "/auth/v1/organisations/org_0";
        let (there, not) = (
            served.client.get(&own, eves),
            served.client.get(nowhere, eves),
        );
        assert_eq!(
            detail(there, 403, "forbidden").replace(&organisation, "org_0"),
            detail(not, 403, "forbidden")
        );
        served.join(&bob, &organisation, (&eve, EVE), "member");
        assert_eq!(
            served.reason(
                &eve,
                "organisation.read",
                &format!("organisation/{organisation}")
            ),
            (
                true,
                format!("role member in organisation {organisation} allows it")
            )
        );
        served.client.get(&own, eves).is(200);
        let members = served.client.get(&format!("{own}/members"), eves).is(200);
        let items = members.json()["items"].clone();
        let found: Vec<(&str, &str, &str)> = items
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(one, "account"), text(one, "email"), text(one, "role")))
            .collect();
        let expected = vec![
            (text(&bob, "account"), BOB, "administrator"),
            (text(&eve, "account"), EVE, "member"),
        ];
        assert_eq!(found, expected);
        // A member changes nothing of it, not even themselves.
        let rename = json!({"name": "Eve's"});
        for reply in [
            served
                .client
                .send(("PATCH", &own), eves, &[], Some(&rename)),
            served.client.delete(&own, eves),
            served.client.get(&format!("{own}/invitations"), eves),
            served.invite(&eve, &organisation, "x@example.com", "member"),
            served.set_role(&eve, &organisation, &eve["account"], "administrator"),
            served.remove(&eve, &organisation, &bob["account"]),
            served.organisation_grant(
                &eve,
                &organisation,
                &json!({"what": "*", "resource": "run/*"}),
            ),
            // What an organisation has is not for its administrators to say.
            served.organisation_grant(
                &bob,
                &organisation,
                &json!({"what": "*", "resource": "run/*"}),
            ),
        ] {
            reply.refused(403, "forbidden");
        }
        let tag = format!("\"{organisation}.v1\"");
        let tag = [("If-Match", tag.as_str())];
        let rename = json!({"name": "Quants Ltd"});
        let renamed = served
            .client
            .send(("PATCH", &own), bobs, &tag, Some(&rename));
        assert_eq!(renamed.is(200).json()["version"], 2);
        served
            .client
            .send(("PATCH", &own), bobs, &tag, Some(&rename))
            .refused(412, "precondition_failed");
        let list = "/auth/v1/accounts/me/memberships";
        let found = served.client.get(list, eves).is(200).json();
        let expected = json!([{"organisation": organisation, "name": "Quants Ltd", "role": "member", "since": crate::BEGIN.0}]);
        assert_eq!(found["items"], expected);
        served.leave(&eve, &organisation).is(204);
        served.leave(&eve, &organisation).refused(404, "not_found");
        served.client.get(&own, eves).refused(403, "forbidden");
    });
}

/// An organisation of Bob with Eve as a member, its id and the program that he makes there.
fn with_program(served: &Served, ada: &Value) -> (Value, Value, String, Value) {
    let bob = served.person(ada, BOB);
    let eve = served.person(ada, EVE);
    let organisation = served.organisation(&bob, "Quants");
    served.join(&bob, &organisation, (&eve, EVE), "member");
    let path = format!("/auth/v1/organisations/{organisation}/machines");
    let body = json!({"name": "feed", "role": "member"});
    let machine = served.client.post(&path, Some(access_token(&bob)), &body);
    let machine = machine.is(201).json();
    (bob, eve, organisation, machine)
}

#[test]
fn a_deleted_organisation_leaves_its_people_and_nothing_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        served.join(&bob, &organisation, (&eve, EVE), "member");
        let granted = json!({"what": "run.read", "resource": "run/*"});
        served
            .organisation_grant(&ada, &organisation, &granted)
            .is(201);
        let own = format!("/auth/v1/organisations/{organisation}");
        let bobs = Some(access_token(&bob));
        let body = json!({"name": "feed", "role": "viewer"});
        let machine = served.client.post(&format!("{own}/machines"), bobs, &body);
        let machine = machine.is(201).json();
        let keys = format!("/auth/v1/accounts/{}/keys", text(&machine, "id"));
        let body = json!({"name": "k", "scopes": ["*"]});
        let key = served.client.post(&keys, bobs, &body).is(201).json();
        let invited = served.invite(&bob, &organisation, "x@example.com", "member");
        let link = invited.is(201).json()["link"].clone();
        assert!(served.reason(&eve, "run.read", "run/x").0);
        served.client.delete(&own, bobs).is(204);
        assert!(!served.reason(&eve, "run.read", "run/x").0);
        served.client.get(&own, bobs).refused(403, "forbidden");
        served
            .client
            .get("/auth/v1/accounts/me", Some(text(&key, "secret")))
            .refused(401, "unauthenticated");
        served
            .client
            .post("/auth/v1/invitations/show", None, &json!({"link": link}))
            .refused(422, "refused");
        let found = served
            .client
            .get(&own, Some(access_token(&ada)))
            .is(200)
            .json();
        assert_eq!(
            (text(&found, "state"), text(&found, "name")),
            ("deleted", "")
        );
        let all = served
            .client
            .get("/auth/v1/organisations", Some(access_token(&ada)));
        assert_eq!(all.is(200).json()["items"], json!([]));
        served
            .organisation_grant(&ada, &organisation, &granted)
            .refused(422, "refused");
        served
            .client
            .delete(&own, Some(access_token(&ada)))
            .refused(422, "refused");
        // Nobody administers it, and so nobody has to stay.
        served.client.delete("/auth/v1/accounts/me", bobs).is(204);
    });
}

#[test]
fn what_is_delicate_of_organisations_needs_a_recent_authentication() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let organisation = served.organisation(&bob, "Quants");
        let body = json!({"name": "k", "scopes": ["*"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", Some(access_token(&bob)), &body)
            .is(201)
            .json();
        served.advance(900 * crate::SECOND);
        let bob = served.refreshed(&bob);
        let key = json!({"access_token": key["secret"]});
        for tokens in [&bob, &key] {
            let token = Some(access_token(tokens));
            let own = format!("/auth/v1/organisations/{organisation}");
            let name = json!({"name": "Others"});
            let machine = json!({"name": "feed", "role": "member"});
            for reply in [
                served.client.post("/auth/v1/organisations", token, &name),
                served.client.send(("PATCH", &own), token, &[], Some(&name)),
                served.client.delete(&own, token),
                served
                    .client
                    .post(&format!("{own}/machines"), token, &machine),
                served.invite(tokens, &organisation, EVE, "member"),
                served.set_role(tokens, &organisation, &bob["account"], "viewer"),
                served.remove(tokens, &organisation, &bob["account"]),
                served.leave(tokens, &organisation),
            ] {
                reply.refused(403, "step_up_required");
            }
        }
        served
            .accept(&key, &json!("tlo_0"))
            .refused(403, "step_up_required");
    });
}
