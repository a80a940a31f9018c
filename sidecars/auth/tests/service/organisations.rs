//! Organisations: who is a member, in which role, and what holds through them.

use crate::client::Reply;
use crate::{ADA, PASSWORD, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_chassis::rebuild;

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

const LAST: &str = "this would leave an organisation without an administrator who can sign in: make another member one, or delete it";

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
            json!({"id": organisation, "version": 1, "state": "active", "name": "Quants", "created": crate::BEGIN.0})
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

#[test]
fn somebody_who_can_sign_in_administers_each_organisation() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        served.join(&bob, &organisation, (&eve, EVE), "administrator");
        let suspend = |word: &str| {
            let path = format!("/auth/v1/accounts/{}/{word}", text(&eve, "account"));
            let token = Some(access_token(&ada));
            served
                .client
                .send(("POST", &path), token, &[], None)
                .is(200)
        };
        // Eve administers it too, but cannot sign in.
        suspend("suspend");
        let demote = || served.set_role(&bob, &organisation, &bob["account"], "viewer");
        let delete = || {
            served
                .client
                .delete("/auth/v1/accounts/me", Some(access_token(&bob)))
        };
        for reply in [
            demote(),
            served.leave(&bob, &organisation),
            served.remove(&bob, &organisation, &bob["account"]),
            delete(),
        ] {
            assert_eq!(detail(reply, 422, "refused"), LAST);
        }
        // Who keeps an account from being used is not kept from it by an organisation.
        let path = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
        served
            .client
            .send(("POST", &path), Some(access_token(&ada)), &[], None)
            .is(200);
        let path = path.replace("suspend", "resume");
        served
            .client
            .send(("POST", &path), Some(access_token(&ada)), &[], None)
            .is(200);
        suspend("resume");
        let eve = served.sign_in(EVE, PASSWORD);
        let bob = served.sign_in(BOB, PASSWORD);
        let set = served.set_role(&eve, &organisation, &bob["account"], "viewer");
        assert_eq!(text(&set.is(200).json(), "role"), "viewer");
        // At once: the token that was an administrator's a moment ago is a viewer's.
        served
            .set_role(&bob, &organisation, &bob["account"], "administrator")
            .refused(403, "forbidden");
        served
            .remove(&eve, &organisation, &json!("usr_0"))
            .refused(404, "not_found");
        served.remove(&eve, &organisation, &bob["account"]).is(204);
        let gone = served
            .client
            .delete("/auth/v1/accounts/me", Some(access_token(&bob)));
        gone.is(204);
        // An administrator of everything helps an organisation too.
        served
            .set_role(&ada, &organisation, &eve["account"], "member")
            .refused(422, "refused");
        served.join(&ada, &organisation, (&ada, ADA), "administrator");
        served
            .set_role(&ada, &organisation, &eve["account"], "member")
            .is(200);
    });
}

#[test]
fn what_an_organisation_was_granted_holds_for_its_members_at_once_and_no_longer() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        served.join(&bob, &organisation, (&eve, EVE), "viewer");
        let none = (false, "no grant allows it".to_owned());
        let may = |tokens: &Value, action: &str| served.reason(tokens, action, "run/today");
        assert_eq!(may(&bob, "run.change"), none);
        let body = json!({"what": "run.*", "resource": "run/*"});
        let granted = served.organisation_grant(&ada, &organisation, &body);
        let grant = text(&granted.is(201).json(), "id").to_owned();
        let why = |what: &str| {
            let why =
                format!("grant {grant} of organisation {organisation} allows {what} on run/*");
            (true, why)
        };
        assert_eq!(may(&bob, "run.change"), why("run.*"));
        // A viewer has what changes nothing.
        assert_eq!(may(&eve, "run.read"), why("run.read"));
        assert_eq!(may(&eve, "run.change"), none);
        let path = "/auth/v1/accounts/me/decision?action=run.read&resource=run/x";
        let found = served.client.get(path, Some(access_token(&bob))).is(200);
        let because = json!({"kind": "grant", "id": grant, "what": "run.*", "resource": "run/*", "organisation": organisation});
        assert_eq!(found.json()["because"], because);
        // Another role, and leaving, count with the next request.
        served
            .set_role(&bob, &organisation, &eve["account"], "member")
            .is(200);
        assert_eq!(may(&eve, "run.change"), why("run.*"));
        served.remove(&bob, &organisation, &eve["account"]).is(204);
        assert_eq!(may(&eve, "run.read"), none);
        served.join(&bob, &organisation, (&eve, EVE), "member");
        assert_eq!(may(&eve, "run.read"), why("run.*"));
        let list = format!("/auth/v1/organisations/{organisation}/grants");
        let found = served.client.get(&list, Some(access_token(&eve))).is(200);
        assert_eq!(text(&found.json()["items"][0], "id"), grant);
        let one = format!("{list}/{grant}");
        served
            .client
            .delete(&one, Some(access_token(&bob)))
            .refused(403, "forbidden");
        served.client.delete(&one, Some(access_token(&ada))).is(204);
        served
            .client
            .delete(&one, Some(access_token(&ada)))
            .refused(404, "not_found");
        assert_eq!(may(&eve, "run.read"), none);
        // One that ends is over at its time.
        let expires = served.clock.now().0 + 10;
        let body = json!({"what": "viewer", "resource": "run/today", "expires": expires});
        served
            .organisation_grant(&ada, &organisation, &body)
            .is(201);
        assert!(may(&eve, "run.read").0);
        served.advance(10);
        let (allow, why) = may(&eve, "run.read");
        assert!(!allow && why.ends_with("has expired"), "{why}");
    });
}

#[test]
fn nothing_that_auth_guards_is_granted_to_an_organisation() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let organisation = served.organisation(&ada, "Quants");
        let grant = |what: &str, resource: &str| {
            let body = json!({"what": what, "resource": resource});
            served.organisation_grant(&ada, &organisation, &body)
        };
        for resource in ["*", "account/*", "organisation/org_1", "grant/*", "audit/*"] {
            let said = detail(grant("administrator", resource), 422, "refused");
            assert!(
                said.starts_with("an organisation has nothing on accounts"),
                "{said}"
            );
        }
        grant("root", "run/*").refused(422, "refused");
        grant("run.read", "run").refused(422, "refused");
        grant("administrator", "run/*").is(201);
        let missing = json!({"what": "run.read", "resource": "run/*"});
        served
            .organisation_grant(&ada, "org_0", &missing)
            .refused(404, "not_found");
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
        let body = json!({"refresh_token": bob["refresh_token"]});
        let bob = served
            .client
            .post("/auth/v1/tokens/refresh", None, &body)
            .is(200)
            .json();
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

#[test]
fn one_person_administers_twenty_organisations_and_creates_no_more() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        for number in 0..20 {
            served.organisation(&ada, &format!("Number {number}"));
        }
        let body = json!({"name": "One more"});
        let token = Some(access_token(&ada));
        served
            .client
            .post("/auth/v1/organisations", token, &body)
            .refused(422, "refused");
        let page = served
            .client
            .get("/auth/v1/organisations?limit=15", token)
            .is(200)
            .json();
        let items = page["items"].as_array().unwrap();
        assert_eq!((items.len(), &page["more"]), (15, &json!(true)));
        let after = text(items.last().unwrap(), "id");
        let path = format!("/auth/v1/organisations?after={after}");
        let rest = served.client.get(&path, token).is(200).json();
        assert_eq!(rest["items"].as_array().unwrap().len(), 5);
        for name in ["", "a\nb"] {
            served
                .client
                .post("/auth/v1/organisations", token, &json!({"name": name}))
                .refused(400, "bad_request");
        }
    });
}

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
fn what_no_service_knows_is_not_granted() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let organisation = served.organisation(&ada, "Quants");
        let token = Some(access_token(&ada));
        let on = |path: &str, body: &Value| {
            detail(served.client.post(path, token, body), 422, "refused")
        };
        let grants = format!("/auth/v1/organisations/{organisation}/grants");
        let own = "/auth/v1/accounts/me/grants";
        for path in [own, &grants] {
            let said = on(path, &json!({"what": "run.reed", "resource": "run/*"}));
            assert_eq!(
                said,
                "no service knows an action `run.reed`: perhaps `run.read`"
            );
            let said = on(path, &json!({"what": "*", "resource": "runs/*"}));
            assert!(
                said.starts_with("no service knows resources `runs/*`: perhaps `run/…`"),
                "{said}"
            );
        }
        let said = on(own, &json!({"what": "run.read", "resource": "account/*"}));
        assert_eq!(
            said,
            "`run.read` is never asked on `account/*`: it is asked on `run/…`"
        );
        let key = json!({"name": "k", "scopes": ["run.read", "accounts.read"]});
        let said = on("/auth/v1/accounts/me/keys", &key);
        assert_eq!(
            said,
            "no service knows an action `accounts.read`: perhaps `account.read`"
        );
        // Other services have scopes of their own.
        let app = |resources: &Value| {
            json!({"name": "app", "kind": "confidential", "grant_types": ["authorization_code"],
                "redirect_uris": ["https://app.example.com/back"], "scopes": ["openid", "order.place"], "resources": resources})
        };
        let clients = "/auth/v1/clients";
        let said = served.client.post(clients, token, &app(&json!([])));
        let said = detail(said, 400, "bad_request");
        assert!(
            said.contains("`scopes`: no service knows an action `order.place`"),
            "{said}"
        );
        let other = app(&json!(["https://orders.example"]));
        served.client.post(clients, token, &other).is(201);
    });
}
