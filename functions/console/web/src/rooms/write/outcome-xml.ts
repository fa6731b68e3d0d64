/** An OperationOutcome in XML, as the rest of the page reads it. */

/** Returns an OperationOutcome's issues as JSON text; any text that is no XML as it is. */
export function outcomeAsJson(text: string): string {
  if (!text.trimStart().startsWith("<")) return text;
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  const issue = childrenOf(root, "issue").map((each) => ({
    code: valuesOf(each, "code")[0],
    diagnostics: valuesOf(each, "diagnostics")[0],
    expression: valuesOf(each, "expression"),
  }));
  return JSON.stringify({ resourceType: root.localName, issue });
}

function childrenOf(parent: Element, name: string): readonly Element[] {
  return [...parent.children].filter((each) => each.localName === name);
}

function valuesOf(parent: Element, name: string): readonly string[] {
  return childrenOf(parent, name).flatMap((each) => each.getAttribute("value") ?? []);
}
