/** What went wrong in plain words, and what to do about it: from an OperationOutcome, an OAuth error, or silence. */

/** One part of an OperationOutcome, as a person reads it. */
export interface ProblemDetail {
  readonly text: string;
  /** Where in the request, or in the resource, it is: FHIR's `expression`, empty if the server does not say. */
  readonly where: string;
}

export interface Problem {
  readonly title: string;
  /** What to do now, a sentence or two. */
  readonly remedy: string;
  /** What the server itself says. */
  readonly details: readonly ProblemDetail[];
  /** The HTTP status, 0 if nothing answered. */
  readonly status: number;
  /** FHIR's issue code or OAuth's error code, empty if there is none. */
  readonly code: string;
  /** Whether another token would help. */
  readonly needsToken: boolean;
}

/** A call that has failed; `problem` says how. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

type Words = readonly [title: string, remedy: string];

const OAUTH: Readonly<Record<string, Words>> = {
  invalid_client: [
    "The server does not accept this client.",
    "Check the client id and its secret or key. A client that was disabled, and a way of authenticating that it is not registered for, look the same from outside. With the profile fapi2 an RSA key has to sign by PS256: paste it as a JWK with this alg.",
  ],
  invalid_scope: [
    "A scope was refused.",
    "Ask for scopes that the client is registered for, or leave the field empty for all of them.",
  ],
  invalid_request: ["The request was not understood.", "The server's own words below say which part of it."],
  unauthorized_client: [
    "This client may not get tokens in this way.",
    "Whoever registered it has to allow the client credentials grant.",
  ],
  invalid_dpop_proof: [
    "The proof of the token's key is not accepted.",
    "The server's own words below say why. A client that is registered for bound tokens gets no other ones.",
  ],
  use_dpop_nonce: ["The server asks for another nonce in the proof.", "Try again."],
  unsupported_grant_type: ["This kind of grant is not offered.", "The service offers client_credentials alone."],
};

const STATUSES: Readonly<Record<number, Words>> = {
  400: ["The request cannot be answered as it is.", "Change what the server names below, then try again."],
  401: [
    "The token is not accepted.",
    "It is missing, has expired or was revoked. Get a new one, then repeat what you did.",
  ],
  403: [
    "This token does not open that.",
    "Get a token with the scope that is named below, from a client that is registered for it.",
  ],
  404: ["There is nothing here.", "Check the id, and that the token opens it: what it may not know of looks absent."],
  405: ["That is not offered here.", "The reference says what is."],
  406: ["The answer is not offered in that format.", "Ask for JSON or for XML."],
  409: ["Somebody else has just changed this, or it is in use.", "Read it again, then repeat your change."],
  410: ["This was deleted.", "Its history still has the versions before."],
  412: ["It is not the version that you know any more.", "Read it again, then repeat your change."],
  413: ["That is too much for one request.", "Send less at once."],
  415: ["The server does not take that kind of content.", "Send JSON or XML of FHIR, as the reference shows."],
  422: ["The resource is not valid.", "Mend what is named below, each at its place, then send it again."],
  429: ["Too many requests.", "Wait as long as is said below, then try again."],
  500: ["The server has met with an error of its own.", "Try again. If it stays, its log has the cause."],
  502: ["The service is there, but what stands behind it does not answer.", "Try again in a moment."],
  503: ["The service is not available for the moment.", "Try again in a few seconds."],
  504: ["The answer took too long.", "Ask for less: fewer types, a shorter period, a smaller page."],
};

/** Returns what an answer that is no success means; `headers` have lower-cased names. */
export function problemOf(status: number, headers: Readonly<Record<string, string>>, body: string): Problem {
  const parsed = parsedObject(body);
  const oauth = typeof parsed?.["error"] === "string" ? parsed["error"] : "";
  const proof = proofFault(headers);
  const issues = issuesOf(parsed);
  const [title, remedy] = OAUTH[oauth || proof] ??
    STATUSES[status] ?? ["The request failed.", "The server's own words, if there are any, say more."];
  const described = parsed?.["error_description"];
  const details = oauth ? [{ text: typeof described === "string" ? described : "", where: "" }] : issues.details;
  return {
    title,
    remedy: remedy + hints(headers),
    details: details.filter((each) => each.text !== ""),
    status,
    code: oauth || issues.code,
    needsToken: !oauth && (status === 401 || status === 403),
  };
}

/** Says whether an answer refuses the proof of a request, and not what was asked. */
export function refusesProof(status: number, headers: Readonly<Record<string, string>>, body: string): boolean {
  if (status === 401) return proofFault(headers) !== "";
  const error = status === 400 ? parsedObject(body)?.["error"] : undefined;
  return typeof error === "string" && PROOF_ERRORS.includes(error);
}

const PROOF_ERRORS = ["invalid_dpop_proof", "use_dpop_nonce"];

/** Returns the error of a challenge that refuses a proof, empty for any other answer. */
function proofFault(headers: Readonly<Record<string, string>>): string {
  // API Gateway's own URL gives a function's challenge another name.
  const challenge = headers["www-authenticate"] ?? headers["x-amzn-remapped-www-authenticate"] ?? "";
  const error = /error="([^"]+)"/.exec(challenge)?.[1] ?? "";
  return PROOF_ERRORS.includes(error) ? error : "";
}

/** Returns what it means that nothing answered at `root`. */
export function silence(root: string, isLocal: boolean): Problem {
  const remedy = isLocal
    ? "If `make run` was stopped, start it again; this page can stay open. Tokens of the earlier run are no longer valid then."
    : "Check your connection, and whether the address is right; then try again.";
  return {
    title: "The server does not answer.",
    remedy,
    details: [{ text: `Nothing was answered at ${root}.`, where: "" }],
    status: 0,
    code: "",
    needsToken: false,
  };
}

/** Returns any error as a problem: one that is none of the service's is the page's own fault, and said to be. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return {
    title: "This page has made a mistake.",
    remedy: "Reload it and try again. If it happens again, please report what you did.",
    details: [{ text: error instanceof Error ? error.message : String(error), where: "" }],
    status: 0,
    code: "",
    needsToken: false,
  };
}

function hints(headers: Readonly<Record<string, string>>): string {
  const scope = /scope="([^"]+)"/.exec(headers["www-authenticate"] ?? "")?.[1];
  const seconds = headers["retry-after"];
  return (scope ? ` It takes ${scope}.` : "") + (seconds ? ` The server asks to wait ${seconds} s.` : "");
}

function parsedObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

interface Issue {
  readonly code?: string;
  readonly diagnostics?: string;
  readonly details?: { readonly text?: string };
  readonly expression?: readonly string[];
}

function issuesOf(parsed: Readonly<Record<string, unknown>> | null): {
  readonly code: string;
  readonly details: readonly ProblemDetail[];
} {
  if (parsed?.["resourceType"] !== "OperationOutcome" || !Array.isArray(parsed["issue"])) return { code: "", details: [] };
  const issues = parsed["issue"] as readonly Issue[];
  return {
    code: issues[0]?.code ?? "",
    details: issues.map((each) => ({
      text: each.diagnostics ?? each.details?.text ?? "",
      where: each.expression?.join(", ") ?? "",
    })),
  };
}
