/** The record that is open, for what is drawn deep within it: who it is about, what is in it, and how a change gets into it. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Patient } from "../../fhir/clinical.ts";
import type { Resource } from "../../fhir/datatypes.ts";
import type { Known } from "../../plausibility/doubts.ts";
import { isInError } from "./correction/in-error.ts";
import type { Named } from "./names.ts";

export interface OpenRecord {
  /** The id of the patient. */
  readonly id: string;
  /** Undefined if the token does not open who that is. */
  readonly patient: Patient | undefined;
  /** All that has been read, by `Type/id`. */
  readonly resources: ReadonlyMap<string, Resource>;
  readonly named: Named;
  /** Puts a resource that was written in the place of what was read. */
  readonly take: (resource: Resource) => void;
  /** What was written last, until it is shown: its entry may be drawn anew, at another place. */
  readonly written: { current: Written | null };
}

export interface Written {
  /** Such as `Observation/4`. */
  readonly path: string;
  readonly said: string;
}

export const OpenRecordContext = createContext<OpenRecord | null>(null);

/** Returns the open record; raises for a component outside of one. */
export function useOpenRecord(): OpenRecord {
  const record = useContext(OpenRecordContext);
  if (!record) throw new Error("This is drawn within a record alone.");
  return record;
}

/** Returns whether one of the resources was just written, so that its entry is drawn open. */
export function isWritten({ written }: OpenRecord, resources: readonly Resource[]): boolean {
  return resources.some(({ resourceType, id = "" }) => written.current?.path === `${resourceType}/${id}`);
}

/** Returns what a change is compared with: the record, without what was entered in error. */
export function knownOf({ patient, resources }: Pick<OpenRecord, "patient" | "resources">): Known {
  return { patient, record: [...resources.values()].filter((each) => !isInError(each)) };
}
