/** The checks of a DPoP proof: the server's own, in its order and its words (`careconnect/oauth/dpop/proof.py`). */

import { base64url, calculateJwkThumbprint, compactVerify, importJWK, type JWK } from "jose";

import {
  type Check,
  inWords,
  isTime,
  quoted,
  right,
  type ServerFacts,
  skipped,
  unseen,
  withClock,
  wrong,
} from "./checks.ts";
import { glimpse, JwsError, parsedCompact } from "./jws.ts";
import { CAN_PROVE, hashOf } from "./proof.ts";
import { expectedUrl, normalizedUrl } from "./request-url.ts";
import rules from "./server-rules.json" with { type: "json" };
import { bitsOf } from "./signature.ts";

/** The request that a proof goes with, as far as it is known: what is not is empty. */
export interface ProvenRequest {
  readonly method: string;
  readonly url: string;
  /** The access token. */
  readonly token: string;
}

type Members = Readonly<Record<string, unknown>>;

const { faults: FAULTS, algorithms: ALGORITHMS, longest: LONGEST, longestJti: LONGEST_JTI, window: WINDOW } = rules.proof;
const NEW_FOR_EACH = "Make a proof for each request, just before it.";
const NOT_SEEN = "A browser computes that on pages of https, or of this machine, alone.";

/** Returns every check of a text as the proof of a request to the server that `facts` are of. */
export async function checkProof(text: string, facts: ServerFacts, request: ProvenRequest): Promise<readonly Check[]> {
  let jws;
  try {
    jws = parsedCompact(text, LONGEST);
  } catch (error) {
    if (!(error instanceof JwsError)) throw error;
    return [wrong("form", FAULTS.FORM, `${error.message} ${error.remedy}`)];
  }
  const { header, claims } = jws;
  const keys = await keyChecks(text, header);
  // At /token there is no access token yet.
  const isAtToken = normalizedUrl(request.url ? expectedUrl(request.url, facts.issuer) : claims["htu"]) === normalizedUrl(facts.tokenEndpoint);
  return [
    right("form", "One signed token: header, claims and signature."),
    typeCheck(header),
    algorithmCheck(header),
    ...keys,
    methodCheck(claims, request),
    urlCheck(claims, request, facts),
    idCheck(claims),
    timeCheck(claims, facts),
    ...("exp" in claims || "nbf" in claims ? [periodCheck(claims, facts)] : []),
    ...(isAtToken ? [right("ath", "None is needed at /token.")] : await tokenChecks(header, claims, request, keys[0]?.state === "right")),
    nonceCheck(claims, request),
    unseen("first use", "Each jti works once for its key. Whether it was used, only the server knows."),
  ];
}

function typeCheck({ typ }: Members): Check {
  if (typ === "dpop+jwt") return right("typ", "dpop+jwt");
  return wrong("typ", FAULTS.TYPE, `It is ${quoted(typ ?? "missing")}. Set typ in the proof's header.`);
}

function algorithmCheck({ alg }: Members): Check {
  if (typeof alg === "string" && ALGORITHMS.includes(alg)) return right("alg", alg);
  return wrong("alg", FAULTS.ALGORITHM, `It is ${quoted(alg ?? "missing")}. Make a key for one of these; ES256 is the usual one.`);
}

/** The members that a thumbprint is made of, and what the kind of key has to be, by algorithm. */
const OF_ALGORITHM: Readonly<Record<string, readonly [names: readonly string[], kind: Members]>> = {
  ES256: [["crv", "kty", "x", "y"], { kty: "EC", crv: "P-256" }],
  PS256: [["e", "kty", "n"], { kty: "RSA" }],
  EdDSA: [["crv", "kty", "x"], { kty: "OKP", crv: "Ed25519" }],
};
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const BYTES = 32;
const [SMALLEST_RSA, LARGEST_RSA] = [2048, 4096];
const LONGEST_EXPONENT = 8;

async function keyChecks(text: string, { alg, jwk }: Members): Promise<readonly Check[]> {
  if (typeof alg !== "string" || !(alg in OF_ALGORITHM)) {
    return [skipped("jwk", "Which key it takes depends on alg."), skipped("signature", "There is no key to verify it with.")];
  }
  const unfit = unfitness(jwk, alg);
  const wrongKey = (why: string) => [wrong("jwk", FAULTS.JWK, `${why} Put the public half of the key that signs into the header.`), skipped("signature", "There is no key to verify it with.")];
  if (unfit) return wrongKey(unfit);
  const members = identifying(jwk as Members, alg);
  if (!CAN_PROVE) return [right("jwk", `A public key for ${alg}.`), unseen("signature", NOT_SEEN)];
  let key;
  try {
    key = await importJWK(members, alg);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return [unseen("jwk", `This browser has no ${alg}.`), unseen("signature", `This browser has no ${alg}.`)];
    return wrongKey(`Its numbers are no key for ${alg}.`);
  }
  const known = right("jwk", `A public key for ${alg}, with the thumbprint (jkt) ${await calculateJwkThumbprint(members)}.`);
  try {
    await compactVerify(text, key, { algorithms: [alg] });
    return [known, right("signature", "Made by that key.")];
  } catch {
    return [known, wrong("signature", FAULTS.SIGNATURE, "Sign with the private half of jwk, and change nothing after that.")];
  }
}

/** Returns why a JWK is no public key for an algorithm, empty if it may be one. */
function unfitness(jwk: unknown, algorithm: string): string {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) return "There is no JWK.";
  const members = jwk as Members;
  const secret = PRIVATE.filter((name) => name in members);
  if (secret.length) return `It has ${secret.join(", ")}, which belongs to a private key: use that key no more.`;
  const [names, kind] = OF_ALGORITHM[algorithm] ?? [[], {}];
  const missing = names.filter((name) => typeof members[name] !== "string");
  if (missing.length) return `Its ${missing.join(", ")} is missing, or no text.`;
  if (Object.entries(kind).some(([name, value]) => members[name] !== value)) return `${algorithm} takes a key of ${Object.values(kind).join(" ")}.`;
  const numbers = names.filter((name) => !(name in kind)).map((name) => bytesOf(members[name] as string));
  if (algorithm === "PS256") {
    const bits = bitsOf(members["n"] as string);
    if (numbers.some((each) => each?.at(0) === 0 || each === null)) return "Its numbers are not in their one spelling.";
    if ((bytesOf(members["e"] as string) ?? []).length > LONGEST_EXPONENT) return `Its exponent e has more than ${LONGEST_EXPONENT} bytes.`;
    return bits < SMALLEST_RSA || bits > LARGEST_RSA ? `It has ${bits} bits, and has to have ${SMALLEST_RSA} to ${LARGEST_RSA}.` : "";
  }
  return numbers.every((each) => each?.length === BYTES) ? "" : `Its coordinates do not have ${BYTES} bytes.`;
}

/** Returns canonical base64url decoded, null for any other text. */
function bytesOf(text: string): Uint8Array | null {
  try {
    const bytes = base64url.decode(text);
    return base64url.encode(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** Returns the members alone that say which key it is: others are ignored. */
function identifying(jwk: Members, algorithm: string): JWK {
  const [names] = OF_ALGORITHM[algorithm] ?? [[]];
  return Object.fromEntries(names.map((name) => [name, jwk[name]]));
}

function methodCheck({ htm }: Members, { method }: ProvenRequest): Check {
  if (!method && typeof htm === "string") return unseen("htm", `It is for ${quoted(htm)}: say below which method the request has.`);
  if (method && htm === method) return right("htm", method);
  return wrong("htm", FAULTS.METHOD, `It is ${quoted(htm ?? "missing")}${method && `, and the request is ${method}`}. It is compared to the letter; a search by form is POST.`);
}

function urlCheck({ htu }: Members, { url }: ProvenRequest, { issuer }: ServerFacts): Check {
  const found = normalizedUrl(htu);
  const own = `The server calls itself ${issuer}, whatever name it was called by.`;
  if (found === null) return wrong("htu", FAULTS.URL, `It is ${quoted(htu ?? "missing")}, and has to be the whole http(s) URL. ${own}`);
  if (!url) return unseen("htu", `It is for ${quoted(htu)}: say below which URL the request has.`);
  const expected = expectedUrl(url, issuer);
  if (found === normalizedUrl(expected)) return right("htu", quoted(htu));
  return wrong("htu", FAULTS.URL, `It is ${quoted(htu)}, and has to be ${withoutQuery(expected)}. ${own}`);
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "");
}

function idCheck({ jti }: Members): Check {
  const length = typeof jti === "string" ? Array.from(jti).length : 0;
  if (length > 0 && length <= LONGEST_JTI) return right("jti", "An id of its own.");
  return wrong("jti", FAULTS.ID, length ? `It has ${length} characters.` : "Set it to a new random text for each proof.");
}

function timeCheck({ iat, ...others }: Members, facts: ServerFacts): Check {
  if (!isTime(iat)) return wrong("iat", FAULTS.ISSUED_AT, `It is ${quoted(iat ?? "missing")}, and has to be a number of seconds since 1970.`);
  const age = facts.now - iat;
  const told = age < 0 ? `${inWords(-age)} ahead` : `${inWords(age)} ago`;
  if ("nonce" in others) return right("iat", `${told}. With a good nonce it is not compared with the clock.`);
  if (Math.abs(age) <= WINDOW) return right("iat", `${told}.`);
  return wrong("iat", FAULTS.ISSUED_AT, withClock(`It was made ${told}. ${NEW_FOR_EACH}`, facts));
}

function periodCheck(claims: Members, facts: ServerFacts): Check {
  const { exp = facts.now + 1, nbf = facts.now } = claims;
  const isGood = isTime(exp) && exp > facts.now && isTime(nbf) && nbf <= facts.now + WINDOW;
  if (isGood) return right("exp and nbf", "It is valid now.");
  return wrong("exp and nbf", FAULTS.PERIOD, withClock("A proof needs neither: leave them out.", facts));
}

async function tokenChecks({ jwk, alg }: Members, { ath }: Members, { token }: ProvenRequest, hasKey: boolean): Promise<readonly Check[]> {
  if (!token) {
    const hash = typeof ath === "string"
      ? unseen("ath", `It is ${quoted(ath)}, the hash of an access token: give that below to compare.`)
      : wrong("ath", FAULTS.TOKEN_HASH, "There is none. At the FHIR base it is the base64url of the SHA-256 of the access token.");
    return [hash, unseen("key", "Whether the access token is bound to this key: give it below to compare.")];
  }
  if (!CAN_PROVE) return [unseen("ath", NOT_SEEN), unseen("key", NOT_SEEN)];
  const hash = await hashOf(token);
  const hashCheck = ath === hash
    ? right("ath", "The hash of the access token.")
    : wrong("ath", FAULTS.TOKEN_HASH, `It is ${quoted(ath ?? "missing")}, and has to be ${hash}, of the token as it goes with the request.`);
  const bound = boundTo(token);
  if (!bound) return [hashCheck, skipped("key", "The access token is bound to no key. It goes as Bearer, and no proof is asked for.")];
  if (!hasKey || typeof alg !== "string") return [hashCheck, skipped("key", "There is no key to compare with the token's.")];
  const own = await calculateJwkThumbprint(identifying(jwk as Members, alg));
  return [
    hashCheck,
    own === bound
      ? right("key", "The access token is bound to it.")
      : wrong("key", FAULTS.KEY, `The token's cnf.jkt is ${quoted(bound)}, and this key's thumbprint is ${own}. Sign with the key that the token was asked for with.`),
  ];
}

function nonceCheck({ nonce }: Members, { token }: ProvenRequest): Check {
  const isNeeded = glimpse(token)?.claims["dpop_nonce"] === true;
  if (nonce !== undefined) return unseen("nonce", "Whether it is good, only the server knows: for five minutes from when it was given.");
  if (isNeeded) return wrong("nonce", FAULTS.NONCE, "There is none. Each answer to this client has one in DPoP-Nonce; take the last.");
  return right("nonce", token ? "None, and none is asked for." : "None. Some clients have to put one in, which the server then asks for.");
}

/** Returns the thumbprint of the key that an access token is bound to, empty if there is none. */
export function boundTo(token: string): string {
  const bound = glimpse(token)?.claims["cnf"];
  const jkt = typeof bound === "object" && bound !== null && "jkt" in bound ? bound.jkt : "";
  return typeof jkt === "string" ? jkt : "";
}
