/** What a token says, member by member, each with its meaning. */

import { meaningOf, readable } from "../oauth/access-token.ts";

export function Claims({ title, members, meaning = meaningOf }: {
  readonly title?: string;
  readonly members: Readonly<Record<string, unknown>>;
  /** What a member means; those of an access token, unless it is said. */
  readonly meaning?: (name: string) => string;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title ?? "Header"}>
      <table class="claims">
        {title && <caption>{title}</caption>}
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(members).map(([name, value]) => (
            <tr key={name}>
              <th scope="row"><code>{name}</code></th>
              <td class="wrap">{readable(name, value)}</td>
              <td class="quiet">{meaning(name)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
