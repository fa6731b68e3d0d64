/** One DPoP proof: the first thing that is wrong with it, every check, and what it says. */

import { useId, useState } from "preact/hooks";

import { checkProof, type ProvenRequest } from "../../oauth/check-proof.ts";
import { clockWords, type ServerFacts } from "../../oauth/checks.ts";
import { glimpse } from "../../oauth/jws.ts";
import { recognised } from "../../oauth/pasted.ts";
import { meaningInProof } from "../../oauth/proof-meanings.ts";
import { atPresent } from "../../oauth/server-facts.ts";
import { Claims } from "../../parts/claims.tsx";
import { AS_TYPED, Choice, Field, TextField } from "../../parts/fields.tsx";
import { CheckList } from "./check-list.tsx";
import { useChecks } from "./use-checks.ts";
import { Verdict } from "./verdict.tsx";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

export function ProofDiagnosis({ proof, pasted, facts, onAgain }: {
  readonly proof: string;
  /** The request that it was pasted with; what was not is empty. */
  readonly pasted: ProvenRequest;
  readonly facts: ServerFacts;
  /** Asks the server anew, and the clock with it. */
  readonly onAgain: () => void;
}) {
  const [request, setRequest] = useState(pasted);
  const checks = useChecks(() => checkProof(proof, atPresent(facts), request), [proof, facts, request]);
  const said = glimpse(proof);
  return (
    <>
      <section class="card" aria-labelledby="proof-heading">
        <div class="row apart">
          <h2 id="proof-heading">Judged as a DPoP proof</h2>
          <button type="button" class="small" onClick={onAgain}>Check again</button>
        </div>
        {checks && <Verdict label="Judgement of the proof" checks={checks} />}
        {clockWords(facts.ahead) && <p class="notice">{clockWords(facts.ahead)} Times are judged by the server's.</p>}
        {checks && <CheckList checks={checks} />}
        <RequestFields request={request} hasToken={pasted.token !== ""} onRequest={setRequest} />
      </section>
      {said && (
        <section class="card" aria-label="The proof decoded">
          <Claims title="What the proof says" members={said.claims} meaning={meaningInProof} />
          <Claims title="The proof's header" members={said.header} meaning={meaningInProof} />
        </section>
      )}
    </>
  );
}

function RequestFields({ request, hasToken, onRequest }: {
  readonly request: ProvenRequest;
  /** Whether the token was pasted with the proof. */
  readonly hasToken: boolean;
  readonly onRequest: (request: ProvenRequest) => void;
}) {
  const id = useId();
  return (
    <div class="fields" role="group" aria-labelledby={`${id}-request`}>
      <h3 id={`${id}-request`}>The request that it goes with, as far as you know it</h3>
      <Choice label="Method" value={request.method} onValue={(method) => onRequest({ ...request, method })}>
        <option value="">not known</option>
        {METHODS.map((each) => <option key={each}>{each}</option>)}
      </Choice>
      <TextField label="URL" value={request.url} onValue={(url) => onRequest({ ...request, url: url.trim() })} />
      {!hasToken && (
        <Field
          label="Its access token"
          hint="Without it neither ath nor the key that it is bound to can be compared. A proof for /token has none."
        >
          {(named) => (
            <input
              {...named}
              {...AS_TYPED}
              type="password"
              onInput={(input) => onRequest({ ...request, token: recognised(input.currentTarget.value).token })}
            />
          )}
        </Field>
      )}
    </div>
  );
}
