//! Applications of somebody of whom a second factor is demanded, and who has none.

use super::code::{CALLBACK, address, exchange, parameter, settings};
use super::{App, refused};
use crate::browser::Browser;
use crate::{ADA, Served, access_token, on_both, text};
use serde_json::json;

#[test]
fn applications_do_nothing_until_it_is_set_up() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = App::new(&served, &ada, &settings("confidential"));
        let ours = super::browser::Browser::new(served.client);
        let scopes = [("scope", "openid offline_access account.read")];
        let redeemed = |place: &str| {
            let code = parameter(place, "code").unwrap();
            exchange(&served, &app, &code, &[]).is(200).json()
        };
        let tokens = redeemed(&ours.allow(&address(&app, &scopes)));
        let waiting = parameter(&ours.allow(&address(&app, &scopes)), "code").unwrap();
        let path = format!(
            "/auth/v1/accounts/{}/second-factor/demand",
            text(&ada, "account")
        );
        let eve = served.person(&ada, "eve@example.com");
        served.grant(&ada, &eve["account"], "administrator", "*");
        let eves = Some(access_token(&eve));
        served.client.send(("POST", &path), eves, &[], None).is(200);

        let token = text(&tokens, "access_token");
        let me = || served.client.get("/auth/v1/accounts/me", Some(token));
        me().refused(401, "unauthenticated");
        let is_active = |token: &str| app.introspect(&served, token)["active"] == true;
        assert!(!is_active(token) && !is_active(text(&tokens, "refresh_token")));
        assert!(!is_active(access_token(&ada)));
        let refresh = || {
            let refresh = text(&tokens, "refresh_token");
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            app.send(&served, "token", &pairs)
        };
        refused(&refresh(), 400, "invalid_grant");
        refused(
            &exchange(&served, &app, &waiting, &[]),
            400,
            "invalid_grant",
        );
        served
            .client
            .get("/auth/oauth/userinfo", Some(token))
            .is(401);

        // A browser is led to where one is set up, and a request that asks nobody is told so.
        let mut browser = Browser::signed_in(&served, ADA);
        let led = browser.get(&address(&app, &[])).is(303);
        let place = led.header("location").unwrap();
        let enrol = "/console/auth/second-factor/demanded?next=%2Fauth%2Foauth%2Fauthorize";
        assert!(place.starts_with(enrol), "{place}");
        let silent = browser.get(&address(&app, &[("prompt", "none")]));
        let place = silent.is(303).header("location").unwrap().to_owned();
        assert!(place.starts_with(CALLBACK), "{place}");
        let error = parameter(&place, "error");
        assert_eq!(error.as_deref(), Some("interaction_required"));

        // What was refused was not used up.
        served.client.delete(&path, eves).is(200);
        me().is(200);
        assert!(is_active(token));
        let next = refresh().is(200).json();
        assert_eq!(next["scope"], json!("openid offline_access account.read"));
        exchange(&served, &app, &waiting, &[]).is(200);
    });
}
