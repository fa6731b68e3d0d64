// dpop, of the author of oauth4webapi: makes proofs, and leaves the requests to fetch.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as dpop from 'dpop';

import { assertSentOnce, base, boundClient, editor, fhirBase, newPatient, tokenRequest } from './support.js';

const keyPair = await dpop.generateKeyPair('ES256');

/** Answer of /token to a client, with a proof for it. */
async function granted(client, nonce) {
  const proof = await dpop.generateProof(keyPair, `${base}/token`, 'POST', nonce);
  return fetch(`${base}/token`, tokenRequest(client, { DPoP: proof }));
}

/** A request to the API with a proof, for fetch. */
async function signed(token, method, url, nonce, more = {}) {
  const proof = await dpop.generateProof(keyPair, url, method, nonce, token);
  const { headers, ...rest } = more;
  return { method, headers: { Authorization: `DPoP ${token}`, DPoP: proof, ...headers }, ...rest };
}

describe('a client that binds its tokens of its own accord', () => {
  let token;
  before(async () => {
    const answer = await (await granted(editor)).json();
    assert.equal(answer.token_type, 'DPoP');
    token = answer.access_token;
  });

  test('reads, and sends no proof twice', async () => {
    const url = `${fhirBase}/Patient/4`;
    const request = await signed(token, 'GET', url);
    const answer = await fetch(url, request);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('dpop-nonce'), null);
    await assertSentOnce(url, request);
  });

  test('is told what is wrong with a proof', async () => {
    const url = `${fhirBase}/Patient/4`;
    const told = async (request) => {
      const answer = await fetch(url, request);
      assert.equal(answer.status, 401);
      return (await answer.json()).issue[0].diagnostics;
    };
    const { headers: { DPoP, ...without } } = await signed(token, 'GET', url);
    assert.equal(await told({ headers: without }), 'A DPoP proof is required.');
    assert.equal(await told(await signed(token, 'GET', `${fhirBase}/Patient/5`)), "The DPoP proof's htu is not the request's URL.");
    assert.equal(await told({ ...await signed(token, 'HEAD', url), method: 'GET' }), "The DPoP proof's htm is not the request's method.");
  });

  test('sends HEAD, and follows the pages of a search', async () => {
    const head = await fetch(`${fhirBase}/Patient/4`, await signed(token, 'HEAD', `${fhirBase}/Patient/4`));
    assert.equal(head.status, 200);
    let url = `${fhirBase}/Observation?patient=4&_count=5`;
    let pages = 0;
    while (url) {
      const page = await (await fetch(url, await signed(token, 'GET', url.replace(/\?.*/, '')))).json();
      url = page.link.find(({ relation }) => relation === 'next')?.url;
      pages += 1;
    }
    assert.ok(pages > 1);
  });

  test('sends forms and Bundles, each with one proof', async () => {
    const sent = async (path, body, type) => {
      const request = await signed(token, 'POST', fhirBase + path, undefined, { body, headers: { 'Content-Type': type } });
      const answer = await fetch(fhirBase + path, request);
      assert.equal(answer.status, 200);
      return answer.json();
    };
    const found = await sent('/Patient/_search', '_id=4', 'application/x-www-form-urlencoded');
    assert.equal(found.entry[0].resource.id, '4');
    const entry = [{ request: { method: 'GET', url: 'Patient/4' } }, { request: { method: 'GET', url: 'Patient?_id=4' } }];
    const batch = { resourceType: 'Bundle', type: 'batch', entry };
    const answered = await sent('', JSON.stringify(batch), 'application/fhir+json');
    assert.deepEqual(answered.entry.map(({ response }) => response.status.slice(0, 3)), ['200', '200']);
  });

  // RFC 9864's name of the algorithm: the server takes RFC 8037's, EdDSA.
  test('is told that a key for Ed25519 has another name here', async () => {
    const proof = await dpop.generateProof(await dpop.generateKeyPair('Ed25519'), `${base}/token`, 'POST');
    const answer = await fetch(`${base}/token`, tokenRequest(editor, { DPoP: proof }));
    assert.deepEqual([answer.status, (await answer.json()).error_description],
      [400, "The DPoP proof's alg is not ES256, PS256 or EdDSA."]);
  });
});

test('a client that has to bind its tokens by a nonce reads and writes', async () => {
  const unproven = await (await fetch(`${base}/token`, tokenRequest(boundClient))).json();
  assert.equal(unproven.error, 'invalid_dpop_proof');
  const refused = await granted(boundClient);
  assert.equal((await refused.json()).error, 'use_dpop_nonce');
  const answer = await granted(boundClient, refused.headers.get('dpop-nonce'));
  const token = (await answer.json()).access_token;

  const url = `${fhirBase}/Patient/4`;
  const unread = await fetch(url, await signed(token, 'GET', url));
  assert.equal(unread.status, 401);
  assert.match(unread.headers.get('www-authenticate'), /error="use_dpop_nonce"/);
  const read = await fetch(url, await signed(token, 'GET', url, unread.headers.get('dpop-nonce')));
  assert.equal(read.status, 200);

  const body = JSON.stringify(newPatient().patient);
  const headers = { 'Content-Type': 'application/fhir+json' };
  const request = await signed(token, 'POST', `${fhirBase}/Patient`, read.headers.get('dpop-nonce'), { body, headers });
  assert.equal((await fetch(`${fhirBase}/Patient`, request)).status, 201);
  await assertSentOnce(`${fhirBase}/Patient`, request);
});
