/** What a person has pasted: a token and what stood around it, or something else that is told by its name. */

import { glimpse, type Jws } from "./jws.ts";

export type Judged = "access token" | "client assertion";

export type Kind =
  | Judged
  | "DPoP proof"
  | "id token"
  | "refresh token"
  | "private key"
  | "Basic header"
  | "public key"
  | "decoded token"
  | "error answer"
  | "several tokens"
  | "opaque text"
  | "nothing";

export interface Pasted {
  readonly kind: Kind;
  /** The token alone; empty for what must not be kept, and where there is none. */
  readonly token: string;
  /** The DPoP proof that stood beside the token, or alone. */
  readonly proof?: string;
  /** What was left out around it: the server would have refused that. */
  readonly notes: readonly string[];
}

/** Whether a text must not stay in the page, and not in its field either. */
export function isSecret({ kind }: Pasted): boolean {
  return kind === "private key" || kind === "Basic header";
}

/** What it means to have pasted something that cannot be judged, and what to do. */
export const EXPLAINED: Readonly<Partial<Record<Kind, readonly [title: string, remedy: string]>>> = {
  "private key": [
    "That was a private key. This page has not kept it.",
    "Never paste it where you would paste a token. Nothing was sent; but if others could see it, register a new one. To sign with it, use the first room.",
  ],
  "Basic header": [
    "That was a client's id and secret. This page has not kept them.",
    "A Basic header proves a client to /token. Paste the access_token that comes back from there.",
  ],
  "public key": ["This is a public key, and no token.", "A client's registered keys have a field of their own, below an assertion."],
  "decoded token": ["This is what a token says, already decoded.", "Without its signature it cannot be judged: paste the token itself, in three parts with dots between."],
  "error answer": ["This is an error answer: there is no token in it.", "Its error and error_description say what /token did not like."],
  "id token": [
    "This is an id token: it says who has signed in.",
    "The API takes access tokens alone. This service issues no id tokens, so it is of another one.",
  ],
  "refresh token": ["This is a refresh token.", "This service issues none: a client asks /token again. Paste an access token."],
  "several tokens": ["There are several tokens in this.", "Paste one at a time."],
  "opaque text": [
    "This is no token of the kind that is used here.",
    "The service's access tokens have three parts with dots between, and begin with ey. A client secret, or another service's token, looks like this.",
  ],
};

// Signed (three parts), encrypted (five), or cut; the padding that some put there is a fault to be told.
const PART = String.raw`[^\s.&?=]*=*`;
const JWS = new RegExp(`^(?:[^\\s.&?=]+=*(?:\\.${PART}){2}|ey${PART}\\.${PART}|ey${PART}(?:\\.${PART}){4})$`);
const JWS_IN_TEXT = /ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g;

/** Returns what a text is. */
export function recognised(text: string): Pasted {
  const trimmed = text.trim();
  if (!trimmed) return { kind: "nothing", token: "", notes: [] };
  if (isPrivateKey(trimmed)) return { kind: "private key", token: "", notes: [] };
  if (/^(?:authorization:\s*)?basic\s+[A-Za-z0-9+/_-]+=*$/i.test(trimmed)) return { kind: "Basic header", token: "", notes: [] };
  const json = jsonObject(trimmed);
  return json ? ofJson(json) : ofText(trimmed);
}

function isPrivateKey(text: string): boolean {
  // By what it looks like, for one that is cut or misquoted is as secret.
  return /-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY-----/.test(text) || (text.includes('"kty"') && /"(?:d|k|p|q)"\s*:\s*"[\w-]{16,}/.test(text));
}

function ofJson(json: Readonly<Record<string, unknown>>): Pasted {
  const inside = json["access_token"] ?? json["client_assertion"];
  if (typeof inside === "string") {
    const also = ["id_token", "refresh_token"].filter((name) => name in json).map((name) => ` Its ${name} is left out.`);
    const found = ofText(inside.trim());
    return { ...found, notes: [`Taken out of the JSON around it.${also.join("")}`, ...found.notes] };
  }
  if (typeof json["refresh_token"] === "string") return { kind: "refresh token", token: "", notes: [] };
  if (typeof json["error"] === "string") return { kind: "error answer", token: "", notes: [] };
  if ("keys" in json || "kty" in json) return { kind: "public key", token: "", notes: [] };
  return { kind: "decoded token", token: "", notes: [] };
}

function ofText(text: string): Pasted {
  const inside = [...new Set(text.match(JWS_IN_TEXT) ?? [])];
  const [proofs, tokens] = [inside.filter(isProof), inside.filter((each) => !isProof(each))];
  if (proofs[0] && inside.length === 2 && tokens[0]) {
    const found = ofText(tokens[0]);
    return { ...found, proof: proofs[0], notes: ["A token and a proof, taken out of the text around them."] };
  }
  if (inside.length > 1) return { kind: "several tokens", token: "", notes: [] };
  const notes: string[] = [];
  const without = (pattern: RegExp, note: string, from: string) => {
    const left = from.replace(pattern, "");
    if (left !== from) notes.push(note);
    return left;
  };
  let token = without(/^(?:authorization|dpop):\s*/i, "Without the header's name before it.", text);
  token = without(/^["'`]+|["'`]+[,;]?$/g, "Without the quotation marks around it.", token);
  token = without(/^bearer\s+/i, "Without the Bearer before it.", token);
  token = without(/^dpop\s+/i, "Without the DPoP before it.", token);
  if (JWS.test(token.replace(/\s+/g, ""))) {
    token = without(/\s+/g, "Without the spaces and line breaks in it: the server refuses a token with them.", token);
  } else {
    if (!inside[0]) return { kind: "opaque text", token: "", notes: [] };
    return { ...ofText(inside[0]), notes: ["Taken out of the text around it."] };
  }
  const kind = kindOf(glimpse(token));
  return kind === "DPoP proof" ? { kind, token: "", proof: token, notes } : { kind, token, notes };
}

function isProof(text: string): boolean {
  return kindOf(glimpse(text)) === "DPoP proof";
}

/** Returns what kind of token it is by what it says; one that cannot be read is judged as an access token. */
function kindOf(jws: Jws | null): Kind {
  if (!jws) return "access token";
  const { header, claims } = jws;
  const type = typeof header["typ"] === "string" ? header["typ"].toLowerCase() : "";
  if (type.endsWith("at+jwt")) return "access token";
  if (type === "dpop+jwt" || "htm" in claims || "htu" in claims) return "DPoP proof";
  if (type === "client-authentication+jwt") return "client assertion";
  if (type === "rt+jwt" || claims["typ"] === "Refresh") return "refresh token";
  if (["nonce", "at_hash", "c_hash", "auth_time"].some((name) => name in claims) && !("scope" in claims)) return "id token";
  if ("scope" in claims || "client_id" in claims) return "access token";
  const { iss, sub } = claims;
  const isOfServer = typeof iss === "string" && /^https?:/.test(iss) && iss !== sub;
  return isOfServer ? "access token" : "client assertion";
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
