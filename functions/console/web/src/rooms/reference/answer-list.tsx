/** What a call may be answered: each status with its headers, an example in each media type, and the schema. */

import { useState } from "preact/hooks";

import { CopyButton } from "../../parts/copy-button.tsx";
import { Choice } from "./choice.tsx";
import { Folded } from "../../parts/folded.tsx";
import { Marked } from "./marked.tsx";
import { type Answer, type Content, exampleOf, type OpenApi, partsOf, typeWords } from "./openapi.ts";
import { SchemaView } from "./schema-view.tsx";

export function AnswerList({ document_, answers }: {
  readonly document_: OpenApi;
  readonly answers: readonly (readonly [string, Answer])[];
}) {
  return (
    <ul class="bare">
      {answers.map(([status, answer], place) => (
        <li key={status}>
          <OneAnswer document_={document_} status={status} answer={answer} isFirst={place === 0} />
        </li>
      ))}
    </ul>
  );
}

function OneAnswer({ document_, status, answer, isFirst }: {
  readonly document_: OpenApi;
  readonly status: string;
  readonly answer: Answer;
  readonly isFirst: boolean;
}) {
  const headers = Object.keys(answer.headers ?? {});
  const told = (
    <>
      <span class={`badge ${Number(status) < 400 ? "good" : "bad"}`}>{status}</span> <Marked text={answer.description} />
    </>
  );
  if (!answer.content && headers.length === 0) return <p class="answer">{told}</p>;
  return (
    <Folded class="answer" summary={told} begunOpen={isFirst}>
      {() => (
        <div class="below">
          {headers.length > 0 && <p class="quiet">With the headers {headers.join(", ")}.</p>}
          {answer.content && <Examples document_={document_} content={answer.content} what={status} />}
        </div>
      )}
    </Folded>
  );
}

function Examples({ document_, content, what }: {
  readonly document_: OpenApi;
  readonly content: Content;
  readonly what: string;
}) {
  const media = Object.keys(content);
  const [chosen, choose] = useState(media[0] ?? "");
  const medium = content[chosen];
  const example = medium ? exampleOf(document_, medium) : "";
  // The XML has the elements of the JSON, whose schema tells them.
  const schema = Object.values(content)[0]?.schema ?? {};
  return (
    <>
      <div class="row">
        <Choice label="Media type" values={media} value={chosen} onValue={choose} />
        {example && <CopyButton label="Copy the example" text={() => example} />}
      </div>
      {example && <pre class="code" tabIndex={0} role="group" aria-label={`Example of ${what} as ${chosen}`}>{example}</pre>}
      {partsOf(document_, schema).length > 0 && (
        <Folded class="more" summary={`Schema: ${typeWords(schema)}`}>
          {() => <SchemaView document_={document_} schema={schema} />}
        </Folded>
      )}
    </>
  );
}
