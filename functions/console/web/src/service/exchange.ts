/** One request to the service and what came of it, as the page keeps it for the reader. */

export interface Exchange {
  readonly id: number;
  /** When it was sent, in epoch milliseconds. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The HTTP status; 0 while there is none, and if none came. */
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  /** The beginning of the answer, `KEPT_CHARACTERS` at most. */
  readonly answer: string;
  readonly milliseconds: number;
  readonly state: "under way" | "answered" | "stopped" | "failed";
}

export const KEPT_CHARACTERS = 100_000;
export const KEPT_EXCHANGES = 200;

/** Says whether a request carried a text, like a token that is to be forgotten, in a header or in its body. */
export function carries({ headers, body }: Exchange, text: string): boolean {
  return [...Object.values(headers), body].some((each) => each.includes(text));
}

/** Returns the list with an exchange put in, or put in the place of its earlier state; the oldest fall out. */
export function withExchange(list: readonly Exchange[], one: Exchange): readonly Exchange[] {
  if (list.some((each) => each.id === one.id)) return list.map((each) => (each.id === one.id ? one : each));
  return [...list, one].slice(-KEPT_EXCHANGES);
}
