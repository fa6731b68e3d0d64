/** Room 7: the service's OpenAPI document: each call with its parameters, answers and schemas, to be tried. */

import { useEffect, useId, useMemo, useState } from "preact/hooks";

import { TaskState, useTask } from "../../parts/task.tsx";
import { ask, urlOf } from "../../service/api.ts";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { AnswerList } from "./answer-list.tsx";
import { CallForm } from "./call-form.tsx";
import { Folded } from "../../parts/folded.tsx";
import { Marked } from "./marked.tsx";
import { answersOf, bodyOf, type Call, type Group, groupsOf, type OpenApi, scopeWords } from "./openapi.ts";

export default function ReferenceRoom() {
  const [document_, setDocument] = useState<OpenApi | null>(null);
  const task = useTask();
  const open = () =>
    task.run(async (signal) => {
      const answer = await ask({ to: "/openapi.json", token: null, signal });
      setDocument(JSON.parse(answer.text) as OpenApi);
    });
  useEffect(open, []);
  return (
    <>
      <TokenNotice />
      <TaskState task={task} again={open}>Opening the reference…</TaskState>
      {/* Anew after signing out, which forgets what was typed and answered. */}
      {document_ && <Calls key={session.value === null} document_={document_} />}
    </>
  );
}

function TokenNotice() {
  const one = session.value;
  return (
    <p class="notice">
      {one ? (
        <>
          Calls below are made with the token of <strong>{one.clientName}</strong>.{" "}
          <a href={addressOf("token")}>Get another token</a>
        </>
      ) : (
        <>
          Reading needs no token; most calls do. <a href={addressOf("token")}>Get a token</a>, and come back: it goes along.
        </>
      )}
    </p>
  );
}

function Calls({ document_ }: { readonly document_: OpenApi }) {
  const [words, setWords] = useState("");
  const id = useId();
  const groups = useMemo(() => groupsOf(document_, words), [document_, words]);
  const count = groups.reduce((sum, { calls }) => sum + calls.length, 0);
  return (
    <>
      <p><Marked text={document_.info.description} /></p>
      <div class="field finder">
        <label for={id}>Find a call</label>
        <input
          id={id}
          type="search"
          value={words}
          placeholder="post observation"
          autoComplete="off"
          onInput={(input) => setWords(input.currentTarget.value)}
        />
        <p class="quiet" role="status">{count === 1 ? "One call" : `${count} calls`}</p>
      </div>
      {/* Anew for other words, so that what was found stands open. */}
      {groups.map((each) => <CallGroup key={`${each.name} ${Boolean(words)}`} document_={document_} group={each} isFound={words !== ""} />)}
    </>
  );
}

function CallGroup({ document_, group, isFound }: {
  readonly document_: OpenApi;
  readonly group: Group;
  readonly isFound: boolean;
}) {
  const { name, description, calls } = group;
  return (
    <Folded
      class="card calls"
      begunOpen={isFound}
      summary={
        <>
          <h2>{name}</h2> <span class="quiet"><Marked text={description} /></span>
        </>
      }
    >
      {() => (
        <ul class="bare">
          {calls.map((call) => (
            <li key={call.operation.operationId} id={call.operation.operationId}>
              <Folded class="call" summary={<CallName call={call} />}>
                {() => <OneCall document_={document_} call={call} />}
              </Folded>
            </li>
          ))}
        </ul>
      )}
    </Folded>
  );
}

function CallName({ call: { method, path, operation } }: { readonly call: Call }) {
  return (
    <>
      <span class={`method ${method.toLowerCase()}`}>{method}</span>
      <code class="wrap">{path}</code>
      <h3>{operation.summary}</h3>
    </>
  );
}

function OneCall({ document_, call }: { readonly document_: OpenApi; readonly call: Call }) {
  const { operation } = call;
  const answers = answersOf(document_, operation);
  const scopes = scopeWords(operation);
  return (
    <div class="below">
      {operation.description && <p><Marked text={operation.description} /></p>}
      <p class="quiet">
        {scopes ? <Marked text={`It takes a token with ${scopes}, or with a type's name for \`*\`.`} /> : "It takes no token."}
      </p>
      <CallForm document_={document_} call={call} body={bodyOf(document_, operation)} answers={answers} />
      <h4>Answers</h4>
      {operation.externalDocs && (
        <p><a href={urlOf(operation.externalDocs.url)} target="_blank" rel="noreferrer">{operation.externalDocs.description}</a></p>
      )}
      <AnswerList document_={document_} answers={answers} />
    </div>
  );
}
