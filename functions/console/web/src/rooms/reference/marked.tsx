/** A text of the document, in which `code` stands between backticks. */

export function Marked({ text }: { readonly text: string }) {
  return <>{text.split("`").map((each, place) => (place % 2 ? <code key={place}>{each}</code> : each))}</>;
}
