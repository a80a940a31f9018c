"""Authlib as an application: it finds everything, and goes through each way to a token.

A line of JSON comes with what is registered; whoever started this opens addresses in a browser (`visit`, answered by where it ended;
`leave`, at which the person signs out) and approves devices (`approve`). The last line is what was seen (`done`).
"""

import http.server
import json
import os
import queue
import sys
import threading
import urllib.parse

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken, UserInfo
from joserfc import jwt
from joserfc.jwk import KeySet

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def ask(**words):
    print(json.dumps(words), flush=True)
    return json.loads(sys.stdin.readline())


def error_of(call):
    try:
        call()
    except OAuthError as error:
        return error.error
    return None


def code_flow(metadata, app, auth_method):
    session = OAuth2Session(
        app["id"],
        app.get("secret"),
        scope="openid profile email offline_access run.read",
        redirect_uri=app["redirect_uri"],
        code_challenge_method="S256",
        token_endpoint_auth_method=auth_method,
    )
    verifier, nonce = generate_token(64), generate_token(20)
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    place = ask(visit=url)["at"]
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=place, code_verifier=verifier, state=state
    )
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    algorithms = metadata["id_token_signing_alg_values_supported"]
    decoded = jwt.decode(token["id_token"], keys, algorithms=algorithms)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"value": metadata["issuer"]}, "aud": {"value": app["id"]}},
        {"nonce": nonce, "client_id": app["id"], "access_token": token["access_token"]},
    )
    claims.validate()
    access = jwt.decode(token["access_token"], keys, algorithms=algorithms)
    told = UserInfo(session.get(metadata["userinfo_endpoint"]).json())
    first = token["refresh_token"]
    second = session.refresh_token(metadata["token_endpoint"], refresh_token=first)
    seen = {
        "sub": claims["sub"],
        "id_type": decoded.header["typ"],
        "access_type": access.header["typ"],
        "access_client": access.claims["client_id"],
        "userinfo": [told["sub"], told["name"], told["email"]],
        "is_another_token": second["access_token"] != token["access_token"],
        "again": error_of(lambda: session.fetch_token(metadata["token_endpoint"], authorization_response=place, code_verifier=verifier, state=state)),
    }
    # The code came twice: all that came of it is over.
    seen["after_again"] = error_of(
        lambda: session.refresh_token(metadata["token_endpoint"], refresh_token=second["refresh_token"])
    )
    return seen


def tokens(metadata, app):
    session = OAuth2Session(app["id"], app["secret"])
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="run.read")
    introspect = lambda: session.introspect_token(
        metadata["introspection_endpoint"], token=token["access_token"]
    ).json()
    before = introspect()
    status = session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"]).status_code
    last = "y" if app["secret"].endswith("x") else "x"
    wrong = OAuth2Session(app["id"], app["secret"][:-1] + last)
    return {
        "scope": token["scope"],
        "before": [before["active"], before["client_id"], before["scope"]],
        "revoked": status,
        "after": introspect(),
        "wrong": error_of(lambda: wrong.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")),
    }


def device(metadata, app):
    begun = requests.post(
        metadata["device_authorization_endpoint"],
        {"client_id": app["id"], "scope": "openid run.read"},
        timeout=30,
    ).json()
    session = OAuth2Session(app["id"], token_endpoint_auth_method="none")
    poll = lambda: session.fetch_token(
        metadata["token_endpoint"], grant_type=DEVICE, device_code=begun["device_code"]
    )
    pending = error_of(poll)
    early = error_of(poll)
    ask(approve=begun["verification_uri_complete"])
    return {"pending": pending, "early": early, "scope": poll()["scope"]}


notices = queue.Queue()


class Told(http.server.BaseHTTPRequestHandler):
    """The server of an application, which is told that a session is over."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        notices.put(urllib.parse.parse_qs(body)["logout_token"][0])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def logout(metadata, app, out):
    """The person signs out at the wish of the application, whose server is told of it."""
    session = OAuth2Session(
        app["id"], app["secret"], scope="openid", redirect_uri=app["redirect_uri"], code_challenge_method="S256"
    )
    verifier = generate_token(64)
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    place = ask(visit=url)["at"]
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=place, code_verifier=verifier, state=state
    )
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    algorithms = metadata["id_token_signing_alg_values_supported"]
    sid = jwt.decode(token["id_token"], keys, algorithms=algorithms).claims["sid"]
    query = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": out, "state": "s"}
    at = ask(leave=metadata["end_session_endpoint"] + "?" + urllib.parse.urlencode(query))["at"]
    while True:
        notice = jwt.decode(notices.get(timeout=60), keys, algorithms=algorithms)
        # Codes that came twice ended sessions of the application before.
        if notice.claims["sid"] == sid:
            break
    said = notice.claims
    assert said["iss"] == metadata["issuer"], said
    return {
        "at": at,
        "typ": notice.header["typ"],
        "sub": said["sub"],
        "aud": said["aud"],
        "events": said["events"],
        "has_nonce": "nonce" in said,
        "lasts": said["exp"] - said["iat"],
    }


def main():
    told = json.loads(sys.stdin.readline())
    found = requests.get(told["issuer"] + "/.well-known/openid-configuration", timeout=30).json()
    assert found["issuer"] == told["issuer"], found
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(told["told_at"])), Told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen = {
        "basic": code_flow(found, told["confidential"], "client_secret_basic"),
        "post": code_flow(found, told["confidential"], "client_secret_post"),
        "public": code_flow(found, told["public"], "none"),
        "tokens": tokens(found, told["program"]),
        "device": device(found, told["device"]),
        "logout": logout(found, told["confidential"], told["out"]),
    }
    print(json.dumps({"done": seen}), flush=True)


main()
