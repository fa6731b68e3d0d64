/** What the token doctor finds: checks in the order in which the server makes them, and what they are made against. */

import type { JWK } from "jose";

import rules from "./server-rules.json" with { type: "json" };

/** `unseen` is what only the server knows, `skipped` what cannot be judged after an earlier fault. */
export type CheckState = "right" | "wrong" | "unseen" | "skipped";

export interface Check {
  /** The member that is looked at, or a word for the whole. */
  readonly name: string;
  readonly state: CheckState;
  /** What was found, a sentence. */
  readonly said: string;
  /** What to do about it; empty unless it is wrong. */
  readonly remedy: string;
}

/** What the server says of itself, and what its clock says. */
export interface ServerFacts {
  /** Its root URL: the `iss` of its tokens. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** The `aud` of its tokens. */
  readonly fhirBase: string;
  /** The public keys that its tokens are signed with. */
  readonly keys: readonly JWK[];
  readonly assertionAlgorithms: readonly string[];
  /** The server's time, in epoch seconds. */
  readonly now: number;
  /** How far this machine's clock is ahead of the server's, in seconds; negative if it is behind. */
  readonly ahead: number;
}

/** Seconds that an issuer's clock may be ahead of a verifier's. */
const CLOCK_SKEW = rules.token.clockSkew;

export function right(name: string, said: string): Check {
  return { name, state: "right", said, remedy: "" };
}

export function wrong(name: string, said: string, remedy: string): Check {
  return { name, state: "wrong", said, remedy };
}

export function unseen(name: string, said: string): Check {
  return { name, state: "unseen", said, remedy: "" };
}

export function skipped(name: string, said: string): Check {
  return { name, state: "skipped", said, remedy: "" };
}

/** Returns the first thing that is wrong, which is what the server refuses it for. */
export function firstFault(checks: readonly Check[]): Check | null {
  return checks.find((each) => each.state === "wrong") ?? null;
}

/** Returns what is to be said of this machine's clock, empty while it goes as the server's does. */
export function clockWords(ahead: number): string {
  if (Math.abs(ahead) < 5) return "";
  return `This machine's clock is ${inWords(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} the server's.`;
}

/** Returns a span of seconds in words, as exact as one would say it. */
export function inWords(seconds: number): string {
  for (const [size, word] of [[86_400, "day"], [3600, "hour"], [60, "minute"]] as const) {
    if (seconds >= 2 * size || (seconds >= size && seconds % size === 0)) return plural(Math.round(seconds / size), word);
  }
  return plural(Math.round(seconds), "second");
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** Returns a value as it is told in a sentence, shortened where it is long. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text || "an empty text";
}

const END_OF_TIME = rules.token.endOfTime;

/** Says whether a claim is a NumericDate that could be one: a number of seconds, not of milliseconds. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) < END_OF_TIME;
}

/** Returns the fault of a claim that is no time. */
export function noTime(name: string, value: unknown): Check {
  if (value === undefined || value === null) return wrong(name, `There is no ${name}.`, "It has to be a number of seconds since 1970.");
  const isMilliseconds = typeof value === "number";
  return wrong(
    name,
    `${quoted(value)} is not a number of seconds since 1970.`,
    isMilliseconds ? "It looks like milliseconds: divide by 1000." : "Write it as a JSON number, without quotation marks.",
  );
}

/** Returns the check of a claim before which a token is not valid. */
export function begunCheck(name: string, value: unknown, facts: ServerFacts): Check {
  if (!isTime(value)) return noTime(name, value);
  const early = value - facts.now;
  if (early <= CLOCK_SKEW) return right(name, early > 0 ? `In ${inWords(early)}, which is allowed.` : `${inWords(-early)} ago.`);
  return wrong(
    name,
    `It is ${inWords(early)} ahead of the server's clock: not valid yet, ${CLOCK_SKEW} seconds are allowed.`,
    withClock("Set the clock of the machine that makes it.", facts),
  );
}

/** Adds to a remedy what this machine's clock has to do with it, if it may have. */
export function withClock(remedy: string, { ahead }: ServerFacts): string {
  return `${remedy} ${clockWords(ahead)}`.trim();
}
