/** The checks of an access token: the authorizer's own rules, in its order (`careconnect/oauth/token_verification.py`). */

import {
  begunCheck,
  type Check,
  inWords,
  isTime,
  noTime,
  quoted,
  right,
  type ServerFacts,
  unseen,
  withClock,
  wrong,
} from "./checks.ts";
import { grantsOf } from "./grants.ts";
import { JwsError, parsedJws } from "./jws.ts";
import rules from "./server-rules.json" with { type: "json" };
import { fittingKey, NO_KEY, signatureCheck } from "./signature.ts";

const ALGORITHMS: readonly unknown[] = rules.token.algorithms;
const TOKEN_TYPE = rules.token.type;
/** The oldest that a token may be, whatever its `exp` says. */
const MAX_LIFETIME = rules.token.maxLifetime;
const RENEW = "Get a new token.";

type Members = Readonly<Record<string, unknown>>;

/** Returns every check of a text as an access token of the server that `facts` are of. */
export async function checkAccessToken(text: string, facts: ServerFacts): Promise<readonly Check[]> {
  let jws;
  try {
    jws = parsedJws(text);
  } catch (error) {
    if (!(error instanceof JwsError)) throw error;
    return [wrong("form", error.message, error.remedy)];
  }
  const { header, claims } = jws;
  return [
    right("form", "A signed token: header, claims and signature."),
    algorithmCheck(header),
    typeCheck(header),
    ...(await keyChecks(text, header, claims, facts)),
    issuerCheck(claims, facts),
    audienceCheck(claims, facts),
    clientCheck(claims),
    textCheck("jti", claims, "The id by which it can be revoked."),
    scopeCheck(claims),
    patientCheck(claims),
    ...("identifier_systems" in claims ? [systemsCheck(claims)] : []),
    ...("cnf" in claims ? [confirmationCheck(claims)] : []),
    begunCheck("iat", claims["iat"], facts),
    ...("nbf" in claims ? [begunCheck("nbf", claims["nbf"], facts)] : []),
    expiryCheck(claims, facts),
    ageCheck(claims, facts),
    unseen("revoked", "Whether it was revoked, or its client disabled, only the server knows: ask it."),
  ];
}

function algorithmCheck({ alg }: Members): Check {
  const taken = ALGORITHMS.join(" or ");
  if (ALGORITHMS.includes(alg)) return right("alg", quoted(alg));
  return wrong("alg", otherThan(taken, alg), `This server signs with ${taken} alone, so the token is of another one, or was changed. ${RENEW}`);
}

function typeCheck({ typ }: Members): Check {
  if (typ === TOKEN_TYPE) return right("typ", TOKEN_TYPE);
  return wrong(
    "typ",
    otherThan(TOKEN_TYPE, typ),
    "Every access token of this server has it. A client assertion goes to /token, which answers with one; another server's token is of use there alone.",
  );
}

function otherThan(expected: string, found: unknown): string {
  return found === undefined || found === null ? `It is missing, and should be ${expected}.` : `It is ${quoted(found)}, and should be ${expected}.`;
}

async function keyChecks(text: string, { alg, kid }: Members, { iss }: Members, facts: ServerFacts): Promise<readonly Check[]> {
  if (typeof kid !== "string" || !kid) {
    return [wrong("kid", "It does not name the key that has signed it.", `This server's tokens all do. ${RENEW}`), NO_KEY];
  }
  const algorithm = ALGORITHMS.includes(alg) ? String(alg) : String(ALGORITHMS[0]);
  const key = fittingKey(facts.keys, kid, algorithm);
  if (typeof key === "string") {
    const remedy = iss === facts.issuer
      ? `It is of an earlier run of the server, or its key was taken out of service. ${RENEW}`
      : `It is of another server, ${quoted(iss ?? "which it does not name")}. ${RENEW}`;
    return [wrong("kid", `It is not among the server's published keys: ${key}`, remedy), NO_KEY];
  }
  const known = right("kid", "One of the server's published keys.");
  if (alg !== algorithm) return [known, NO_KEY];
  return [known, await signatureCheck(text, key, algorithm, `It was changed after it was signed, or was forged. ${RENEW}`)];
}

function issuerCheck({ iss }: Members, { issuer }: ServerFacts): Check {
  if (iss === issuer) return right("iss", issuer);
  return wrong("iss", `It was issued by ${quoted(iss ?? "nobody")}, and this server is ${issuer}.`, "Use it where it was issued, or get a token here.");
}

function audienceCheck({ aud }: Members, { fhirBase }: ServerFacts): Check {
  if (aud === fhirBase) return right("aud", fhirBase);
  const said = Array.isArray(aud) && aud.includes(fhirBase) ? "It is a list; the server takes one text." : `It is for ${quoted(aud ?? "nobody")}.`;
  return wrong("aud", said, `It has to be the FHIR base, ${fhirBase}, byte for byte. ${RENEW}`);
}

function clientCheck({ sub, client_id: clientId }: Members): Check {
  for (const [name, value] of [["sub", sub], ["client_id", clientId]] as const) {
    if (typeof value !== "string" || !value) return wrong("sub and client_id", `There is no ${name}.`, RENEW);
  }
  if (sub === clientId) return right("sub and client_id", quoted(sub));
  return wrong("sub and client_id", `${quoted(sub)} and ${quoted(clientId)} differ.`, `In this server's tokens they are the same. ${RENEW}`);
}

function textCheck(name: string, claims: Members, said: string): Check {
  const value = claims[name];
  if (typeof value === "string" && value) return right(name, said);
  return wrong(name, `There is no ${name}, or it is no text.`, RENEW);
}

function scopeCheck(claims: Members): Check {
  const { scope, patient } = claims;
  const held = typeof scope === "string" ? scope : "";
  const bound = typeof patient === "string" ? patient : "";
  const open = grantsOf(held, bound).filter((each) => each.letters.size);
  const none = `It opens no type: ${quoted(held)}. Every read is answered by 403.`;
  const names = open.map((each) => (each.limits.size ? `${each.type.name} (in part)` : each.type.name)).join(", ");
  const said = open.length ? `It opens ${open.length} ${open.length === 1 ? "type" : "types"}: ${names}.` : none;
  return textCheck("scope", claims, said);
}

function patientCheck({ patient }: Members): Check {
  if (patient === undefined || patient === "") return right("patient", "None: it is not bound to one.");
  if (typeof patient === "string") return right("patient", `Bound to patient ${quoted(patient)}: of patients' records it opens theirs alone.`);
  return wrong("patient", `${quoted(patient)} is no text.`, RENEW);
}

function systemsCheck({ identifier_systems: systems }: Members): Check {
  const isList = Array.isArray(systems) && systems.every((each) => typeof each === "string" && /^\S+$/.test(each));
  if (isList) return right("identifier_systems", `Of identifiers it writes only those of ${systems.join(", ") || "no system"}.`);
  return wrong("identifier_systems", `${quoted(systems)} is no list of systems.`, RENEW);
}

/** The key alone that the token is bound to: another binding cannot be enforced, so the server refuses it. */
function confirmationCheck({ cnf }: Members): Check {
  const members = typeof cnf === "object" && cnf !== null ? Object.entries(cnf) : [];
  const [name, value] = members[0] ?? [];
  const isKey = members.length === 1 && name === "jkt" && typeof value === "string" && value !== "";
  if (isKey) return right("cnf", "Bound to a key: it goes as DPoP, each request with a proof of that key. As Bearer it is refused.");
  return wrong("cnf", `${quoted(cnf)} is not the thumbprint (jkt) of one key.`, RENEW);
}

function expiryCheck({ exp }: Members, facts: ServerFacts): Check {
  if (!isTime(exp)) return noTime("exp", exp);
  const left = exp - facts.now;
  if (left > 0) return right("exp", `${inWords(left)} left.`);
  return wrong("exp", `It expired ${inWords(-left)} ago.`, withClock(RENEW, facts));
}

function ageCheck({ iat }: Members, facts: ServerFacts): Check {
  if (!isTime(iat)) return noTime("age", iat);
  const age = facts.now - iat;
  if (age <= MAX_LIFETIME) return right("age", `Younger than the ${inWords(MAX_LIFETIME)} after which no token is accepted.`);
  return wrong("age", `It was issued ${inWords(age)} ago.`, `No token is accepted after ${inWords(MAX_LIFETIME)}, whatever its exp. ${RENEW}`);
}
