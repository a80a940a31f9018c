//! The commands of docs/oauth.md, as they stand there.

use super::browser::Browser;
use super::code::VERIFIER;
use super::foreign::{skip, start};
use super::{App, DEVICE_GRANT, form, program};
use crate::{access_token, text};
use serde_json::{Value, json};
use std::process::Command;
use tickloom_chassis::Place;
use tickloom_chassis::token::Algorithm;

const PAGE: &str = include_str!("../../../../../docs/oauth.md");

/// What the command of the page with these words answers.
fn run(words: &str, known: &[(&str, &str)]) -> Value {
    let blocks = PAGE.split("```sh\n").skip(1);
    let mut blocks = blocks.map(|block| block.split("```").next().unwrap());
    let block = blocks.find(|block| block.contains(words));
    let block = block.unwrap_or_else(|| panic!("no command has {words}"));
    let mut command = Command::new("sh");
    command.args(["-c", &block.replace("curl ", "curl --silent --show-error ")]);
    let ran = command.envs(known.iter().copied()).output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn what_the_page_shows_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("there is no curl");
    }
    let data = tempfile::tempdir().unwrap();
    let (served, issuer, _port) = start(&Place::Folder(data.path().to_owned()), Algorithm::EdDsa);
    served.set_up(&served.setup_link()).is(200);
    let ada = served.sign_in(crate::ADA, crate::PASSWORD);
    let own = ("ISSUER", issuer.as_str());
    let made = run("/auth/v1/clients", &[own, ("TOKEN", access_token(&ada))]);
    let as_app = [
        own,
        ("CLIENT", text(&made, "id")),
        ("SECRET", text(&made, "secret")),
    ];
    let asked = [
        ("response_type", "code"),
        ("client_id", text(&made, "id")),
        ("redirect_uri", "https://chart.example.com/callback"),
        ("scope", "openid email offline_access run.read"),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ];
    let browser = Browser::new(served.client);
    let place = browser.allow(&format!("/auth/oauth/authorize?{}", form(&asked)));
    let (_, code) = place.split_once("?code=").unwrap();
    let code = code.split('&').next().unwrap();
    let exchange = [&as_app[..], &[("CODE", code), ("VERIFIER", VERIFIER)]].concat();
    let issued = run("grant_type=authorization_code", &exchange);
    assert_eq!(issued["scope"], "openid email offline_access run.read");
    assert!(issued["id_token"].is_string() && issued["refresh_token"].is_string());
    let shown = [&as_app[..], &[("TOKEN", access_token(&issued))]].concat();
    assert_eq!(run("/auth/oauth/introspect", &shown)["active"], true);
    let (_, app) = program(&served, &ada, &["run.read"]);
    let as_program = [
        own,
        ("CLIENT", app.id.as_str()),
        ("SECRET", app.secret.as_deref().unwrap()),
    ];
    assert_eq!(
        run("grant_type=client_credentials", &as_program)["scope"],
        "run.read"
    );
    let settings = json!({"name": "Terminal", "kind": "public", "grant_types": [DEVICE_GRANT], "scopes": ["openid", "run.read"]});
    let device = App::new(&served, &ada, &settings);
    let begun = run("/auth/oauth/device", &[own, ("CLIENT", &device.id)]);
    assert_eq!(begun["interval"], 5);
}
