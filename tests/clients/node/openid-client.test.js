// openid-client: discovers by RFC 8414, and then does all that a machine client can do.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as client from 'openid-client';

import { base, fhirBase, keyClient, privateKey, secretClient } from './support.js';

const discovery = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };

async function readsPatient(config, token) {
  const answer = await client.fetchProtectedResource(config, token, new URL(`${fhirBase}/Patient/4`), 'GET');
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).id, '4');
}

async function livesAndIsRevoked(config) {
  const tokens = await client.clientCredentialsGrant(config, { scope: 'system/*.read' });
  assert.equal(tokens.token_type, 'bearer');
  assert.equal(tokens.scope, 'system/*.read');
  await readsPatient(config, tokens.access_token);

  const introspected = await client.tokenIntrospection(config, tokens.access_token);
  assert.equal(introspected.active, true);
  assert.equal(introspected.client_id, config.clientMetadata().client_id);
  assert.equal(introspected.iss, base);

  await client.tokenRevocation(config, tokens.access_token);
  assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false });
}

describe('with a secret in a Basic header', () => {
  let config;
  before(async () => {
    const authentication = client.ClientSecretBasic(secretClient.secret);
    config = await client.discovery(new URL(base), secretClient.id, {}, authentication, discovery);
  });

  test('discovers what the server is', () => {
    const server = config.serverMetadata();
    assert.equal(server.issuer, base);
    assert.ok(server.grant_types_supported.includes('client_credentials'));
    assert.ok(server.token_endpoint_auth_methods_supported.includes('private_key_jwt'));
  });

  test('obtains, uses, introspects and revokes a token', () => livesAndIsRevoked(config));

  test('is told of a scope beyond its registration', async () => {
    await assert.rejects(client.clientCredentialsGrant(config, { scope: 'user/Patient.read' }), { error: 'invalid_scope' });
  });
});

test('with a secret in the form', async () => {
  const authentication = client.ClientSecretPost(secretClient.secret);
  await livesAndIsRevoked(await client.discovery(new URL(base), secretClient.id, {}, authentication, discovery));
});

test('with a private key', async () => {
  const authentication = client.PrivateKeyJwt(await privateKey());
  await livesAndIsRevoked(await client.discovery(new URL(base), keyClient.id, {}, authentication, discovery));
});

test('with a wrong secret', async () => {
  const authentication = client.ClientSecretBasic('wrong');
  const config = await client.discovery(new URL(base), secretClient.id, {}, authentication, discovery);
  await assert.rejects(client.clientCredentialsGrant(config), (error) => {
    assert.ok(error instanceof client.WWWAuthenticateChallengeError || error.error === 'invalid_client', String(error));
    assert.equal(error.status, 401);
    return true;
  });
});
