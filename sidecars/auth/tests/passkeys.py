"""An authenticator, and a second opinion: reads one JSON object a line from stdin and answers each with one.

It makes passkeys and signs with them as it is told, rightly or wrongly, with the cryptography package and cbor2; and says what the
webauthn package (Duo Labs) makes of the same bytes. The Rust side is service/passkeys.rs. Nothing here knows how Tickloom checks anything.

    {"op": "create", "options": …, "origin": …, "as": NAME, "wrong": {…}}   a new passkey, which is called NAME here
    {"op": "get", "options": …, "origin": …, "as": NAME, "wrong": {…}}      a signature with it

`wrong` has what is to be other than it should: see `client_data`, `authenticator_data` and the functions themselves.
"""

import hashlib
import json
import os
import struct
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
import webauthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
passkeys = {}


def encode(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Passkey:
    """A key of an authenticator, and what it remembers with it."""

    def __init__(self, algorithm, rp_id, handle):
        self.algorithm, self.rp_id, self.handle = algorithm, rp_id, handle
        self.id, self.count = os.urandom(32), 0
        if algorithm == -7:
            self.key = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == -8:
            self.key = ed25519.Ed25519PrivateKey.generate()
        else:
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # What the second verifier keeps.
        self.stored, self.stored_count = None, 0

    def cose(self):
        public = self.key.public_key()
        if self.algorithm == -7:
            numbers = public.public_numbers()
            x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
            return {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        n = numbers.n.to_bytes(256, "big")
        return {1: 3, 3: -257, -1: n, -2: numbers.e.to_bytes(3, "big")}

    def sign(self, message):
        if self.algorithm == -7:
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == -8:
            return self.key.sign(message)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def client_data(kind, request, wrong):
    data = {
        "type": wrong.get("type", kind),
        "challenge": wrong.get("challenge", request["options"]["challenge"]),
        "origin": wrong.get("origin", request["origin"]),
        "crossOrigin": wrong.get("cross_origin", False),
    }
    return json.dumps(data).encode()


def authenticator_data(passkey, flags, wrong, credential=b""):
    flags = wrong.get("flags", flags)
    rp_hash = hashlib.sha256(wrong.get("rp_id", passkey.rp_id).encode()).digest()
    return rp_hash + struct.pack(">BI", flags, wrong.get("count", passkey.count)) + credential


def opinion(verify):
    """Whether the second verifier takes it."""
    try:
        return verify(), None
    except Exception as error:  # whatever it says no with
        return None, f"{type(error).__name__}: {error}"


def create(request):
    wrong, options = request.get("wrong", {}), request["options"]
    algorithm = wrong.get("algorithm", options["pubKeyCredParams"][0]["alg"])
    passkey = Passkey(algorithm, options["rp"]["id"], decode(options["user"]["id"]))
    if "id_of" in wrong:
        passkey.id = passkeys[wrong["id_of"]].id
    passkey.count = wrong.get("count", 1)
    cose = passkey.cose()
    if "cose_algorithm" in wrong:
        cose[3] = wrong["cose_algorithm"]
    attested = bytes(16) + struct.pack(">H", len(passkey.id)) + passkey.id + cbor2.dumps(cose)
    data = authenticator_data(passkey, UP | UV | AT, wrong, attested)
    data = data[: len(data) - wrong.get("cut", 0)] + decode(wrong.get("more", ""))
    statement = {"x": 1} if wrong.get("statement") else {}
    made = cbor2.dumps({"fmt": wrong.get("format", "none"), "attStmt": statement, "authData": data})
    made = made[: len(made) - wrong.get("cut_object", 0)] + decode(wrong.get("more_object", ""))
    seen = client_data("webauthn.create", request, wrong)
    credential = {
        "id": encode(passkey.id),
        "rawId": encode(passkey.id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": encode(seen),
            "attestationObject": encode(made),
            "transports": ["internal", "hybrid", "of no kind"],
        },
    }
    found, why = opinion(
        lambda: webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=decode(options["challenge"]),
            expected_rp_id=options["rp"]["id"],
            expected_origin=request["origin"],
            require_user_verification=True,
        )
    )
    if found is not None:
        passkey.stored, passkey.stored_count = found.credential_public_key, found.sign_count
        passkeys[request["as"]] = passkey
    return {"credential": credential, "taken": found is not None, "why": why}


def get(request):
    wrong, options = request.get("wrong", {}), request["options"]
    passkey = passkeys[request["as"]]
    passkey.count += 1
    seen = client_data("webauthn.get", request, wrong)
    data = authenticator_data(passkey, UP | UV, wrong) + decode(wrong.get("more", ""))
    data = data[: len(data) - wrong.get("cut", 0)]
    signer = passkeys[wrong.get("signer", request["as"])]
    signature = signer.sign(data + hashlib.sha256(seen).digest())
    if "signature" in wrong:
        signature = decode(wrong["signature"])
    handle = wrong.get("handle", encode(passkey.handle))
    credential = {
        "id": encode(passkey.id),
        "rawId": encode(passkey.id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": encode(seen),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": handle,
        },
    }
    found, why = opinion(
        lambda: webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=decode(options["challenge"]),
            expected_rp_id=options["rpId"],
            expected_origin=request["origin"],
            credential_public_key=passkey.stored,
            credential_current_sign_count=passkey.stored_count,
            require_user_verification=options["userVerification"] == "required",
        )
    )
    if found is not None:
        passkey.stored_count = found.new_sign_count
    return {"credential": credential, "taken": found is not None, "why": why}


for line in sys.stdin:
    asked = json.loads(line)
    answer = create(asked) if asked["op"] == "create" else get(asked)
    print(json.dumps(answer), flush=True)
