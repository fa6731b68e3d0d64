/** A resource as JSON: indented, coloured by its kinds of words, references as links. */

import { useMemo } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { type JsonLine, jsonLines, type JsonPiece } from "../../fhir/json-lines.ts";
import { CopyButton } from "../copy-button.tsx";
import { BoundedList } from "./bounded-list.tsx";
import { ReferenceLink } from "./reference-link.tsx";

const MAX_LINES = 400;
const MAX_CHARACTERS = 2000;

export function JsonView({ resource }: { readonly resource: Resource }) {
  const lines = useMemo(() => [...jsonLines(resource)], [resource]);
  return (
    <>
      <div class="row">
        <CopyButton label="Copy JSON" text={() => JSON.stringify(resource, null, 2)} />
      </div>
      <BoundedList items={lines} limit={MAX_LINES} what="lines">
        {(shown) => (
          <pre class="code source" tabIndex={0} role="region" aria-label="Resource as JSON">
            {shown.map((each, place) => (
              <Line key={place} line={each} />
            ))}
          </pre>
        )}
      </BoundedList>
    </>
  );
}

function Line({ line }: { readonly line: JsonLine }) {
  return (
    <>
      {"  ".repeat(line.depth)}
      {line.pieces.map((each, place) => (
        <Piece key={place} piece={each} />
      ))}
      {"\n"}
    </>
  );
}

function Piece({ piece }: { readonly piece: JsonPiece }) {
  const { kind, text, reference } = piece;
  if (kind === "mark") return <>{text}</>;
  const isLong = text.length > MAX_CHARACTERS;
  const word = <span class={`json-${kind}`}>{isLong ? `${text.slice(0, MAX_CHARACTERS)}…` : text}</span>;
  if (isLong) return <>{word} <em>({text.length} characters; the copy has them all)</em></>;
  return reference ? <ReferenceLink reference={reference}>{word}</ReferenceLink> : word;
}
