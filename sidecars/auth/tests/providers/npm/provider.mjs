// A real OpenID provider for tests, by oidc-provider, whose clock stands still. Arguments: the one address that it sends people back to,
// the time in milliseconds, and the algorithm of its tokens. It prints its issuer once it listens.
const [, , redirect, time, algorithm] = process.argv;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [Number(time)] : parts));
  }
  static now() {
    return Number(time);
  }
};
const { createServer } = await import("node:http");
const { generateKeyPairSync } = await import("node:crypto");
const { Provider } = await import("oidc-provider");

const keyPair = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
}[algorithm];
const key = { ...keyPair().privateKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: algorithm };

const server = createServer((request, response) => handle(request, response));
let handle;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "tickloom",
        client_secret: "a secret: with +signs & 100%",
        redirect_uris: [redirect],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        id_token_signed_response_alg: algorithm,
      },
    ],
    jwks: { keys: [key] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("unverified"), name: `Name of ${id}` }),
    }),
    cookies: { keys: ["a key of a test"] },
    pkce: { required: () => true },
  });
  handle = provider.callback();
  console.log(issuer);
});
