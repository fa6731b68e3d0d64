/** The server's CapabilityStatement: what it says that it serves. It is asked for once. */

import { askFhir } from "../service/api.ts";

export interface SearchParameter {
  readonly name: string;
  readonly type: "string" | "token" | "date" | "number" | "quantity" | "reference" | "uri" | "composite";
  readonly documentation?: string;
}

export interface TypeCapability {
  readonly type: string;
  readonly interaction?: readonly { readonly code: string }[];
  readonly searchParam?: readonly SearchParameter[];
  readonly searchInclude?: readonly string[];
  readonly searchRevInclude?: readonly string[];
}

interface CapabilityStatement {
  readonly rest?: readonly { readonly resource?: readonly TypeCapability[] }[];
}

let known: Promise<readonly TypeCapability[]> | null = null;

/** Returns the types that the server serves, in its own order; rejects with a `ProblemError`. */
export function capabilities(): Promise<readonly TypeCapability[]> {
  known ??= fetched().catch((error: unknown) => {
    // The next that asks tries again.
    known = null;
    throw error;
  });
  return known;
}

async function fetched(): Promise<readonly TypeCapability[]> {
  const statement = await askFhir<CapabilityStatement>("metadata", { token: null });
  return statement.rest?.[0]?.resource ?? [];
}
