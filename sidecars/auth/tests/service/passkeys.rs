//! Passkeys, made and used by an authenticator in Python; what is taken here is taken by a second verifier as well.

use crate::accounts::projected;
use crate::authenticator::{
    Authenticator, MINE, add, creation, methods, register, request, sign_in, sign_in_with_both,
    step_up, step_up_request,
};
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_chassis::{Clock, rebuild};

#[test]
fn a_passkey_signs_in_alone_beside_a_password_and_for_a_step_up() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let elsewhere = served.sign_in(ADA, PASSWORD);
        let asked = creation(&served, &ada);
        assert_eq!(asked["rp"], json!({"id": "localhost", "name": "Tickloom"}));
        assert_eq!(text(&asked["user"], "name"), ADA);
        assert_eq!(
            asked["authenticatorSelection"],
            json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "required"})
        );
        let handle = text(&asked["user"], "id").to_owned();
        assert_eq!(handle.len(), 43);
        for (name, algorithm) in [("phone", -7), ("key", -8), ("laptop", -257)] {
            let said = authenticator.create(
                &creation(&served, &ada),
                name,
                &json!({"algorithm": algorithm, "count": 0}),
            );
            assert!(said.taken, "{said:?}");
            let added = add(&served, &ada, name, &said).is(201).json();
            // The first one is the first second factor: others sessions end, and there are codes for when it is lost.
            assert_eq!(
                added["recovery_codes"].is_array(),
                name == "phone",
                "{added}"
            );
            assert_eq!(added["created"], BEGIN.0);
            assert_eq!(
                (
                    &added["name"],
                    &added["last_used"],
                    &added["is_backup_eligible"]
                ),
                (&json!(name), &Value::Null, &json!(false))
            );
            let said = authenticator.get(&request(&served, "sign_in"), name, &json!({}));
            assert!(said.taken, "{said:?}");
            let tokens = sign_in(&served, &said).is(201).json();
            assert_eq!(tokens["account"], ada["account"]);
            assert_eq!(methods(&served, &tokens), "pop user mfa");
        }
        let over = served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&elsewhere)));
        over.refused(401, "unauthenticated");
        assert_eq!(text(&creation(&served, &ada)["user"], "id"), handle);
        let excluded = &creation(&served, &ada)["excludeCredentials"];
        assert_eq!(excluded.as_array().unwrap().len(), 3);
        assert_eq!(excluded[0]["transports"], json!(["hybrid", "internal"]));
    });
}

#[test]
fn a_passkey_is_a_second_factor_and_steps_up() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        for (name, algorithm) in [("key", -8), ("laptop", -257)] {
            let wrong = json!({"algorithm": algorithm, "count": 0});
            register(&served, &ada, &mut authenticator, (name, &wrong));
        }
        // The authenticator need not verify who uses it.
        sign_in_with_both(&served, ADA, json!({})).refused(401, "second_factor_required");
        let asked = request(&served, "second_factor");
        let said = authenticator.get(&asked, "key", &json!({"flags": 1}));
        assert!(said.taken, "{said:?}");
        let both = json!({"passkey": said.credential});
        let tokens = sign_in_with_both(&served, ADA, both.clone()).is(201).json();
        assert_eq!(methods(&served, &tokens), "pwd pop user");
        // Once.
        sign_in_with_both(&served, ADA, both).refused(401, "unauthenticated");
        served.advance(900 * SECOND);
        let path = format!("{MINE}/options");
        let token = Some(access_token(&tokens));
        let late = served.client.send(("POST", &path), token, &[], None);
        // The token has expired as well; the session goes on.
        late.refused(401, "unauthenticated");
        let tokens = served.refreshed(&tokens);
        let token = Some(access_token(&tokens));
        let late = served.client.send(("POST", &path), token, &[], None);
        late.refused(403, "step_up_required");
        let asked = step_up_request(&served, &tokens);
        assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 2);
        let said = authenticator.get(&asked, "laptop", &json!({}));
        step_up(&served, &tokens, &said).is(204);
        step_up(&served, &tokens, &said).refused(401, "unauthenticated");
        assert_eq!(methods(&served, &tokens), "pop user mfa");
        creation(&served, &tokens);
    });
}

#[test]
fn passkeys_are_named_listed_and_removed() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let (token, nothing) = (Some(access_token(&ada)), json!({}));
        let phone = register(&served, &ada, &mut authenticator, ("phone", &nothing));
        register(&served, &ada, &mut authenticator, ("key", &nothing));
        let one = format!("{MINE}/{}", text(&phone, "id"));
        let rename = |name: &str| {
            let body = json!({"name": name});
            served.client.send(("PATCH", &one), token, &[], Some(&body))
        };
        assert_eq!(
            text(&rename(" my phone ").is(200).json(), "name"),
            "my phone"
        );
        rename("").refused(400, "bad_request");
        let list = served.client.get(MINE, token).is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        assert_eq!(list["items"][0]["name"], "my phone");
        // The same credential comes a second time, for whomever it is.
        let bob = served.person(&ada, "bob@example.com");
        let said =
            authenticator.create(&creation(&served, &bob), "copy", &json!({"id_of": "phone"}));
        let refused = add(&served, &bob, "copy", &said)
            .refused(422, "refused")
            .json();
        assert_eq!(
            text(&refused, "detail"),
            "this passkey is registered already"
        );
        // One that was removed does not sign in any more; who was signed in elsewhere is out.
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &nothing);
        let elsewhere = sign_in(&served, &said).is(201).json();
        let path = format!("{MINE}/{}", text(&phone, "id"));
        let bobs = Some(access_token(&bob));
        let theirs = path.replace("/me/", &format!("/{}/", text(&bob, "account")));
        served.client.delete(&theirs, token).refused(422, "refused");
        served.client.delete(&path, bobs).refused(404, "not_found");
        served.client.delete(&path, token).is(204);
        served.client.delete(&path, token).refused(404, "not_found");
        let over = served.client.get(MINE, Some(access_token(&elsewhere)));
        over.refused(401, "unauthenticated");
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &nothing);
        sign_in(&served, &said).refused(401, "unauthenticated");
    });
}

#[test]
fn an_account_has_twenty_passkeys_at_most() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let waiting = authenticator.create(&creation(&served, &ada), "late", &json!({}));
        for number in 1..=20 {
            let name = format!("key {number}");
            register(&served, &ada, &mut authenticator, (&name, &json!({})));
        }
        let path = format!("{MINE}/options");
        let one_more = served.client.send(("POST", &path), token, &[], None);
        one_more.refused(422, "refused");
        add(&served, &ada, "late", &waiting).refused(422, "refused");
        let list = served.client.get(&format!("{MINE}?limit=8"), token).json();
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), &list["more"]), (8, &json!(true)));
        served
            .client
            .delete(&format!("{MINE}/{}", text(&items[7], "id")), token)
            .is(204);
        add(&served, &ada, "late", &waiting).is(201);
    });
}

#[test]
fn a_passkey_that_is_the_only_way_in_stays() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let (token, nothing) = (Some(access_token(&ada)), json!({}));
        let remove_password = || served.client.delete("/auth/v1/accounts/me/password", token);
        remove_password().refused(422, "refused");
        let key = register(&served, &ada, &mut authenticator, ("key", &nothing));
        let codes = key["recovery_codes"].as_array().unwrap();
        let path = format!("{MINE}/{}", text(&key, "id"));
        // One that never signed may not work.
        let unused = remove_password().refused(422, "refused").json();
        assert!(
            text(&unused, "detail").starts_with("no passkey has been used yet"),
            "{unused}"
        );
        let said = authenticator.get(&request(&served, "sign_in"), "key", &nothing);
        sign_in(&served, &said).is(201);
        // Without a password the last one that did stays, and signs in.
        remove_password().is(204);
        remove_password().refused(422, "refused");
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(401, "unauthenticated");
        let only = served
            .client
            .delete(&path, token)
            .refused(422, "refused")
            .json();
        assert!(
            text(&only, "detail").starts_with("nothing else signs in"),
            "{only}"
        );
        let spare = register(&served, &ada, &mut authenticator, ("spare", &nothing));
        served.client.delete(&path, token).refused(422, "refused");
        let spare = format!("{MINE}/{}", text(&spare, "id"));
        served.client.delete(&spare, token).is(204);
        let said = authenticator.get(&request(&served, "sign_in"), "key", &nothing);
        sign_in(&served, &said).is(201);
        // Whoever may do everything and has a passkey alone can sign in: it is no reason for a new first administrator.
        let served = served.again();
        assert!(served.startup_notice.is_none());
        let set = |present: Value| {
            let body = json!({"present": present, "new": PASSWORD});
            served
                .client
                .post("/auth/v1/accounts/me/password", token, &body)
        };
        set(json!("another one of no sense")).refused(401, "unauthenticated");
        set(Value::Null).is(200);
        set(Value::Null).refused(401, "unauthenticated");
        sign_in_with_both(&served, ADA, json!({"code": codes[0]})).is(201);
        served.client.delete(&path, token).is(204);
        // With the last of them the codes go, and a password is enough again.
        let account = served.client.get("/auth/v1/accounts/me", token).json();
        assert_eq!(account["passkeys"], 0);
        served.try_sign_in(ADA, PASSWORD).is(201);
    });
}

#[test]
fn passkeys_are_exported_made_again_from_the_log_and_gone_with_the_account() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let token = Some(access_token(&bob));
        for name in ["phone", "key", "laptop"] {
            register(&served, &bob, &mut authenticator, (name, &json!({})));
        }
        let list = served.client.get(MINE, token).json()["items"].clone();
        let path = |at: usize| format!("{MINE}/{}", text(&list[at], "id"));
        let body = json!({"name": "old phone"});
        let renamed = served
            .client
            .send(("PATCH", &path(0)), token, &[], Some(&body));
        renamed.is(200);
        served.client.delete(&path(1), token).is(204);
        let list = served.client.get(MINE, token).json()["items"].clone();
        let exported = served
            .client
            .get("/auth/v1/accounts/me/export", token)
            .json();
        assert_eq!(
            (exported["passkeys"].clone(), list.as_array().unwrap().len()),
            (list.clone(), 2)
        );
        let database = served.database();
        let rows = |kind: &str| {
            let all = served.runtime.block_on(projected(&database));
            all.into_iter()
                .filter(|row| row.starts_with(kind))
                .collect::<Vec<_>>()
        };
        let (accounts, passkeys) = (rows("account "), rows("passkey "));
        assert_eq!(passkeys.len(), 2);
        assert!(passkeys[0].contains("|old phone|"), "{passkeys:?}");
        served
            .runtime
            .block_on(rebuild::<Auth>(&database))
            .unwrap()
            .unwrap();
        assert_eq!((rows("account "), rows("passkey ")), (accounts, passkeys));
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let bob = sign_in(&served, &said).is(201).json();
        let token = Some(access_token(&bob));
        served.client.delete("/auth/v1/accounts/me", token).is(204);
        assert_eq!(rows("passkey "), Vec::<String>::new());
        let kept = served.runtime.block_on(async {
            let statement =
                "SELECT account FROM passkey_credential UNION ALL SELECT account FROM user_handle";
            let rows = sqlx::query(statement).fetch_all(database.reader()).await;
            rows.unwrap().len()
        });
        assert_eq!(kept, 0);
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &said).refused(401, "unauthenticated");
    });
}

#[test]
fn used_challenges_go_once_they_have_expired() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let database = served.database();
        let count = || {
            served.runtime.block_on(async {
                let rows = sqlx::query("SELECT nonce FROM used_challenge");
                rows.fetch_all(database.reader()).await.unwrap().len()
            })
        };
        for _ in 0..20 {
            request(&served, "sign_in");
            creation(&served, &ada);
        }
        assert_eq!(count(), 1);
        // In the instant in which it expires a request that began before could still use it again.
        served.advance(300 * SECOND);
        let marked = sqlx::query("INSERT INTO used_challenge (nonce, expires) VALUES ($1, 0)")
            .bind(vec![0_u8; 16])
            .execute(database.reader());
        served.runtime.block_on(marked).unwrap();
        // The service looks after it when it starts.
        let served = served.again();
        let database = served.database();
        let all = || {
            served.runtime.block_on(async {
                let rows = sqlx::query("SELECT nonce FROM used_challenge");
                rows.fetch_all(database.reader()).await.unwrap().len()
            })
        };
        let began = std::time::Instant::now();
        while all() == 2 {
            assert!(began.elapsed() < crate::PATIENCE, "challenges are kept");
            std::thread::yield_now();
        }
        assert_eq!(all(), 1);
        served.advance(300 * SECOND);
        let served = served.again();
        let began = std::time::Instant::now();
        let database = served.database();
        let is_there = || {
            served.runtime.block_on(async {
                let rows = sqlx::query("SELECT nonce FROM used_challenge");
                !rows.fetch_all(database.reader()).await.unwrap().is_empty()
            })
        };
        while is_there() {
            assert!(began.elapsed() < crate::PATIENCE, "challenges are kept");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
}

#[test]
fn where_the_service_has_no_name_passkeys_are_told_to_need_one() {
    on_both(|place| {
        let served = Served::with(&place, Clock::standing(BEGIN), |config| {
            config.issuer = "https://192.0.2.1".to_owned();
        });
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let body = json!({"purpose": "sign_in"});
        let why = "passkeys need a name: `auth.issuer` is `https://192.0.2.1`, and an IP address cannot have passkeys";
        for (path, token, body) in [
            ("/auth/v1/sessions/passkey/options", None, Some(&body)),
            (
                "/auth/v1/sessions/step-up/options",
                Some(access_token(&ada)),
                None,
            ),
            (
                "/auth/v1/accounts/me/passkeys/options",
                Some(access_token(&ada)),
                None,
            ),
        ] {
            let answer = served.client.send(("POST", path), token, &[], body);
            let answer = answer.refused(422, "refused").json();
            assert_eq!(text(&answer, "detail"), why, "{path}");
        }
    });
}
