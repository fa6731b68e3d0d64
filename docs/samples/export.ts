// A bulk export by fetch: kick-off, status, files, DELETE. Run (Node.js 22.18 or newer): CLIENT_SECRET=… node export.ts FOLDER
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const { BASE = 'http://127.0.0.1:3000', CLIENT_ID = 'explorer', CLIENT_SECRET } = process.env;
const folder = process.argv[2];
let token = '';
let expires = 0;

// With a token that is valid for a minute at least, again when the service asks to wait.
async function call(method: string, url: string, headers: Record<string, string> = {}): Promise<Response> {
  for (;;) {
    if (Date.now() > expires - 60_000) {
      const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64');
      const body = new URLSearchParams({ grant_type: 'client_credentials' });
      const granted = await fetch(`${BASE}/token`, { method: 'POST', body, headers: { Authorization: `Basic ${basic}` } });
      if (!granted.ok) throw new Error(`${granted.status} ${await granted.text()}`);
      const json = await granted.json();
      token = json.access_token;
      expires = Date.now() + json.expires_in * 1000;
    }
    const answer = await fetch(url, { method, headers: { ...headers, Authorization: `Bearer ${token}` } });
    if (answer.ok) return answer;
    if (answer.status !== 429 && answer.status !== 503) throw new Error(`${answer.status} ${await answer.text()}`);
    await setTimeout(Number(answer.headers.get('Retry-After') ?? 5) * 1000);
  }
}

// With `_since`, the last manifest's transactionTime, only what has changed. Patient/$export leaves out the directory.
const begun = await call('GET', `${BASE}/careconnect-ri/STU3/$export`, { Prefer: 'respond-async' });
const job = begun.headers.get('Content-Location')!;
let answer = await call('GET', job);
while (answer.status === 202) {
  console.error(answer.headers.get('X-Progress'));
  await setTimeout(Number(answer.headers.get('Retry-After')) * 1000);
  answer = await call('GET', job);
}
const manifest = await answer.json();

await mkdir(folder, { mode: 0o700 }); // patients' data: for its owner alone
const numbers: Record<string, number> = {};
for (const kind of ['output', 'deleted', 'error']) {
  for (const { type, url, count } of manifest[kind]) {
    const name = kind === 'output' ? type : kind;
    numbers[name] = (numbers[name] ?? 0) + 1;
    const content = Buffer.from(await (await call('GET', url)).arrayBuffer());
    if (content.toString().split('\n').length !== count + 1) throw new Error(`${url} has not ${count} lines`);
    await writeFile(`${folder}/${name}.${numbers[name]}.ndjson`, content);
    console.log(`${name}.${numbers[name]}.ndjson`, count);
  }
}
await call('DELETE', job);
