/** A request as something to paste: for the shell, for Python with `requests`, for JavaScript's `fetch`. */

import type { Exchange } from "./exchange.ts";
import { bodyPieces, headerPieces, type Piece } from "./secrets.ts";

export type Language = "curl" | "Python" | "JavaScript";

export const LANGUAGES: readonly Language[] = ["curl", "Python", "JavaScript"];

type Sent = Pick<Exchange, "method" | "url" | "headers" | "body">;

/** Returns the request in a language. Unless `revealed`, secrets are variables of the reader's, named in capitals.
 *
 * A proof is left out, as it works once, and a bound token is a variable in any case, as it opens nothing elsewhere.
 */
export function copyOf(language: Language, request: Sent, revealed: boolean): string {
  return { curl, Python: python, JavaScript: javaScript }[language](request, revealed);
}

/** Returns what a copy of a request lacks, and what to do about it; empty if it is the request as it went. */
export function copyNote({ headers }: Pick<Sent, "headers">): string {
  if (!("DPoP" in headers)) return "";
  if (isBound(headers["Authorization"] ?? "")) {
    return "This page's token is bound to a key that cannot leave it. The copied request takes a Bearer token, as TOKEN: the switch in the token room gets one.";
  }
  return "The copy leaves the proof out, which works once: it asks for a Bearer token.";
}

function isBound(authorization: string): boolean {
  return /^DPoP /i.test(authorization);
}

/** Returns the headers of a copy, their values in pieces. */
function copiedHeaders({ headers }: Sent, revealed: boolean): readonly (readonly [name: string, value: readonly Piece[]])[] {
  return Object.entries(headers)
    .filter(([name]) => name.toLowerCase() !== "dpop")
    .map(([name, value]) => [name, isBound(value) ? [{ text: "Bearer " }, { secret: "TOKEN" }] : headerPieces(name, value, revealed)]);
}

function curl(request: Sent, revealed: boolean): string {
  const words = [`curl -sS ${inShell([{ text: request.url }])}`];
  if (request.method === "HEAD") words.push("--head");
  else if (request.method !== (request.body ? "POST" : "GET")) words.push(`-X ${request.method}`);
  for (const [name, value] of copiedHeaders(request, revealed)) {
    words.push(`-H ${inShell([{ text: `${name}: ` }, ...value])}`);
  }
  const body = bodyPieces(request, revealed);
  if (body.length) words.push(`--data-raw ${inShell(body)}`);
  return words.join(" \\\n  ");
}

/** Returns one word for a POSIX shell; a variable stands in double quotes beside the single ones. */
function inShell(pieces: readonly Piece[]): string {
  return merged(pieces)
    .map((each) => ("text" in each ? `'${each.text.replaceAll("'", "'\\''")}'` : `"$${each.secret}"`))
    .join("");
}

function python(request: Sent, revealed: boolean): string {
  const asked = [JSON.stringify(request.method), JSON.stringify(request.url)];
  const headers = copiedHeaders(request, revealed).map(([name, value]) => `    ${JSON.stringify(name)}: ${inPython(value)},`);
  if (headers.length) asked.push(["headers={", ...headers, "}"].join("\n"));
  const body = bodyPieces(request, revealed);
  if (body.length) asked.push(`data=(${inPython(body)}).encode()`);
  const call = `answer = requests.request(\n${indented(asked.join(",\n"))},\n)`;
  const imports = call.includes("os.environ[") ? "import os\n\nimport requests" : "import requests";
  return `${imports}\n\n${call}\nprint(answer.status_code, answer.text)`;
}

function inPython(pieces: readonly Piece[]): string {
  // A JSON string is a Python string.
  return merged(pieces)
    .map((each) => ("text" in each ? JSON.stringify(each.text) : `os.environ["${each.secret}"]`))
    .join(" + ");
}

function javaScript(request: Sent, revealed: boolean): string {
  const options = [`method: ${JSON.stringify(request.method)}`];
  const headers = copiedHeaders(request, revealed).map(([name, value]) => `  ${JSON.stringify(name)}: ${inJavaScript(value)},`);
  if (headers.length) options.push(["headers: {", ...headers, "}"].join("\n"));
  const body = bodyPieces(request, revealed);
  if (body.length) options.push(`body: ${inJavaScript(body)}`);
  const call = `const answer = await fetch(${JSON.stringify(request.url)}, {\n${indented(options.join(",\n"), 2)},\n});`;
  return `${call}\nconsole.log(answer.status, await answer.text());`;
}

function inJavaScript(pieces: readonly Piece[]): string {
  return merged(pieces)
    .map((each) => ("text" in each ? JSON.stringify(each.text) : each.secret))
    .join(" + ");
}

/** Joins neighbouring texts into one. */
function merged(pieces: readonly Piece[]): readonly Piece[] {
  const joined: Piece[] = [];
  for (const each of pieces) {
    const last = joined.at(-1);
    if (last && "text" in last && "text" in each) joined[joined.length - 1] = { text: last.text + each.text };
    else joined.push(each);
  }
  return joined;
}

function indented(text: string, by = 4): string {
  return text.replace(/^/gm, " ".repeat(by));
}
