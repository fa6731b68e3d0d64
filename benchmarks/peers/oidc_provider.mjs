// node-oidc-provider with one confidential client and JWT access tokens, its state in memory, asked without a socket.
import { webcrypto } from "node:crypto";
import inject from "light-my-request";
import Provider from "oidc-provider";
import answering from "./answering.cjs";

const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
let ask;
let sign;

async function prepare({ issuer, audience, scope, client, jwk, request, signed }) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: "client_secret_basic",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        scope,
      },
    ],
    jwks: { keys: [jwk] },
    scopes: [scope],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope,
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: 3600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  const callback = provider.callback();
  ask = () => inject(callback, { method: "POST", url: "/token", headers: request.headers, payload: request.body });
  const key = await webcrypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["sign"]);
  const bytes = Buffer.from(signed);
  sign = () => webcrypto.subtle.sign(ALGORITHM.name, key, bytes);
}

answering.answer({
  prepare,
  ask: async () => {
    const { statusCode, body } = await ask();
    return { statusCode, body };
  },
  steps: {
    call: async () => {
      const { statusCode } = await ask();
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
    },
    signature: () => sign(),
  },
});
