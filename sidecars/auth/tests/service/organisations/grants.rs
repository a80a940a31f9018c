//! What organisations are granted, and what nobody is.

use super::{BOB, EVE, detail};
use crate::{Served, access_token, on_both, text};
use serde_json::{Value, json};

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
