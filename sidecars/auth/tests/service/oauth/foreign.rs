//! Applications of others: Authlib, openid-client, oauth4webapi and jose go through each way to a token, with the time of the machine.

use super::assertion::{self, Key};
use super::consent::{answer, field, leads_to};
use super::{App, DEVICE_GRANT, program};
use crate::browser::Browser;
use crate::postgres::ports::Port;
use crate::{Served, on_both};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tickloom_chassis::token::Algorithm;
use tickloom_chassis::{Clock, Place};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oauth");
const CALLBACK: &str = "https://chart.example/callback";
const OUT: &str = "https://chart.example/out";

/// What a logout token is about (OpenID Connect Back-Channel Logout, section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The service at an address that it knows itself, with the time of the machine, as those who check its tokens have no other.
pub(super) fn start(place: &Place, algorithm: Algorithm) -> (Served, String, Port) {
    let port = Port::reserve();
    let issuer = format!("http://{}", port.address());
    let served = Served::listening((place, &port.address()), Clock::System, |config| {
        config.issuer.clone_from(&issuer);
        config.algorithm = algorithm;
    });
    (served, issuer, port)
}

/// What is registered, as the scripts are told.
fn registered(served: &Served, issuer: &str, told_at: &Port) -> (Value, Value) {
    served.set_up(&served.setup_link()).is(200);
    let ada = served.sign_in(crate::ADA, crate::PASSWORD);
    let of_person = |kind: &str| {
        let mut settings = json!({"name": "Chart", "kind": kind, "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [OUT],
            "scopes": ["openid", "profile", "email", "offline_access", "run.read"]});
        if kind == "confidential" {
            let uri = format!("http://{}/logout", told_at.address());
            settings["backchannel_logout_uri"] = json!(uri);
        }
        let app = App::new(served, &ada, &settings);
        json!({"id": app.id, "secret": app.secret, "redirect_uri": CALLBACK})
    };
    let (confidential, public) = (of_person("confidential"), of_person("public"));
    let (_, program) = program(served, &ada, &["run.read"]);
    let settings = json!({"name": "Terminal", "kind": "public", "grant_types": [DEVICE_GRANT], "scopes": ["openid", "run.read"]});
    let device = App::new(served, &ada, &settings);
    let key = Key::eddsa(7).jwk("a");
    let (asserting, _) = assertion::registered(served, &ada, std::slice::from_ref(&key));
    let mut private = key;
    private["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    let told = json!({"issuer": issuer, "asserting": {"id": asserting.id, "jwk": private}, "confidential": confidential, "public": public,
        "program": {"id": program.id, "secret": program.secret}, "device": {"id": device.id},
        "out": OUT, "told_at": told_at.address().rsplit(':').next()});
    (told, ada)
}

/// Opens an address to which an application sends people, and allows what is asked.
fn allow(browser: &mut Browser<'_>, address: &str) -> String {
    let reply = browser.get(path(address));
    match reply.header("location") {
        Some(place) => place.to_owned(),
        None => leads_to(&answer(browser, &reply.body, "allow")),
    }
}

/// Approves the device of an address.
fn approve(browser: &mut Browser<'_>, address: &str) {
    let there = browser.get(path(address)).is(303);
    let (page, code) = there
        .header("location")
        .unwrap()
        .split_once("?user_code=")
        .unwrap();
    let asked = browser.fill(page, &[("user_code", code)]).is(200).body;
    let version = field(&asked, "version");
    let fields = [
        ("user_code", code),
        ("version", &version),
        ("answer", "allow"),
    ];
    let decide = format!("{page}/decide");
    browser
        .post(&decide, &field(&asked, "form_token"), &fields)
        .is(303);
}

/// What follows the host in an address.
fn path(address: &str) -> &str {
    let (_, rest) = address.split_once("://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

/// Runs a script, opens what it wants opened, and returns what it saw.
fn run(served: &Served, command: &mut Command, told: &Value) -> Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    writeln!(input, "{told}").unwrap();
    let mut browser = Browser::new(served);
    browser.sign_in(crate::PASSWORD).is(303);
    let mut seen = Value::Null;
    for line in output.lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(address) = line["visit"].as_str() {
            let at = json!({"at": allow(&mut browser, address)});
            writeln!(input, "{at}").unwrap();
        } else if let Some(address) = line["leave"].as_str() {
            let at = json!({"at": leads_to(&browser.get(path(address)))});
            writeln!(input, "{at}").unwrap();
        } else if let Some(address) = line["approve"].as_str() {
            approve(&mut browser, address);
            writeln!(input, "{{}}").unwrap();
        } else {
            seen = line["done"].clone();
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    seen
}

/// Whether a part that is missing is to be passed over: not where everything is checked.
pub(super) fn skip(what: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "{what}");
    println!("skipped: {what}");
}

#[test]
fn authlib_goes_through_each_way() {
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        return skip("TICKLOOM_PYTHON names no Python with authlib; cargo xtask test prepares one");
    };
    on_both(|place| {
        let (served, issuer, _port) = start(&place, Algorithm::EdDsa);
        let told_at = Port::reserve();
        let (told, ada) = registered(&served, &issuer, &told_at);
        let mut command = Command::new(&python);
        let seen = run(
            &served,
            command.arg(Path::new(FOLDER).join("foreign.py")),
            &told,
        );
        let account = &ada["account"];
        for (way, app) in [
            ("basic", "confidential"),
            ("post", "confidential"),
            ("public", "public"),
        ] {
            let expected = json!({"sub": account, "id_type": "JWT", "access_type": "at+jwt", "access_client": told[app]["id"],
                "userinfo": [account, "Ada", "ada@example.com"], "is_another_token": true,
                "again": "invalid_grant", "after_again": "invalid_grant"});
            assert_eq!(seen[way], expected, "{way}");
        }
        let expected = json!({"scope": "run.read", "before": [true, told["program"]["id"], "run.read"], "revoked": 200,
            "after": {"active": false}, "wrong": "invalid_client"});
        assert_eq!(seen["tokens"], expected);
        let expected = json!({"pending": "authorization_pending", "early": "slow_down", "scope": "openid run.read"});
        assert_eq!(seen["device"], expected);
        let expected = json!({"at": format!("{OUT}?state=s"), "typ": "logout+jwt", "sub": account, "aud": told["confidential"]["id"],
            "events": {EVENT: {}}, "has_nonce": false, "lasts": 120});
        assert_eq!(seen["logout"], expected);
    });
}

/// A folder with the packages of the lock file, made once by `npm ci`.
fn packages() -> Option<PathBuf> {
    let cache = std::env::var_os("TICKLOOM_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let folder = cache.join("npm-auth-oauth");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["package.json", "package-lock.json", "foreign.mjs"] {
        std::fs::copy(Path::new(FOLDER).join("npm").join(name), folder.join(name)).unwrap();
    }
    let npm = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ])
        .current_dir(&folder)
        .status();
    npm.is_ok_and(|status| status.success()).then_some(folder)
}

#[test]
fn openid_client_oauth4webapi_and_jose_go_through_each_way() {
    let Some(folder) = packages() else {
        return skip("there is no npm, or it cannot install openid-client, oauth4webapi and jose");
    };
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let data = tempfile::tempdir().unwrap();
        let place = Place::Folder(data.path().to_owned());
        let (served, issuer, _port) = start(&place, algorithm);
        let told_at = Port::reserve();
        let (told, ada) = registered(&served, &issuer, &told_at);
        let mut command = Command::new("node");
        let seen = run(&served, command.arg(folder.join("foreign.mjs")), &told);
        let account = &ada["account"];
        for (way, app) in [
            ("basic", "confidential"),
            ("post", "confidential"),
            ("public", "public"),
        ] {
            let expected = json!({"sub": account, "userinfo": [account, "Ada", "ada@example.com"],
                "access": [told[app]["id"], "openid profile email offline_access run.read"], "id": true,
                "reuse": "invalid_grant", "after": "invalid_grant", "mixed": "OAUTH_INVALID_RESPONSE"});
            assert_eq!(seen[way], expected, "{way}");
        }
        let expected = json!({"before": [true, "run.read", "tickloom"], "check": null, "after": {"active": false}});
        assert_eq!(seen["program"], expected);
        assert_eq!(
            seen["device"],
            json!({"scope": "openid run.read", "sub": account})
        );
        let expected = json!({"at": format!("{OUT}?state=s"), "sub": account, "aud": told["confidential"]["id"],
            "events": {EVENT: {}}, "has_nonce": false});
        assert_eq!(seen["logout"], expected);
        assert_eq!(seen["asserting"], "account.read");
    }
}
