/** What the members of a DPoP proof mean (RFC 9449 §4.2). */

const MEANINGS: Readonly<Record<string, string>> = {
  alg: "How it is signed.",
  typ: "What it is: a DPoP proof.",
  jwk: "The public half of the key that has signed it.",
  htm: "The method of the request that it goes with.",
  htu: "The URL of that request, without query and fragment.",
  jti: "Its own id, which works once.",
  iat: "When it was made.",
  nbf: "Before when it does not count.",
  exp: "When it ends.",
  ath: "The hash of the access token that it goes with.",
  nonce: "What the server has asked it to hold.",
};

/** Returns what a member of a proof means, empty for one that has none there. */
export function meaningInProof(name: string): string {
  return MEANINGS[name] ?? "";
}
