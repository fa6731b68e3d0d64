// fhir-kit-client: finds a patient, walks pages, follows references; creates, changes, patches and deletes.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Client } from 'fhir-kit-client';

import { accessToken, assertWalked, base, editor, fhirBase, newPatient, nhsNumber } from './support.js';

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
  assertWalked(ids);
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

describe('as the client that writes', () => {
  const resourceType = 'Patient';
  let writer;
  before(async () => {
    writer = new Client({ baseUrl: fhirBase, bearerToken: await accessToken(editor) });
  });

  const status = (answer) => Client.httpFor(answer).response.status;
  const header = (answer, name) => Client.httpFor(answer).response.headers.get(name);
  const refusedWith = (expected, code) => (error) => {
    assert.equal(error.response.status, expected);
    assert.equal(error.response.data.issue[0].code, code);
    return true;
  };

  test('creates, updates, patches, deletes, and sees each version', async () => {
    const made = await writer.create({ resourceType, body: newPatient().patient });
    const { id } = made;
    assert.equal(status(made), 201);
    assert.equal(header(made, 'Location'), `${fhirBase}/Patient/${id}/_history/1`);
    assert.deepEqual(await client.read({ resourceType, id }), made);

    const ifMatch = (etag) => ({ headers: { 'If-Match': etag } });
    const first = header(made, 'ETag');
    const updated = await writer.update({ resourceType, id, body: { ...made, gender: 'male' }, options: ifMatch(first) });
    assert.equal(updated.meta.versionId, '2');
    await assert.rejects(
      writer.update({ resourceType, id, body: { ...made, gender: 'other' }, options: ifMatch(first) }),
      refusedWith(409, 'conflict'),
    );

    const jsonPatch = [
      { op: 'test', path: '/gender', value: 'male' },
      { op: 'add', path: '/birthDate', value: '1971-08-23' },
    ];
    const patched = await writer.patch({ resourceType, id, jsonPatch, options: ifMatch(header(updated, 'ETag')) });
    assert.deepEqual([patched.meta.versionId, patched.gender, patched.birthDate], ['3', 'male', '1971-08-23']);

    assert.equal(status(await writer.delete({ resourceType, id })), 204);
    await assert.rejects(client.read({ resourceType, id }), refusedWith(410, 'not-found'));

    const history = await client.history({ resourceType, id });
    assert.equal(history.type, 'history');
    assert.deepEqual(history.entry.map((entry) => entry.request.method), ['DELETE', 'PUT', 'PUT', 'POST']);
    assert.deepEqual(await client.vread({ resourceType, id, version: '1' }), made);
    assert.deepEqual(await client.vread({ resourceType, id, version: '2' }), updated);
    await assert.rejects(client.vread({ resourceType, id, version: '4' }), refusedWith(410, 'not-found'));
  });

  test('creates and updates on the condition of an identifier', async () => {
    const { patient, identifier } = newPatient();
    const options = { headers: { 'If-None-Exist': `identifier=${identifier}` } };
    const made = await writer.create({ resourceType, body: patient, options });
    const again = await writer.create({ resourceType, body: { ...patient, gender: 'male' }, options });
    assert.deepEqual([status(made), status(again)], [201, 200]);
    assert.deepEqual(again, made);

    const searchParams = { identifier };
    const changed = await writer.update({ resourceType, searchParams, body: { ...patient, gender: 'male' } });
    assert.deepEqual([changed.id, changed.meta.versionId, changed.gender], [made.id, '2', 'male']);

    const twin = await writer.create({ resourceType, body: patient });
    await assert.rejects(
      writer.update({ resourceType, searchParams, body: patient }),
      (error) => error.response.status === 412,
    );
    await writer.delete({ resourceType, id: twin.id });
    await writer.delete({ resourceType, id: made.id });
  });

  test('sends a batch, each entry of which is answered', async () => {
    const read = (url) => ({ request: { method: 'GET', url } });
    const entry = [
      { resource: newPatient().patient, request: { method: 'POST', url: resourceType } },
      read('Patient/4'),
      read('Patient/never-there'),
    ];
    const answered = await writer.batch({ body: { resourceType: 'Bundle', type: 'batch', entry } });
    assert.equal(answered.type, 'batch-response');
    assert.deepEqual(answered.entry.map((each) => each.response.status), ['201 Created', '200 OK', '404 Not Found']);
    assert.equal(answered.entry[1].resource.id, '4');
    await writer.delete({ resourceType, id: answered.entry[0].resource.id });
  });

  test('sends a transaction, whose entries refer to one another', async () => {
    const urn = `urn:uuid:${crypto.randomUUID()}`;
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'Weight' }, subject: { reference: urn } };
    const entry = [
      { resource: observation, request: { method: 'POST', url: 'Observation' } },
      { fullUrl: urn, resource: newPatient().patient, request: { method: 'POST', url: resourceType } },
    ];
    const answered = await writer.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
    assert.equal(answered.type, 'transaction-response');
    assert.deepEqual(answered.entry.map((each) => each.response.status), ['201 Created', '201 Created']);
    const [weight, made] = answered.entry.map((each) => each.resource);
    assert.equal(weight.subject.reference, `Patient/${made.id}`);

    entry[0].resource.subject.reference = 'Patient/never-there';
    await assert.rejects(
      writer.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } }),
      refusedWith(422, 'not-found'),
    );
    const gone = [`Observation/${weight.id}`, `Patient/${made.id}`].map((url) => ({ request: { method: 'DELETE', url } }));
    await writer.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry: gone } });
    await assert.rejects(client.read({ resourceType, id: made.id }), refusedWith(410, 'not-found'));
  });

  test('is told of every fault and of a reference to nothing', async () => {
    await assert.rejects(
      writer.create({ resourceType, body: { ...newPatient().patient, gender: 'unheard-of', birthDate: 'yesterday' } }),
      (error) => {
        assert.equal(error.response.status, 422);
        const places = error.response.data.issue.flatMap((issue) => issue.expression);
        assert.deepEqual(places.sort(), ['Patient.birthDate', 'Patient.gender']);
        return true;
      },
    );
    const body = {
      resourceType: 'Observation', status: 'final', code: { text: 'Weight' }, subject: { reference: 'Patient/never-there' },
    };
    await assert.rejects(writer.create({ resourceType: 'Observation', body }), refusedWith(422, 'not-found'));
  });

  test('writes nothing with the token of a client that reads', async () => {
    await assert.rejects(client.create({ resourceType, body: newPatient().patient }), refusedWith(403, 'forbidden'));
    await assert.rejects(client.delete({ resourceType, id: '4' }), refusedWith(403, 'forbidden'));
  });
});
