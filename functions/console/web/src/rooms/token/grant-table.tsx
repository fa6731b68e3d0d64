/** What a token's scopes open: a row for each type, a column for each interaction. */

import { grantsOf, LETTERS, limitLines } from "../../oauth/grants.ts";

export function GrantTable({ title, scope, patient }: {
  readonly title: string;
  readonly scope: string;
  readonly patient?: string | undefined;
}) {
  const grants = grantsOf(scope, patient);
  const open = grants.filter((each) => each.letters.size).length;
  return (
    <section class="card" aria-labelledby="grants-heading">
      <h2 id="grants-heading">{title}</h2>
      <p>
        {open} of {grants.length} types.{patient && " It is bound to one patient: of a patient's record it opens theirs alone."}
      </p>
      {/* The roles are said, as on a phone the cells stand below each other and would be no table to a screen reader. */}
      <div class="stacking">
        <table class="grid grants stacked" role="table" aria-label="Interactions by type">
          <thead role="rowgroup">
            <tr role="row">
              <th scope="col" role="columnheader">Type</th>
              {LETTERS.map(([letter, word]) => (
                <th scope="col" role="columnheader" key={letter}>{word}</th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {grants.map(({ type, letters, limits }) => (
              <tr key={type.name} role="row" class={letters.size ? "" : "closed"}>
                <th scope="row" role="rowheader">
                  {type.name} {type.directory && <span class="badge">directory</span>}
                  {limitLines({ type, letters, limits }).map((line) => <span key={line} class="limit">{line}</span>)}
                </th>
                {LETTERS.map(([letter, word]) => (
                  <td key={letter} role="cell" class={letters.has(letter) ? "yes" : "no"} data-word={word}>
                    <span aria-hidden="true">{limits.has(letter) ? "◐" : letters.has(letter) ? "✓" : "–"}</span>
                    <span class="unseen">{limits.has(letter) ? "open in part" : letters.has(letter) ? "open" : "closed"}</span>
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
