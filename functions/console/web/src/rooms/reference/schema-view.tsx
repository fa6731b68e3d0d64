/** A schema's elements, each with its type, opened one below the other as far as one wants. */

import { Folded } from "../../parts/folded.tsx";
import { Marked } from "./marked.tsx";
import { type OpenApi, partsOf, type Schema, typeWords } from "./openapi.ts";

export function SchemaView({ document_, schema }: { readonly document_: OpenApi; readonly schema: Schema }) {
  return (
    <>
      {partsOf(document_, schema).map((part, place) => (
        <ul class="schema" key={place}>
          {Object.entries(part.properties ?? {}).map(([name, each]) => (
            <li key={name}>
              <code>{name}</code> <span class="quiet">{typeWords(each)}{part.required?.includes(name) && ", required"}</span>{" "}
              <Marked text={each.description ?? ""} /> <Values schema={each} />
              {partsOf(document_, each).length > 0 && (
                <Folded class="more" summary={`Elements of ${name}`}>
                  {() => <SchemaView document_={document_} schema={each} />}
                </Folded>
              )}
            </li>
          ))}
        </ul>
      ))}
    </>
  );
}

function Values({ schema }: { readonly schema: Schema }) {
  const values = schema.enum ?? schema.items?.enum ?? [];
  if (values.length === 0) return null;
  return <span class="quiet">One of {values.map(String).join(", ")}.</span>;
}
