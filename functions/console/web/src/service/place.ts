/** Where this page was served from, and what the service calls itself: said once, by the page's own head. */

function said(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="careconnect-${name}"]`)?.content ?? "";
}

/** The root URL that the page calls, without a trailing slash: its own origin, whatever the service's base is. */
export const ROOT = new URL("..", import.meta.url).href.replace(/\/$/, "");

/** The path of the root, empty on a domain of its own and `/live` on a stage. */
export const ROOT_PATH = new URL(ROOT).pathname.replace(/\/$/, "");

/** The service's configured root URL: its tokens' issuer and the beginning of every link it sends. */
export const BASE = said("base");

/** Returns a URL that this page calls as the service says it, without query and fragment, whatever name the page was opened by. */
export function asServiceSays(url: string): string {
  const [place = ""] = url.split(/[?#]/, 1);
  return (BASE || ROOT) + place.slice(ROOT.length);
}

/** The path of the FHIR base below the root. */
export const FHIR_PATH = said("fhir-path");

export const VERSION = said("version");
export const LICENCES = said("licences");

/** Whether the page comes from this very machine. Only there may there be a list of demo clients to ask for. */
export const IS_LOCAL = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
