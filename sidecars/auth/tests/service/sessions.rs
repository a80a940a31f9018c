//! Signing in, going on, signing out, and what slows down who guesses.

use crate::client::Reply;
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::credential::password::HashParams;
use tickloom_chassis::token::Algorithm;

const DAY: i64 = 86_400 * SECOND;

fn me(served: &Served, tokens: &Value) -> Reply {
    served
        .client
        .get("/auth/v1/accounts/me", Some(access_token(tokens)))
}

fn refresh(served: &Served, tokens: &Value) -> Reply {
    let body = json!({"refresh_token": tokens["refresh_token"]});
    served.client.post("/auth/v1/tokens/refresh", None, &body)
}

#[test]
fn the_first_administrator_is_made_with_a_link_that_is_good_once() {
    on_both(|place| {
        let served = Served::start(&place);
        let first = served.setup_link();
        // A start without an administrator makes another link, and the one before is not good any more.
        let served = served.again();
        let link = served.setup_link();
        assert_ne!(first, link);
        served.set_up(&first).refused(422, "refused");
        let weak = json!({"link": link, "email": ADA, "name": "Ada", "password": "passwords1234"});
        let reply = served.client.post("/auth/v1/links/finish", None, &weak);
        let reply = reply.refused(422, "refused");
        assert!(
            text(&reply.json(), "detail").contains("easy to guess"),
            "{}",
            reply.body
        );
        let created = served.set_up(&link).is(200).json();
        assert_eq!(created["email"], ADA);
        // Nobody showed that the address is theirs.
        assert_eq!(created["is_email_verified"], false);
        served.set_up(&link).refused(422, "refused");
        let tokens = served.sign_in(ADA, PASSWORD);
        assert_eq!(me(&served, &tokens).is(200).json()["name"], "Ada");
        let served = served.again();
        assert_eq!(served.startup_notice, None);
        // What was signed before the restart is valid after it.
        me(&served, &tokens).is(200);
    });
}

#[test]
fn who_shows_something_wrong_learns_nothing() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let same = |reply: Reply| {
            let mut reply = reply.refused(401, "unauthenticated");
            reply
                .head
                .retain(|(name, _)| name != "x-request-id" && name != "date");
            reply
        };
        let wrong = same(served.try_sign_in(ADA, "another one of no sense"));
        let unknown = same(served.try_sign_in("bob@example.com", PASSWORD));
        let odd = same(served.try_sign_in("no address", PASSWORD));
        assert_eq!(wrong, unknown);
        assert_eq!(wrong, odd);
        assert_eq!(
            wrong.header("www-authenticate"),
            Some("Bearer realm=\"tickloom\"")
        );
        for shown in [None, Some("x"), Some("tlk_x"), Some("a.b.c")] {
            let reply = served.client.get("/auth/v1/accounts/me", shown);
            reply.refused(401, "unauthenticated");
        }
    });
}

#[test]
fn tries_are_slowed_down_and_not_on_a_known_device() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let guess = || served.try_sign_in(ADA, "another one of no sense");
        for _ in 0..5 {
            guess().refused(401, "unauthenticated");
        }
        let reply = guess().refused(429, "too_many_requests");
        assert_eq!(reply.header("retry-after"), Some("1"));
        // The right one has to wait too, or it would be told from the others.
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(429, "too_many_requests");
        // On a device on which she was signed in she does not.
        let body =
            json!({"email": ADA, "password": PASSWORD, "device_token": tokens["device_token"]});
        let known = served
            .client
            .post("/auth/v1/sessions", None, &body)
            .is(201)
            .json();
        assert_eq!(known.get("device_token"), None);
        guess().refused(429, "too_many_requests");
        // Somebody else's address is counted alone, whether there is such an account or not.
        for _ in 0..5 {
            served.try_sign_in("bob@example.com", PASSWORD).is(401);
        }
        served.try_sign_in("bob@example.com", PASSWORD).is(429);
        served.advance(SECOND);
        guess().refused(401, "unauthenticated");
        let reply = guess().refused(429, "too_many_requests");
        assert_eq!(reply.header("retry-after"), Some("2"));
        served.advance(2 * SECOND);
        served.sign_in(ADA, PASSWORD);
        // What was right clears what was wrong.
        for _ in 0..5 {
            guess().refused(401, "unauthenticated");
        }
    });
}

#[test]
fn a_token_ends_by_the_clock_and_is_gone_on_from_once() {
    on_both(|place| {
        let (served, first) = Served::with_administrator(&place);
        assert_eq!(first["expires_in"], 300);
        assert_eq!(first["token_type"], "Bearer");
        served.advance(300 * SECOND - 1);
        me(&served, &first).is(200);
        served.advance(1);
        me(&served, &first).refused(401, "unauthenticated");
        let second = refresh(&served, &first).is(200);
        assert_eq!(second.header("cache-control"), Some("no-store"));
        let second = second.json();
        me(&served, &second).is(200);
        let other = served.sign_in(ADA, PASSWORD);
        // Somebody has a copy of the first: the session ends, for whoever it is.
        refresh(&served, &first).refused(401, "unauthenticated");
        refresh(&served, &second).refused(401, "unauthenticated");
        me(&served, &second).refused(401, "unauthenticated");
        me(&served, &other).is(200);
    });
}

#[test]
fn a_session_ends_when_it_is_not_gone_on_with_and_after_thirty_days() {
    on_both(|place| {
        let (served, mut tokens) = Served::with_administrator(&place);
        let idle = served.sign_in(ADA, PASSWORD);
        for _ in 0..4 {
            served.advance(7 * DAY - 1);
            tokens = refresh(&served, &tokens).is(200).json();
        }
        refresh(&served, &idle).refused(401, "unauthenticated");
        served.advance(2 * DAY + 3);
        refresh(&served, &tokens).is(200);
        let tokens = served.sign_in(ADA, PASSWORD);
        served.advance(7 * DAY);
        refresh(&served, &tokens).refused(401, "unauthenticated");
        let (served, mut tokens) = (served, Value::Null);
        for day in 0..30 {
            tokens = if day == 0 {
                served.sign_in(ADA, PASSWORD)
            } else {
                refresh(&served, &tokens).is(200).json()
            };
            served.advance(DAY);
        }
        refresh(&served, &tokens).refused(401, "unauthenticated");
    });
}

#[test]
fn sessions_are_listed_and_ended() {
    on_both(|place| {
        let (served, first) = Served::with_administrator(&place);
        let second = served.sign_in(ADA, PASSWORD);
        let third = served.sign_in(ADA, PASSWORD);
        let token = Some(access_token(&first));
        let path = "/auth/v1/accounts/me/sessions";
        let ids = || -> Vec<String> {
            let list = served.client.get(path, token).is(200).json();
            let items = list["items"].as_array().unwrap().iter();
            items
                .map(|session| text(session, "id").to_owned())
                .collect()
        };
        let all = [&first, &second, &third].map(|tokens| text(tokens, "session").to_owned());
        assert_eq!(ids(), all);
        let page = served
            .client
            .get(&format!("{path}?limit=2"), token)
            .is(200)
            .json();
        assert_eq!(
            (page["items"].as_array().unwrap().len(), &page["more"]),
            (2, &json!(true))
        );
        served
            .client
            .get(&format!("{path}?limit=0"), token)
            .refused(400, "bad_request");
        let one = format!("{path}/{}", all[1]);
        served.client.delete(&one, token).is(204);
        served.client.delete(&one, token).refused(404, "not_found");
        me(&served, &second).refused(401, "unauthenticated");
        refresh(&served, &second).refused(401, "unauthenticated");
        served.client.delete(path, token).is(204);
        me(&served, &third).refused(401, "unauthenticated");
        assert_eq!(ids(), all[..1]);
        // Nobody ends the session of somebody else under their own name.
        let bob = served.person(&first, "bob@example.com");
        let theirs = format!("{path}/{}", all[0]);
        served
            .client
            .delete(&theirs, Some(access_token(&bob)))
            .refused(404, "not_found");
        let theirs = format!("/auth/v1/accounts/{}/sessions", text(&first, "account"));
        served
            .client
            .get(&theirs, Some(access_token(&bob)))
            .refused(403, "forbidden");
    });
}

#[test]
fn what_is_delicate_needs_a_recent_authentication() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        served.advance(900 * SECOND);
        let tokens = refresh(&served, &tokens).is(200).json();
        let token = Some(access_token(&tokens));
        let key = json!({"name": "ci", "scopes": ["run.read"]});
        let make = || served.client.post("/auth/v1/accounts/me/keys", token, &key);
        make().refused(403, "step_up_required");
        let step_up = |password: &str| {
            let body = json!({"password": password});
            served
                .client
                .post("/auth/v1/sessions/step-up", token, &body)
        };
        step_up("another one of no sense").refused(401, "unauthenticated");
        make().refused(403, "step_up_required");
        step_up(PASSWORD).is(204);
        make().is(201);
    });
}

#[test]
fn a_new_password_ends_all_other_sessions() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let other = served.sign_in(ADA, PASSWORD);
        let token = Some(access_token(&tokens));
        let change = |present: &str, new: &str| {
            let body = json!({"present": present, "new": new});
            served
                .client
                .post("/auth/v1/accounts/me/password", token, &body)
        };
        let new = "quite other words 9 of none";
        change("not the present one", new).refused(401, "unauthenticated");
        change(PASSWORD, "ada@example.com").refused(422, "refused");
        me(&served, &other).is(200);
        change(PASSWORD, new).is(200);
        me(&served, &other).refused(401, "unauthenticated");
        me(&served, &tokens).is(200);
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(401, "unauthenticated");
        served.sign_in(ADA, new);
    });
}

#[test]
fn who_guesses_does_not_keep_out_who_chose_a_password_anew() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let guess = |email: &str| {
            for _ in 0..5 {
                served
                    .try_sign_in(email, "another one of no sense")
                    .refused(401, "unauthenticated");
            }
            served
                .try_sign_in(email, PASSWORD)
                .refused(429, "too_many_requests");
        };
        let sign_in = |email: &str, password: &str, device: &Value| {
            let body = json!({"email": email, "password": password, "device_token": device});
            served.client.post("/auth/v1/sessions", None, &body)
        };
        guess(ADA);
        let new = "quite other words 9 of none";
        let body = json!({"present": PASSWORD, "new": new});
        let changed = served
            .client
            .post("/auth/v1/accounts/me/password", token, &body);
        let changed = changed.is(200).json();
        // Nobody has to wait any more, and on this device nobody will.
        served.sign_in(ADA, new);
        guess(ADA);
        sign_in(ADA, new, &changed["device_token"]).is(201);
        // The device of before is not known any more.
        sign_in(ADA, new, &tokens["device_token"]).refused(429, "too_many_requests");
        // The same with a link.
        let body = json!({"kind": "person", "email": "bob@example.com", "name": "Bob"});
        let created = served.client.post("/auth/v1/accounts", token, &body);
        let link = created.is(201).json()["link"].clone();
        guess("bob@example.com");
        let body = json!({"link": link, "password": PASSWORD});
        let finished = served.client.post("/auth/v1/links/finish", None, &body);
        let finished = finished.is(200).json();
        served.sign_in("bob@example.com", PASSWORD);
        guess("bob@example.com");
        sign_in("bob@example.com", PASSWORD, &finished["device_token"]).is(201);
    });
}

#[test]
fn many_tries_at_the_same_time_are_many() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let client = served.client;
        let body = json!({"email": ADA, "password": "another one of no sense"});
        let attempts: Vec<_> = (0..30)
            .map(|_| {
                let body = body.clone();
                std::thread::spawn(move || client.post("/auth/v1/sessions", None, &body).status)
            })
            .collect();
        let statuses: Vec<u16> = attempts
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect();
        let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(401), count(429)), (5, 25), "{statuses:?}");
    });
}

#[test]
fn a_password_that_is_not_taken_is_no_guess() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let change = |present: &str, new: &str| {
            let body = json!({"present": present, "new": new});
            served
                .client
                .post("/auth/v1/accounts/me/password", token, &body)
        };
        for _ in 0..8 {
            change(PASSWORD, "too short").refused(422, "refused");
        }
        for _ in 0..5 {
            change("not the present one", "too short").refused(401, "unauthenticated");
        }
        change(PASSWORD, "quite other words 9 of none").refused(429, "too_many_requests");
    });
}

#[test]
fn with_a_hundred_and_one_sessions_the_one_that_was_used_longest_ago_ends() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        served.advance(SECOND);
        let second = served.sign_in("bob@example.com", PASSWORD);
        // The first one is gone on with later than all others begin: the second one is that which was used longest ago.
        for _ in 2..100 {
            served.advance(SECOND);
            served.sign_in("bob@example.com", PASSWORD);
        }
        served.advance(SECOND);
        let bob = refresh(&served, &bob).is(200).json();
        let sessions = || {
            let path = "/auth/v1/accounts/me/sessions?limit=1000";
            let list = served.client.get(path, Some(access_token(&bob)));
            let list = list.is(200).json()["items"].as_array().unwrap().clone();
            let ids = list.iter().map(|one| text(one, "id").to_owned());
            ids.collect::<Vec<_>>()
        };
        let before = sessions();
        assert_eq!(before.len(), 100);
        let last = served.sign_in("bob@example.com", PASSWORD);
        let after = sessions();
        let mut expected = before;
        expected.retain(|id| id != text(&second, "session"));
        expected.push(text(&last, "session").to_owned());
        assert_eq!(after, expected);
        served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&second)))
            .is(401);
        refresh(&served, &second).is(401);
        // Those of others are theirs, and it is noted.
        refresh(&served, &ada).is(200);
        let audit = "/auth/v1/audit?limit=1000";
        let audit = served.client.get(audit, Some(access_token(&ada)));
        let audit = audit.is(200).json();
        let ended = audit["items"].as_array().unwrap().iter();
        let ended: Vec<&Value> = ended
            .filter(|entry| entry["action"] == "session_ended")
            .collect();
        let [ended] = ended.as_slice() else {
            panic!("{ended:?}");
        };
        let (account, session) = (text(&bob, "account"), text(&second, "session"));
        let resource = format!("account/{account}/sessions/{session}");
        assert_eq!(ended["resource"], resource);
        assert!(text(ended, "detail").contains(text(&last, "session")));
    });
}

#[test]
fn what_is_asked_for_in_a_session_that_ends_meanwhile_is_not_done() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        served.grant(&ada, &bob["account"], "administrator", "*");
        let body = json!({"kind": "machine", "name": "risk"}).to_string();
        let begin = ("POST", "/auth/v1/accounts");
        let mut open = served.client.begin(begin, access_token(&bob), &body);
        // The head was read, and whether he may was decided, once the server asks for the body.
        open.wait_for_continue();
        let suspend = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
        served
            .client
            .send(("POST", &suspend), Some(access_token(&ada)), &[], None)
            .is(200);
        open.finish(&body).refused(401, "unauthenticated");
        let all = served
            .client
            .get("/auth/v1/accounts", Some(access_token(&ada)))
            .is(200)
            .json();
        assert_eq!(all["items"].as_array().unwrap().len(), 2, "{all}");
    });
}

#[test]
fn changes_at_the_same_time_wait_for_each_other_and_none_is_refused() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        for round in 0..3 {
            let bob = served.person(&ada, &format!("bob{round}@example.com"));
            let name = format!("bob{round}@example.com");
            let others: Vec<Value> = (0..4).map(|_| served.sign_in(&name, PASSWORD)).collect();
            let client = served.client;
            let mut all = Vec::new();
            for other in &others {
                let path = format!("/auth/v1/accounts/me/sessions/{}", text(other, "session"));
                let token = access_token(&bob).to_owned();
                all.push(std::thread::spawn(move || {
                    client.delete(&path, Some(&token)).status
                }));
                let body = json!({"refresh_token": other["refresh_token"]});
                all.push(std::thread::spawn(move || {
                    client.post("/auth/v1/tokens/refresh", None, &body).status
                }));
            }
            let suspend = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
            let reply = client.send(("POST", &suspend), Some(access_token(&ada)), &[], None);
            reply.is(200);
            for one in all {
                let status = one.join().unwrap();
                assert!([200, 204, 401, 404].contains(&status), "{status}");
            }
        }
    });
}

#[test]
fn a_hash_that_costs_less_than_it_should_is_made_anew_at_the_next_sign_in() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let hash = |served: &Served| -> String {
            let database = served.database();
            let row = sqlx::query("SELECT hash FROM password");
            let row = served.runtime.block_on(row.fetch_one(database.reader()));
            sqlx::Row::get(&row.unwrap(), 0)
        };
        let first = hash(&served);
        assert!(
            first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{first}"
        );
        served.sign_in(ADA, PASSWORD);
        assert_eq!(hash(&served), first);
        let (place, clock) = (served.place.clone(), served.clock.clone());
        drop(served);
        let served = Served::with(&place, clock, |config| {
            config.hash = HashParams::new(19_456, 3, 1).unwrap();
        });
        served.try_sign_in(ADA, "another one of no sense").is(401);
        assert_eq!(hash(&served), first);
        served.sign_in(ADA, PASSWORD);
        assert!(hash(&served).starts_with("$argon2id$v=19$m=19456,t=3,p=1$"));
        served.sign_in(ADA, PASSWORD);
    });
}

#[test]
fn tokens_of_one_algorithm_are_valid_while_another_takes_its_place() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let (place, clock) = (served.place.clone(), served.clock.clone());
        drop(served);
        let served = Served::with(&place, clock, |config| config.algorithm = Algorithm::Es256);
        me(&served, &tokens).is(200);
        let keys = served
            .client
            .get("/.well-known/jwks.json", None)
            .is(200)
            .json();
        let curves: Vec<&str> = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| text(key, "crv"))
            .collect();
        assert!(
            curves.contains(&"Ed25519") && curves.contains(&"P-256"),
            "{curves:?}"
        );
    });
}
