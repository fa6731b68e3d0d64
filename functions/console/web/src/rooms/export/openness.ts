/** What a token may export, type by type (`export.md`, Who may export). */

import { conditionOf, grantsOf, type Letter, SERVED_TYPES, type ServedType } from "../../oauth/grants.ts";

/** Everything, or what belongs to patients. */
export type Level = "all" | "patients";

export interface Exportable {
  readonly type: string;
  readonly isOpen: boolean;
  /** On which condition a resource is exported, as `category is laboratory`; empty if each is, or none. */
  readonly condition: string;
  /** The scope that would open the type. */
  readonly scope: string;
}

/** A resource has to be opened by both. */
const NEEDED: readonly Letter[] = ["r", "s"];

/** Returns the types of a level in the server's own order, each with what a scope string opens of it. */
export function exportablesOf(scope: string, level: Level): readonly Exportable[] {
  // Scopes of the other levels, and plain ones, open no export.
  const counted = scope.split(" ").filter((each) => each.startsWith("system/")).join(" ");
  return grantsOf(counted)
    .filter(({ type }) => isOf(level, type))
    .map((grant) => ({
      type: grant.type.name,
      isOpen: NEEDED.every((each) => grant.letters.has(each)),
      condition: [...new Set(NEEDED.map((each) => conditionOf(grant, each)))].filter((each) => each !== "").join(", and "),
      scope: `system/${grant.type.name}.rs`,
    }));
}

/** Returns the names of a level's types. */
export function typesOf(level: Level): readonly string[] {
  return SERVED_TYPES.filter((each) => isOf(level, each)).map(({ name }) => name);
}

/** Returns why a scope string exports nothing at a level, with the scope that would; null if it exports something. */
export function closedBy(scope: string, level: Level): { readonly reason: string; readonly scope: string } | null {
  const all = exportablesOf(scope, level);
  if (level === "patients" && !all.some(({ type, isOpen }) => type === "Patient" && isOpen)) {
    return { reason: "An export of patients’ records needs the patients themselves.", scope: "system/Patient.rs" };
  }
  if (all.some(({ isOpen }) => isOpen)) return null;
  return { reason: "This token exports nothing: only scopes of the level system count, with read and search.", scope: "system/*.rs" };
}

/** The audit trail is in no export. */
function isOf(level: Level, { byNameOnly, inCompartment }: ServedType): boolean {
  return !byNameOnly && (level === "all" || inCompartment);
}
