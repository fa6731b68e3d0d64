// Reads, searches and creates by the types that openapi-typescript made of the OpenAPI document, in schema.ts.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.ts';

const { BASE = '', CLIENT_ID, CLIENT_SECRET } = process.env;
const api = createClient<paths, 'application/json' | 'application/fhir+json'>({ baseUrl: BASE });

const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64');
const granted = await api.POST('/token', {
  params: { query: { grant_type: 'client_credentials' } },
  headers: { Authorization: `Basic ${basic}` },
});
const headers = { Authorization: `Bearer ${granted.data?.access_token}` };

const read = await api.GET('/careconnect-ri/STU3/Patient/{id}', { params: { path: { id: '4' } }, headers });
const patient: components['schemas']['Patient'] | undefined = read.data;
console.log(patient?.name?.[0]?.family);

const search = { params: { query: { patient: '4' } }, headers };
const page = (await api.GET('/careconnect-ri/STU3/Observation', search)).data;
for (const { resource } of page?.entry?.slice(0, 1) ?? []) {
  // The compiler knows by the type which elements there are.
  if (resource?.resourceType === 'Observation') console.log(page?.entry?.length, resource.status);
}

const system = 'https://my-app.example.org/generated';
const body: components['schemas']['Observation'] = {
  resourceType: 'Observation',
  identifier: [{ system, value: 'ts' }],
  status: 'final',
  code: { text: 'Heart rate' },
  subject: { reference: 'Patient/4' },
  valueQuantity: { value: 72, unit: '/min' },
};
const written = await api.POST('/careconnect-ri/STU3/Observation', {
  body,
  params: { header: { 'If-None-Exist': `identifier=${system}|ts` } },
  headers: { ...headers, 'Content-Type': 'application/fhir+json' },
});
console.log(written.response.status, written.data?.resourceType);

const missing = await api.GET('/careconnect-ri/STU3/Patient/{id}', { params: { path: { id: 'nobody' } }, headers });
if (missing.error && 'issue' in missing.error) console.log(missing.response.status, missing.error.issue[0].code);
