//! Public keys of CURVE: of which account a ZeroMQ client is, and what it may do.

use crate::client::Reply;
use crate::{PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_auth::credential::curve::CurveKey;
use tickloom_chassis::rebuild;

const KEYS: &str = "/auth/v1/accounts/me/curve-keys";
/// The keys of libzmq's manual (`zmq_curve`), and those of Alice and Bob in RFC 7748, section 6.1, in Z85 by PyZMQ.
const CLIENT: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const SERVER: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const ALICES: &str = "G=]<>I7>&bBC>O5V{aj/4zK}kco8}o(.HIuS*=:#";
const BOBS: &str = "?K-FIDWS-q^{3m$)bQ2.kz8tAtx<^PT]9RZz?]]t";

fn register(served: &Served, tokens: &Value, path: &str, key: &str) -> Reply {
    let body = json!({"public_key": key, "name": "desk", "scopes": ["run.read"]});
    served.client.post(path, Some(access_token(tokens)), &body)
}

/// What the client of a key may do to `run/today`, as an administrator is told.
fn decide(served: &Served, tokens: &Value, key: &str, action: &str) -> Reply {
    decide_on(served, tokens, key, (action, "run/today"))
}

fn decide_on(
    served: &Served,
    tokens: &Value,
    key: &str,
    (action, resource): (&str, &str),
) -> Reply {
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!(
        "/auth/v1/curve-keys/decision?public_key={encoded}&action={action}&resource={resource}"
    );
    served.client.get(&path, Some(access_token(tokens)))
}

#[test]
fn a_client_is_of_the_account_that_registered_its_key_until_it_is_over() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let expires = served.clock.now().0 + 100 * SECOND;
        let body = json!({"public_key": CLIENT, "name": "desk", "scopes": ["run.read", "topic.*"], "expires": expires});
        let key = served
            .client
            .post(KEYS, Some(access_token(&bob)), &body)
            .is(201)
            .json();
        assert!(text(&key, "id").starts_with("crv_"), "{key}");
        let expected = json!({"id": key["id"], "public_key": CLIENT, "name": "desk", "scopes": "run.read topic.*",
            "created": crate::BEGIN.0, "expires": expires});
        assert_eq!(key, expected);
        let list = served.client.get(KEYS, Some(access_token(&bob))).is(200);
        assert_eq!(list.json()["items"], json!([expected]));
        let found = |action: &str| decide(&served, &ada, CLIENT, action).is(200).json();
        assert_eq!(
            found("run.read"),
            json!({"account": bob["account"], "allow": false, "because": {"kind": "no_grant"}, "reason": "no grant allows it"})
        );
        let grant = served.grant(&ada, &bob["account"], "run.*", "run/*");
        let allowed = found("run.read");
        assert_eq!(
            (allowed["allow"].clone(), text(&allowed, "reason")),
            (
                json!(true),
                format!("grant {grant} allows run.* on run/*").as_str()
            )
        );
        assert_eq!(
            text(&found("run.change"), "reason"),
            "the token or key is for run.read topic.* only"
        );
        // Who is no administrator asks for nobody's key, not even for their own.
        decide(&served, &bob, CLIENT, "run.read").refused(403, "forbidden");
        decide(&served, &ada, SERVER, "run.read").refused(404, "not_found");
        decide(&served, &ada, "no key", "run.read").refused(400, "bad_request");
        let path = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
        let post = |path: &str| {
            served
                .client
                .send(("POST", path), Some(access_token(&ada)), &[], None)
                .is(200)
        };
        post(&path);
        decide(&served, &ada, CLIENT, "run.read").refused(404, "not_found");
        post(&path.replace("suspend", "resume"));
        served.advance(100 * SECOND - 1);
        found("run.read");
        served.advance(1);
        decide(&served, &ada, CLIENT, "run.read").refused(404, "not_found");
    });
}

#[test]
fn who_guards_a_publisher_is_told_of_which_topics_a_client_may_read() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let body = json!({"public_key": CLIENT, "name": "desk", "scopes": ["topic.read"]});
        served
            .client
            .post(KEYS, Some(access_token(&bob)), &body)
            .is(201);
        served.grant(&ada, &bob["account"], "topic.read", "topic/es");
        for (topic, allow) in [("topic/es", true), ("topic/nq", false), ("topic/*", false)] {
            let asked = ("topic.read", topic);
            let told = decide_on(&served, &ada, CLIENT, asked).is(200).json();
            assert_eq!(told["allow"], allow, "{topic}");
        }
    });
}

#[test]
fn a_key_is_one_accounts_and_nobody_is_told_whose() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let key = register(&served, &bob, KEYS, CLIENT).is(201).json();
        for tokens in [&ada, &bob] {
            let reply = register(&served, tokens, KEYS, CLIENT).refused(409, "conflict");
            assert_eq!(
                text(&reply.json(), "detail"),
                "this public key is registered already"
            );
        }
        let one = format!("{KEYS}/{}", text(&key, "id"));
        served
            .client
            .delete(&one, Some(access_token(&ada)))
            .refused(404, "not_found");
        served.client.delete(&one, Some(access_token(&bob))).is(204);
        served
            .client
            .delete(&one, Some(access_token(&bob)))
            .refused(404, "not_found");
        decide(&served, &ada, CLIENT, "run.read").refused(404, "not_found");
        register(&served, &ada, KEYS, CLIENT).is(201);
    });
}

#[test]
fn of_two_who_register_a_key_at_the_same_time_one_has_it() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let client = served.client;
        let register: Vec<_> = [&ada, &bob, &ada, &bob]
            .map(|tokens| {
                let token = access_token(tokens).to_owned();
                let body = json!({"public_key": CLIENT, "name": "desk", "scopes": ["*"]});
                std::thread::spawn(move || client.post(KEYS, Some(&token), &body).status)
            })
            .into_iter()
            .collect();
        let mut statuses: Vec<u16> = register
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409]);
    });
}

#[test]
fn a_public_key_goes_over_into_another() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let old = register(&served, &ada, KEYS, CLIENT).is(201).json();
        let rotate = format!("{KEYS}/{}/rotate", text(&old, "id"));
        let send = |body: &Value| served.client.post(&rotate, Some(access_token(&ada)), body);
        send(&json!({"public_key": CLIENT, "grace_s": 60})).refused(409, "conflict");
        send(&json!({"public_key": SERVER, "grace_s": 2_592_001})).refused(400, "bad_request");
        send(&json!({"public_key": "0", "grace_s": 60})).refused(400, "bad_request");
        // Nothing of what was refused was done.
        let list = served.client.get(KEYS, Some(access_token(&ada))).is(200);
        assert_eq!(list.json()["items"], json!([old]));
        let new = send(&json!({"public_key": SERVER, "grace_s": 60}))
            .is(201)
            .json();
        assert_eq!(
            (text(&new, "name"), text(&new, "scopes"), &new["expires"]),
            ("desk", "run.read", &json!(null))
        );
        decide(&served, &ada, CLIENT, "run.read").is(200);
        decide(&served, &ada, SERVER, "run.read").is(200);
        served.advance(60 * SECOND);
        decide(&served, &ada, CLIENT, "run.read").refused(404, "not_found");
        decide(&served, &ada, SERVER, "run.read").is(200);
        // What is over goes into no other.
        send(&json!({"public_key": SERVER, "grace_s": 60})).refused(422, "refused");
    });
}

#[test]
fn what_is_no_public_key_is_refused_with_what_is_wrong() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let weak = "`public_key`: this is no public key of CURVE: make a pair with your ZeroMQ library and give its public half";
        for (key, detail) in [
            ("0".repeat(40).as_str(), weak),
            // 1, of small order, and 2^255 - 19, another spelling of 0.
            ("0rr9100000000000000000000000000000000000", weak),
            (")F)j^%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSaG", weak),
            (
                "0rr91000000000000000000000000000000000000",
                "`public_key`: a CURVE key has 40 characters of Z85, this has 41",
            ),
            (
                "",
                "`public_key`: a CURVE key has 40 characters of Z85, this has 0",
            ),
            (
                &CLIENT.replace('Y', "~"),
                "`public_key`: the CURVE key is wrong at character 1: expected Z85",
            ),
        ] {
            let reply = register(&served, &ada, KEYS, key).refused(400, "bad_request");
            assert_eq!(text(&reply.json(), "detail"), detail, "{key}");
        }
        let token = Some(access_token(&ada));
        let now = served.clock.now().0;
        for (body, status, code) in [
            (
                json!({"public_key": CLIENT, "name": " ", "scopes": ["*"]}),
                400,
                "bad_request",
            ),
            (
                json!({"public_key": CLIENT, "name": "a", "scopes": []}),
                400,
                "bad_request",
            ),
            (
                json!({"public_key": CLIENT, "name": "a", "scopes": ["run"]}),
                422,
                "refused",
            ),
            (
                json!({"public_key": CLIENT, "name": "a", "scopes": ["*"], "expires": now}),
                400,
                "bad_request",
            ),
            (
                json!({"public_key": CLIENT, "name": "a"}),
                400,
                "bad_request",
            ),
        ] {
            let reply = served.client.post(KEYS, token, &body);
            assert_eq!(reply.status, status, "{body}: {}", reply.body);
            assert_eq!(reply.json()["code"], code, "{body}");
        }
    });
}

#[test]
fn nobody_registers_a_key_of_another_person_and_programs_of_organisations_get_theirs() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let bobs = format!("/auth/v1/accounts/{}/curve-keys", text(&bob, "account"));
        register(&served, &ada, &bobs, CLIENT).refused(422, "refused");
        let organisation = served.organisation(&bob, "Quants");
        let path = format!("/auth/v1/organisations/{organisation}/machines");
        let body = json!({"name": "feed", "role": "viewer"});
        let machine = served.client.post(&path, Some(access_token(&bob)), &body);
        let machine = machine.is(201).json();
        let keys = format!("/auth/v1/accounts/{}/curve-keys", text(&machine, "id"));
        register(&served, &bob, &keys, CLIENT).is(201);
        assert!(
            !decide(&served, &ada, CLIENT, "run.read").json()["allow"]
                .as_bool()
                .unwrap()
        );
        let grants = format!("/auth/v1/organisations/{organisation}/grants");
        let body = json!({"what": "run.*", "resource": "run/*"});
        let granted = served.client.post(&grants, Some(access_token(&ada)), &body);
        let grant = text(&granted.is(201).json(), "id").to_owned();
        let found = decide(&served, &ada, CLIENT, "run.read").is(200).json();
        assert_eq!(
            (text(&found, "account"), text(&found, "reason")),
            (
                text(&machine, "id"),
                format!("grant {grant} of organisation {organisation} allows run.read on run/*")
                    .as_str()
            )
        );
        // A key of ZeroMQ makes no keys, and a key of HTTP none of ZeroMQ.
        let body = json!({"name": "k", "scopes": ["*"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", Some(access_token(&bob)), &body)
            .is(201)
            .json();
        let key = json!({"access_token": key["secret"]});
        register(&served, &key, KEYS, SERVER).refused(403, "step_up_required");
    });
}

#[test]
fn a_deleted_account_frees_its_public_key_and_the_log_gives_the_same_again() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let eve = served.person(&ada, "eve@example.com");
        for (tokens, key) in [(&bob, CLIENT), (&bob, ALICES), (&eve, SERVER), (&eve, BOBS)] {
            register(&served, tokens, KEYS, key).is(201);
        }
        for tokens in [&bob, &eve] {
            served
                .client
                .delete("/auth/v1/accounts/me", Some(access_token(tokens)))
                .is(204);
        }
        decide(&served, &ada, CLIENT, "run.read").refused(404, "not_found");
        register(&served, &ada, KEYS, CLIENT).is(201);
        let list = || {
            let ada = served.sign_in(crate::ADA, PASSWORD);
            let found = served.client.get(KEYS, Some(access_token(&ada)));
            found.is(200).json()["items"].clone()
        };
        let before = list();
        assert_eq!(before.as_array().unwrap().len(), 1);
        let database = served.database();
        served.runtime.block_on(rebuild::<Auth>(&database)).unwrap();
        assert_eq!(list(), before);
        served.runtime.block_on(async {
            let rows = sqlx::query("SELECT body FROM event");
            for row in rows.fetch_all(database.reader()).await.unwrap() {
                let body: String = sqlx::Row::get(&row, 0);
                assert!(!body.contains(CLIENT) && !body.contains(ALICES), "{body}");
            }
        });
    });
}

#[test]
fn keys_that_are_over_leave_room_for_others() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let expires = served.clock.now().0 + 100 * SECOND;
        let add = |number: u8| {
            let key = CurveKey::from_bytes([number; 32]).unwrap().to_string();
            let body = json!({"public_key": key, "name": "desk", "scopes": ["run.read"], "expires": expires});
            served.client.post(KEYS, Some(access_token(&ada)), &body)
        };
        for number in 2..102 {
            add(number).is(201);
        }
        add(102).refused(422, "refused");
        served.advance(100 * SECOND);
        let body = json!({"public_key": BOBS, "name": "desk", "scopes": ["run.read"]});
        let added = served.client.post(KEYS, Some(access_token(&ada)), &body);
        added.is(201);
    });
}
