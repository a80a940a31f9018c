"""The console as a person has it in a browser: headless Chromium by the keyboard, axe-core on every page in light and dark, from a
phone to a desk, forms of other sites, and what is left after signing out.

Arguments: address of the service, code of the link of the first administrator, time of the service's clock (seconds since 1970), port
where mail is taken, path of Chromium, folder for pictures.
"""

import email
import email.policy
import http.server
import json
import queue
import re
import sys
import threading
import urllib.parse
import urllib.request

import pyotp
from aiosmtpd.controller import Controller
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

ADDRESS, SETUP, NOW, SMTP_PORT, CHROMIUM, PICTURES = sys.argv[1:7]
NOW = int(NOW)
SCHEMES = ("light", "dark")
WIDTHS = (360, 1280)
PASSWORD = "four words of no sense 7"
ADA = "ada@example.com"
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 5

axe = Axe()
mails = queue.Queue()
said = []
seen = []


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mails.put(message.get_body(("plain",)).get_content())
        return "250 taken"


def link_of_mail(page):
    text = mails.get(timeout=60)
    return ADDRESS + re.search(r"https?://\S*?(/console/auth/(?:link|email|invitation)#tlo_\w+)", text)[1]


def new_page(browser):
    page = browser.new_context().new_page()
    # Each message of the console is a fault: a policy that was broken, a script that failed, something that is not there.
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    return page


def look(page, name):
    """A page in light and dark, on a phone and a desk: with no fault that axe finds, and nothing that goes over the side."""
    seen.append(name)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide at {width}"
            page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png", full_page=True)
        found = axe.run(page)
        assert found.violations_count == 0, f"{name} in {scheme}: {found.generate_report()}"
    headings = page.locator("h1").count()
    assert headings == 1, f"{name} has {headings} main headings"


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def tab_to(page, name):
    """Goes on by the keyboard alone until what has the focus is called so."""
    for _ in range(60):
        press(page, "Tab")
        found = page.evaluate(
            "(() => { const it = document.activeElement; return (it.labels && it.labels.length ? it.labels[0] : it).innerText.trim(); })()"
        )
        if found == name or found.startswith(name + "\n"):
            return
    raise AssertionError(f"{page.url}: the keyboard does not come to {name}")


def click(page, name):
    """Sends a form, and waits for what is answered."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()


def enter(page):
    """The same by the keyboard."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def follow(page, name):
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).first.click()


def at(page, path):
    page.wait_for_url(ADDRESS + path)


def sign_in(page, email_address, password=PASSWORD):
    page.goto(ADDRESS + "/console/auth/sign-in")
    page.get_by_label("E-mail address").fill(email_address)
    page.get_by_label("Password", exact=True).fill(password)
    click(page, "Sign in")


def set_up(page):
    # The address of a link is typed or clicked; its code is out of the address at once.
    page.goto(f"{ADDRESS}/console/auth/set-up#{SETUP}")
    expect(page.get_by_label("Code of the link")).to_be_hidden()
    at(page, "/console/auth/set-up")
    look(page, "set-up")
    tab_to(page, "Name")
    page.keyboard.type("Ada")
    press(page, "Tab")
    page.keyboard.type("no address")
    press(page, "Tab")
    page.keyboard.type("password")
    enter(page)
    # What is wrong has the focus, and leads to the field.
    expect(page.get_by_role("alert")).to_be_focused()
    assert page.title().startswith("Error: "), page.title()
    look(page, "set-up-wrong")
    press(page, "Tab", "Enter")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("New password").fill(PASSWORD)
    enter(page)
    at(page, "/console/auth/sign-in?done=password-set")
    look(page, "sign-in")


def sign_in_by_keyboard(page):
    page.goto(ADDRESS + "/console/auth/sign-in")
    press(page, "Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    press(page, "Enter")
    tab_to(page, "E-mail address")
    page.keyboard.type(ADA)
    press(page, "Tab")
    page.keyboard.type("not the password 7")
    enter(page)
    expect(page.get_by_role("alert")).to_be_focused()
    look(page, "sign-in-wrong")
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    enter(page)
    at(page, "/console")
    look(page, "overview")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    for name in ("tickloom-session", "tickloom-device"):
        cookie = cookies[name]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/"), cookie
    assert page.evaluate("document.cookie") == ""


def menu_on_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 800})
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()
    tab_to(page, "Menu")
    press(page, "Enter")
    expect(menu).to_be_visible()
    page.screenshot(path=f"{PICTURES}/menu-360.png")
    press(page, "Escape")
    expect(menu).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(menu).to_be_visible()


def profile(page):
    page.goto(ADDRESS + "/console/auth/step-up?next=%2Fconsole%2Fauth%2Fprofile")
    look(page, "step-up")
    page.get_by_label("Password", exact=True).fill("wrong password 7")
    enter(page)
    look(page, "step-up-wrong")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    enter(page)
    at(page, "/console/auth/profile")
    page.goto(ADDRESS + "/console/auth/profile")
    look(page, "profile")
    page.get_by_label("Name").fill(LONG)
    click(page, "Change the name")
    at(page, "/console/auth/profile?done=renamed")
    look(page, "profile-long-name")
    page.get_by_label("Name").fill("Ada Lovelace")
    click(page, "Change the name")
    with page.expect_download() as export:
        page.get_by_role("link", name="Export my data").click()
    assert "usr_" in export.value.path().read_text()
    follow(page, "Change the password")
    look(page, "password")
    page.get_by_label("Present password").fill("wrong password 7")
    page.get_by_label("New password").fill(PASSWORD + "8")
    click(page, "Change the password")
    look(page, "password-wrong")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill(PASSWORD + "8")
    click(page, "Change the password")
    at(page, "/console/auth/profile?done=password")
    page.goto(ADDRESS + "/console/auth/profile/password")
    page.get_by_label("Present password").fill(PASSWORD + "8")
    page.get_by_label("New password").fill(PASSWORD)
    click(page, "Change the password")
    page.goto(ADDRESS + "/console/auth/profile/delete")
    look(page, "delete")
    click(page, "Delete my account")
    look(page, "delete-wrong")


def sessions(page, browser):
    other = new_page(browser)
    sign_in(other, ADA)
    at(other, "/console")
    page.goto(ADDRESS + "/console/auth/accounts/me/sessions")
    look(page, "sessions")
    click(page, "End")
    at(page, "/console/auth/accounts/me/sessions?done=session")
    other.goto(ADDRESS + "/console")
    at(other, "/console/auth/sign-in?next=%2Fconsole")
    sign_in(other, ADA)
    at(other, "/console")
    page.reload()
    click(page, "End all other sessions")
    other.reload()
    at(other, "/console/auth/sign-in?next=%2Fconsole")
    other.context.close()


def keys(page):
    page.goto(ADDRESS + "/console/auth/accounts/me/keys")
    look(page, "keys-none")
    follow(page, "Create a key")
    look(page, "key-new")
    tab_to(page, "Create the key")
    enter(page)
    look(page, "key-new-wrong")
    tab_to(page, "Name")
    page.keyboard.type("reads runs")
    press(page, "Tab", "Space")
    page.get_by_label("Expires on").fill("2099-01-31")
    click(page, "Create the key")
    secret = page.locator(".secret").inner_text()
    assert re.fullmatch(r"tlk_[0-9a-f]{32}_\w{43}_\w{6}", secret), secret
    look(page, "key-created")
    # Sent again, it is not done again, and what is shown once is not shown again.
    page.reload()
    at(page, "/console/auth/accounts/me/keys?done=before")
    look(page, "keys")
    follow(page, "Rotate reads runs")
    look(page, "key-rotate")
    click(page, "Rotate")
    expect(page.get_by_role("heading", name="The key is created")).to_be_visible()
    assert page.locator(".secret").inner_text() != secret
    follow(page, "I have kept it")
    expect(page.get_by_role("row")).to_have_count(3)
    click(page, "Revoke")
    at(page, "/console/auth/accounts/me/keys?done=revoked")
    expect(page.get_by_role("row")).to_have_count(2)


def curve_keys(page):
    """Public keys of ZeroMQ clients: those of libzmq's manual (`zmq_curve`)."""
    page.goto(ADDRESS + "/console/auth/accounts/me/curve-keys")
    look(page, "curve-keys-none")
    follow(page, "Register a public key")
    look(page, "curve-key-new")
    page.get_by_label("Public key").fill("no key")
    page.get_by_label("Name").fill("desk")
    page.get_by_label("topic.read").check()
    click(page, "Register the key")
    look(page, "curve-key-new-wrong")
    tab_to(page, "Public key")
    press(page, "Control+A")
    page.keyboard.type("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID")
    enter(page)
    at(page, "/console/auth/accounts/me/curve-keys?done=registered")
    look(page, "curve-keys")
    follow(page, "Rotate desk")
    look(page, "curve-key-rotate")
    page.get_by_label("Next public key").fill("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")
    click(page, "Rotate")
    at(page, "/console/auth/accounts/me/curve-keys?done=registered")
    expect(page.get_by_role("row")).to_have_count(3)
    click(page, "Revoke")
    at(page, "/console/auth/accounts/me/curve-keys?done=revoked")
    expect(page.get_by_role("row")).to_have_count(2)


def identities(page):
    page.goto(ADDRESS + "/console/auth/accounts/me/identities")
    expect(page.get_by_role("button", name="Link Example")).to_be_visible()
    look(page, "identities-none")


def organisation_grants(page, own):
    page.goto(own)
    follow(page, "Grants")
    look(page, "organisation-grants-none")
    follow(page, "Create a grant")
    look(page, "organisation-grant-new")
    page.get_by_label("What", exact=True).fill("administrator")
    page.get_by_label("On", exact=True).fill("account/*")
    click(page, "Create the grant")
    look(page, "organisation-grant-new-wrong")
    page.get_by_label("What", exact=True).fill("run.read")
    page.get_by_label("On", exact=True).fill("run/*")
    click(page, "Create the grant")
    page.wait_for_url("**/grants?done=granted")
    look(page, "organisation-grants")
    click(page, "Revoke")
    page.wait_for_url("**/grants?done=revoked")
    page.goto(own)


def second_factor(page, browser):
    page.goto(ADDRESS + "/console/auth/second-factor")
    look(page, "factor-none")
    click(page, "Set up a second factor")
    look(page, "factor-new")
    secret = page.locator(".secret").inner_text().replace(" ", "")
    codes = pyotp.TOTP(secret)
    page.get_by_label("Code that the app shows").fill("000000")
    click(page, "Confirm")
    look(page, "factor-wrong")
    assert page.locator(".secret").inner_text().replace(" ", "") == secret
    page.get_by_label("Code that the app shows").fill(codes.at(NOW))
    click(page, "Confirm")
    recovery = page.locator(".codes li").all_inner_texts()
    assert len(recovery) == 10, recovery
    look(page, "factor-codes")
    follow(page, "I have kept them")
    look(page, "factor")
    other = new_page(browser)
    sign_in(other, ADA)
    at(other, "/console/auth/sign-in/code?next=%2Fconsole")
    look(other, "code")
    other.get_by_label("Code").fill("000000")
    enter(other)
    look(other, "code-wrong")
    other.get_by_label("Code").fill(recovery[0])
    enter(other)
    at(other, "/console")
    other.context.close()
    page.reload()
    expect(page.get_by_text("9 are left.")).to_be_visible()
    look(page, "factor-codes-left")
    click(page, "Make ten new codes")
    assert len(set(page.locator(".codes li").all_inner_texts()) - set(recovery)) == 10
    follow(page, "I have kept them")
    click(page, "Remove the second factor")
    at(page, "/console/auth/second-factor?done=factor-removed")


def people(page, browser):
    """An administrator invites somebody, who chooses a password with the link of a mail."""
    page.goto(ADDRESS + "/console/auth/accounts/new")
    look(page, "account-new")
    click(page, "Create the account")
    look(page, "account-new-wrong")
    page.get_by_label("Name").fill(LONG)
    page.get_by_label("E-mail address of a person").fill("bob@example.com")
    click(page, "Create the account")
    page.wait_for_url("**?done=created")
    look(page, "account")
    bob = page.url.split("?")[0]
    other = new_page(browser)
    other.goto(link_of_mail(other))
    look(other, "link")
    other.get_by_label("New password").fill(PASSWORD)
    enter(other)
    at(other, "/console/auth/sign-in?done=password-set")
    sign_in(other, "bob@example.com")
    at(other, "/console")
    look(other, "overview-long-name")
    expect(other.get_by_role("link", name="Accounts")).to_have_count(0)
    answer = other.goto(ADDRESS + "/console/auth/accounts")
    assert answer.status == 403, answer.status
    said[:] = [line for line in said if "403 (Forbidden)" not in line]
    look(other, "forbidden")
    page.goto(bob + "/grants")
    look(page, "grants-none")
    follow(page, "Create a grant")
    look(page, "grant-new")
    page.get_by_label("What", exact=True).fill("nonsense")
    page.get_by_label("On", exact=True).fill("run/*")
    click(page, "Create the grant")
    look(page, "grant-new-wrong")
    page.get_by_label("What", exact=True).fill("run.read")
    click(page, "Create the grant")
    page.wait_for_url("**?done=granted")
    click(page, "Ask")
    expect(page.get_by_text("Yes: ")).to_be_visible()
    look(page, "grants")
    click(page, "Revoke")
    page.wait_for_url("**?done=revoked")
    page.goto(bob)
    click(page, "Suspend the account")
    page.wait_for_url("**?done=suspended")
    other.goto(ADDRESS + "/console")
    at(other, "/console/auth/sign-in?next=%2Fconsole")
    click(page, "Let the account be used again")
    page.wait_for_url("**?done=resumed")
    page.goto(ADDRESS + "/console/auth/accounts")
    look(page, "accounts")
    page.get_by_label("Part of a name").fill("BOB@")
    click(page, "Search")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label("Part of a name").fill("100%")
    click(page, "Search")
    expect(page.get_by_text("There is none.")).to_be_visible()
    page.goto(ADDRESS + "/console/auth/audit")
    look(page, "audit")
    page.get_by_text("Find entries").click()
    page.get_by_role("textbox", name="Account").fill("bob@example.com")
    click(page, "Find")
    expect(page.get_by_role("link", name=LONG).first).to_be_visible()
    page.locator("td details summary").first.click()
    look(page, "audit-found")
    demanded(page, other, bob)
    other.context.close()


def demanded(page, other, bob):
    """An administrator demands a second factor of somebody who has none: every page leads to where it is set up."""
    page.goto(bob)
    click(page, "Demand a second factor")
    page.wait_for_url("**?done=factor-demanded")
    look(page, "account-demanded")
    sign_in(other, "bob@example.com")
    at(other, "/console/auth/second-factor/demanded?next=%2Fconsole")
    look(other, "factor-demanded")
    tab_to(other, "Set up codes of an app")
    enter(other)
    look(other, "factor-demanded-none")
    click(other, "Set up a second factor")
    secret = other.locator(".secret").inner_text().replace(" ", "")
    other.get_by_label("Code that the app shows").fill(pyotp.TOTP(secret).at(NOW))
    click(other, "Confirm")
    follow(other, "I have kept them")
    at(other, "/console")
    other.goto(ADDRESS + "/console/auth/second-factor")
    click(other, "Remove the second factor")
    # Without one again there is nowhere else to be.
    at(other, "/console/auth/second-factor?done=factor-removed")
    other.goto(ADDRESS + "/console/auth/profile")
    at(other, "/console/auth/second-factor/demanded?next=%2Fconsole%2Fauth%2Fprofile")
    page.goto(bob)
    click(page, "Demand no second factor")
    page.wait_for_url("**?done=factor-open")
    other.reload()
    at(other, "/console/auth/profile")


def on_ones_own(browser):
    page = new_page(browser)
    page.goto(ADDRESS + "/console/auth/sign-in")
    follow(page, "Create an account")
    look(page, "sign-up")
    page.get_by_label("Name").fill("Eve")
    page.get_by_label("E-mail address").fill("eve@example.com")
    click(page, "Create the account")
    at(page, "/console/auth/sign-up?done=mail")
    look(page, "sign-up-sent")
    page.goto(link_of_mail(page))
    page.get_by_label("New password").fill(PASSWORD)
    enter(page)
    at(page, "/console/auth/sign-in?done=password-set")
    follow(page, "I forgot my password")
    look(page, "recovery")
    page.get_by_label("E-mail address").fill("eve@example.com")
    enter(page)
    at(page, "/console/auth/recovery?done=mail")
    page.goto(link_of_mail(page))
    page.get_by_label("New password").fill(PASSWORD + "9")
    enter(page)
    at(page, "/console/auth/sign-in?done=password-set")
    sign_in(page, "eve@example.com", PASSWORD + "9")
    at(page, "/console")
    page.goto(ADDRESS + "/console/auth/profile")
    follow(page, "Change the e-mail address")
    look(page, "email")
    page.get_by_label("New e-mail address").fill("eve.new@example.com")
    click(page, "Change the e-mail address")
    at(page, "/console/auth/profile?done=email-asked")
    page.goto(link_of_mail(page))
    look(page, "email-confirm")
    click(page, "This is my address")
    at(page, "/console/auth/profile?done=email")
    expect(page.get_by_text("eve.new@example.com")).to_be_visible()
    assert "another e-mail address now" in mails.get(timeout=60)
    page.goto(ADDRESS + "/console/nothing")
    said[:] = [line for line in said if "404 (Not Found)" not in line]
    look(page, "not-found")
    page.context.close()


def organisations(page, browser):
    """An administrator of an organisation invites somebody who has no account, who joins with the link of the mail."""
    page.goto(ADDRESS + "/console/auth/organisations")
    look(page, "organisations-none")
    follow(page, "Create an organisation")
    look(page, "organisation-new")
    click(page, "Create the organisation")
    look(page, "organisation-new-wrong")
    page.get_by_label("Name of the organisation").fill("Quants")
    click(page, "Create the organisation")
    page.wait_for_url("**?done=organisation-created")
    look(page, "organisation")
    own = page.url.split("?")[0]
    organisation_grants(page, own)
    follow(page, "Invitations")
    follow(page, "Invite somebody")
    look(page, "invitation-new")
    page.get_by_label("E-mail address").fill("grace@example.com")
    page.get_by_label("Viewer: what of it changes nothing").check()
    click(page, "Invite")
    page.wait_for_url("**?done=invited")
    look(page, "invitations")
    other = new_page(browser)
    other.goto(link_of_mail(other))
    look(other, "invitation-link")
    click(other, "See the invitation")
    expect(other.get_by_text("Quants")).to_be_visible()
    look(other, "invitation")
    other.get_by_label("Name").fill("Grace")
    other.get_by_label("New password").fill("short")
    click(other, "Create my account and join")
    look(other, "invitation-wrong")
    other.get_by_label("New password").fill(PASSWORD)
    click(other, "Create my account and join")
    at(other, "/console/auth/sign-in?done=password-set")
    sign_in(other, "grace@example.com")
    other.goto(ADDRESS + "/console/auth/organisations")
    look(other, "organisations")
    follow(other, "Quants")
    expect(other.get_by_role("button", name="Change the name")).to_have_count(0)
    follow(other, "Members")
    look(other, "members-of-a-viewer")
    # Who has an account joins in its session.
    page.goto(own + "/invitations/new")
    page.get_by_label("E-mail address").fill("bob@example.com")
    click(page, "Invite")
    bob = new_page(browser)
    sign_in(bob, "bob@example.com")
    at(bob, "/console")
    bob.goto(link_of_mail(bob))
    click(bob, "See the invitation")
    look(bob, "invitation-signed-in")
    click(bob, "Join")
    bob.wait_for_url("**?done=joined")
    page.goto(own + "/members")
    look(page, "members")
    page.get_by_label("Role of Grace").select_option("member")
    page.get_by_role("row").filter(has_text="Grace").get_by_role("button", name="Set").click()
    page.wait_for_url("**?done=role")
    follow(page, "Create a program")
    look(page, "program-new")
    page.get_by_label("Name of the program").fill("feed")
    click(page, "Create the program")
    page.wait_for_url("**?done=created")
    page.goto(own + "/members")
    look(page, "members-with-program")
    page.get_by_role("row").filter(has_text="Grace").get_by_role("button", name="Remove").click()
    page.wait_for_url("**?done=member-removed")
    bob.goto(own + "/members")
    click(bob, "Leave the organisation")
    bob.wait_for_url("**?done=left")
    # The last administrator stays.
    click(page, "Leave the organisation")
    expect(page.get_by_text("without an administrator who can sign in")).to_be_visible()
    page.goto(own)
    follow(page, "Delete the organisation")
    look(page, "organisation-delete")
    page.get_by_label("I am sure").check()
    click(page, "Delete the organisation")
    page.wait_for_url("**?done=organisation-deleted")
    other.context.close()
    bob.context.close()


def ask(path, body, token=None):
    """What the service answers a program: JSON for JSON, and for a form."""
    is_form = isinstance(body, str)
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    head = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    text = body if is_form else json.dumps(body)
    with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, text.encode(), head), timeout=60) as answer:
        return json.load(answer)


class Application(http.server.BaseHTTPRequestHandler):
    """An application on the person's machine, to which the browser goes back."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang=en><title>Chart</title><p>Back at the application")

    def log_message(self, *_):
        pass


def back_at(page, callback):
    page.wait_for_url(callback + "?*")
    query = urllib.parse.parse_qs(page.url.split("?", 1)[1])
    assert (query["state"], query["iss"]) == (["s 1"], ["http://localhost:8080"]), query
    return query


def applications(page, browser):
    """An application and a device are allowed and refused by the keyboard, and taken back."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{server.server_port}/callback"
    token = ask("/auth/v1/sessions", {"email": ADA, "password": PASSWORD})["access_token"]
    device_grant = "urn:ietf:params:oauth:grant-type:device_code"
    app = ask(
        "/auth/v1/clients",
        {
            "name": "Chart",
            "kind": "public",
            "grant_types": ["authorization_code", "refresh_token", device_grant],
            "redirect_uris": ["http://127.0.0.1/callback"],
            "scopes": ["openid", "profile", "email", "offline_access", "run.*"],
            "resources": ["https://data.example.com"],
        },
        token,
    )["id"]
    asked = {
        "response_type": "code",
        "client_id": app,
        "redirect_uri": callback,
        "scope": "openid profile email offline_access run.read",
        "resource": "https://data.example.com",
        "state": "s 1",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    address = lambda **more: f"{ADDRESS}/auth/oauth/authorize?{urllib.parse.urlencode(asked | more)}"
    other = new_page(browser)
    other.goto(address())
    tab_to(other, "E-mail address")
    other.keyboard.type(ADA)
    press(other, "Tab")
    other.keyboard.type(PASSWORD)
    enter(other)
    expect(other.get_by_role("heading", name="Allow access?")).to_be_visible()
    look(other, "consent")
    tab_to(other, "Allow")
    enter(other)
    code = back_at(other, callback)["code"][0]
    exchange = {
        "grant_type": "authorization_code",
        "client_id": app,
        "code": code,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    tokens = ask("/auth/oauth/token", urllib.parse.urlencode(exchange))
    assert tokens["refresh_token"] and tokens["scope"] == asked["scope"], tokens
    other.goto(address(prompt="login"))
    expect(other.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    enter(other)
    expect(other.get_by_role("heading", name="Allow access?")).to_be_visible()
    tab_to(other, "Refuse")
    enter(other)
    assert back_at(other, callback)["error"] == ["access_denied"]
    other.goto(ADDRESS + "/auth/oauth/authorize?client_id=cli_0&redirect_uri=https%3A%2F%2Fevil.example")
    said[:] = [line for line in said if "400 (Bad Request)" not in line]
    look(other, "application-unknown")
    begun = ask("/auth/oauth/device", urllib.parse.urlencode({"client_id": app, "scope": "openid run.read"}))
    other.goto(ADDRESS + urllib.parse.urlsplit(begun["verification_uri"]).path)
    look(other, "device")
    tab_to(other, "Code")
    other.keyboard.type("bcdf ghjk")
    enter(other)
    expect(other.get_by_role("alert")).to_be_focused()
    look(other, "device-wrong")
    other.goto(begun["verification_uri_complete"].replace("http://localhost:8080", ADDRESS))
    tab_to(other, "Go on")
    enter(other)
    expect(other.get_by_role("heading", name="Allow the device?")).to_be_visible()
    look(other, "device-asked")
    tab_to(other, "Allow")
    enter(other)
    at(other, "/console/auth/device?done=device-allowed")
    look(other, "device-allowed")
    poll = {"grant_type": device_grant, "client_id": app, "device_code": begun["device_code"]}
    assert ask("/auth/oauth/token", urllib.parse.urlencode(poll))["scope"] == "openid run.read"
    other.goto(ADDRESS + "/console/auth/accounts/me/applications")
    look(other, "applications")
    rows = other.get_by_role("row").count()
    click(other, "End")
    at(other, "/console/auth/accounts/me/applications?done=ended")
    expect(other.get_by_role("row")).to_have_count(rows - 1)
    click(other, "Revoke")
    at(other, "/console/auth/accounts/me/applications?done=revoked")
    look(other, "applications-none")
    other.goto(ADDRESS + "/auth/oauth/logout?client_id=" + app)
    look(other, "logout")
    other.context.close()
    server.shutdown()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A page of somebody else, with a form that is sent to us at once."""

    def do_GET(self):
        target = f"{ADDRESS}/console/auth/accounts/me/sessions"
        page = f"""<!doctype html><title>x</title><form method=post action="{target}"><input name=session value=others></form>
            <script>document.forms[0].submit()</script>"""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def forms_of_others(page, browser):
    """Neither another site (127.0.0.1) nor another origin of the same site (another port of localhost) gets a form through."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other = new_page(browser)
    sign_in(other, ADA)
    at(other, "/console")
    # From another site the cookie is not sent: nobody is signed in, and the form goes nowhere.
    page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
    page.wait_for_url(re.compile(re.escape(ADDRESS) + "/console(/auth/sign-in.*)?$"))
    # From another port of the same name it is sent: the browser says where the form is from.
    page.goto(f"http://localhost:{server.server_port}/", wait_until="commit")
    expect(page.get_by_text("was sent from another site")).to_be_visible(timeout=60_000)
    said[:] = [line for line in said if "403 (Forbidden)" not in line and "favicon" not in line and f":{server.server_port}" not in line]
    other.goto(ADDRESS + "/console")
    at(other, "/console")
    # A token of another browser is none of this one.
    foreign = other.locator("input[name=form_token]").first.get_attribute("value")
    page.goto(ADDRESS + "/console/auth/accounts/me/sessions")
    for token in (foreign, "", "x"):
        page.evaluate("(token) => document.querySelectorAll('[name=form_token]').forEach(field => field.value = token)", token)
        with page.expect_navigation() as sent:
            page.get_by_role("button", name="End all other sessions").click()
        assert sent.value.status == 403, (token, sent.value.status)
        page.go_back()
    said[:] = [line for line in said if "403 (Forbidden)" not in line]
    other.reload()
    at(other, "/console")
    other.context.close()
    server.shutdown()


def sign_out(page):
    page.goto(ADDRESS + "/console/auth/profile")
    tab_to(page, "Sign out")
    enter(page)
    at(page, "/console/auth/sign-in?done=signed-out")
    look(page, "signed-out")
    # What was shown is kept nowhere.
    page.go_back()
    page.wait_for_url("**/sign-in?next=*")
    assert "ada@example.com" not in page.content()


with sync_playwright() as playwright:
    mailbox = Controller(Mailbox(), hostname="127.0.0.1", port=int(SMTP_PORT))
    mailbox.start()
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    page = new_page(browser)
    page.set_default_timeout(60_000)
    set_up(page)
    sign_in_by_keyboard(page)
    menu_on_a_phone(page)
    profile(page)
    sessions(page, browser)
    keys(page)
    curve_keys(page)
    identities(page)
    second_factor(page, browser)
    people(page, browser)
    organisations(page, browser)
    on_ones_own(browser)
    applications(page, browser)
    forms_of_others(page, browser)
    sign_out(page)
    browser.close()
    mailbox.stop()
    # A form with what is wrong in it is answered 422, which Chromium says; that is no fault.
    said[:] = [line for line in said if "422 (Unprocessable" not in line]
    assert not said, "\n".join(said)
    print(len(seen))
