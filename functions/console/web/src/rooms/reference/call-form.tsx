/** A call's parameters and body as fields, by which it is tried, and what was answered. */

import { useId, useState } from "preact/hooks";

import { ExchangeDetail } from "../../parts/exchange-detail.tsx";
import { StatusBadge } from "../../parts/status-badge.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { answerTo } from "../../service/api.ts";
import type { Exchange } from "../../service/exchange.ts";
import { answerText } from "../../service/secrets.ts";
import { session, type Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { sessionEnd } from "../../shell/session-ended.tsx";
import { BodyFields, withExample } from "./body-fields.tsx";
import { Choice } from "./choice.tsx";
import { Folded } from "../../parts/folded.tsx";
import { Marked } from "./marked.tsx";
import { type Answer, type Body, type Call, type OpenApi, type Parameter, parametersOf } from "./openapi.ts";
import { acceptable, begun, type Filled, keyOf, requestOf } from "./request.ts";

export function CallForm({ document_, call, body, answers }: {
  readonly document_: OpenApi;
  readonly call: Call;
  readonly body: Body | null;
  readonly answers: readonly (readonly [string, Answer])[];
}) {
  const parameters = parametersOf(document_, call.operation);
  const media = acceptable(answers);
  const [filled, fill] = useState<Filled>(() => withExample(document_, body, begun(parameters, body, media[0] ?? "")));
  const [answered, setAnswered] = useState<{ readonly exchange: Exchange; readonly to: Session | null } | null>(null);
  const task = useTask();
  const send = () => {
    setAnswered(null);
    task.run(async (signal) => {
      const to = session.value;
      const { exchange, status } = await answerTo({ ...requestOf(call, parameters, filled), signal });
      setAnswered({ exchange, to });
      announce(`The answer is ${status}.`);
    });
  };
  const [needed, others] = [parameters.filter((each) => each.required), parameters.filter((each) => !each.required)];
  const fields = (some: readonly Parameter[]) => some.map((each) => (
    <ParameterField
      key={keyOf(each)}
      parameter={each}
      given={filled.values[keyOf(each)] ?? []}
      onGiven={(values) => fill({ ...filled, values: { ...filled.values, [keyOf(each)]: values } })}
    />
  ));
  return (
    <>
      <h4>{parameters.length > 0 || body ? "Parameters, and a try" : "A try"}</h4>
      <form
        class="call-fields"
        onSubmit={(submit) => {
          submit.preventDefault();
          send();
        }}
      >
        {fields(needed)}
        {/* Where there are few, nothing has to be opened. */}
        {others.length <= FEW ? fields(others) : (
          <Folded class="more" summary={`${others.length} more parameters`}>{() => <div class="call-fields many">{fields(others)}</div>}</Folded>
        )}
        {body && <BodyFields document_={document_} body={body} filled={filled} onFilled={fill} />}
        <div class="row">
          <button type="submit" class="main" disabled={task.isRunning}>Send {call.method}</button>
          {media.length > 1 && <Choice label="Answer as" values={media} value={filled.accept} onValue={(accept) => fill({ ...filled, accept })} />}
        </div>
      </form>
      <TaskState task={task} again={send}>Sending…</TaskState>
      {/* What a session showed is hidden once it has ended. */}
      {answered?.to === session.value && !sessionEnd.value && (
        <>
          <p class="row">
            <StatusBadge one={answered.exchange} /> <span class="quiet figures">{answered.exchange.milliseconds} ms</span>
          </p>
          {answered.exchange.answer && (
            <pre class="code" tabIndex={0} role="group" aria-label={`Answer to ${call.operation.summary}`}>{indented(answered.exchange.answer)}</pre>
          )}
          <Folded class="more" summary="The request, to be copied, and the answer with its headers">
            {() => <div class="below"><ExchangeDetail one={answered.exchange} revealed={false} /></div>}
          </Folded>
        </>
      )}
    </>
  );
}

const FEW = 3;

/** Returns an answer without the secrets it may hold; JSON is indented. */
function indented(answer: string): string {
  try {
    return answerText(JSON.stringify(JSON.parse(answer), null, 2), false);
  } catch {
    return answerText(answer, false);
  }
}

function ParameterField({ parameter, given, onGiven }: {
  readonly parameter: Parameter;
  readonly given: readonly string[];
  readonly onGiven: (values: readonly string[]) => void;
}) {
  const { name, in: place, schema, required = false, description = "", example } = parameter;
  const id = useId();
  const several = schema.items?.enum;
  const hint = example === undefined ? "" : `Such as \`${String(example)}\`.`;
  return (
    <div class="field">
      <label for={id}>{name} <span class="quiet">{place}{required && ", required"}</span></label>
      {several ? (
        <select
          id={id}
          multiple
          size={Math.min(several.length, 4)}
          onChange={(change) => onGiven([...change.currentTarget.selectedOptions].map((each) => each.value))}
        >
          {several.map((each) => <option key={String(each)} selected={given.includes(String(each))}>{String(each)}</option>)}
        </select>
      ) : schema.enum ? (
        <select id={id} value={given[0] ?? ""} onChange={(change) => onGiven([change.currentTarget.value])}>
          <option value="">not given</option>
          {schema.enum.map((each) => <option key={String(each)}>{String(each)}</option>)}
        </select>
      ) : (
        <input
          id={id}
          value={given[0] ?? ""}
          required={required}
          autoComplete="off"
          spellcheck={false}
          aria-describedby={`${id}-hint`}
          onInput={(input) => onGiven([input.currentTarget.value])}
        />
      )}
      <p class="quiet hint" id={`${id}-hint`}><Marked text={`${description} ${hint}`} /></p>
    </div>
  );
}
