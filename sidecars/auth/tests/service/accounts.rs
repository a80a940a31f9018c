//! What becomes of accounts, and of what is personal of them.

use crate::{ADA, BEGIN, PASSWORD, Served, access_token, on_both, text};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use tickloom_auth::Auth;
use tickloom_chassis::{Database, Place, rebuild};

/// All that the log gives again, as texts.
pub(crate) async fn projected(database: &Database) -> Vec<String> {
    let mut all = Vec::new();
    for (table, texts, numbers) in [
        (
            "account",
            "id, kind, state, coalesce(email, '-'), name",
            "version, is_email_verified, has_second_factor, passkeys, created",
        ),
        (
            "granted",
            "id, account, what, resource, created_by",
            "coalesce(expires, -1), created",
        ),
        (
            "access_key",
            "id, account, name, scopes",
            "created, coalesce(expires, -1)",
        ),
        (
            "passkey",
            "id, account, name",
            "is_backup_eligible, created",
        ),
        (
            "curve_key",
            "id, account, public_key, name, scopes",
            "created, coalesce(expires, -1)",
        ),
        ("organisation", "id, state, name", "version, created"),
        ("member", "organisation, account, role", "since"),
    ] {
        let statement = format!("SELECT {texts}, {numbers} FROM {table} ORDER BY 1, 2");
        let rows = sqlx::query(AssertSqlSafe(statement))
            .fetch_all(database.reader())
            .await;
        all.extend(
            rows.unwrap()
                .iter()
                .map(|row| format!("{table} {}", shown(row))),
        );
    }
    all
}

fn shown(row: &AnyRow) -> String {
    let one = |at: usize| {
        row.try_get::<String, _>(at)
            .unwrap_or_else(|_| row.get::<i64, _>(at).to_string())
    };
    (0..row.len()).map(one).collect::<Vec<_>>().join("|")
}

#[test]
fn rows_that_are_made_again_from_the_log_are_the_same() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let bob = served.person(&ada, "bob@example.com");
        let eve = served.person(&ada, "eve@example.com");
        served.grant(&ada, &bob["account"], "viewer", "run/*");
        let grant = served.grant(&ada, &bob["account"], "run.read", "run/today");
        let bobs = format!("/auth/v1/accounts/{}", text(&bob, "account"));
        served
            .client
            .delete(&format!("{bobs}/grants/{grant}"), token)
            .is(204);
        let body = json!({"name": "ci", "scopes": ["run.read"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", token, &body)
            .is(201)
            .json();
        let rotate = format!("/auth/v1/accounts/me/keys/{}/rotate", text(&key, "id"));
        served
            .client
            .post(&rotate, token, &json!({"grace_s": 60}))
            .is(201);
        served
            .client
            .send(("POST", &format!("{bobs}/suspend")), token, &[], None)
            .is(200);
        served
            .client
            .delete("/auth/v1/accounts/me", Some(access_token(&eve)))
            .is(204);
        let database = served.database();
        let (before, events, after) = served.runtime.block_on(async {
            let before = projected(&database).await;
            let events = rebuild::<Auth>(&database).await.unwrap().unwrap();
            (before, events, projected(&database).await)
        });
        assert_eq!(before, after);
        // Ada 3 and 3 of her keys; Bob 2, 3 of his grants, suspended; Eve 2 and gone.
        assert_eq!(events, 15);
        assert_eq!(before.len(), 3 + 2 + 2, "{before:#?}");
        served.client.get("/auth/v1/accounts/me", token).is(200);
    });
}

#[test]
fn a_deleted_account_leaves_nothing_personal_and_its_address_is_free() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let token = Some(access_token(&bob));
        let exported = served
            .client
            .get("/auth/v1/accounts/me/export", token)
            .is(200)
            .json();
        assert_eq!(exported["account"]["email"], "bob@example.com");
        assert_eq!(exported["sessions"].as_array().unwrap().len(), 1);
        let body = json!({"name": "ci", "scopes": ["*"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", token, &body)
            .is(201)
            .json();
        served.client.delete("/auth/v1/accounts/me", token).is(204);
        for shown in [access_token(&bob), text(&key, "secret")] {
            served
                .client
                .get("/auth/v1/accounts/me", Some(shown))
                .refused(401, "unauthenticated");
        }
        served
            .try_sign_in("bob@example.com", PASSWORD)
            .refused(401, "unauthenticated");
        let path = format!("/auth/v1/accounts/{}", text(&bob, "account"));
        let left = served
            .client
            .get(&path, Some(access_token(&ada)))
            .is(200)
            .json();
        assert_eq!((text(&left, "state"), text(&left, "name")), ("deleted", ""));
        assert_eq!(left["email"], json!(null));
        let database = served.database();
        served.runtime.block_on(async {
            // The key with which the events could be read is gone, and so is all that is secret.
            for table in ["person_key", "password", "session", "device", "access_key"] {
                let statement = format!("SELECT count(*) FROM {table} WHERE account = $1");
                let count = sqlx::query(AssertSqlSafe(statement)).bind(text(&bob, "account"));
                let count = count.fetch_one(database.reader()).await.unwrap();
                assert_eq!(count.get::<i64, _>(0), 0, "{table}");
            }
            let bodies = sqlx::query("SELECT body FROM event")
                .fetch_all(database.reader())
                .await;
            for row in bodies.unwrap() {
                let body: String = row.get(0);
                assert!(!body.contains("bob@") && !body.contains("Bob"), "{body}");
            }
        });
        served.person(&ada, "bob@example.com");
    });
}

/// Bytes of the database of auth and of what SQLite writes beside it.
fn raw(folder: &std::path::Path) -> Vec<u8> {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    ["auth.db", "auth.db-wal", "auth.db-shm"]
        .into_iter()
        .flat_map(read)
        .collect()
}

#[test]
fn of_a_deleted_person_nothing_is_in_the_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let (served, ada) = Served::with_administrator(&place);
    let bob = served.person(&ada, "bob@example.com");
    let database = served.database();
    let key: Vec<u8> = served.runtime.block_on(async {
        let row = sqlx::query("SELECT key FROM person_key WHERE account = $1");
        let row = row.bind(text(&bob, "account"));
        row.fetch_one(database.reader()).await.unwrap().get(0)
    });
    assert_eq!(key.len(), 32);
    let has = |part: &[u8]| raw(folder.path()).windows(part.len()).any(|at| at == part);
    assert!(has(&key) && has(b"bob@example.com"));
    let token = Some(access_token(&bob));
    served.client.delete("/auth/v1/accounts/me", token).is(204);
    // The answers of commands name it for a day.
    served.runtime.block_on(async {
        let mut write = database.write().await.unwrap();
        sqlx::query("DELETE FROM idempotency")
            .execute(write.connection())
            .await
            .unwrap();
        write.commit().await.unwrap();
        // As each minute while it runs, and at its end.
        assert!(database.empty_log().await.unwrap());
    });
    assert!(!has(&key), "the key of the person is in the file");
    assert!(!has(b"bob@example.com"), "the address is in the file");
    drop(served);
    assert!(!has(&key) && !has(b"bob@example.com"));
}

#[test]
fn a_name_is_changed_only_as_it_is_known() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let path = "/auth/v1/accounts/me";
        let read = served.client.get(path, token).is(200);
        let tag = read.header("etag").unwrap().to_owned();
        let id = text(&ada, "account");
        assert_eq!(tag, format!("\"{id}.v3\""));
        let same = served
            .client
            .send(("GET", path), token, &[("If-None-Match", &tag)], None);
        assert_eq!((same.status, same.body.as_str()), (304, ""));
        let rename = |name: &str, tag: &str| {
            let body = json!({"name": name});
            served
                .client
                .send(("PATCH", path), token, &[("If-Match", tag)], Some(&body))
        };
        let renamed = rename("Ada L.", &tag).is(200);
        assert_eq!(
            renamed.header("etag"),
            Some(format!("\"{id}.v4\"").as_str())
        );
        assert_eq!(text(&renamed.json(), "name"), "Ada L.");
        rename("Ada B.", &tag).refused(412, "precondition_failed");
        assert_eq!(
            text(&served.client.get(path, token).json(), "name"),
            "Ada L."
        );
        rename(" ", &format!("\"{id}.v4\"")).refused(400, "bad_request");
    });
}

#[test]
fn what_one_is_told_is_not_told_to_the_next_at_the_same_browser() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let [bob, eve] =
            ["bob@example.com", "eve@example.com"].map(|email| served.person(&ada, email));
        let path = "/auth/v1/accounts/me";
        let read = served.client.get(path, Some(access_token(&bob))).is(200);
        assert_eq!(read.header("cache-control"), Some("no-store"));
        // Both accounts are of the same version, and are not the same.
        let tag = [("If-None-Match", read.header("etag").unwrap())];
        let asked = |token| served.client.send(("GET", path), Some(token), &tag, None);
        assert_eq!(asked(access_token(&bob)).status, 304);
        let told = asked(access_token(&eve)).is(200).json();
        assert_eq!(told["email"], "eve@example.com");
        for path in [
            "/auth/v1/accounts/me/sessions",
            "/auth/v1/accounts/me/export",
        ] {
            let told = served.client.get(path, Some(access_token(&eve))).is(200);
            assert_eq!(told.header("cache-control"), Some("no-store"), "{path}");
        }
        // An account is not given up as it is not any more, and where nobody looks at that it is said so.
        let tag = [("If-Match", "\"v0\"")];
        for (method, path) in [
            ("DELETE", path.to_owned()),
            (
                "POST",
                format!("/auth/v1/accounts/{}/suspend", text(&bob, "account")),
            ),
        ] {
            served
                .client
                .send((method, &path), Some(access_token(&ada)), &tag, None)
                .refused(412, "precondition_failed");
        }
        let keys = "/auth/v1/accounts/me/keys";
        let body = json!({"name": "k", "scopes": ["run.read"]});
        let token = Some(access_token(&ada));
        served
            .client
            .send(("POST", keys), token, &tag, Some(&body))
            .refused(400, "bad_request");
        asked(access_token(&bob)).is(304);
        served.client.get(path, token).is(200);
        let tag = [("If-Match", read.header("etag").unwrap())];
        let suspend = format!("/auth/v1/accounts/{}/suspend", text(&bob, "account"));
        served
            .client
            .send(("POST", &suspend), token, &tag, None)
            .is(200);
    });
}

#[test]
fn a_suspended_account_is_out_until_it_is_resumed() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let token = Some(access_token(&ada));
        let path = format!("/auth/v1/accounts/{}", text(&bob, "account"));
        let set = |word: &str| {
            served
                .client
                .send(("POST", &format!("{path}/{word}")), token, &[], None)
        };
        set("resume").refused(422, "refused");
        assert_eq!(text(&set("suspend").is(200).json(), "state"), "suspended");
        set("suspend").refused(422, "refused");
        served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&bob)))
            .refused(401, "unauthenticated");
        // Only who knows the password learns that it is suspended.
        served
            .try_sign_in("bob@example.com", "another one of no sense")
            .refused(401, "unauthenticated");
        served
            .try_sign_in("bob@example.com", PASSWORD)
            .refused(403, "forbidden");
        // One does not resume oneself.
        set("resume").is(200);
        let bob = served.sign_in("bob@example.com", PASSWORD);
        served
            .client
            .send(
                ("POST", &format!("{path}/suspend")),
                Some(access_token(&bob)),
                &[],
                None,
            )
            .refused(403, "forbidden");
    });
}

#[test]
fn an_address_is_one_accounts_and_an_invitation_ends() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let invite = |email: &str| {
            let body = json!({"kind": "person", "email": email, "name": "Bob"});
            served.client.post("/auth/v1/accounts", token, &body)
        };
        invite(" ADA@example.com").refused(409, "conflict");
        for body in [
            json!({"kind": "person", "name": "Bob"}),
            json!({"kind": "person", "name": "Bob", "email": "bob"}),
            json!({"kind": "machine", "name": "Bob", "email": "bob@example.com"}),
            json!({"kind": "robot", "name": "Bob"}),
        ] {
            served
                .client
                .post("/auth/v1/accounts", token, &body)
                .refused(400, "bad_request");
        }
        let created = invite("Bob@Example.com").is(201).json();
        assert_eq!(created["email"], "bob@example.com");
        served.advance(7 * 86_400 * crate::SECOND);
        let body = json!({"link": created["link"], "password": PASSWORD});
        served
            .client
            .post("/auth/v1/links/finish", None, &body)
            .refused(422, "refused");
        assert_eq!(served.clock.now().0, BEGIN.0 + 7 * 86_400 * crate::SECOND);
        served.try_sign_in(ADA, PASSWORD).is(201);
    });
}

#[test]
fn what_is_to_be_done_only_as_it_was_read_is_done_only_so() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let organisation = served.organisation(&ada, "Quants");
        let organisation = format!("/auth/v1/organisations/{organisation}");
        let settings = json!({"name": "app", "kind": "confidential", "grant_types": ["authorization_code"],
            "redirect_uris": ["https://app.example.com/back"], "scopes": ["openid"]});
        let client = served
            .client
            .post("/auth/v1/clients", token, &settings)
            .is(201)
            .json();
        let client = format!("/auth/v1/clients/{}", text(&client, "id"));
        let machine = json!({"kind": "machine", "name": "m"});
        let machine = served
            .client
            .post("/auth/v1/accounts", token, &machine)
            .is(201)
            .json();
        let machine = format!("/auth/v1/accounts/{}", text(&machine, "id"));
        let grant = json!({"what": "viewer", "resource": "run/*"});
        let none = Some(json!({"grace_s": 0}));
        for (method, path, body, of) in [
            (
                "POST",
                format!("{organisation}/grants"),
                Some(grant.clone()),
                &organisation,
            ),
            ("DELETE", organisation.clone(), None, &organisation),
            ("POST", format!("{client}/secret"), none, &client),
            ("DELETE", client.clone(), None, &client),
            ("POST", format!("{machine}/grants"), Some(grant), &machine),
        ] {
            let send = |tag: &str| {
                served
                    .client
                    .send((method, &path), token, &[("If-Match", tag)], body.as_ref())
            };
            send("\"x.v1\"").refused(412, "precondition_failed");
            let read = served.client.get(of, token).is(200);
            let reply = send(read.header("etag").unwrap());
            assert!(reply.status < 300, "{method} {path}: {reply:?}");
        }
        let grants = format!("{machine}/grants");
        let made = served.client.get(&grants, token).is(200).json();
        let made = format!("{grants}/{}", text(&made["items"][0], "id"));
        let old = [("If-Match", "\"x.v1\"")];
        served
            .client
            .send(("DELETE", &made), token, &old, None)
            .refused(412, "precondition_failed");
        let read = served.client.get(&machine, token).is(200);
        let now = [("If-Match", read.header("etag").unwrap())];
        served
            .client
            .send(("DELETE", &made), token, &now, None)
            .is(204);
    });
}

#[test]
fn a_key_under_which_nothing_is_kept_is_refused_and_nothing_is_done() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let body = json!({"refresh_token": ada["refresh_token"]});
        let head = [("Idempotency-Key", "again")];
        let refresh = ("POST", "/auth/v1/tokens/refresh");
        for _ in 0..2 {
            let reply = served.client.send(refresh, None, &head, Some(&body));
            let reply = reply.refused(400, "bad_request").json();
            assert_eq!(
                text(&reply, "detail"),
                "this takes no Idempotency-Key: sent again, it is done again"
            );
        }
        served.client.post(refresh.1, None, &body).is(200);
        let body = json!({"email": crate::ADA, "password": PASSWORD});
        let reply = served
            .client
            .send(("POST", "/auth/v1/sessions"), None, &head, Some(&body));
        reply.refused(400, "bad_request");
    });
}
