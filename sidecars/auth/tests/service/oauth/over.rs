//! What is over by the clock, while its row is there still: nothing has looked after it yet.

use super::code::{address, exchange, parameter, settings};
use super::device::{app as device_app, begin, poll};
use super::{App, refused};
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const AUTHORISATIONS: &str = "/auth/v1/authorisations";
const DEVICES: &str = "/auth/v1/devices";
const DAY: i64 = 86_400 * SECOND;

/// Goes on with a session until half a minute before it is thirty days old: what it is continued with then.
fn nearly_over(served: &Served, mut tokens: Value) -> Value {
    for step in [6 * DAY, 6 * DAY, 6 * DAY, 6 * DAY, 6 * DAY - 30 * SECOND] {
        served.advance(step);
        let body = json!({"refresh_token": tokens["refresh_token"]});
        let reply = served.client.post("/auth/v1/tokens/refresh", None, &body);
        tokens = reply.is(200).json();
    }
    tokens
}

/// How many authorisations an account is told that it has.
fn list(served: &Served, tokens: &Value) -> usize {
    let path = "/auth/v1/accounts/me/authorisations";
    let list = served.client.get(path, Some(access_token(tokens)));
    list.is(200).json()["items"].as_array().unwrap().len()
}

/// Requests whose session was found good when their head was read, and is over before their body comes.
fn begun_before(
    served: &Served,
    token: &str,
    asked: &[(&'static str, Value)],
    then: impl FnOnce(),
) {
    let begin = |(path, body): &(&'static str, Value)| {
        let body = body.to_string();
        let mut open = served.client.begin(("POST", path), token, &body);
        open.wait_for_continue();
        (*path, open, body)
    };
    let open: Vec<_> = asked.iter().map(begin).collect();
    then();
    for (path, open, body) in open {
        let reply = open.finish(&body);
        let found = (reply.status, &reply.json()["code"]);
        let expected = (401, &json!("unauthenticated"));
        assert_eq!(found, expected, "{path}: {}", reply.body);
    }
}

#[test]
fn what_stands_on_a_session_is_over_with_it_to_the_second() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let terminal = device_app(&served, &ada);
        let tokens = nearly_over(&served, ada);
        let token = access_token(&tokens);
        let request = address(&app, &[]);
        let request = request.split_once('?').unwrap().1;
        let allow = json!({"request": request, "allow": true, "version": 1});
        let code = || {
            let went = served.client.post(AUTHORISATIONS, Some(token), &allow);
            parameter(text(&went.is(200).json(), "location"), "code").unwrap()
        };
        let decision =
            |begun: &Value| json!({"user_code": begun["user_code"], "allow": true, "version": 1});
        let device = || {
            let begun = begin(&served, &terminal, "openid run.read");
            let body = decision(&begun);
            let reply = served.client.post(DEVICES, Some(token), &body);
            reply.is(204);
            begun
        };
        // Until then each of them is good.
        let issued = exchange(&served, &app, &code(), &[]).is(200).json();
        poll(&served, &terminal, &device()).is(200);
        assert_eq!(list(&served, &tokens), 2);
        let (code, approved) = (code(), device());
        let waiting = begin(&served, &terminal, "run.read");
        let asked = [
            (
                "/auth/v1/accounts",
                json!({"kind": "machine", "name": "risk"}),
            ),
            ("/auth/v1/sessions/step-up", json!({"password": PASSWORD})),
            (
                "/auth/v1/accounts/me/password",
                json!({"present": PASSWORD, "new": "violet harbour 41 kettles"}),
            ),
            (AUTHORISATIONS, allow.clone()),
            (DEVICES, decision(&waiting)),
        ];
        begun_before(&served, token, &asked, || served.advance(30 * SECOND));
        refused(&exchange(&served, &app, &code, &[]), 400, "invalid_grant");
        refused(&poll(&served, &terminal, &approved), 400, "invalid_grant");
        refused(
            &poll(&served, &terminal, &waiting),
            400,
            "authorization_pending",
        );
        let me = |token: &str| {
            served
                .client
                .get("/auth/oauth/userinfo", Some(token))
                .status
        };
        assert_eq!(me(access_token(&issued)), 401);
        // Nothing of it is there for anybody else either, and nothing of what was asked was done.
        let tokens = served.sign_in(ADA, PASSWORD);
        assert_eq!(list(&served, &tokens), 0);
        let all = served
            .client
            .get("/auth/v1/accounts", Some(access_token(&tokens)));
        assert_eq!(all.is(200).json()["items"].as_array().unwrap().len(), 1);
    });
}
