// openid-client, oauth4webapi and jose as applications: they find everything, and go through each way to a token.
//
// A line of JSON comes with what is registered; whoever started this opens addresses in a browser (`visit`, answered by where it ended)
// and approves devices (`approve`). The last line is what was seen (`done`). The page on which people sign in is somebody's own.

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
  const url = new URL(`${issuer}/sign-in`);
  url.search = new URLSearchParams({
    client_id: app.id,
    response_type: "code",
    redirect_uri: app.redirect_uri,
    scope: "openid profile email offline_access run.read",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
    max_age: "3600",
  }).toString();
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

const told = await read();
const { issuer, confidential } = told;
const done = {
  basic: await codeFlow(issuer, confidential, client.ClientSecretBasic(confidential.secret)),
  post: await codeFlow(issuer, confidential, client.ClientSecretPost(confidential.secret)),
  public: await codeFlow(issuer, told.public, client.None()),
  program: await program(issuer, told.program),
  device: await device(issuer, told.device),
};
console.log(JSON.stringify({ done }));
process.exit(0);
