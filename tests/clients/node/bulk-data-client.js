// Export all records by smart-on-fhir's bulk-data-client (Node.js 18): node bulk-data-client.js CHECKOUT FOLDER
// The client is not in the npm registry: CHECKOUT is a clone of its repository after `npm ci`.

import { createRequire } from 'node:module';
import { fhirBase, base, keyClient } from './support.js';

const [checkout, destination] = process.argv.slice(2);
const require = createRequire(`${checkout}/package.json`);
const { default: BulkDataClient } = require('./built/lib/BulkDataClient.js');
const jose = require('node-jose');

const client = new BulkDataClient({
  ...require('./config/defaults.js'),
  fhirUrl: `${fhirBase}/`,
  tokenUrl: `${base}/token`,
  clientId: keyClient.id,
  privateKey: await jose.JWK.asKey(keyClient.jwk),
  reporter: 'text',
  global: true,
  saveManifest: true,
  destination,
});
client.on('downloadError', (error) => {
  console.error(error.message);
  process.exit(1);
});
const job = await client.kickOff();
await client.downloadAllFiles(await client.waitForExport(job));
await client.request({ method: 'DELETE', url: job, responseType: 'json' });
