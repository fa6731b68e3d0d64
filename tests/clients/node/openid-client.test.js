// openid-client: discovers by RFC 8414, and then does all that a machine client can do.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as client from 'openid-client';

import {
  assertSentOnce, base, boundClient, fapi2Client, fapi2Key, fhirBase, keyClient, newPatient, privateKey, secretClient,
} from './support.js';

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

test('with a bound token and the nonces that it needs', async () => {
  const authentication = client.ClientSecretBasic(boundClient.secret);
  const config = await client.discovery(new URL(base), boundClient.id, {}, authentication, discovery);
  const sent = [];
  config[client.customFetch] = (url, init) => { sent.push([url, init]); return fetch(url, init); };
  const keyPair = await client.randomDPoPKeyPair();
  const DPoP = client.getDPoPHandle(config, keyPair);
  const fetched = (handle, method, path, body, headers) =>
    client.fetchProtectedResource(config, token.access_token, new URL(fhirBase + path), method, body, headers, { DPoP: handle });

  // The library asks again with the nonce by itself.
  const token = await client.clientCredentialsGrant(config, {}, { DPoP });
  assert.equal(token.token_type, 'dpop');
  assert.equal(sent.length, 2);

  assert.equal((await (await fetched(DPoP, 'GET', '/Patient/4')).json()).id, '4');
  const json = new Headers({ 'Content-Type': 'application/fhir+json' });
  assert.equal((await fetched(DPoP, 'POST', '/Patient', JSON.stringify(newPatient().patient), json)).status, 201);
  assert.equal(sent.length, 4);

  // Without the nonce that the first handle keeps.
  assert.equal((await fetched(client.getDPoPHandle(config, keyPair), 'GET', '/Patient/4')).status, 200);
  assert.equal(sent.length, 6);
  await assertSentOnce(...sent.at(-1));

  const introspected = await client.tokenIntrospection(config, token.access_token);
  assert.equal(introspected.token_type, 'DPoP');
  assert.equal(introspected.cnf.jkt, await DPoP.calculateThumbprint());
});

test('with the profile fapi2, its assertions signed by ES256 for the issuer alone', async () => {
  const config = await client.discovery(
    new URL(base), fapi2Client.id, {}, client.PrivateKeyJwt(await fapi2Key()), discovery,
  );
  assert.deepEqual(config.serverMetadata().dpop_signing_alg_values_supported, ['ES256', 'PS256', 'EdDSA']);

  await assert.rejects(client.clientCredentialsGrant(config), { error: 'invalid_dpop_proof' });
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('PS256'));
  const token = await client.clientCredentialsGrant(config, {}, { DPoP });
  assert.equal(JSON.parse(Buffer.from(token.access_token.split('.')[0], 'base64url')).alg, 'PS256');

  const url = new URL(`${fhirBase}/Patient/4`);
  const read = await client.fetchProtectedResource(config, token.access_token, url, 'GET', undefined, undefined, { DPoP });
  assert.equal((await read.json()).id, '4');
  assert.equal((await client.tokenIntrospection(config, token.access_token)).active, true);
});

test('with the profile fapi2 and an assertion for the URL of the endpoint', async () => {
  const authentication = client.PrivateKeyJwt(await fapi2Key(), {
    [client.modifyAssertion]: (header, payload) => { payload.aud = `${base}/token`; },
  });
  const config = await client.discovery(new URL(base), fapi2Client.id, {}, authentication, discovery);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());

  const refused = await client.clientCredentialsGrant(config, {}, { DPoP }).then(assert.fail, (error) => error);
  assert.equal((await refused.response.json()).error_description, "The client assertion's aud is not the issuer alone.");
});

test('with a bound token as a bearer token', async () => {
  const authentication = client.ClientSecretBasic(secretClient.secret);
  const config = await client.discovery(new URL(base), secretClient.id, {}, authentication, discovery);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const token = await client.clientCredentialsGrant(config, {}, { DPoP });

  await assert.rejects(readsPatient(config, token.access_token), (error) => {
    assert.deepEqual(error.cause.map(({ scheme }) => scheme), ['bearer', 'dpop']);
    return true;
  });
});
