/** The one way by which this page calls the service. Every room uses it, and every call is shown in the request log. */

import { signal } from "@preact/signals";

import { type HeldToken, type ProofKey, proofFor } from "../oauth/proof.ts";
import { type Exchange, KEPT_CHARACTERS, withExchange } from "./exchange.ts";
import { asServiceSays, BASE, FHIR_PATH, IS_LOCAL, ROOT } from "./place.ts";
import { asPosted, type Outgoing, refuseNhsNumberAsId } from "./posted-search.ts";
import { type Problem, ProblemError, problemOf, refusesProof, silence } from "./problem.ts";
import { clockSkew, heldToken } from "./session.ts";

/** All calls of this page, the oldest first. */
export const exchanges = signal<readonly Exchange[]>([]);

export interface Call {
  readonly method?: string;
  /** Below the service's root, as in `/token`; or a link that the service has sent. */
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether a successful answer is wanted as a file, byte for byte; its `text` is then no more than the log keeps. */
  readonly isFile?: boolean;
  /** Ends the call when it is aborted; the promise is then rejected with an `AbortError`. */
  readonly signal?: AbortSignal | undefined;
  /** The token that goes with it: the session's unless it is given; none if it is null, or an Authorization header is given. */
  readonly token?: HeldToken | null;
  /** The key that a token is asked for with. */
  readonly key?: ProofKey | null;
  /** Makes the call anew for a second try, as a client assertion works once; without it the same call is made again. */
  readonly again?: () => Promise<Call>;
}

export interface Answer {
  readonly status: number;
  /** By lower-cased names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body of a success that was wanted as a file, null of any other. */
  readonly file: Blob | null;
  readonly exchange: Exchange;
}

/** Calls the service; rejects with a `ProblemError` for every answer that is no success. */
export async function ask(call: Call): Promise<Answer> {
  const answer = await answerTo(call);
  if (answer.status >= 400) throw new ProblemError(problemOf(answer.status, answer.headers, answer.text));
  return answer;
}

/** Calls the FHIR API and returns the resource; `path` is below the FHIR base, or a link that the service has sent. */
export async function askFhir<T = unknown>(path: string, options: Omit<Call, "to"> = {}): Promise<T> {
  const to = /^https?:/.test(path) ? path : `${FHIR_PATH}/${path}`;
  const headers = { Accept: "application/fhir+json", ...options.headers };
  return JSON.parse((await ask({ ...options, to, headers })).text) as T;
}

/** Calls the service and returns its answer whatever the status; rejects with a `ProblemError` if there is none.
 *
 * A proof that was refused is made once more if the answer has told what it lacked: a nonce, or the server's time.
 */
export async function answerTo(call: Call): Promise<Answer> {
  const token = "Authorization" in (call.headers ?? {}) ? null : call.token === undefined ? heldToken() : call.token;
  const key = call.key ?? token?.key ?? null;
  // Without its key a bound token opens nothing, and belongs on no wire.
  if (token?.scheme === "DPoP" && !key) throw new ProblemError(KEY_FORGOTTEN);
  const [nonce, skew] = [key?.nonce, clockSkew.value];
  const answer = await answerOnce(call, token, key);
  const hasLearned = key?.nonce !== nonce || Math.abs(clockSkew.value - skew) > SMALLEST_CORRECTION;
  if (!key || !hasLearned || !refusesProof(answer.status, answer.headers, answer.text)) return answer;
  return answerOnce((await call.again?.()) ?? call, token, key);
}

const KEY_FORGOTTEN: Problem = {
  title: "The session has expired.",
  remedy: "Its key is forgotten. Get a new token, then repeat what you did. Nothing was sent.",
  details: [],
  status: 0,
  code: "",
  needsToken: true,
};

/** Milliseconds below which a proof's time was no reason to refuse it. */
const SMALLEST_CORRECTION = 10_000;

async function answerOnce(call: Call, token: HeldToken | null, key: ProofKey | null): Promise<Answer> {
  const headers = { ...call.headers, ...(token && { Authorization: `${token.scheme} ${token.text}` }) };
  const init: RequestInit = { method: call.method ?? "GET", headers };
  if (call.body !== undefined) init.body = call.body;
  if (call.signal) init.signal = call.signal;
  const { response, text, file, exchange } = await sent(urlOf(call.to), init, call.isFile ?? false, token, key);
  const answered = headersOf(response);
  if (key && answered["dpop-nonce"]) key.nonce = answered["dpop-nonce"];
  return { status: response.status, headers: answered, text, file, exchange };
}

/** Returns the URL to call for a path or for one of the service's links; raises for any other place. */
export function urlOf(to: string): string {
  // A page that was opened under another name of this machine calls itself, and not what the service is called.
  for (const root of [BASE, ROOT]) if (to.startsWith(`${root}/`)) return ROOT + to.slice(root.length);
  if (to.startsWith("/")) return ROOT + to;
  throw new TypeError("That link leads to another service.");
}

/** Returns a request as it goes to the service: a search as a form, whoever asks. */
export function asSent(request: Outgoing): Outgoing {
  return asPosted(request, ROOT + FHIR_PATH);
}

let last = 0;

async function sent(
  to: string,
  given: RequestInit,
  isFile: boolean,
  token: HeldToken | null,
  key: ProofKey | null,
): Promise<Pick<Answer, "text" | "file" | "exchange"> & { readonly response: Response }> {
  const unproven = asSent({
    method: given.method ?? "GET",
    url: to,
    headers: Object.fromEntries([...new Headers(given.headers)].map(([name, value]) => [titled(name), value])),
    body: typeof given.body === "string" ? given.body : "",
  });
  refuseNhsNumberAsId(unproven);
  const outgoing = key ? await proven(unproven, token, key) : unproven;
  const { url, method, headers, body } = outgoing;
  const init: RequestInit = { ...given, method, headers, body: body || (given.body ?? null) };
  const begun = performance.now();
  let exchange: Exchange = {
    id: ++last,
    at: Date.now(),
    ...outgoing,
    status: 0,
    answerHeaders: {},
    answer: "",
    milliseconds: 0,
    state: "under way",
  };
  const record = (more: Partial<Exchange>): void => {
    exchange = { ...exchange, milliseconds: Math.round(performance.now() - begun), ...more };
    exchanges.value = withExchange(exchanges.value, exchange);
  };
  record({});
  try {
    // Without credentials of the browser's own: a 401 then opens no dialogue of its.
    const response = await fetch(url, { ...init, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
    const file = isFile && response.ok ? await response.blob() : null;
    const text = file ? await file.slice(0, KEPT_CHARACTERS).text() : await response.text();
    const answerHeaders = headersOf(response);
    record({ status: response.status, answerHeaders, answer: text.slice(0, KEPT_CHARACTERS), state: "answered" });
    const date = Date.parse(answerHeaders["date"] ?? "");
    if (!Number.isNaN(date)) learnClock(date);
    return { response, text, file, exchange };
  } catch (error) {
    if (init.signal?.aborted) {
      record({ state: "stopped" });
      throw error;
    }
    record({ state: "failed" });
    throw new ProblemError(silence(ROOT, IS_LOCAL));
  }
}

/** Returns a request with a proof of its own. */
async function proven(outgoing: Outgoing, token: HeldToken | null, key: ProofKey): Promise<Outgoing> {
  const { method, url } = outgoing;
  const now = Date.now() + clockSkew.value;
  const proof = await proofFor(key, { method, url: asServiceSays(url), token: token?.text ?? "", now });
  return { ...outgoing, headers: { ...outgoing.headers, DPoP: proof } };
}

/** Learns the server's clock from a Date header, which has whole seconds: a second's difference is none. */
function learnClock(date: number): void {
  const skew = date + 500 - Date.now();
  clockSkew.value = Math.abs(skew) < 2000 ? 0 : skew;
}

function headersOf(response: Response): Readonly<Record<string, string>> {
  return Object.fromEntries(response.headers.entries());
}

function titled(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
