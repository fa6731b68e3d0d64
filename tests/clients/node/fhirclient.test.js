// fhirclient, the SMART on FHIR JavaScript library: its own paging, resolving of references, and writing.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import FHIR from 'fhirclient';

import { accessToken, assertWalked, editor, fhirBase, newPatient, nhsNumber } from './support.js';

function clientWith(token) {
  const handler = FHIR({ headers: {}, url: '/' }, {}, { get: async () => undefined, set: async () => {}, unset: async () => false });
  return handler.client({ serverUrl: fhirBase, tokenResponse: { access_token: token } });
}

let client;
before(async () => {
  client = clientWith(await accessToken());
});

test('knows the release', async () => {
  assert.equal(await client.getFhirRelease(), 3);
});

test('finds a patient by NHS number', async () => {
  const bundle = await client.request(`Patient?identifier=${encodeURIComponent(nhsNumber)}`);
  assert.equal(bundle.total, 1);
  assert.equal(client.getPath(bundle, 'entry.0.resource.id'), '4');
});

test('walks all pages of the observations and resolves their subjects', async () => {
  const found = await client.request('Observation?patient=4&_count=4', {
    flat: true, pageLimit: 0, resolveReferences: ['subject'],
  });
  assertWalked(found.map((each) => each.id));
  assert.ok(found.every((each) => each.subject.resourceType === 'Patient'));
});

test('resolves the references of a patient', async () => {
  const patient = await client.request('Patient/4', { resolveReferences: ['managingOrganization', 'generalPractitioner'] });
  assert.equal(patient.managingOrganization.resourceType, 'Organization');
  assert.equal(patient.generalPractitioner[0].resourceType, 'Practitioner');
});

test('reads XML', async () => {
  const xml = await client.request({ url: 'Patient/4', headers: { Accept: 'application/fhir+xml' } });
  assert.match(typeof xml === 'string' ? xml : await xml.text(), /^<\?xml[^>]*\?><Patient xmlns="http:\/\/hl7.org\/fhir">/);
});

test('is told what is wrong', async () => {
  await assert.rejects(client.request('Patient/nobody'), { status: 404 });
});

describe('as the client that writes', () => {
  let writer;
  before(async () => {
    writer = clientWith(await accessToken(editor));
  });

  test('creates, updates, patches and deletes', async () => {
    const made = await writer.create(newPatient().patient);
    const path = `Patient/${made.id}`;
    assert.deepEqual(await client.request(path), made);

    const updated = await writer.update({ ...made, gender: 'male' });
    assert.equal(updated.meta.versionId, '2');
    const headers = { 'If-Match': 'W/"1"' };
    await assert.rejects(writer.update({ ...made, gender: 'other' }, { headers }), { status: 409 });

    const patched = await writer.patch(path, [{ op: 'replace', path: '/gender', value: 'unknown' }]);
    assert.deepEqual([patched.meta.versionId, patched.gender], ['3', 'unknown']);
    await assert.rejects(writer.patch(path, [{ op: 'remove', path: '/birthDate' }]), { status: 422 });

    await writer.delete(path);
    await assert.rejects(client.request(path), { status: 410 });
    const history = await client.request(`${path}/_history`);
    assert.deepEqual(history.entry.map((entry) => entry.response.etag), ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']);
  });

  test('creates on the condition of an identifier', async () => {
    const { patient, identifier } = newPatient();
    const headers = { 'If-None-Exist': `identifier=${identifier}` };
    const made = await writer.create(patient, { headers });
    assert.deepEqual(await writer.create({ ...patient, gender: 'male' }, { headers }), made);
    await writer.delete(`Patient/${made.id}`);
  });

  test('writes nothing with the token of a client that reads', async () => {
    await assert.rejects(client.create(newPatient().patient), { status: 403 });
  });
});
