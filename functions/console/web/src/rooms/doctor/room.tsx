/** Room 6: what is wrong with a token, by the server's own rules, before the server is asked. */

import { useEffect, useState } from "preact/hooks";

import type { ServerFacts } from "../../oauth/checks.ts";
import { EXPLAINED, isSecret, type Judged, type Kind, recognised } from "../../oauth/pasted.ts";
import { requestIn } from "../../oauth/pasted-request.ts";
import { serverFacts } from "../../oauth/server-facts.ts";
import { AS_TYPED, Field } from "../../parts/fields.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { exchanges } from "../../service/api.ts";
import { carries } from "../../service/exchange.ts";
import { session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { addressOf } from "../../shell/router.ts";
import { Diagnosis } from "./diagnosis.tsx";
import { ProofDiagnosis } from "./proof-diagnosis.tsx";

export default function DoctorRoom() {
  const [text, setText] = useState("");
  const [isOwn, setOwn] = useState(false);
  const [secret, setSecret] = useState<Kind | null>(null);
  const [facts, setFacts] = useState<ServerFacts | null>(null);
  const learning = useTask();
  const learn = () => learning.run(async (signal) => setFacts(await serverFacts(signal)));
  useEffect(learn, []);
  const own = isOwn ? session.value?.token.text : undefined;
  const found = recognised(own ?? text);
  const take = (value: string) => {
    const kind = recognised(value);
    setOwn(false);
    // A field that was wiped may tell of it once more, as empty: the warning stays.
    if (value) setSecret(isSecret(kind) ? kind.kind : null);
    setText(isSecret(kind) ? "" : value);
    const title = EXPLAINED[kind.kind]?.[0];
    if (title) announce(title);
    return !isSecret(kind);
  };
  const clear = () => {
    // The session's own token is the session's to forget.
    if (found.token && own === undefined) exchanges.value = exchanges.value.filter((each) => !carries(each, found.token));
    take("");
    setSecret(null);
    announce("Cleared.");
  };
  const lookAtOwn = () => {
    setText("");
    setSecret(null);
    setOwn(true);
  };
  return (
    <>
      <PasteForm
        text={text}
        onText={take}
        onClear={text || secret || own ? clear : null}
        onOwn={session.value ? lookAtOwn : null}
        notes={[...(own ? ["This is the token of this session."] : []), ...found.notes]}
      />
      <Explanation kind={secret ?? found.kind} />
      <TaskState task={learning} again={learn}>Asking what the server says of itself…</TaskState>
      {found.token && facts && (
        <Diagnosis key={found.token} token={found.token} recognised={judgedAs(found.kind)} facts={facts} onAgain={learn} />
      )}
      {found.proof && facts && (
        <ProofDiagnosis key={found.proof} proof={found.proof} pasted={{ ...requestIn(text), token: found.token }} facts={facts} onAgain={learn} />
      )}
    </>
  );
}

function judgedAs(kind: Kind): Judged {
  return kind === "client assertion" ? kind : "access token";
}

function PasteForm({ text, onText, onClear, onOwn, notes }: {
  readonly text: string;
  /** Returns whether the text may stay. */
  readonly onText: (text: string) => boolean;
  readonly onClear: (() => void) | null;
  readonly onOwn: (() => void) | null;
  readonly notes: readonly string[];
}) {
  return (
    <section class="card" aria-label="What to look at">
      <Field
        label="Access token, client assertion or DPoP proof, with its request if you have it"
        hint="It is decoded and checked in this page, and sent nowhere unless you ask for that below."
      >
        {(named) => (
          <textarea
            {...named}
            {...AS_TYPED}
            rows={6}
            placeholder="eyJ…"
            value={text}
            onInput={(input) => {
              // At once, whatever is drawn next.
              if (!onText(input.currentTarget.value)) input.currentTarget.value = "";
            }}
          />
        )}
      </Field>
      {notes.length > 0 && (
        <ul class="details" aria-label="How it was read">
          {notes.map((note) => <li key={note}>{note}</li>)}
        </ul>
      )}
      <div class="row">
        <button type="button" disabled={!onOwn} onClick={() => onOwn?.()}>Look at the token of this session</button>
        {/* Not disabled when there is nothing to clear: who has just pressed it is still on it. */}
        <button type="button" class="plain" aria-disabled={!onClear} onClick={() => onClear?.()}>Clear</button>
        {!onOwn && <span class="quiet">There is no session: <a href={addressOf("token")}>get a token</a> first, or paste one.</span>}
      </div>
    </section>
  );
}

function Explanation({ kind }: { readonly kind: Kind }) {
  const words = EXPLAINED[kind];
  if (!words) return null;
  return (
    <section class="notice bad" aria-label="What this is">
      <h2>{words[0]}</h2>
      <p>{words[1]}</p>
    </section>
  );
}
