/** One token: what it is judged as, the first thing that is wrong, every check, and what the token says. */

import type { JWK } from "jose";
import { useState } from "preact/hooks";

import { meaningOf } from "../../oauth/access-token.ts";
import { meaningInAssertion } from "../../oauth/assertion-meanings.ts";
import { checkAccessToken } from "../../oauth/check-access-token.ts";
import { checkAssertion } from "../../oauth/check-assertion.ts";
import { clockWords, type ServerFacts } from "../../oauth/checks.ts";
import { glimpse } from "../../oauth/jws.ts";
import type { Judged } from "../../oauth/pasted.ts";
import { atPresent } from "../../oauth/server-facts.ts";
import { Claims } from "../../parts/claims.tsx";
import { session } from "../../service/session.ts";
import { CheckList } from "./check-list.tsx";
import { KeysField } from "./keys-field.tsx";
import { ServerAnswers } from "./server-answers.tsx";
import { useChecks } from "./use-checks.ts";
import { Verdict } from "./verdict.tsx";

const JUDGED: readonly Judged[] = ["access token", "client assertion"];

export function Diagnosis({ token, recognised, facts, onAgain }: {
  readonly token: string;
  readonly recognised: Judged;
  readonly facts: ServerFacts;
  /** Asks the server anew, and the clock with it. */
  readonly onAgain: () => void;
}) {
  const [judged, setJudged] = useState(recognised);
  const [pasted, setPasted] = useState<readonly JWK[] | null>(null);
  const held = heldKey();
  const registered = pasted ?? held;
  const judge = () => {
    const now = atPresent(facts);
    return judged === "access token" ? checkAccessToken(token, now) : checkAssertion(token, now, registered);
  };
  const checks = useChecks(judge, [token, judged, facts, registered]);
  const said = glimpse(token);
  const meaning = judged === "access token" ? meaningOf : meaningInAssertion;
  return (
    <>
      <section class="card" aria-labelledby="diagnosis-heading">
        <div class="row apart">
          <h2 id="diagnosis-heading">Judged as {judged === "access token" ? "an access token" : "a client assertion"}</h2>
          <button type="button" class="small" onClick={onAgain}>Check again</button>
        </div>
        {checks && <Verdict label="Verdict" checks={checks} />}
        {clockWords(facts.ahead) && <p class="notice">{clockWords(facts.ahead)} Times are judged by the server's.</p>}
        {checks && <CheckList checks={checks} />}
        {judged === "client assertion" && <KeysField isHeld={held !== null} given={pasted} onGiven={setPasted} />}
        <div class="row" role="group" aria-label="Judge it as">
          <span class="quiet">Judge it as</span>
          {JUDGED.map((each) => (
            <button key={each} type="button" class="small choice" aria-pressed={each === judged} onClick={() => setJudged(each)}>
              {each}
            </button>
          ))}
        </div>
      </section>
      {judged === "access token" && <ServerAnswers token={token} />}
      {said && (
        <section class="card" aria-label="Decoded">
          <Claims title="What it says" members={said.claims} meaning={meaning} />
          <Claims title="Its header" members={said.header} meaning={meaning} />
        </section>
      )}
    </>
  );
}

/** Returns the public half of the key that the session's client signs with, null if it has none. */
function heldKey(): readonly JWK[] | null {
  const credential = session.value?.credential;
  return credential?.kind === "key" ? [credential.key.publicKey] : null;
}
