// fhirclient, the SMART on FHIR JavaScript library: its own paging and its own resolving of references.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import FHIR from 'fhirclient';

import { accessToken, fhirBase, nhsNumber, observations } from './support.js';

let client;
before(async () => {
  const handler = FHIR({ headers: {}, url: '/' }, {}, { get: async () => undefined, set: async () => {}, unset: async () => false });
  client = handler.client({ serverUrl: fhirBase, tokenResponse: { access_token: await accessToken() } });
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
  assert.equal(found.length, observations);
  assert.equal(new Set(found.map((each) => each.id)).size, observations);
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
