// oauth4webapi: strict about every header and member of the answers, and verifies the access token by the published keys.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';

import { base, fhirBase, keyClient, privateKey, secretClient } from './support.js';

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
