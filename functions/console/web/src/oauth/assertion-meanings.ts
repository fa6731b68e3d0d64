/** What the members of a client assertion mean (RFC 7523 §3). */

const MEANINGS: Readonly<Record<string, string>> = {
  alg: "How it is signed.",
  typ: "What it is; it may be left out.",
  kid: "Which of the client's registered keys has signed it.",
  jku: "Where the client publishes its keys, if that is registered.",
  iss: "Who made it: the client.",
  sub: "Who it is about: the same client.",
  aud: "For whom it is: the server, by its issuer or its token endpoint.",
  iat: "When it was made.",
  nbf: "Before when it does not count.",
  exp: "When it ends, five minutes ahead at most.",
  jti: "Its own id, which works once.",
};

/** Returns what a member of an assertion means, empty for one that has none there. */
export function meaningInAssertion(name: string): string {
  return MEANINGS[name] ?? "";
}
