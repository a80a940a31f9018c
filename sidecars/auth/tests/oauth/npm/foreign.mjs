// openid-client, oauth4webapi and jose as applications: they find everything, and go through each way to a token.
//
// A line of JSON comes with what is registered; whoever started this opens addresses in a browser (`visit`, answered by where it ended;
// `leave`, at which the person signs out) and approves devices (`approve`). The last line is what was seen (`done`).

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const ask = (words) => {
  console.log(JSON.stringify(words));
  return read();
};
const errorOf = async (call) => {
  try {
    await call();
  } catch (error) {
    return error.error ?? error.code ?? String(error);
  }
  return null;
};

async function codeFlow(issuer, app, auth) {
  const config = await client.discovery(new URL(issuer), app.id, undefined, auth, { execute: [client.allowInsecureRequests] });
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: app.redirect_uri,
    scope: "openid profile email offline_access run.read",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
    max_age: "3600",
  });
  const { at } = await ask({ visit: url.href });
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, new URL(at), checks);
  const claims = tokens.claims();
  const told = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const access = await jose.jwtVerify(tokens.access_token, keys, { issuer, audience: "tickloom", typ: "at+jwt" });
  const id = await jose.jwtVerify(tokens.id_token, keys, { issuer, audience: app.id });
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  return {
    sub: claims.sub,
    userinfo: [told.sub, told.name, told.email],
    access: [access.payload.client_id, access.payload.scope],
    id: id.payload.nonce === expectedNonce,
    reuse: await errorOf(() => client.refreshTokenGrant(config, tokens.refresh_token)),
    after: await errorOf(() => client.refreshTokenGrant(config, next.refresh_token)),
    // An answer that another server gave (RFC 9207).
    mixed: await errorOf(() => {
      const other = new URL(at);
      other.searchParams.set("iss", "https://evil.example");
      return client.authorizationCodeGrant(config, other, checks);
    }),
  };
}

async function program(issuer, app) {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const as = await oauth
    .discoveryRequest(new URL(issuer), { ...insecure, algorithm: "oauth2" })
    .then((response) => oauth.processDiscoveryResponse(new URL(issuer), response));
  const own = { client_id: app.id };
  const auth = oauth.ClientSecretBasic(app.secret);
  const parameters = new URLSearchParams({ scope: "run.read" });
  const response = await oauth.clientCredentialsGrantRequest(as, own, auth, parameters, insecure);
  const tokens = await oauth.processClientCredentialsResponse(as, own, response);
  const introspect = async () => {
    const response = await oauth.introspectionRequest(as, own, auth, tokens.access_token, insecure);
    return oauth.processIntrospectionResponse(as, own, response);
  };
  const before = await introspect();
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, own, auth, tokens.access_token, insecure));
  const check = await errorOf(() =>
    oauth.validateJwtAccessToken(
      as,
      new Request(issuer, { headers: { authorization: `Bearer ${tokens.access_token}` } }),
      "tickloom",
      insecure,
    ),
  );
  return { before: [before.active, before.scope, before.aud], check, after: await introspect() };
}

async function device(issuer, app) {
  const config = await client.discovery(new URL(issuer), app.id, undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid run.read" });
  await ask({ approve: begun.verification_uri_complete });
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0 });
  return { scope: tokens.scope, sub: tokens.claims().sub };
}

// The server of an application, which is told that a session is over.
const notices = [];
let heard = () => {};
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    notices.push(new URLSearchParams(body).get("logout_token"));
    response.end();
    heard();
  });
});
const nextNotice = async () => {
  while (notices.length === 0) await new Promise((resolve) => (heard = resolve));
  return notices.shift();
};

async function logout(issuer, app, out) {
  const auth = client.ClientSecretBasic(app.secret);
  const config = await client.discovery(new URL(issuer), app.id, undefined, auth, { execute: [client.allowInsecureRequests] });
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: app.redirect_uri,
    scope: "openid",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const { at } = await ask({ visit: url.href });
  const tokens = await client.authorizationCodeGrant(config, new URL(at), { pkceCodeVerifier, idTokenExpected: true });
  const end = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: out,
    state: "s",
  });
  const left = await ask({ leave: end.href });
  const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const expected = { issuer, audience: app.id, typ: "logout+jwt", requiredClaims: ["jti", "events"] };
  for (;;) {
    const { payload } = await jose.jwtVerify(await nextNotice(), keys, expected);
    // Refresh tokens that came twice ended sessions of the application before.
    if (payload.sid !== tokens.claims().sid) continue;
    return { at: left.at, sub: payload.sub, aud: payload.aud, events: payload.events, has_nonce: "nonce" in payload };
  }
}

async function asserting(issuer, app) {
  const { kid, ...jwk } = app.jwk;
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["sign"]);
  const auth = client.PrivateKeyJwt({ key, kid });
  const config = await client.discovery(new URL(issuer), app.id, undefined, auth, { execute: [client.allowInsecureRequests] });
  // Each token is asked for with another assertion.
  await client.clientCredentialsGrant(config, { scope: "account.read" });
  return (await client.clientCredentialsGrant(config, { scope: "account.read" })).scope;
}

const told = await read();
const { issuer, confidential } = told;
await new Promise((resolve) => server.listen(Number(told.told_at), "127.0.0.1", resolve));
const done = {
  basic: await codeFlow(issuer, confidential, client.ClientSecretBasic(confidential.secret)),
  post: await codeFlow(issuer, confidential, client.ClientSecretPost(confidential.secret)),
  public: await codeFlow(issuer, told.public, client.None()),
  program: await program(issuer, told.program),
  device: await device(issuer, told.device),
  asserting: await asserting(issuer, told.asserting),
  logout: await logout(issuer, confidential, told.out),
};
console.log(JSON.stringify({ done }));
process.exit(0);
