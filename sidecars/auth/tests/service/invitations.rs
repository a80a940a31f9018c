//! Invitations: to one address, good once, for a week, and no way to learn who has an account.

use crate::client::Reply;
use crate::{PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const BOB: &str = "bob@example.com";
const EVE: &str = "eve@example.com";
const WEEK: i64 = 7 * 86_400 * SECOND;

fn not_good(reply: Reply) {
    let reply = reply.refused(422, "refused").json();
    assert_eq!(
        text(&reply, "detail"),
        "the link is not good, or not any more"
    );
}

fn show(served: &Served, link: &Value) -> Reply {
    let body = json!({"link": link});
    served.client.post("/auth/v1/invitations/show", None, &body)
}

fn accept_anew(served: &Served, link: &Value) -> Reply {
    let body = json!({"link": link, "name": "Eve", "password": PASSWORD});
    served
        .client
        .post("/auth/v1/invitations/accept", None, &body)
}

#[test]
fn an_invitation_is_for_one_address_and_good_once_and_for_a_week() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let invited = served.invite(&bob, &organisation, " EVE@example.com", "viewer");
        let invited = invited.is(201);
        assert_eq!(invited.header("cache-control"), Some("no-store"));
        let invited = invited.json();
        let link = &invited["link"];
        assert!(link.as_str().unwrap().starts_with(text(&invited, "id")));
        let expires = served.clock.now().0 + WEEK;
        assert_eq!(
            show(&served, link).is(200).json(),
            json!({"organisation": organisation, "name": "Quants", "email": EVE, "role": "viewer",
                "expires": expires, "makes_account": false})
        );
        let list = format!("/auth/v1/organisations/{organisation}/invitations");
        let open = || {
            let found = served.client.get(&list, Some(access_token(&bob)));
            found.is(200).json()["items"].clone()
        };
        let mut shown = invited.clone();
        shown.as_object_mut().unwrap().remove("link");
        assert_eq!(open(), json!([shown]));
        // It is Eve's alone, whoever has the link.
        let reply = served.accept(&bob, link).refused(422, "refused").json();
        assert_eq!(
            text(&reply, "detail"),
            "the invitation is for another address than that of this account"
        );
        served.advance(WEEK - 1);
        let (ada, bob, eve) = (
            served.sign_in(crate::ADA, PASSWORD),
            served.sign_in(BOB, PASSWORD),
            served.sign_in(EVE, PASSWORD),
        );
        let joined = served.accept(&eve, link).is(201).json();
        assert_eq!(
            joined,
            json!({"organisation": organisation, "name": "Quants", "role": "viewer", "since": served.clock.now().0})
        );
        not_good(served.accept(&eve, link));
        not_good(show(&served, link));
        served
            .invite(&bob, &organisation, EVE, "member")
            .refused(409, "conflict");
        served
            .invite(&bob, &organisation, "eve", "member")
            .refused(400, "bad_request");
        served
            .invite(&bob, &organisation, "x@example.com", "owner")
            .refused(400, "bad_request");
        let other = served.organisation(&ada, "Others");
        let link = served.invite(&ada, &other, EVE, "member").is(201).json()["link"].clone();
        served.advance(WEEK);
        not_good(served.accept(&served.sign_in(EVE, PASSWORD), &link));
        not_good(show(&served, &link));
    });
}

#[test]
fn an_invitation_is_taken_back_and_replaced() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let invite = |role: &str| served.invite(&bob, &organisation, EVE, role).is(201).json();
        let (first, second) = (invite("administrator"), invite("member"));
        not_good(served.accept(&eve, &first["link"]));
        let list = format!("/auth/v1/organisations/{organisation}/invitations");
        let bobs = Some(access_token(&bob));
        let found = served.client.get(&list, bobs).is(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        assert_eq!(found["items"][0]["id"], second["id"]);
        let one = format!("{list}/{}", text(&second, "id"));
        // Under another organisation there is none of this id.
        let other = served.organisation(&ada, "Others");
        let elsewhere = one.replace(&organisation, &other);
        served
            .client
            .delete(&elsewhere, Some(access_token(&ada)))
            .refused(404, "not_found");
        served.client.delete(&one, bobs).is(204);
        served.client.delete(&one, bobs).refused(404, "not_found");
        not_good(served.accept(&eve, &second["link"]));
        not_good(served.accept(&eve, &json!("tlo_0")));
        // Links of other kinds are no invitations, and an invitation is no other link.
        let third = invite("member");
        let body = json!({"link": third["link"], "password": PASSWORD});
        not_good(served.client.post("/auth/v1/links/finish", None, &body));
        let body = json!({"kind": "person", "email": "x@example.com", "name": "X"});
        let created = served
            .client
            .post("/auth/v1/accounts", Some(access_token(&ada)), &body)
            .is(201)
            .json();
        not_good(show(&served, &created["link"]));
        not_good(accept_anew(&served, &created["link"]));
        served.accept(&eve, &third["link"]).is(201);
    });
}

#[test]
fn who_may_not_invite_any_more_invited_nobody() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&ada, "Quants");
        served.join(&ada, &organisation, (&bob, BOB), "administrator");
        let link = served.invite(&bob, &organisation, EVE, "administrator");
        let link = link.is(201).json()["link"].clone();
        let member = format!(
            "/auth/v1/organisations/{organisation}/members/{}",
            text(&bob, "account")
        );
        let set = |role: &str| {
            let body = json!({"role": role});
            let token = Some(access_token(&ada));
            served
                .client
                .send(("PATCH", &member), token, &[], Some(&body))
                .is(200);
        };
        set("member");
        not_good(served.accept(&eve, &link));
        set("administrator");
        let suspend = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
        let post = |path: &str| {
            served
                .client
                .send(("POST", path), Some(access_token(&ada)), &[], None)
                .is(200);
        };
        post(&suspend);
        not_good(served.accept(&eve, &link));
        post(&suspend.replace("suspend", "resume"));
        // What was refused left the invitation as it was.
        served.accept(&eve, &link).is(201);
    });
}

#[test]
fn nobody_learns_by_inviting_who_has_an_account_and_nobody_makes_one_who_may_not() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let invite = |tokens: &Value, organisation: &str, email: &str| {
            let invited = served.invite(tokens, organisation, email, "member");
            invited.is(201).json()["link"].clone()
        };
        let stranger = "stranger@example.com";
        let (known, unknown) = (
            invite(&bob, &organisation, EVE),
            invite(&bob, &organisation, stranger),
        );
        let same = |link: &Value| {
            let mut reply = accept_anew(&served, link).refused(422, "refused");
            reply.head.clear();
            let mut body = reply.json();
            body.as_object_mut().unwrap().remove("request_id");
            (reply.status, body)
        };
        assert_eq!(same(&known), same(&unknown));
        for link in [&known, &unknown] {
            let shown = show(&served, link).is(200).json();
            assert_eq!(shown["makes_account"], false);
        }
        // Who may make accounts otherwise may make one so.
        let other = served.organisation(&ada, "Others");
        let link = invite(&ada, &other, stranger);
        let weak = json!({"link": link, "name": "Eve", "password": "password12345"});
        served
            .client
            .post("/auth/v1/invitations/accept", None, &weak)
            .refused(422, "refused");
        let created = accept_anew(&served, &link).is(200).json();
        assert_eq!(
            (text(&created, "email"), &created["is_email_verified"]),
            (stranger, &json!(false))
        );
        not_good(accept_anew(&served, &link));
        let tokens = served.sign_in(stranger, PASSWORD);
        let list = "/auth/v1/accounts/me/memberships";
        let found = served.client.get(list, Some(access_token(&tokens)));
        assert_eq!(
            text(&found.is(200).json()["items"][0], "organisation"),
            other
        );
        // Bob may, and then may not any more.
        let grant = served.grant(&ada, &bob["account"], "account.create", "account/*");
        let link = invite(&bob, &organisation, "other@example.com");
        let path = format!("/auth/v1/accounts/{}/grants/{grant}", text(&bob, "account"));
        served
            .client
            .delete(&path, Some(access_token(&ada)))
            .is(204);
        accept_anew(&served, &link).refused(422, "refused");
        served
            .try_sign_in("other@example.com", PASSWORD)
            .refused(401, "unauthenticated");
    });
}

#[test]
fn one_account_invites_a_hundred_times_a_day() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let organisation = served.organisation(&ada, "Quants");
        let other = served.organisation(&ada, "Others");
        let invite = |number: usize| {
            let of = if number.is_multiple_of(2) {
                &organisation
            } else {
                &other
            };
            served.invite(&ada, of, &format!("x{}@example.com", number % 7), "member")
        };
        for number in 0..100 {
            invite(number).is(201);
        }
        let reply = invite(100).refused(422, "refused").json();
        assert_eq!(
            text(&reply, "detail"),
            "as many invitations as can be were created within a day: wait"
        );
        served.advance(86_400 * SECOND);
        let ada = served.sign_in(crate::ADA, PASSWORD);
        served
            .invite(&ada, &organisation, "y@example.com", "member")
            .is(201);
    });
}

#[test]
fn of_two_who_accept_at_the_same_time_one_joins() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&ada, "Quants");
        let link = served.invite(&ada, &organisation, EVE, "member");
        let link = link.is(201).json()["link"].clone();
        let client = served.client;
        let accept: Vec<_> = (0..8)
            .map(|_| {
                let (token, body) = (access_token(&eve).to_owned(), json!({"link": link}));
                std::thread::spawn(move || {
                    let path = "/auth/v1/accounts/me/memberships";
                    client.post(path, Some(&token), &body).status
                })
            })
            .collect();
        let mut statuses: Vec<u16> = accept.into_iter().map(|one| one.join().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422, 422, 422, 422, 422, 422, 422]);
    });
}

#[test]
fn two_administrators_who_leave_at_the_same_time_do_not_both() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let organisation = served.organisation(&ada, "Quants");
        let eve = served.person(&ada, EVE);
        served.join(&ada, &organisation, (&eve, EVE), "administrator");
        let client = served.client;
        let path = format!("/auth/v1/accounts/me/memberships/{organisation}");
        let leave = [&ada, &eve].map(|tokens| {
            let (token, path) = (access_token(tokens).to_owned(), path.clone());
            std::thread::spawn(move || client.delete(&path, Some(&token)).status)
        });
        let mut statuses = leave.map(|one| one.join().unwrap());
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 422]);
    });
}
