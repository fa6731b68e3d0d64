/** What a token's scopes open: a row for each type, a column for each interaction. */

import { grantsOf, LETTERS } from "../../oauth/grants.ts";

export function GrantTable({ scope, patient }: { readonly scope: string; readonly patient?: string | undefined }) {
  const grants = grantsOf(scope, patient);
  const open = grants.filter((each) => each.letters.size).length;
  return (
    <section class="card" aria-labelledby="grants-heading">
      <h2 id="grants-heading">What it opens</h2>
      <p>
        {open} of {grants.length} types.{patient && " It is bound to one patient: of a patient's record it opens theirs alone."}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Interactions by type">
        <table class="grid">
          <thead>
            <tr>
              <th scope="col">Type</th>
              {LETTERS.map(([letter, word]) => (
                <th scope="col" key={letter}>{word}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grants.map(({ type, letters }) => (
              <tr key={type.name} class={letters.size ? "" : "closed"}>
                <th scope="row">
                  {type.name} {type.directory && <span class="badge">directory</span>}
                </th>
                {LETTERS.map(([letter]) => (
                  <td key={letter} class={letters.has(letter) ? "yes" : "no"}>
                    <span aria-hidden="true">{letters.has(letter) ? "✓" : "–"}</span>
                    <span class="unseen">{letters.has(letter) ? "open" : "closed"}</span>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Scopes scope={scope} patient={patient} />
    </section>
  );
}

function Scopes({ scope, patient }: { readonly scope: string; readonly patient: string | undefined }) {
  const isClosed = (one: string) => grantsOf(one, patient).every((each) => !each.letters.size);
  return (
    <p class="scopes">
      <span class="quiet">Its scopes: </span>
      {scope.split(" ").map((each) => (
        <code key={each} title={isClosed(each) ? "Opens no type" : undefined}>{each} </code>
      ))}
    </p>
  );
}
