/** XML set in lines for reading. The server sends it in one. */

const TOKEN = /<\?.*?\?>|<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(?:"[^"]*"|'[^']*'|[^>"'])*>|[^<]+/gs;
const NARRATIVE = "http://www.w3.org/1999/xhtml";

/** Returns the lines of well-formed XML for reading, indented. A narrative stays in one. */
export function xmlLines(xml: string): readonly string[] {
  return linesOf(xml).map((each) => each.replace(/\s*\n\s*/g, " "));
}

/** Returns well-formed XML laid out for writing: a narrative stays as it is, since its spaces are text. */
export function laidOutXml(xml: string): string {
  return linesOf(xml).join("\n");
}

function linesOf(xml: string): readonly string[] {
  const lines: string[] = [];
  let depth = 0;
  // How many elements of the narrative are open, and its text so far.
  let inside = 0;
  let narrative = "";
  for (const [token] of xml.matchAll(TOKEN)) {
    const isTag = /^<[^?!]/.test(token);
    const isEnd = token.startsWith("</");
    const isOpen = isTag && !isEnd && !token.endsWith("/>");
    if (inside || (isOpen && token.startsWith("<div") && token.includes(NARRATIVE))) {
      narrative += token;
      inside += isEnd ? -1 : isOpen ? 1 : 0;
      if (inside) continue;
      lines.push("  ".repeat(depth) + narrative);
      narrative = "";
      continue;
    }
    if (isEnd) depth -= 1;
    if (token.trim()) lines.push("  ".repeat(Math.max(0, depth)) + token.trim());
    if (isOpen) depth += 1;
  }
  return lines;
}
