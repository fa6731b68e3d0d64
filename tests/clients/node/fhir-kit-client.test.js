// fhir-kit-client: finds a patient, walks pages, follows references, in both formats where it can.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Client } from 'fhir-kit-client';

import { accessToken, base, fhirBase, nhsNumber, observations } from './support.js';

let client;
before(async () => {
  client = new Client({ baseUrl: fhirBase, bearerToken: await accessToken() });
});

test('discovers the token endpoint', async () => {
  const { tokenUrl } = await client.smartAuthMetadata();
  assert.equal(String(tokenUrl), `${base}/token`);
});

test('reads the CapabilityStatement', async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.resourceType, 'CapabilityStatement');
  assert.equal(statement.fhirVersion.slice(0, 3), '3.0');
});

test('finds a patient by NHS number and follows its references', async () => {
  const bundle = await client.search({ resourceType: 'Patient', searchParams: { identifier: nhsNumber } });
  assert.equal(bundle.total, 1);
  const patient = bundle.entry[0].resource;
  assert.equal(patient.id, '4');
  const practice = await client.resolve({ reference: patient.managingOrganization.reference, context: bundle });
  assert.equal(practice.resourceType, 'Organization');
});

test('walks all pages of the observations', async () => {
  const ids = [];
  let page = await client.search({ resourceType: 'Observation', searchParams: { patient: '4', _count: 3 } });
  while (page) {
    ids.push(...page.entry.map((entry) => entry.resource.id));
    page = await client.nextPage({ bundle: page });
  }
  assert.equal(ids.length, observations);
  assert.equal(new Set(ids).size, observations);
});

test('searches by a form', async () => {
  const bundle = await client.search({
    resourceType: 'Patient', searchParams: { family: 'munoz' }, options: { postSearch: true },
  });
  assert.ok(bundle.entry.some((entry) => entry.resource.id === '4'));
});

test('reads a version', async () => {
  const patient = await client.vread({ resourceType: 'Patient', id: '4', version: '1' });
  assert.equal(patient.meta.versionId, '1');
});

test('fetches the whole record', async () => {
  const bundle = await client.operation({ resourceType: 'Patient', id: '4', name: 'everything', method: 'GET' });
  assert.equal(bundle.entry[0].resource.resourceType, 'Patient');
});

test('is told what is wrong by an OperationOutcome', async () => {
  await assert.rejects(client.read({ resourceType: 'Patient', id: 'nobody' }), (error) => {
    assert.equal(error.response.status, 404);
    assert.equal(error.response.data.resourceType, 'OperationOutcome');
    return true;
  });
});
