/** A patient's allergies in the banner: those of high criticality by a word, a shape and a colour. */

import { ClosedNote } from "../../../parts/closed-note.tsx";
import type { Entry } from "../entries/entries.ts";
import type { Standing } from "../sections.ts";
import { allergyStatement } from "./allergy-statement.ts";

export function BannerAllergies({ entries, standing }: { readonly entries: readonly Entry[]; readonly standing: Standing }) {
  const { active, text } = allergyStatement(entries, standing);
  const [closed] = standing.closed;
  return (
    <div class={`banner-allergies ${active.some((each) => each.alert) ? "critical" : ""}`} role="group" aria-labelledby="banner-allergies">
      <h3 id="banner-allergies">Allergies</h3>
      {active.length > 0 && (
        <ul>
          {active.map((each) => (
            <li key={each.id}>
              <strong class="wrap">{each.title}</strong>
              {each.alert && <strong class="badge alert"><span aria-hidden="true">▲</span> {each.alert}</strong>}
              <span class="quiet wrap">{[...each.facts, each.status.replace(/^active(, )?/, "")].filter((one) => one !== "").join(" · ")}</span>
            </li>
          ))}
        </ul>
      )}
      {closed ? <ClosedNote scope={closed[1]}>{text}</ClosedNote> : text && <p>{text}</p>}
    </div>
  );
}
