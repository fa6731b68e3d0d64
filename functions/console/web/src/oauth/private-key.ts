/** A client's private key, pasted as JWK or PEM: it becomes a key of WebCrypto that signs and cannot be read out again. */

import { calculateJwkThumbprint, exportJWK, importJWK, importPKCS8, type JWK } from "jose";

export interface PrivateKey {
  readonly key: CryptoKey;
  readonly algorithm: string;
  readonly kid: string;
  /** Its public half, as it would be registered. */
  readonly publicKey: JWK;
}

/** A text that is no private key which can sign here; the message says why and what to do. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/** What the server takes (oauth.md); SMART asks every server for the two that stand first. */
const OF_KIND: Readonly<Record<string, string>> = { RSA: "RS384", "P-384": "ES384", "P-256": "ES256" };
const OF_PEM = ["RS384", "ES384", "ES256"];

/** Returns the key in a text; `kid` is the reader's, the key's own or else its thumbprint (RFC 7638). Throws `KeyError`. */
export async function privateKeyOf(text: string, kid: string): Promise<PrivateKey> {
  const trimmed = text.trim();
  return trimmed.startsWith("{") ? ofJwk(trimmed, kid) : ofPem(trimmed, kid);
}

async function ofJwk(text: string, kid: string): Promise<PrivateKey> {
  let jwk: JWK & { readonly keys?: readonly JWK[] };
  try {
    jwk = JSON.parse(text) as JWK;
  } catch {
    throw new KeyError("This is neither JSON nor PEM.");
  }
  if (jwk.keys) throw new KeyError("This is a set of keys: paste the one that signs.");
  if (!jwk.d) throw new KeyError("This is the public half of a key: the private one is what signs.");
  const algorithm = jwk.alg ?? OF_KIND[jwk.kty === "RSA" ? "RSA" : (jwk.crv ?? "")];
  if (!algorithm) throw new KeyError("The server takes RSA keys and those of the curves P-256 and P-384.");
  try {
    const key = (await importJWK({ ...jwk, ext: false }, algorithm)) as CryptoKey;
    const name = kid || (jwk.kid ?? (await calculateJwkThumbprint(jwk)));
    return { key, algorithm, kid: name, publicKey: publicHalf(jwk, name) };
  } catch {
    throw new KeyError("This JWK cannot be used as a private key.");
  }
}

async function ofPem(text: string, kid: string): Promise<PrivateKey> {
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1];
  if (!label) throw new KeyError("Paste a private key, as a JWK or as PEM.");
  if (label === "ENCRYPTED PRIVATE KEY") {
    throw new KeyError("This key is encrypted. Decrypt it first: openssl pkcs8 -in key.pem -out plain.pem");
  }
  if (label !== "PRIVATE KEY") {
    throw new KeyError(
      label.endsWith("PRIVATE KEY")
        ? "A browser reads PKCS #8 alone. Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem"
        : "This is no private key.",
    );
  }
  for (const algorithm of OF_PEM) {
    // What kind of key it is says its own bytes: the import with another algorithm fails.
    const readable = await importPKCS8(text, algorithm, { extractable: true }).catch(() => null);
    if (!readable) continue;
    const jwk = await exportJWK(readable);
    const name = kid || (await calculateJwkThumbprint(jwk));
    return { key: await importPKCS8(text, algorithm), algorithm, kid: name, publicKey: publicHalf(jwk, name) };
  }
  throw new KeyError("The server takes RSA keys and those of the curves P-256 and P-384.");
}

/** Returns what of a key may be published, by naming that and not what is secret. */
export function publicHalf({ kty, n, e, crv, x, y }: JWK, kid: string): JWK {
  return kty === "RSA" ? { kty, ...(n && e ? { n, e } : {}), kid } : { ...(kty ? { kty } : {}), ...(crv && x && y ? { crv, x, y } : {}), kid };
}
