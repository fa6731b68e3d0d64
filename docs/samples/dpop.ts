// A token bound to a key (RFC 9449): read, search, write, by fetch and WebCrypto, so in a browser too.
// Run (Node.js 22.18 or newer): CLIENT_SECRET=… node dpop.ts
const { BASE = 'http://127.0.0.1:3000', CLIENT_ID = 'editor', CLIENT_SECRET } = process.env;
const FHIR = `${BASE}/careconnect-ri/STU3`;

// Not extractable: no code on this page can send it elsewhere. For as long as its tokens live.
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const key = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey);
const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } };

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const utf8 = (text: string) => new TextEncoder().encode(text);

async function proof(method: string, url: string, more: object) {
  const claims = { jti: crypto.randomUUID(), htm: method, htu: url.replace(/\?.*/, ''), iat: Math.floor(Date.now() / 1000), ...more };
  const input = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.');
  return `${input}.${base64url(new Uint8Array(await crypto.subtle.sign(algorithm, key.privateKey, utf8(input))))}`;
}

let token: string | undefined;
let nonce: string | undefined;

// Sends a request with a new proof, and once more if the server wants its nonce in the proof.
async function send(method: string, url: string, headers: Record<string, string> = {}, body?: BodyInit, retry = true) {
  const ath = token && base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(token))));
  const authorization: Record<string, string> = token ? { Authorization: `DPoP ${token}` } : {};
  const DPoP = await proof(method, url, { nonce, ath }); // JSON leaves out what is undefined
  const answer = await fetch(url, { method, body, headers: { ...headers, ...authorization, DPoP } });
  nonce = answer.headers.get('DPoP-Nonce') ?? nonce;
  const text = await answer.text();
  const wanted = `${answer.headers.get('WWW-Authenticate')} ${text}`.includes('use_dpop_nonce');
  if (retry && wanted && [400, 401].includes(answer.status)) return send(method, url, headers, body, false);
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return { status: answer.status, json: JSON.parse(text) };
}

const basic = { Authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` };
const granted = await send('POST', `${BASE}/token`, basic, new URLSearchParams({ grant_type: 'client_credentials' }));
console.log(granted.json.token_type);
token = granted.json.access_token;

console.log((await send('GET', `${FHIR}/Patient/4`)).json.name[0].family);

// A link to the next page is a URL like others: its proof has no query.
let pages = 0;
for (let url = `${FHIR}/Observation?patient=4&_count=5`; url; pages += 1) {
  const page = await send('GET', url);
  url = page.json.link.find((link: { relation: string }) => link.relation === 'next')?.url;
}
console.log(pages > 1);

// On condition of an identifier of your own, so that it may be sent again: 201, then 200.
const system = 'https://my-app.example.org/dpop';
const reading = { resourceType: 'Observation', identifier: [{ system, value: 'ts' }], status: 'final',
  code: { text: 'Heart rate' }, subject: { reference: 'Patient/4' } };
const headers = { 'Content-Type': 'application/fhir+json', 'If-None-Exist': `identifier=${system}%7Cts` };
console.log((await send('POST', `${FHIR}/Observation`, headers, JSON.stringify(reading))).status);
