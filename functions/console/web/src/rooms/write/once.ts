/** An identifier by which a resource is created once only, however often it is sent (`write.md`, Conditions). */

/** The identifier system of UUIDs (FHIR STU3 Datatypes §2.24.0.12). */
export const ONCE_SYSTEM = "urn:ietf:rfc:3986";

/** Returns a new value for an identifier of that system. */
export function newOnce(): string {
  return `urn:uuid:${crypto.randomUUID()}`;
}

/** Returns the header that creates a resource only if none has the identifier. */
export function ifNoneExist(once: string | null): Readonly<Record<string, string>> {
  return once === null ? {} : { "If-None-Exist": `identifier=${encodeURIComponent(`${ONCE_SYSTEM}|${once}`)}` };
}
