//! Who administers organisations: somebody does, and nobody too many.

use super::{BOB, EVE, detail};
use crate::{ADA, PASSWORD, Served, access_token, on_both, text};
use serde_json::json;

const LAST: &str = "this would leave an organisation without an administrator who can sign in: make another member one, or delete it";

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
