/** The method and the URL of a request that was pasted with its headers: as HTTP, as a log has it, or for curl. */

const METHOD = "GET|HEAD|POST|PUT|PATCH|DELETE";
const REQUEST_LINE = new RegExp(`^\\s*(${METHOD})\\s+(\\S+)`, "m");
const CURL_METHOD = new RegExp(`(?:-X|--request)\\s*['"]?(${METHOD})\\b`);
const CURL_BODY = /\s(?:-d|--data(?:-\w+)?|--form|-F)\s/;
const CURL_HEAD = /\s(?:-I|--head)\s/;

export interface PastedRequest {
  /** Empty if the text does not say it. */
  readonly method: string;
  /** Absolute, or a path; empty if the text does not say it. */
  readonly url: string;
}

/** Returns what a text says of the request that its headers go with. */
export function requestIn(text: string): PastedRequest {
  const [, method = "", url = ""] = REQUEST_LINE.exec(text) ?? [];
  if (method) return { method, url };
  if (!/^\s*curl\s/.test(text)) return { method: "", url: "" };
  const said = CURL_METHOD.exec(text)?.[1];
  const implied = CURL_HEAD.test(text) ? "HEAD" : CURL_BODY.test(text) ? "POST" : "GET";
  return { method: said ?? implied, url: /https?:\/\/[^\s'"]+/.exec(text)?.[0] ?? "" };
}
