/** The sections of a record: which types each is made of, and what it says when there is nothing. */

import type { PortionState } from "./record-loader.ts";
import type { Plan, RecordType } from "./record-plan.ts";

export interface Section {
  readonly title: string;
  readonly types: readonly RecordType[];
  /** What is said of an open and complete section without an entry. */
  readonly none: string;
  /** What entries that no longer hold are called: they are folded. Without it all are one list. */
  readonly past?: string;
  readonly showKind?: boolean;
  /** Whether an entry may say that there is none: that is another thing than no entry. */
  readonly maySayNone?: boolean;
}

export const PROBLEMS: Section = {
  title: "Problems",
  types: ["Condition"],
  none: "No problem is recorded.",
  past: "Past or not confirmed",
};

export const MEDICATION = {
  title: "Medication",
  types: ["MedicationStatement", "MedicationRequest"],
  none: "No medication is recorded.",
  past: "Stopped or completed",
} as const satisfies Section;

/** Those below the summary, by their column. */
export const COLUMNS: readonly (readonly Section[])[] = [
  [
    {
      title: "Allergies",
      types: ["AllergyIntolerance"],
      none: "Nothing is recorded about allergies: neither one, nor that there is none.",
      past: "Past or not confirmed",
      maySayNone: true,
    },
    { title: "Procedures", types: ["Procedure"], none: "No procedure is recorded." },
    { title: "Immunisations", types: ["Immunization"], none: "No immunisation is recorded." },
    { title: "Goals", types: ["Goal"], none: "No goal is recorded.", past: "Reached or given up" },
  ],
  [{ title: "Encounters", types: ["Encounter", "EpisodeOfCare"], none: "No encounter is recorded.", showKind: true }],
];

export interface Standing {
  /** The types that the token does not open, with a scope that would. */
  readonly closed: readonly (readonly [type: string, scope: string])[];
  /** The types of which the token opens a part, with the condition in words: there may be more. */
  readonly limited: readonly (readonly [type: string, condition: string])[];
  /** Whether all that is open has come: only then is nothing there if nothing is shown. */
  readonly isComplete: boolean;
  readonly isLoading: boolean;
  /** What has failed for this section alone, to be tried again. */
  readonly failed: readonly PortionState[];
}

/** Returns how far a section's types have come. */
export function standingOf(
  types: readonly string[],
  { closed, limited }: Pick<Plan, "closed" | "limited">,
  portions: readonly PortionState[],
): Standing {
  const open = types.filter((each) => !closed.has(each));
  const own = portions.filter((each) => each.portion.types.some((type) => open.includes(type)));
  return {
    closed: types.flatMap((type) => {
      const scope = closed.get(type);
      return scope === undefined ? [] : [[type, scope] as const];
    }),
    limited: types.flatMap((type) => {
      const condition = limited.get(type);
      return condition === undefined ? [] : [[type, condition] as const];
    }),
    isComplete: own.every((each) => each.state === "complete"),
    isLoading: own.some((each) => each.state === "loading"),
    failed: own.filter((each) => each.state === "failed" && each.portion.types.length === 1),
  };
}
