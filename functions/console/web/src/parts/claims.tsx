/** What a token says, member by member, each with its meaning. */

import { meaningOf, readable } from "../oauth/access-token.ts";

export function Claims({ title, members, meaning = meaningOf }: {
  readonly title?: string;
  readonly members: Readonly<Record<string, unknown>>;
  /** What a member means; those of an access token, unless it is said. */
  readonly meaning?: (name: string) => string;
}) {
  return (
    <div class="stacking" role="region" aria-label={title ?? "Header"}>
      {/* The roles are said, as on a phone the cells stand below each other and would be no table to a screen reader. */}
      <table class="claims stacked" role="table">
        {title && <caption>{title}</caption>}
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Name</th>
            <th scope="col" role="columnheader">Value</th>
            <th scope="col" role="columnheader">Meaning</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {Object.entries(members).map(([name, value]) => (
            <tr key={name} role="row">
              <th scope="row" role="rowheader"><code>{name}</code></th>
              <td role="cell" class="wrap">{readable(name, value)}</td>
              <td role="cell" class="quiet">{meaning(name)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
