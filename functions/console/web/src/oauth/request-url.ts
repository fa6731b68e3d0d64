/** A proof's `htu` against the URL of its request, as the server compares them (`dpop/request_url.py`). */

// Neither user info nor a backslash, which browsers take for a slash, is a part of a host.
const URL_PARTS = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^\s/?#@:\\[\]]+)(?::([0-9]*))?(\/[^?#]*)?(?:[?#].*)?$/is;
const OWN_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/** Returns an absolute http(s) URL in the one spelling that is compared, null for any other text. */
export function normalizedUrl(text: unknown): string | null {
  const parts = typeof text === "string" ? URL_PARTS.exec(text) : null;
  if (!parts) return null;
  const [, scheme = "", host = "", port = "", path = ""] = parts;
  const lowered = scheme.toLowerCase();
  const other = port === OWN_PORTS[lowered] ? "" : port;
  return `${lowered}://${host.toLowerCase()}${other && `:${other}`}${decodedOnce(path)}`;
}

/** Decodes what is percent-encoded once. What is no UTF-8 stays as it is, in capitals. */
function decodedOnce(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded.toUpperCase();
    }
  });
}

/** Returns the URL that the server expects in the proof of a request to `url`: its own name, whatever the machine was called. */
export function expectedUrl(url: string, issuer: string): string {
  const path = /^https?:\/\/[^/?#]*(.*)$/is.exec(url)?.[1];
  const origin = /^https?:\/\/[^/?#]*/i.exec(issuer)?.[0] ?? "";
  return origin + (path ?? url);
}
