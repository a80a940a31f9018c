//! A second factor that is demanded: who lacks one gets as far as to set it up, in every way in which somebody is known.

use crate::browser::Browser;
use crate::factor::{code, set};
use crate::{ADA, BEGIN, PASSWORD, Served, access_token, on_both, text};
use serde_json::{Value, json};
use tickloom_auth::Auth;
use tickloom_chassis::{Clock, Place, rebuild};

const ME: &str = "/auth/v1/accounts/me";
const FACTOR: &str = "/auth/v1/accounts/me/second-factor";
const BOB: &str = "bob@example.com";
const EVE: &str = "eve@example.com";
const LACKS: &str = "second_factor_demanded";
/// The key of libzmq's manual (`zmq_curve`).
const CURVE: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

fn demand_of(account: &Value) -> String {
    let account = account.as_str().unwrap();
    format!("/auth/v1/accounts/{account}/second-factor/demand")
}

/// Sets a second factor up in a session that may do nothing else.
fn enrol(served: &Served, tokens: &Value) {
    let token = Some(access_token(tokens));
    let begun = served.client.send(("POST", FACTOR), token, &[], None);
    let secret = text(&begun.is(201).json(), "secret").to_owned();
    let body = json!({"code": code(&secret, served.clock.now().0)});
    let confirm = format!("{FACTOR}/confirm");
    served.client.post(&confirm, token, &body).is(200);
}

/// What is asked with a token or key, and is not part of setting a second factor up.
fn sees_grants(served: &Served, token: &str) -> crate::Reply {
    served.client.get(&format!("{ME}/grants"), Some(token))
}

/// What the audit log says that was demanded of an account.
fn demands_of(served: &Served, ada: &Value, account: &str) -> Vec<String> {
    let path = format!("/auth/v1/audit?resource=account/{account}&limit=100");
    let log = served.client.get(&path, Some(access_token(ada))).is(200);
    let log = log.json();
    let actions = log["items"].as_array().unwrap().iter();
    actions
        .map(|entry| text(entry, "action").to_owned())
        .filter(|action| action.contains("demand"))
        .collect()
}

/// A key of somebody, for everything.
fn key(served: &Served, tokens: &Value) -> String {
    let body = json!({"name": "ci", "scopes": ["*"]});
    let token = Some(access_token(tokens));
    let made = served.client.post(&format!("{ME}/keys"), token, &body);
    text(&made.is(201).json(), "secret").to_owned()
}

/// Registers the key of a client of somebody.
fn curve_key(served: &Served, tokens: &Value) {
    let body = json!({"public_key": CURVE, "name": "desk", "scopes": ["run.read"]});
    let (path, token) = (format!("{ME}/curve-keys"), access_token(tokens));
    served.client.post(&path, Some(token), &body).is(201);
}

#[test]
fn who_lacks_a_demanded_second_factor_sets_one_up_and_gets_on() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        served.grant(&ada, &bob["account"], "viewer", "*");
        let (adas, bobs) = (Some(access_token(&ada)), Some(access_token(&bob)));
        let key = key(&served, &bob);
        curve_key(&served, &bob);
        let path = demand_of(&bob["account"]);
        served
            .client
            .send(("POST", &path), bobs, &[], None)
            .refused(403, "forbidden");
        let demanded = served.client.send(("POST", &path), adas, &[], None);
        let demanded = demanded.is(200).json();
        assert_eq!(demanded["is_second_factor_demanded"], true);
        // The same once more changes nothing.
        let again = served.client.send(("POST", &path), adas, &[], None);
        assert_eq!(again.is(200).json()["version"], demanded["version"]);

        let told = sees_grants(&served, access_token(&bob)).refused(403, LACKS);
        let own = text(&bob, "account");
        let why = "a second factor is demanded of the account, which has none";
        let detail = format!("account.read on account/{own}: {why}");
        assert_eq!(text(&told.json(), "detail"), detail);
        served
            .client
            .get("/auth/v1/accounts", bobs)
            .refused(403, LACKS);
        // Of somebody else it is not even read what is read of oneself.
        let other = format!("/auth/v1/accounts/{}", text(&ada, "account"));
        served.client.get(&other, bobs).refused(403, LACKS);
        served.client.get(ME, bobs).is(200);
        served.client.get(&format!("{ME}/sessions"), bobs).is(200);
        served.client.get(&format!("{ME}/passkeys"), bobs).is(200);
        // A key does nothing at all.
        sees_grants(&served, &key).refused(403, LACKS);
        served.client.get(ME, Some(&key)).refused(403, LACKS);
        let encoded: String = CURVE.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let asked = "action=run.read&resource=run/today";
        let curve = format!("/auth/v1/curve-keys/decision?public_key={encoded}&{asked}");
        let because = |path: &str| {
            let found = served.client.get(path, adas).is(200).json();
            (found["allow"].clone(), found["reason"].clone())
        };
        assert_eq!(because(&curve), (json!(false), json!(why)));
        let decision = format!("/auth/v1/accounts/{own}/decision?{asked}");
        assert_eq!(because(&decision), (json!(false), json!(why)));
        // A new sign-in, and one that goes on, get no further.
        let again = served.sign_in(BOB, PASSWORD);
        sees_grants(&served, access_token(&again)).refused(403, LACKS);
        let again = served.refreshed(&again);
        sees_grants(&served, access_token(&again)).refused(403, LACKS);

        enrol(&served, &again);
        sees_grants(&served, access_token(&again)).is(200);
        sees_grants(&served, &key).is(200);
        assert_eq!(because(&curve).0, true);
        assert_eq!(because(&decision).0, true);
        // The session before ended with it.
        sees_grants(&served, access_token(&bob)).refused(401, "unauthenticated");
        // Without one again there is nothing again.
        let again = Some(access_token(&again));
        served.client.delete(FACTOR, again).is(204);
        sees_grants(&served, &key).refused(403, LACKS);
        served.client.delete(&path, adas).is(200);
        sees_grants(&served, &key).is(200);
        let demands = ["second_factor_demanded", "second_factor_demand_ended"];
        assert_eq!(demands_of(&served, &ada, own), demands);
    });
}

#[test]
fn it_is_demanded_of_people_alone_with_a_fresh_proof() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let machine = json!({"kind": "machine", "name": "risk"});
        let adas = Some(access_token(&ada));
        let made = served.client.post("/auth/v1/accounts", adas, &machine);
        let path = demand_of(&made.is(201).json()["id"]);
        // Programs have keys, and no factors.
        served
            .client
            .send(("POST", &path), adas, &[], None)
            .refused(422, "refused");
        served.advance(900 * crate::SECOND);
        let later = served.refreshed(&ada);
        let path = demand_of(&ada["account"]);
        served
            .client
            .send(("POST", &path), Some(access_token(&later)), &[], None)
            .refused(403, "step_up_required");
    });
}

#[test]
fn an_organisation_demands_it_of_its_people_and_of_nobody_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let eve = served.person(&ada, EVE);
        let organisation = served.organisation(&bob, "Quants");
        let own = format!("/auth/v1/organisations/{organisation}");
        let demand = format!("{own}/second-factor/demand");
        let (bobs, eves) = (Some(access_token(&bob)), Some(access_token(&eve)));
        let body = json!({"name": "feed", "role": "member"});
        let machine = served.client.post(&format!("{own}/machines"), bobs, &body);
        let keys = format!(
            "/auth/v1/accounts/{}/keys",
            text(&machine.is(201).json(), "id")
        );
        let body = json!({"name": "feed", "scopes": ["*"]});
        let key = served.client.post(&keys, bobs, &body).is(201).json();
        served
            .client
            .send(("POST", &demand), eves, &[], None)
            .refused(403, "forbidden");
        let set = served.client.send(("POST", &demand), bobs, &[], None);
        assert_eq!(set.is(200).json()["demands_second_factor"], true);
        sees_grants(&served, access_token(&bob)).refused(403, LACKS);
        // Its programs go on, and so do those who are no members.
        sees_grants(&served, text(&key, "secret")).is(200);
        sees_grants(&served, access_token(&ada)).is(200);
        sees_grants(&served, access_token(&eve)).is(200);
        enrol(&served, &bob);
        sees_grants(&served, access_token(&bob)).is(200);
        served.join(&bob, &organisation, (&eve, EVE), "viewer");
        sees_grants(&served, access_token(&eve)).refused(403, LACKS);
        // Rows come out of the log again as they are.
        let database = served.database();
        let rebuilt = rebuild::<Auth>(&database);
        served.runtime.block_on(rebuilt).unwrap();
        sees_grants(&served, access_token(&eve)).refused(403, LACKS);
        served.runtime.block_on(database.close());
        served.client.delete(&demand, bobs).is(200);
        sees_grants(&served, access_token(&eve)).is(200);
        served
            .client
            .send(("POST", &demand), bobs, &[], None)
            .is(200);
        served
            .client
            .delete(&format!("{own}/members/{}", text(&eve, "account")), bobs)
            .is(204);
        sees_grants(&served, access_token(&eve)).is(200);
    });
}

#[test]
fn the_settings_demand_it_of_everybody() {
    on_both(|place| {
        let demanding = |place: &Place, is_demanded: bool, clock: Clock| {
            Served::with(place, clock, |config| {
                config.demand_second_factor = is_demanded;
            })
        };
        let (served, ada) = Served::with_administrator(&place);
        sees_grants(&served, access_token(&ada)).is(200);
        let (at, clock) = (served.place.clone(), served.clock.clone());
        drop(served);
        let served = demanding(&at, true, clock.clone());
        sees_grants(&served, access_token(&ada)).refused(403, LACKS);
        drop(served);
        let served = demanding(&at, true, clock.clone());
        let (secret, _) = set(&served, &ada);
        assert!(!secret.is_empty());
        sees_grants(&served, access_token(&ada)).is(200);
        served
            .client
            .delete(FACTOR, Some(access_token(&ada)))
            .is(204);
        drop(served);
        let served = demanding(&at, false, clock);
        sees_grants(&served, access_token(&ada)).is(200);
        // Each change of the settings is told once, however often it was started.
        let log = "/auth/v1/audit?resource=account/*&limit=100";
        let log = served.client.get(log, Some(access_token(&ada))).is(200);
        let log = log.json();
        let told: Vec<[&str; 2]> = log["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| [text(entry, "actor"), text(entry, "action")])
            .collect();
        assert_eq!(
            told,
            [
                ["service/auth", "second_factor_demanded"],
                ["service/auth", "second_factor_demand_ended"],
            ]
        );
    });
}

#[test]
fn pages_lead_to_where_it_is_set_up() {
    on_both(|place| {
        let served = Served::with(&place, Clock::standing(BEGIN), |config| {
            config.demand_second_factor = true;
        });
        served.set_up(&served.setup_link()).is(200);
        let mut browser = Browser::signed_in(&served, ADA);
        let enrol = "/console/auth/second-factor/demanded";
        for page in [
            "/console",
            "/console/auth/profile",
            "/console/auth/accounts",
            "/console/auth/accounts/me/keys",
            "/console/auth/organisations",
        ] {
            let led = browser.get(page).is(303);
            let next = page.replace('/', "%2F");
            assert_eq!(
                led.header("location").unwrap(),
                format!("{enrol}?next={next}")
            );
        }
        let shown = browser.get(enrol).is(200).body;
        assert!(shown.contains("/console/auth/second-factor\""), "{shown}");
        // Nothing of the menu is offered, but the way out.
        assert!(!shown.contains("/console/auth/profile"), "{shown}");
        assert!(shown.contains("/console/auth/sign-out"), "{shown}");
        let page = "/console/auth/second-factor";
        let begun = browser.fill(page, &[]).is(200).body;
        let (_, secret) = begun.split_once("<code class=\"secret\">").unwrap();
        let secret = secret.split('<').next().unwrap().replace(' ', "");
        let token = browser.token(page);
        let good = code(&secret, served.clock.now().0);
        let codes = browser.post(
            "/console/auth/second-factor/confirm",
            &token,
            &[("code", &good)],
        );
        // From the recovery codes one goes on to the overview.
        assert!(codes.is(200).body.contains("href=\"/console\""));
        browser.get("/console").is(200);
        let on = browser.get(&format!("{enrol}?next=%2Fconsole%2Fauth%2Fprofile"));
        assert_eq!(
            on.is(303).header("location").unwrap(),
            "/console/auth/profile"
        );
    });
}

#[test]
fn administrators_demand_it_on_pages() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, BOB);
        let organisation = served.organisation(&ada, "Quants");
        let mut browser = Browser::signed_in(&served, ADA);
        let account = format!("/console/auth/accounts/{}", text(&bob, "account"));
        let organisation = format!("/console/auth/organisations/{organisation}");
        for (page, said, member) in [
            (&account, "<span class=\"tag\">demanded</span>", &bob),
            (&organisation, "Demanded of its people", &ada),
        ] {
            let path = format!("{page}/second-factor/demand");
            assert!(!browser.get(page).is(200).body.contains(said));
            let token = browser.token(page);
            let done = browser.post(&path, &token, &[("demand", "yes")]).is(303);
            assert_eq!(
                done.header("location").unwrap(),
                format!("{page}?done=factor-demanded")
            );
            sees_grants(&served, access_token(member)).refused(403, LACKS);
            if member == &ada {
                continue;
            }
            assert!(browser.get(page).is(200).body.contains(said));
            let token = browser.token(page);
            browser.post(&path, &token, &[("demand", "no")]).is(303);
            sees_grants(&served, access_token(member)).is(200);
        }
    });
}
