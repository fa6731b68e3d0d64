/** What the server says of itself, asked of the real one: its metadata and its published keys. */

import type { JWK } from "jose";

import { ask } from "../service/api.ts";
import { FHIR_PATH } from "../service/place.ts";
import { clockSkew } from "../service/session.ts";
import type { ServerFacts } from "./checks.ts";

const METADATA_PATH = "/.well-known/oauth-authorization-server";

interface ServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly token_endpoint_auth_signing_alg_values_supported: readonly string[];
}

/** Returns the authorization server's metadata (RFC 8414). Rejects with a `ProblemError`. */
export async function serverMetadata(signal?: AbortSignal): Promise<ServerMetadata> {
  return JSON.parse((await ask({ to: METADATA_PATH, token: null, signal })).text) as ServerMetadata;
}

/** Returns the facts by which tokens are judged, with the clock as it is now. Rejects with a `ProblemError`. */
export async function serverFacts(signal?: AbortSignal): Promise<ServerFacts> {
  const metadata = await serverMetadata(signal);
  const published = await ask({ to: metadata.jwks_uri, token: null, signal });
  return {
    issuer: metadata.issuer,
    tokenEndpoint: metadata.token_endpoint,
    fhirBase: metadata.issuer + FHIR_PATH,
    keys: (JSON.parse(published.text) as { keys: readonly JWK[] }).keys,
    assertionAlgorithms: metadata.token_endpoint_auth_signing_alg_values_supported,
    ...clock(),
  };
}

/** Returns facts that were had before with the clock as it is now. */
export function atPresent(facts: ServerFacts): ServerFacts {
  return { ...facts, ...clock() };
}

function clock(): Pick<ServerFacts, "now" | "ahead"> {
  return { now: (Date.now() + clockSkew.value) / 1000, ahead: -clockSkew.value / 1000 };
}
