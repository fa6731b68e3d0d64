// What every suite is told by tests/clients/test_node.py, through the environment.

import assert from 'node:assert/strict';

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: these suites are started by tests/clients/test_node.py`);
  return value;
}

export const base = setting('CARECONNECT_BASE');
export const fhirBase = setting('CARECONNECT_FHIR_BASE');
export const secretClient = { id: setting('CARECONNECT_CLIENT_ID'), secret: setting('CARECONNECT_CLIENT_SECRET') };
export const editor = { id: setting('CARECONNECT_EDITOR_ID'), secret: setting('CARECONNECT_EDITOR_SECRET') };
export const boundClient = { id: setting('CARECONNECT_BOUND_ID'), secret: setting('CARECONNECT_BOUND_SECRET') };
export const keyClient = { id: setting('CARECONNECT_KEY_CLIENT_ID'), jwk: JSON.parse(setting('CARECONNECT_KEY_CLIENT_JWK')) };
export const fapi2Client = { id: setting('CARECONNECT_FAPI2_CLIENT_ID'), jwk: JSON.parse(setting('CARECONNECT_FAPI2_CLIENT_JWK')) };
export const nhsNumber = `https://fhir.nhs.uk/Id/nhs-number|${setting('CARECONNECT_NHS_NUMBER')}`;
const observations = setting('CARECONNECT_OBSERVATIONS').split(' ');

/** Check that a walk met each observation of the sample's patient, and none twice: others may write more of them. */
export function assertWalked(ids) {
  const met = new Set(ids);
  assert.equal(met.size, ids.length);
  assert.deepEqual(observations.filter((id) => !met.has(id)), []);
}

/** The access token of a client: of the one that reads everything, unless another is named. */
export async function accessToken(client = secretClient) {
  const answer = await fetch(`${base}/token`, tokenRequest(client));
  assert.equal(answer.status, 200);
  return (await answer.json()).access_token;
}

/** The registered private key, for WebCrypto, and the kid that the server knows it by. */
export async function privateKey() {
  const { kid, ...jwk } = keyClient.jwk;
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return { key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid };
}

/** The request for a token of a client with a secret, for fetch. */
export function tokenRequest({ id, secret }, headers = {}) {
  const basic = Buffer.from(`${id}:${secret}`).toString('base64');
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  return { method: 'POST', headers: { Authorization: `Basic ${basic}`, ...headers }, body };
}

/** Check that a request that was answered is refused if it is sent again with the same proof. */
export async function assertSentOnce(url, { method, headers, body }) {
  const again = await fetch(url, { method, headers, body });
  assert.equal(again.status, 401);
  assert.match(again.headers.get('www-authenticate'), /^DPoP realm="careconnect", error="invalid_dpop_proof", /);
  assert.equal((await again.json()).issue[0].diagnostics, 'The DPoP proof was used before.');
}

/** The registered P-256 key of the client with fapi2, for WebCrypto, and its kid. */
export async function fapi2Key() {
  const { kid, ...jwk } = fapi2Client.jwk;
  return { key: await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']), kid };
}

/** A patient without an id, with an NHS number that nobody has, and the condition that finds it. */
export function newPatient(elements = {}) {
  const value = crypto.randomUUID();
  const system = 'https://fhir.nhs.uk/Id/nhs-number';
  const patient = { resourceType: 'Patient', identifier: [{ system, value }], gender: 'female', ...elements };
  return { patient, identifier: `${system}|${value}` };
}
