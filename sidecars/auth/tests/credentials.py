"""Reads one JSON object of cases from stdin, answers with one of results: what argon2-cffi, PyJWT, pyotp and libzmq say of them.

The Rust side is credentials.rs. Nothing here knows how Tickloom makes anything.
"""

import base64
import hashlib
import json
import re
import sys
import zlib

import argon2
import jwt
import pyotp
import zmq
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from zmq.utils import z85

KEYS_OF = {
    "EdDSA": (lambda: ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm),
}
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def matches(stored, password):
    """Whether argon2-cffi takes the password for the one of the hash."""
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except argon2.exceptions.VerifyMismatchError:
        return False


def passwords(cases):
    """Of each hash whether it is of its password; and hashes of the same passwords by argon2-cffi."""
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    return {
        "right": [matches(case["hash"], case["password"]) for case in cases],
        "wrong": [matches(case["hash"], case["password"] + " ") for case in cases],
        "parameters": [
            vars_of(argon2.extract_parameters(case["hash"])) for case in cases
        ],
        "hashes": [hasher.hash(case["password"]) for case in cases],
    }


def vars_of(parameters):
    """What a hash says of itself, as a list."""
    return [
        parameters.type.name,
        parameters.version,
        parameters.salt_len,
        parameters.hash_len,
        parameters.time_cost,
        parameters.memory_cost,
        parameters.parallelism,
    ]


def thumbprint(key):
    """The name of a key by RFC 7638."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y") if name in key}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def tokens(case):
    """What the tokens say by their published keys; and tokens of PyJWT with its own keys, which say the same."""
    published = json.loads(case["jwks"])
    keys = jwt.PyJWKSet.from_json(case["jwks"])
    claims, headers = [], []
    for token in case["tokens"]:
        header = jwt.get_unverified_header(token)
        headers.append(header)
        # Times are the caller's, not of the day on which this runs.
        options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims.append(
            jwt.decode(
                token,
                keys[header["kid"]].key,
                algorithms=[header["alg"]],
                audience="tickloom",
                issuer=case["issuer"],
                options=options,
            )
        )
    own_keys, own_tokens = [], []
    for name, (make, kind) in KEYS_OF.items():
        key = make()
        public = kind.to_jwk(key.public_key(), as_dict=True)
        own_keys.append({**public, "kid": name, "use": "sig", "alg": name})
        headers_of_own = {"typ": "at+jwt", "kid": name}
        own_tokens += [
            jwt.encode(said, key, algorithm=name, headers=headers_of_own)
            for said in claims
        ]
    return {
        "claims": claims,
        "headers": headers,
        "kids": [[key["kid"], thumbprint(key)] for key in published["keys"]],
        "jwks": json.dumps({"keys": own_keys}),
        "tokens": own_tokens,
    }


def codes(cases):
    """The code of each secret at its second; and what an app makes of the URI."""
    found = []
    for case in cases:
        app = pyotp.parse_uri(case["uri"])
        secret = base64.b32encode(bytes.fromhex(case["secret"])).decode()
        assert app.secret == secret and app.issuer == "Tickloom" and app.name == "ada@engine.example"
        found.append(pyotp.TOTP(secret).at(case["second"]))
    return found


def secrets(texts):
    """Whether each is what the pattern and the checksum of the documentation say."""
    found = []
    for text in texts:
        form = re.fullmatch(r"tl[kor]_[0-9a-f]{32}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", text)
        checked, check = text.rsplit("_", 1)
        number = 0
        for letter in check:
            number = number * 62 + BASE62.index(letter)
        found.append(bool(form) and number == zlib.crc32(checked.encode()))
    return found


def curve_keys(count):
    """So many public keys of libzmq, each in Z85 and in hexadecimal digits."""
    public = [zmq.curve_keypair()[0] for _ in range(count)]
    return [[key.decode(), z85.decode(key).hex()] for key in public]


PARTS = {
    "passwords": passwords,
    "tokens": tokens,
    "codes": codes,
    "secrets": secrets,
    "curve_keys": curve_keys,
}
CASES = json.load(sys.stdin)
json.dump({name: PARTS[name](cases) for name, cases in CASES.items()}, sys.stdout)
