/** The checks of a client assertion: the token endpoint's own rules, in its order (`token_issuer/clients/verify_assertion.py`). */

import type { JWK } from "jose";

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
import { JwsError, parsedJws } from "./jws.ts";
import rules from "./server-rules.json" with { type: "json" };
import { fittingKey, NO_KEY, signatureCheck } from "./signature.ts";

const MAX_SECONDS_AHEAD = rules.assertion.maxSecondsAhead;
const LONGEST_JTI = rules.assertion.longestJti;
const LONGEST_CLIENT_ID = rules.assertion.longestClientId;
const TYPES: readonly unknown[] = rules.assertion.types;
const VISIBLE = /^[\x21-\x7e]+$/;

type Members = Readonly<Record<string, unknown>>;

/** Returns every check of a text as an assertion for the server; `registered` are the client's keys, null if not known. */
export async function checkAssertion(text: string, facts: ServerFacts, registered: readonly JWK[] | null): Promise<readonly Check[]> {
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
    subjectCheck(claims),
    algorithmCheck(header, facts),
    ...(await keyChecks(text, header, registered, facts)),
    typeCheck(header),
    ...("jku" in header ? [unseen("jku", "It has to be the jwks_uri that is registered, which is not seen from here. Without one, leave jku out.")] : []),
    issuerCheck(claims),
    audienceCheck(claims, facts),
    expiryCheck(claims, facts),
    ...(["iat", "nbf"] as const).filter((name) => name in claims).map((name) => begunCheck(name, claims[name], facts)),
    jtiCheck(claims),
    unseen("used before", "Each jti works once. Whether it was used, only the server knows."),
    unseen("registration", "Whether the client exists, is enabled and may use private_key_jwt, only the server knows."),
  ];
}

function subjectCheck({ sub }: Members): Check {
  if (typeof sub !== "string" || !sub) return wrong("sub", "It does not say which client it is of.", "Set sub, and iss, to the client id.");
  if (VISIBLE.test(sub) && sub.length <= LONGEST_CLIENT_ID) return right("sub", `It is of the client ${quoted(sub)}.`);
  return wrong("sub", `${quoted(sub)} can be no client's id.`, `A client id has up to ${LONGEST_CLIENT_ID} visible ASCII characters.`);
}

function algorithmCheck({ alg }: Members, { assertionAlgorithms }: ServerFacts): Check {
  const taken = assertionAlgorithms.join(", ");
  if (typeof alg === "string" && assertionAlgorithms.includes(alg)) return right("alg", alg);
  const remedy = typeof alg === "string" && alg.startsWith("HS") ? "A secret does not sign here: it is sent by itself, or a private key signs. " : "";
  return wrong("alg", `${quoted(alg ?? "nothing")} is not taken.`, `${remedy}The server takes ${taken}.`);
}

async function keyChecks(text: string, { alg, kid }: Members, registered: readonly JWK[] | null, facts: ServerFacts): Promise<readonly Check[]> {
  if (typeof kid !== "string" || !kid) {
    return [wrong("kid", "It does not name the key that has signed it.", "Set kid in the header to that of the registered key."), NO_KEY];
  }
  if (!registered) {
    return [
      unseen("kid", `${quoted(kid)} has to be one of the client's registered keys, which are not seen from here: paste them below.`),
      unseen("signature", "It takes the registered key to verify it: paste the client's JWK Set below."),
    ];
  }
  if (typeof alg !== "string" || !facts.assertionAlgorithms.includes(alg)) return [right("kid", quoted(kid)), NO_KEY];
  const key = fittingKey(registered, kid, alg);
  if (typeof key === "string") {
    return [wrong("kid", `It is not in your registered keys: ${key}`, "Sign with a registered key and name it, or have this one registered."), NO_KEY];
  }
  return [
    right("kid", `${quoted(kid)}, one of the keys that were given.`),
    await signatureCheck(text, key, alg, "Sign with the private half of the key that kid names, and change nothing after that."),
  ];
}

function typeCheck({ typ }: Members): Check {
  if (TYPES.includes(typ ?? null)) return right("typ", (typ ?? null) === null ? "None, which is allowed." : quoted(typ));
  const remedy = typ === rules.token.type ? "This is an access token, which proves no client. " : "";
  return wrong("typ", `${quoted(typ)} is no assertion's.`, `${remedy}Leave typ out, or set it to JWT.`);
}

function issuerCheck({ iss, sub }: Members): Check {
  if (typeof iss === "string" && iss && iss === sub) return right("iss", "The same as sub.");
  return wrong("iss", `It is ${quoted(iss ?? "missing")}, and sub is ${quoted(sub ?? "missing")}.`, "Both have to be the client id.");
}

function audienceCheck({ aud }: Members, { issuer, tokenEndpoint, fhirBase }: ServerFacts): Check {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (audiences.includes(tokenEndpoint)) return right("aud", "The token endpoint. Of a client with the profile fapi2 it has to be the issuer alone.");
  if (audiences.includes(issuer)) return right("aud", "The issuer.");
  const remedy = `It must be the token endpoint: ${tokenEndpoint}`;
  if (audiences.includes(fhirBase)) return wrong("aud", "It is the FHIR base.", remedy);
  if (aud === undefined || aud === null) return wrong("aud", "There is none.", remedy);
  const isNear = audiences.some((each) => typeof each === "string" && nearly(each) === nearly(tokenEndpoint));
  const hint = isNear ? " They differ in the scheme, the name of the machine or a slash only: it is compared byte for byte." : "";
  return wrong("aud", `It is ${quoted(aud)}.${hint}`, remedy);
}

/** Leaves out of an address what is easily got wrong. */
function nearly(address: string): string {
  return address.toLowerCase().replace(/^https?:\/\//, "").replace(/^(localhost|\[::1\])/, "127.0.0.1").replace(/\/+$/, "");
}

function expiryCheck({ exp }: Members, facts: ServerFacts): Check {
  if (!isTime(exp)) return noTime("exp", exp);
  const left = exp - facts.now;
  const allowed = MAX_SECONDS_AHEAD / 60;
  if (left <= 0) return wrong("exp", `It expired ${inWords(-left)} ago.`, withClock("Make an assertion for each request, just before it.", facts));
  if (left <= MAX_SECONDS_AHEAD) return right("exp", `${inWords(left)} ahead, ${allowed} minutes are allowed.`);
  // Where it is a matter of seconds, minutes would not show it.
  const isClose = Math.round(left / 60) <= allowed;
  const said = isClose
    ? `It is ${Math.ceil(left)} seconds ahead, ${MAX_SECONDS_AHEAD} allowed.`
    : `It is ${inWords(left)} ahead, ${allowed} allowed.`;
  return wrong("exp", said, withClock(`Set exp ${allowed} minutes ahead at most; one is enough.`, facts));
}

function jtiCheck({ jti }: Members): Check {
  if (typeof jti === "string" && jti && Array.from(jti).length <= LONGEST_JTI) return right("jti", "An id of its own.");
  const said = typeof jti === "string" && jti ? `It has ${Array.from(jti).length} characters.` : "There is no jti, or it is no text.";
  return wrong("jti", said, `Set it to a new random text for each assertion, of ${LONGEST_JTI} characters at most.`);
}
