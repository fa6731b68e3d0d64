// Token, read, search, write, by fetch. Run (Node.js 22.18 or newer): CLIENT_SECRET=… node quickstart.ts
const { BASE = 'http://127.0.0.1:3000', CLIENT_ID = 'editor', CLIENT_SECRET } = process.env;
const FHIR = `${BASE}/careconnect-ri/STU3`;

async function call(url: string, init: RequestInit) {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return { status: answer.status, json: await answer.json() };
}

const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64');
const body = new URLSearchParams({ grant_type: 'client_credentials' });
const granted = await call(`${BASE}/token`, { method: 'POST', body, headers: { Authorization: `Basic ${basic}` } });
const headers = { Authorization: `Bearer ${granted.json.access_token}` };

const patient = await call(`${FHIR}/Patient/4`, { headers });
console.log(patient.json.name[0].family);

// The total, if asked for; the matches come a page at a time, and `link` leads to the next one.
const page = await call(`${FHIR}/Observation?patient=4&_total=accurate`, { headers });
console.log(page.json.total, 'observations');

// On condition of an identifier of your own, so that it may be sent again: 201, then 200.
const system = 'https://my-app.example.org/quickstart';
const written = await call(`${FHIR}/Observation`, {
  method: 'POST',
  headers: { ...headers, 'Content-Type': 'application/fhir+json', 'If-None-Exist': `identifier=${system}%7Cts` },
  body: JSON.stringify({ resourceType: 'Observation', identifier: [{ system, value: 'ts' }], status: 'final',
    code: { text: 'Heart rate' }, subject: { reference: 'Patient/4' }, effectiveDateTime: new Date().toISOString(),
    valueQuantity: { value: 72, unit: '/min' } }),
});
console.log(written.status, `Observation/${written.json.id}`);
