//! Auth from outside: the first start, what the docs send, other services behind it, and what an operator does by hand.

#![cfg(test)]
#![cfg(feature = "services")]

mod cli;
mod common;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/random.rs"]
mod random;

use cli::{tickloom, workspace};
use common::Running;
use postgres::Postgres;
use random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

const PAGE: &str = include_str!("../docs/auth.md");

/// A `tickloom serve` of all services: the process, where it is, and what it says for the first administrator.
fn serve(folder: &Path) -> (Running, String, String) {
    let record = folder.join("recorded").display().to_string();
    let data = folder.join("services").display().to_string();
    let words = [
        "serve",
        "--record",
        &record,
        "--data",
        &data,
        "--http",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(&words);
    let address = running.announced("serving activity, auth at http://");
    let words = running.announced("auth: ");
    let link = words.rsplit('#').next().unwrap().to_owned();
    (running, address, link)
}

/// Status and body of what is answered to a request, if anything is: its first line, more of its head, its body.
fn try_send(address: &str, first: &str, head: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/json\r\n"
    };
    let length = body.len();
    write!(
        stream,
        "{first} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}{kind}Content-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The same of a service that lives.
fn send(address: &str, first: &str, head: &str, body: &str) -> (u16, String) {
    try_send(address, first, head, body).unwrap()
}

fn get(address: &str, path: &str, token: &str) -> (u16, String) {
    let head = format!("Authorization: Bearer {token}\r\n");
    send(address, &format!("GET {path}"), &head, "")
}

/// Sends what the page shows, in order, with what came before in the place of the words with a dollar; returns these.
fn send_page(address: &str, link: &str) -> BTreeMap<&'static str, String> {
    let mut known = BTreeMap::from([("$LINK", link.to_owned())]);
    let blocks: Vec<&str> = PAGE.split("```http\n").skip(1).collect();
    assert_eq!(blocks.len(), 11);
    for block in blocks {
        let mut block = block.split("```").next().unwrap().trim_end().to_owned();
        for (word, value) in &known {
            block = block.replace(word, value);
        }
        let (head, body) = block.split_once("\n\n").unwrap_or((&block, ""));
        let (first, head) = head.split_once('\n').unwrap_or((head, ""));
        let head: String = head.lines().map(|line| format!("{line}\r\n")).collect();
        let (status, body) = send(address, first, &head, body);
        assert!((200..300).contains(&status), "{block}\n{status} {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let mut learn = |word: &'static str, member: &str| {
            if let Some(value) = answer[member].as_str() {
                known.insert(word, value.to_owned());
            }
        };
        learn("$TOKEN", "access_token");
        learn("$REFRESH", "refresh_token");
        learn("$KEY", "secret");
        if answer["kind"] == "machine" {
            learn("$ACCOUNT", "id");
        }
        if first == "POST /auth/v1/organisations" {
            learn("$ORGANISATION", "id");
        }
    }
    known
}

#[test]
fn what_the_page_shows_works_and_other_services_are_behind_it() {
    let dir = workspace();
    let (running, address, link) = serve(dir.path());
    let (status, body) = send(&address, "GET /activity/v1/runs", "", "");
    assert_eq!(status, 401, "{body}");
    let known = send_page(&address, &link);
    let runs = |token: &str| get(&address, "/activity/v1/runs", token);
    assert_eq!(
        runs(&known["$TOKEN"]),
        (200, r#"{"items":[],"next":"","more":false}"#.to_owned())
    );
    // The key of the program: its scope and its account's grant both allow it.
    assert_eq!(runs(&known["$KEY"]).0, 200);
    assert_eq!(get(&address, "/auth/v1/accounts", &known["$KEY"]).0, 403);
    assert_eq!(runs(&known["$LINK"]).0, 401);
    let (status, keys) = send(&address, "GET /.well-known/jwks.json", "", "");
    let keys: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(
        (status, keys["keys"][0]["crv"].as_str()),
        (200, Some("Ed25519"))
    );
    let (status, whole) = send(&address, "GET /openapi.json", "", "");
    assert_eq!(status, 200);
    assert!(whole.contains("/auth/v1/sessions") && whole.contains("/activity/v1/runs"));
    running.signal("TERM");
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for secret in known
        .values()
        .filter(|value| !value.starts_with("mch_") && !value.starts_with("org_") && **value != link)
    {
        assert!(!ran.stderr.contains(secret.as_str()), "{}", ran.stderr);
    }
    by_hand(dir.path());
}

/// What an operator does with what is left.
fn by_hand(folder: &Path) {
    let data = folder.join("services").display().to_string();
    let run = |words: &[&str]| tickloom(&[words, &["--data", &data]].concat());
    let why = |account: &str, action: &str| {
        let ran = run(&["access", "why", account, action, "run/today"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    let said = why("ada@example.com", "run.change");
    assert!(
        said.starts_with("yes: grant grn_") && said.ends_with(" allows administrator on *\n"),
        "{said}"
    );
    let ran = run(&["access", "why", "eve@example.com", "run.read", "run/today"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("there is no account `eve@example.com`"),
        "{}",
        ran.stderr
    );
    let ran = run(&["admin", "rebuild"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "auth: made again from 10 events\n"),
        "{}",
        ran.stderr
    );
    let ran = run(&["admin", "retry-mail"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "auth: 0 are tried again\n"),
        "{}",
        ran.stderr
    );
    let exported = run(&["admin", "audit", "export"]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let file = folder.join("audit.jsonl");
    std::fs::write(&file, &exported.stdout).unwrap();
    let path = file.display().to_string();
    let ran = tickloom(&["admin", "audit", "verify", &path]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let head = ran
        .stdout
        .trim_end()
        .strip_prefix("whole, up to ")
        .unwrap()
        .to_owned();
    let lines: Vec<&str> = exported.stdout.lines().collect();
    assert_eq!(
        head.split(':').next(),
        Some(lines.len().to_string().as_str())
    );
    // An end that is cut off shows by a head that was noted.
    std::fs::write(&file, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    assert_eq!(tickloom(&["admin", "audit", "verify", &path]).code, 0);
    assert_eq!(
        tickloom(&["admin", "audit", "verify", &path, "--head", &head]).code,
        1
    );
    std::fs::write(
        &file,
        exported.stdout.replacen("password_set", "password_sat", 1),
    )
    .unwrap();
    let ran = tickloom(&["admin", "audit", "verify", &path]);
    assert_eq!(ran.code, 1);
}

/// Commands that look after a database that should be there make none in its place.
#[test]
fn commands_at_the_wrong_place_make_nothing() {
    let refuse = |place: &[&str], absent: &str| {
        for words in [
            vec!["admin", "rebuild"],
            vec!["admin", "retry-mail"],
            vec!["admin", "audit", "export"],
            vec!["access", "why", "ada@example.com", "run.read", "run/*"],
        ] {
            let ran = tickloom(&[words.as_slice(), place].concat());
            assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(absent), "{words:?}: {}", ran.stderr);
        }
        let ran = tickloom(&[&["admin", "migrate"], place].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let expected = "activity: there is no database yet, the first start makes it\n\
             auth: there is no database yet, the first start makes it\n";
        assert_eq!(ran.stdout, expected);
    };
    let dir = workspace();
    let absent = dir.path().join("nowhere").display().to_string();
    refuse(
        &["--data", &absent],
        &format!("there is no {absent}/auth.db"),
    );
    assert!(!dir.path().join("nowhere").exists());
    if let Some(server) = Postgres::start() {
        refuse(
            &["--database", &server.url()],
            "there is no schema `auth` on that server",
        );
    }
}

#[test]
fn the_first_link_is_there_for_machines_too() {
    let dir = workspace();
    let data = dir.path().display().to_string();
    let words = [
        "serve",
        "auth",
        "--data",
        &data,
        "--http",
        "127.0.0.1:0",
        "--json",
    ];
    let mut running = Running::start(&words);
    let address = running.announced("serving auth at http://");
    let (status, body) = send(&address, "GET /.well-known/openid-configuration", "", "");
    assert_eq!(status, 200, "{body}");
    let published: Value = serde_json::from_str(&body).unwrap();
    running.signal("TERM");
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let up: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    let words = up["startup_notice"]["auth"].as_str().unwrap();
    // With the port that was found, here and in all that is said of where it is.
    assert!(!address.ends_with(":0"), "{address}");
    let link = format!("http://{address}/console/auth/set-up#tlo_");
    assert!(words.contains(&link), "{words}");
    assert_eq!(published["issuer"], format!("http://{address}"));
}

/// Who has no account gets no link, and the audit log has the one that was made.
fn said_of_links(config: &str) {
    for (account, refused) in [
        ("eve@example.com", "there is no account `eve@example.com`"),
        ("", "there is no account ``"),
    ] {
        let ran = tickloom(&["admin", "password-link", account, "--config", config]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(refused), "{}", ran.stderr);
    }
    let exported = tickloom(&["admin", "audit", "export", "--config", config]);
    let entries = exported.stdout.lines();
    let entries: Vec<Value> = entries
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let made: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["action"] == "link_made")
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["actor"], "operator");
    assert!(
        made[0]["resource"]
            .as_str()
            .unwrap()
            .starts_with("account/usr_")
    );
}

/// The only administrator has forgotten the password, and no mail is sent.
#[test]
fn an_operator_makes_a_link_for_who_forgot_the_password() {
    let dir = workspace();
    let (config, data) = (dir.path().join("serve.toml"), dir.path().join("kept"));
    let text = format!(
        "data = \"{}\"\n[auth]\nissuer = \"https://id.example.com\"\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let words = [
        "serve",
        "auth",
        "--config",
        &config,
        "--http",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(&words);
    let address = running.announced("serving auth at http://");
    let finish = |link: &str, more: Value| {
        let mut body = json!({"link": link.rsplit('#').next().unwrap()});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let first = "POST /auth/v1/links/finish";
        send(&address, first, "", &body.to_string()).0
    };
    let sign_in = |password: &str| {
        let body = json!({"email": "ada@example.com", "password": password});
        send(&address, "POST /auth/v1/sessions", "", &body.to_string()).0
    };
    let first = running.announced("auth: ");
    let (old, new) = ("four words of no sense 7", "five other words of sense 8");
    let ada = json!({"email": "ada@example.com", "name": "Ada", "password": old});
    assert_eq!(finish(&first, ada), 200);
    let made = tickloom(&[
        "admin",
        "password-link",
        "ada@example.com",
        "--config",
        &config,
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let link = made.stdout.trim_end();
    let page = "https://id.example.com/console/auth/link#tlo_";
    assert!(link.starts_with(page), "{link}");
    // It does nothing until it is used, and then once.
    assert_eq!(sign_in(old), 201);
    assert_eq!(finish(link, json!({"password": new})), 200);
    assert_eq!(finish(link, json!({"password": old})), 422);
    assert_eq!((sign_in(old), sign_in(new)), (401, 201));
    said_of_links(&config);
    running.signal("TERM");
    assert_eq!(running.finish().code, 0);
}

/// Neither a database nor keys.
#[test]
fn a_configuration_that_is_refused_makes_nothing() {
    let dir = workspace();
    let config = dir.path().join("serve.toml");
    let data = dir.path().join("services");
    for (text, expected) in [
        (
            "[auth]\nsites = [\"https://app.example.com\"]\n",
            "what is said of a site is believed of a proxy that `proxies` names alone",
        ),
        (
            "[auth]\nissuer = \"https://id.example.com/auth\"\n",
            "id.example.com/auth",
        ),
        (
            "[auth]\nsign_up = true\n",
            "people cannot sign up on their own where no mail is sent",
        ),
        ("[auth]\nbreached = \"no-such-list\"\n", "no-such-list"),
        (
            "[auth.mail]\nserver = \"smtp://mail.example.com\"\nfrom = \"nobody\"\n",
            "from",
        ),
        ("http = \"0.0.0.0:0\"\n", "HTTP is plain text"),
        ("[auth.hash]\nmemory_kib = 8\n", "memory"),
        (
            "test_clock = 1700000000000000000\nproxies = [\"127.0.0.2\"]\n",
            "a test clock is for services on loopback, without proxies",
        ),
        ("test_clock = -1\n", "test_clock is -1, expected 0 to"),
        (
            "test_clock = 7258118400000000001\n",
            "expected 0 to 7258118400000000000: nanoseconds since 1970",
        ),
    ] {
        std::fs::write(&config, text).unwrap();
        let (config, data) = (config.display().to_string(), data.display().to_string());
        let ran = tickloom(&["serve", "auth", "--config", &config, "--data", &data]);
        assert_eq!(ran.code, 2, "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{text}: {}", ran.stderr);
        assert!(!Path::new(&data).exists(), "{text}");
    }
}

/// What another service keeps is not made either.
#[test]
fn without_its_keys_nothing_is_made_or_changed() {
    let dir = workspace();
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        serve(&folder).0.stop();
        folder.join("services")
    };
    let (data, other) = (folder("one"), folder("other"));
    let (keys, aside) = (data.join("auth.keys"), dir.path().join("aside"));
    std::fs::rename(&keys, &aside).unwrap();
    let activity = data.join("activity.db");
    std::fs::remove_file(&activity).unwrap();
    let record = dir.path().join("recorded").display().to_string();
    let refused = |expected: &str| {
        let data = data.display().to_string();
        let ran = tickloom(&["serve", "--data", &data, "--record", &record]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!activity.exists());
    };
    refused(
        "auth.keys is not there, and secrets in the database of auth are encrypted with a key of it",
    );
    assert!(!keys.exists());
    // Another key opens nothing.
    std::fs::rename(other.join("auth.keys"), &keys).unwrap();
    refused("which is not in the file of keys");
    std::fs::rename(&aside, &keys).unwrap();
    serve(&dir.path().join("one")).0.stop();
    assert!(activity.exists());
}

/// Kills of the service: more when everything is asked for.
fn kills() -> u64 {
    if std::env::var_os("TICKLOOM_TEST_ALL").is_some() {
        200
    } else {
        12
    }
}

/// A service that is killed and started again at the same place.
struct Killed {
    place: Vec<String>,
    /// Its configuration, which says where its keys are: on PostgreSQL they would be in the folder of the project.
    config: String,
    running: Running,
    address: String,
    token: String,
}

impl Killed {
    /// One with an administrator.
    fn begin(place: &[&str], config: &str) -> Killed {
        let place: Vec<String> = place.iter().map(|word| (*word).to_owned()).collect();
        let (mut running, address) = Killed::start(&place, config);
        let words = running.announced("auth: ");
        let link = words.rsplit('#').next().unwrap();
        let body = json!({"link": link, "email": "ada@example.com", "name": "Ada", "password": "four words of no sense 7"});
        let (status, said) = send(
            &address,
            "POST /auth/v1/links/finish",
            "",
            &body.to_string(),
        );
        assert_eq!(status, 200, "{said}");
        let token = Killed::sign_in(&address);
        Killed {
            place,
            config: config.to_owned(),
            running,
            address,
            token,
        }
    }

    fn start(place: &[String], config: &str) -> (Running, String) {
        let words = ["serve", "auth", "--http", "127.0.0.1:0", "--config", config];
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        let mut running = Running::start(&[&words, place.as_slice()].concat());
        let address = running.announced("serving auth at http://");
        (running, address)
    }

    fn sign_in(address: &str) -> String {
        let body = json!({"email": "ada@example.com", "password": "four words of no sense 7"});
        let (status, said) = send(address, "POST /auth/v1/sessions", "", &body.to_string());
        assert_eq!(status, 201, "{said}");
        let tokens: Value = serde_json::from_str(&said).unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// `kill -9`, and a start after it.
    fn again(self) -> Killed {
        self.running.kill();
        let (running, address) = Killed::start(&self.place, &self.config);
        let token = Killed::sign_in(&address);
        Killed {
            place: self.place,
            config: self.config,
            running,
            address,
            token,
        }
    }

    /// All grants of an account.
    fn grants(&self, account: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/auth/v1/accounts/{account}/grants?limit=100&after={after}");
            let (status, said) = get(&self.address, &path, &self.token);
            assert_eq!(status, 200, "{said}");
            let mut page: Value = serde_json::from_str(&said).unwrap();
            let items = page["items"].as_array_mut().unwrap();
            all.append(items);
            if page["more"] == false {
                return all;
            }
            after = page["next"].as_str().unwrap().to_owned();
        }
    }
}

/// Gives grants with keys while the service is killed, and sends again what was not answered.
fn give_while_killed(place: &[&str], config: &str) {
    let mut served = Killed::begin(place, config);
    let head = format!("Authorization: Bearer {}\r\n", served.token);
    let body = json!({"kind": "machine", "name": "risk"}).to_string();
    let (status, said) = send(&served.address, "POST /auth/v1/accounts", &head, &body);
    assert_eq!(status, 201, "{said}");
    let created: Value = serde_json::from_str(&said).unwrap();
    let account = created["id"].as_str().unwrap().to_owned();
    let seed = 20_261_129;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut number = 0;
    let give = |address: &str, token: &str, number: u64| {
        let first = format!("POST /auth/v1/accounts/{account}/grants");
        let head = format!("Authorization: Bearer {token}\r\nIdempotency-Key: grant-{number}\r\n");
        let body = json!({"what": "run.read", "resource": format!("run/{number}")}).to_string();
        try_send(address, &first, &head, &body)
    };
    for _ in 0..kills() {
        for _ in 0..random.below(6) {
            let (status, said) = give(&served.address, &served.token, number).unwrap();
            assert_eq!(status, 201, "{said}");
            number += 1;
        }
        // Some are on their way when it dies; wherever that is, each is there wholly or not at all.
        let open: Vec<u64> = (number..=number + random.below(4)).collect();
        number += u64::try_from(open.len()).unwrap();
        served = std::thread::scope(|scope| {
            let (address, token) = (served.address.clone(), served.token.clone());
            let give = &give;
            for number in open.clone() {
                let (address, token) = (address.clone(), token.clone());
                scope.spawn(move || give(&address, &token, number));
            }
            std::thread::sleep(std::time::Duration::from_micros(random.below(12_000)));
            served.again()
        });
        for number in open {
            let (status, said) = give(&served.address, &served.token, number).unwrap();
            assert_eq!(status, 201, "{said}");
        }
    }
    let grants = served.grants(&account);
    let mut resources: Vec<&str> = grants
        .iter()
        .map(|grant| grant["resource"].as_str().unwrap())
        .collect();
    resources.sort_unstable();
    let mut expected: Vec<String> = (0..number).map(|number| format!("run/{number}")).collect();
    expected.sort_unstable();
    assert_eq!(resources, expected);
    served.running.kill();
    let place: Vec<&str> = served.place.iter().map(String::as_str).collect();
    let exported = tickloom(&[&["admin", "audit", "export"], place.as_slice()].concat());
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let given = exported
        .stdout
        .lines()
        .filter(|line| line.contains("\"action\":\"grant_created\""));
    // One of them is the administrator's.
    assert_eq!(u64::try_from(given.count()).unwrap(), number + 1);
    let rebuilt = tickloom(&[&["admin", "rebuild"], place.as_slice()].concat());
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.stderr);
    let (running, address) = Killed::start(&served.place, &served.config);
    let served = Killed {
        token: Killed::sign_in(&address),
        running,
        address,
        place: served.place,
        config: served.config,
    };
    assert_eq!(served.grants(&account), grants);
}

#[test]
fn kill_9_leaves_each_change_wholly_or_not_at_all_and_none_twice() {
    let dir = workspace();
    let data = dir.path().display().to_string();
    let config = dir.path().join("serve.toml").display().to_string();
    let text = format!("[auth]\nencryption_keys = \"{data}/auth.keys\"\n");
    std::fs::write(&config, text).unwrap();
    give_while_killed(&["--data", &data], &config);
    if let Some(server) = Postgres::start() {
        give_while_killed(&["--database", &server.url()], &config);
    }
}

/// When time stands still in a test: 14 November 2023, in nanoseconds.
const STANDS_AT: i64 = 1_700_000_000_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// The `kid` of each key that signs or will, in order.
fn key_ids(address: &str) -> Vec<String> {
    let (status, said) = send(address, "GET /.well-known/jwks.json", "", "");
    assert_eq!(status, 200, "{said}");
    let keys: Value = serde_json::from_str(&said).unwrap();
    let keys = keys["keys"].as_array().unwrap();
    let mut ids: Vec<String> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn time_stands_still_where_the_configuration_says_so_and_moves_when_it_is_told_to() {
    let dir = workspace();
    let data = dir.path().join("services").display().to_string();
    let config = dir.path().join("serve.toml").display().to_string();
    let write = |clock: i64| std::fs::write(&config, format!("test_clock = {clock}\n")).unwrap();
    let move_to = |address: &str, after_s: i64| {
        let to = STANDS_AT + after_s * SECOND_NS;
        let (status, said) = send(
            address,
            "POST /test/clock",
            "",
            &json!({"to": to}).to_string(),
        );
        assert_eq!(status, 200, "{said}");
        let moved: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(moved["now"], to);
        moved
    };
    write(STANDS_AT);
    let served = Killed::begin(&["--data", &data], &config);
    let me = || get(&served.address, "/auth/v1/accounts/me", &served.token).0;
    let before = key_ids(&served.address);
    // A token is good for five minutes, to the second.
    assert_eq!(me(), 200);
    move_to(&served.address, 299);
    assert_eq!(me(), 200);
    move_to(&served.address, 300);
    assert_eq!(me(), 401);
    assert_eq!(key_ids(&served.address), before);
    // In a year all keys have changed, each when it was due, and whoever signs in is known by the new ones.
    let moved = move_to(&served.address, 365 * 86_400);
    assert!(moved["timers"].as_u64() > Some(4), "{moved}");
    let after = key_ids(&served.address);
    assert!(after.iter().all(|id| !before.contains(id)), "{after:?}");
    let token = Killed::sign_in(&served.address);
    assert_eq!(get(&served.address, "/auth/v1/accounts/me", &token).0, 200);
    served.running.kill();
    // What happened since is in the database: time is set back nowhere, and nothing is made of it.
    let place = ["--config", &config, "--data", &data];
    let ran = tickloom(&[&["serve", "auth"], &place[..]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let expected = "a test clock is for databases of its own";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    // By the system's clock nobody moves it.
    std::fs::write(&config, "").unwrap();
    let (running, address) = Killed::start(&["--data".to_owned(), data.clone()], &config);
    let body = json!({"to": i64::MAX}).to_string();
    assert_eq!(send(&address, "POST /test/clock", "", &body).0, 404);
    running.kill();
}
