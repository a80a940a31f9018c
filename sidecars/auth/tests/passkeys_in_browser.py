"""Passkeys in a real browser: Chromium's own authenticator, by its DevTools, against a service that runs.

Arguments: the address of the service, and a link for the first administrator. Each step asserts what has to be so; the last line is
`done`. The Rust side is service/passkeys_in_browser.rs. Only the driver of Playwright is used, with the Chromium of the system.
"""

import json
import shutil
import sys

from playwright.sync_api import sync_playwright

ADDRESS, LINK = sys.argv[1:]
EMAIL, PASSWORD = "ada@example.com", "four words of no sense 7"

# What a page does with passkeys, by the words of the standard alone.
PAGE = """
window.send = async (method, path, token, body) => {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/auth/v1/${path}`, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  return {status: answer.status, body: text ? JSON.parse(text) : null};
};
window.create = async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
};
window.get = async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
};
"""


class Browser:
    """A page of the service, and an authenticator that is plugged in."""

    def __init__(self, page):
        self.page = page
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        self.plug()

    def plug(self, **other):
        """Plugs a new authenticator in, in the place of the one that there is."""
        if hasattr(self, "id"):
            self.devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **other,
        }
        made = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = made["authenticatorId"]

    def credentials(self):
        found = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return found["credentials"]

    def verified(self, is_verified):
        """Whether the person behind the authenticator is the right one from now on."""
        asked = {"authenticatorId": self.id, "isUserVerified": is_verified}
        self.devtools.send("WebAuthn.setUserVerified", asked)

    def send(self, status, method, path, token=None, body=None):
        found = self.page.evaluate("asked => send(...asked)", [method, path, token, body])
        assert found["status"] == status, (method, path, found)
        return found["body"]

    def create(self, options):
        return self.page.evaluate("options => create(options)", options)

    def get(self, options):
        return self.page.evaluate("options => get(options)", options)

    def fails(self, call, options):
        """The name of the error with which the browser says no."""
        script = f"options => {call}(options).then(() => null, error => error.name)"
        return self.page.evaluate(script, options)

    def ask(self, purpose):
        return self.send(200, "POST", "sessions/passkey/options", None, {"purpose": purpose})

    def sign_in(self, status=201):
        shown = self.get(self.ask("sign_in"))
        return self.send(status, "POST", "sessions/passkey", None, {"passkey": shown})


def methods(browser, tokens):
    token = tokens["access_token"]
    items = browser.send(200, "GET", "accounts/me/sessions", token)["items"]
    return next(item["methods"] for item in items if item["id"] == tokens["session"])


def registers(browser, token):
    """A passkey is made, and is one that is found without an address."""
    options = browser.send(200, "POST", "accounts/me/passkeys/options", token)
    made = browser.create(options)
    body = {"name": "this computer", "passkey": made}
    passkey = browser.send(201, "POST", "accounts/me/passkeys", token, body)
    assert len(passkey["recovery_codes"]) == 10, passkey
    (credential,) = browser.credentials()
    assert credential["isResidentCredential"] and credential["rpId"] == "localhost", credential
    # The authenticator has one of the account already, and makes no other.
    options = browser.send(200, "POST", "accounts/me/passkeys/options", token)
    assert browser.fails("create", options) == "InvalidStateError"
    return passkey


def signs_in(browser):
    """Without a password, beside one, and once more in a session; not if the authenticator does not know the person."""
    tokens = browser.sign_in()
    assert methods(browser, tokens) == "pop user mfa"
    browser.verified(False)
    assert browser.fails("get", browser.ask("sign_in")) == "NotAllowedError"
    browser.verified(True)
    body = {"email": EMAIL, "password": PASSWORD}
    missing = browser.send(401, "POST", "sessions", None, body)
    assert missing["code"] == "second_factor_required", missing
    body["passkey"] = browser.get(browser.ask("second_factor"))
    both = browser.send(201, "POST", "sessions", None, body)
    assert methods(browser, both) == "pwd pop user"
    browser.send(401, "POST", "sessions", None, body)
    token = both["access_token"]
    options = browser.send(200, "POST", "sessions/step-up/options", token)
    assert len(options["allowCredentials"]) == 1, options
    browser.send(204, "POST", "sessions/step-up", token, {"passkey": browser.get(options)})
    assert methods(browser, both) == "pop user mfa"
    return tokens


def copies_are_noticed(browser, token):
    """What was copied signs with a counter that others are past."""
    (before,) = browser.credentials()
    browser.sign_in()
    (after,) = browser.credentials()
    assert after["signCount"] > before["signCount"] > 0, (before, after)
    browser.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": browser.id})
    copied = {"authenticatorId": browser.id, "credential": {**after, "signCount": 0}}
    browser.devtools.send("WebAuthn.addCredential", copied)
    browser.sign_in(401)
    entries = browser.send(200, "GET", "audit?limit=1000", token)["items"]
    noted = [entry for entry in entries if entry["action"] == "passkey_counter_back"]
    assert len(noted) == 1, noted
    browser.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": browser.id})
    genuine = {"authenticatorId": browser.id, "credential": after}
    browser.devtools.send("WebAuthn.addCredential", genuine)
    browser.sign_in()


def is_removed(browser, passkey):
    """Once it is removed the authenticator has it still, and it is good for nothing; another one is, without a password."""
    tokens = browser.sign_in()
    token = tokens["access_token"]
    path = f"accounts/me/passkeys/{passkey['id']}"
    renamed = browser.send(200, "PATCH", path, token, {"name": "the old one"})
    assert renamed["name"] == "the old one" and renamed["last_used"], renamed
    browser.send(204, "DELETE", path, token)
    assert len(browser.credentials()) == 1
    browser.sign_in(401)
    assert browser.send(200, "GET", "accounts/me/passkeys", token)["items"] == []
    browser.plug(transport="usb")
    options = browser.send(200, "POST", "accounts/me/passkeys/options", token)
    body = {"name": "key", "passkey": browser.create(options)}
    browser.send(201, "POST", "accounts/me/passkeys", token, body)
    # One that never signed may not work.
    browser.send(422, "DELETE", "accounts/me/password", token)
    browser.sign_in()
    browser.send(204, "DELETE", "accounts/me/password", token)
    browser.send(401, "POST", "sessions", None, {"email": EMAIL, "password": PASSWORD})
    browser.sign_in()


def old_keys_are_not_taken(browser, token):
    """A key that cannot be found without an address, or does not know its person, makes no passkey."""
    for other in [{"hasResidentKey": False}, {"hasUserVerification": False, "isUserVerified": False}]:
        browser.plug(transport="usb", **other)
        options = browser.send(200, "POST", "accounts/me/passkeys/options", token)
        assert browser.fails("create", {**options, "timeout": 1000}) == "NotAllowedError", other
    browser.plug()


def main():
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = launched.new_page()
        page.goto(f"{ADDRESS}/docs")
        page.evaluate(f"() => {{ {PAGE} }}")
        browser = Browser(page)
        first = {"link": LINK, "email": EMAIL, "name": "Ada", "password": PASSWORD}
        browser.send(200, "POST", "links/finish", None, first)
        body = {"email": EMAIL, "password": PASSWORD}
        token = browser.send(201, "POST", "sessions", None, body)["access_token"]
        old_keys_are_not_taken(browser, token)
        passkey = registers(browser, token)
        signs_in(browser)
        copies_are_noticed(browser, token)
        is_removed(browser, passkey)
        launched.close()
    print("done", flush=True)


main()
