"""Passkeys through the pages, by clicking: Chromium with its own authenticator, against a service that runs.

Arguments: the address of the service, and a link for the first administrator. Each step asserts what has to be so; the last line is
`done`. The Rust side is service/passkeys_in_browser.rs.
"""

import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

ADDRESS, LINK = sys.argv[1:]
EMAIL, PASSWORD = "ada@example.com", "four words of no sense 7"
CONSOLE = ADDRESS + "/console/auth"
axe = Axe()
# A machine that is busy is no fault.
expect.set_options(timeout=60_000)


class Authenticator:
    """The one that is plugged in."""

    def __init__(self, page):
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        self.id = None
        self.plug()

    def send(self, what, **asked):
        return self.devtools.send(f"WebAuthn.{what}", {"authenticatorId": self.id, **asked})

    def plug(self, *credentials):
        """A new one in the place of the one that there is, with these credentials."""
        if self.id:
            self.send("removeVirtualAuthenticator")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
        for credential in credentials:
            self.send("addCredential", credential=credential)

    def only(self):
        (credential,) = self.send("getCredentials")["credentials"]
        return credential


def click(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def follow(page, name):
    page.get_by_role("link", name=name, exact=True).first.click()


def go(page, path):
    page.goto(CONSOLE + path)


def look(page):
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


def sign_out(page):
    click(page, "Sign out")
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def sign_in_with_password(page):
    go(page, "/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click(page, "Sign in")


def sign_in_with_passkey(page):
    go(page, "/sign-in")
    look(page)
    click(page, "Sign in with a passkey")


def is_in(page):
    page.wait_for_url(ADDRESS + "/console")


def add(page, name):
    """A passkey of this name, from the page of passkeys."""
    go(page, "/passkeys")
    look(page)
    follow(page, "Add a passkey")
    look(page)
    page.get_by_label("Name").fill(name)
    click(page, "Add a passkey")


def registers(page):
    # A name is asked for.
    go(page, "/passkeys/new")
    click(page, "Add a passkey")
    page.wait_for_timeout(0)
    assert page.url == CONSOLE + "/passkeys/new"
    add(page, "this computer")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator("ul.codes li").all_inner_texts()
    assert len(codes) == 10, codes
    look(page)
    follow(page, "I have kept them")
    expect(page.get_by_role("row").filter(has_text="this computer")).to_have_count(1)
    # The authenticator has one already.
    add(page, "another one")
    expect(page.get_by_role("alert")).to_have_text("A passkey of yours is there already: use another device.")
    return codes


def signs_in(page, authenticator, codes):
    sign_out(page)
    sign_in_with_passkey(page)
    is_in(page)
    sign_out(page)
    # Beside a password.
    sign_in_with_password(page)
    look(page)
    click(page, "Use a passkey")
    is_in(page)
    sign_out(page)
    sign_in_with_password(page)
    page.get_by_label("Code").fill(codes[0])
    click(page, "Sign in")
    is_in(page)
    # Once more, for what is delicate.
    go(page, "/step-up?next=/console/auth/profile")
    look(page)
    click(page, "Use a passkey")
    page.wait_for_url(CONSOLE + "/profile")
    sign_out(page)
    # Not by somebody else.
    authenticator.send("setUserVerified", isUserVerified=False)
    sign_in_with_passkey(page)
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    authenticator.send("setUserVerified", isUserVerified=True)
    click(page, "Sign in with a passkey")
    is_in(page)


def is_renamed_and_removed(page, authenticator):
    go(page, "/passkeys")
    page.get_by_role("link", name="Rename this computer").click()
    look(page)
    page.get_by_label("Name").fill("old computer")
    click(page, "Change the name")
    expect(page.get_by_role("row").filter(has_text="old computer")).to_have_count(1)
    # A second one on another authenticator; the first one goes.
    old = authenticator.only()
    authenticator.plug()
    add(page, "new computer")
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="old computer")
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="old computer")).to_have_count(0)
    new = authenticator.only()
    sign_out(page)
    authenticator.plug(old)
    sign_in_with_passkey(page)
    expect(page.get_by_role("alert")).to_contain_text("The passkey is not known here any more")
    authenticator.plug(new)
    sign_in_with_passkey(page)
    is_in(page)


def does_without_a_password(page):
    go(page, "/passkeys")
    click(page, "Remove my password")
    expect(page.get_by_text("The password is removed.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="new computer")
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("nothing else signs in to the account")).to_be_visible()
    go(page, "/profile/password")
    look(page)
    page.get_by_label("New password").fill(PASSWORD)
    click(page, "Change the password")
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    # With one there is, a passkey stands for the code.
    go(page, "/profile/password")
    look(page)
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill("quite other words 9 of none")
    click(page, "Change it with a passkey")
    expect(page.get_by_text("The password is changed.")).to_be_visible()


def is_fault(message):
    """A policy that was broken, or a script that failed; that a page says 422 is none, nor is advice."""
    return message.type in ("error", "warning") and "status of 4" not in message.text


def every_step(page, authenticator):
    sign_in_with_password(page)
    is_in(page)
    codes = registers(page)
    signs_in(page, authenticator, codes)
    is_renamed_and_removed(page, authenticator)
    does_without_a_password(page)


def main():
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = launched.new_page()
        said = []
        page.on("console", lambda message: said.append(message.text) if is_fault(message) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        authenticator = Authenticator(page)
        page.goto(f"{CONSOLE}/set-up#{LINK}")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("E-mail address").fill(EMAIL)
        page.get_by_label("New password").fill(PASSWORD)
        page.locator("main form button").click()
        expect(page.get_by_text("The password is set.")).to_be_visible()
        try:
            every_step(page, authenticator)
        except BaseException:
            print(page.url, page.inner_text("main"), file=sys.stderr)
            raise
        assert said == [], said
        launched.close()
    print("done", flush=True)


main()
