/** Where a request or an answer holds a secret, and its text with names in the secrets' place. */

import type { Exchange } from "./exchange.ts";

/** A piece of text, or the name of what stands in for a secret. */
export type Piece = { readonly text: string } | { readonly secret: SecretName };

export type SecretName = "TOKEN" | "PROOF" | "BASIC" | "CLIENT_SECRET" | "ASSERTION";

const FORM_SECRETS: Readonly<Record<string, SecretName>> = {
  client_secret: "CLIENT_SECRET",
  client_assertion: "ASSERTION",
  token: "TOKEN",
};
const SCHEMES: Readonly<Record<string, SecretName>> = { bearer: "TOKEN", dpop: "TOKEN", basic: "BASIC" };

/** Returns a header's value in pieces: the credentials of an Authorization header are a secret, and a proof is told by its name. */
export function headerPieces(name: string, value: string, revealed: boolean): readonly Piece[] {
  if (!revealed && name.toLowerCase() === "dpop") return [{ secret: "PROOF" }];
  const [scheme = "", credentials = ""] = value.split(/ (.*)/s);
  const secret = SCHEMES[scheme.toLowerCase()];
  if (revealed || name.toLowerCase() !== "authorization" || !secret || !credentials) return [{ text: value }];
  return [{ text: `${scheme} ` }, { secret }];
}

/** Returns a request's body in pieces: a form's secrets are; any other body is told as it is. */
export function bodyPieces(exchange: Pick<Exchange, "headers" | "body">, revealed: boolean): readonly Piece[] {
  const type = Object.entries(exchange.headers).find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  if (revealed || !type.startsWith("application/x-www-form-urlencoded") || !exchange.body) {
    return exchange.body ? [{ text: exchange.body }] : [];
  }
  const pieces: Piece[] = [];
  for (const [place, pair] of exchange.body.split("&").entries()) {
    const [name = ""] = pair.split("=", 1);
    const secret = FORM_SECRETS[decodeURIComponent(name)];
    const before = place ? "&" : "";
    if (secret) pieces.push({ text: `${before}${name}=` }, { secret });
    else pieces.push({ text: before + pair });
  }
  return pieces;
}

/** Returns an answer's text without the access token, or the demo clients' secrets, that it may hold. */
export function answerText(text: string, revealed: boolean): string {
  return revealed ? text : text.replace(/("(?:access_token|secret)"\s*:\s*")[^"]*(")/g, "$1…$2");
}

/** Returns pieces as one line of text, a secret by its name. */
export function plainText(pieces: readonly Piece[]): string {
  return pieces.map((each) => ("text" in each ? each.text : `…${each.secret}…`)).join("");
}
