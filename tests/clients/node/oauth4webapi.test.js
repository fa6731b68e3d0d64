// oauth4webapi: strict about every header and member of the answers, and verifies the access token by the published keys.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';

import { assertSentOnce, base, boundClient, fhirBase, keyClient, newPatient, privateKey, secretClient } from './support.js';

const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(base);
let server;

before(async () => {
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});

async function livesAndIsRevoked(id, authentication) {
  const client = { client_id: id };
  const parameters = { scope: 'system/Patient.rs' };
  const granted = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, insecure);
  const token = await oauth.processClientCredentialsResponse(server, client, granted);
  assert.equal(token.scope, 'system/Patient.rs');

  // RFC 9068, by the library's own reading of it, and the keys at jwks_uri.
  const request = new Request(`${fhirBase}/Patient/4`, { headers: { Authorization: `Bearer ${token.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(server, request, fhirBase, insecure);
  assert.equal(claims.client_id, id);

  const read = await oauth.protectedResourceRequest(
    token.access_token, 'GET', new URL(`${fhirBase}/Patient/4`), undefined, undefined, insecure,
  );
  assert.equal(read.status, 200);

  const asked = await oauth.introspectionRequest(server, client, authentication, token.access_token, insecure);
  assert.equal((await oauth.processIntrospectionResponse(server, client, asked)).active, true);

  const revoked = await oauth.revocationRequest(server, client, authentication, token.access_token, insecure);
  await oauth.processRevocationResponse(revoked);

  const again = await oauth.introspectionRequest(server, client, authentication, token.access_token, insecure);
  assert.equal((await oauth.processIntrospectionResponse(server, client, again)).active, false);
}

describe('the life of a token', () => {
  test('client_secret_basic', () => livesAndIsRevoked(secretClient.id, oauth.ClientSecretBasic(secretClient.secret)));
  test('client_secret_post', () => livesAndIsRevoked(secretClient.id, oauth.ClientSecretPost(secretClient.secret)));
  test('private_key_jwt', async () => livesAndIsRevoked(keyClient.id, oauth.PrivateKeyJwt(await privateKey())));
});

test('a resource without a token is refused with a challenge', async () => {
  await assert.rejects(
    oauth.protectedResourceRequest('not.a.token', 'GET', new URL(`${fhirBase}/Patient/4`), undefined, undefined, insecure),
    (error) => {
      assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, String(error));
      assert.equal(error.cause[0].scheme, 'bearer');
      assert.equal(error.cause[0].parameters.error, 'invalid_token');
      return true;
    },
  );
});

// The library names Ed25519 by RFC 9864 unless it is told to use the name that this server takes.
const asEdDSA = { [oauth.modifyAssertion]: (header) => { header.alg = header.alg === 'Ed25519' ? 'EdDSA' : header.alg; } };

async function again(request) {
  try {
    return await request();
  } catch (error) {
    assert.ok(oauth.isDPoPNonceError(error), String(error));
    return request();
  }
}

describe('a bound token', () => {
  for (const algorithm of ['ES256', 'PS256', 'Ed25519']) {
    test(`with a key for ${algorithm}`, async () => {
      const client = { client_id: boundClient.id };
      const keyPair = await oauth.generateKeyPair(algorithm);
      const sent = [];
      const options = {
        ...insecure,
        [oauth.customFetch]: (url, init) => { sent.push([url, init]); return fetch(url, init); },
      };
      const fetched = async (handle, method, path, body, headers) => again(() => oauth.protectedResourceRequest(
        token.access_token, method, new URL(fhirBase + path), headers, body, { DPoP: handle, ...options },
      ));

      const handle = oauth.DPoP(client, keyPair, asEdDSA);
      const token = await again(async () => oauth.processClientCredentialsResponse(server, client,
        await oauth.clientCredentialsGrantRequest(
          server, client, oauth.ClientSecretBasic(boundClient.secret), {}, { DPoP: handle, ...options },
        )));
      assert.equal(token.token_type, 'dpop');
      assert.equal(sent.length, 2);

      assert.equal((await fetched(handle, 'GET', '/Patient/4?_elements=birthDate')).status, 200);
      const json = new Headers({ 'Content-Type': 'application/fhir+json' });
      assert.equal((await fetched(handle, 'POST', '/Patient', JSON.stringify(newPatient().patient), json)).status, 201);
      assert.equal(sent.length, 4);

      // Without the nonce that the first handle keeps.
      assert.equal((await fetched(oauth.DPoP(client, keyPair, asEdDSA), 'GET', '/Patient/4')).status, 200);
      assert.equal(sent.length, 6);

      const [url, init] = sent.at(-1);
      await assertSentOnce(url, init);
      // RFC 9068 and RFC 9449, by the library's own reading of them.
      const request = new Request(url, { headers: init.headers });
      const claims = await oauth.validateJwtAccessToken(server, request, fhirBase, { requireDPoP: true, ...insecure });
      assert.equal(claims.cnf.jkt, await handle.calculateThumbprint());
    });
  }
});
