/** A correction at work: the resource as it is now, what was typed, and the one change that it is sent by. */

import { useEffect, useRef, useState } from "preact/hooks";

import type { Bundle, Resource } from "../../../fhir/datatypes.ts";
import { today } from "../../../fhir/dates.ts";
import { versionsOf } from "../../../fhir/history.ts";
import { type Task, useTask } from "../../../parts/task.tsx";
import { askFhir } from "../../../service/api.ts";
import { type Doubt, doubtsAbout, isDoubtful } from "../../../plausibility/doubts.ts";
import { type Problem, ProblemError } from "../../../service/problem.ts";
import { announce } from "../../../shell/announcements.tsx";
import { read, type Stored, update } from "../../write/calls.ts";
import { faultsIn, type FieldFaults, refusalAtFields } from "../../write/forms/checks.ts";
import { beginOf, fieldsOf } from "../../write/forms/elements.ts";
import type { Field, Values } from "../../write/forms/form.ts";
import { type FormDraft, forgetForm, formDraftAt, keepForm, showsForm } from "../../write/forms/form-drafts.ts";
import { meet } from "../../write/about-patient.tsx";
import { isStale } from "../../write/refusals.ts";
import { knownOf, useOpenRecord } from "../open-record.ts";
import type { CorrectedType } from "../record-plan.ts";
import { correctablesOf, correctedText, REASON_FIELD } from "./correctable.ts";
import { elsewhereOf } from "./elsewhere.ts";
import { inErrorText, isInError, notInErrorText } from "./in-error.ts";

/** What is done to an entry. */
export type Deed = "correct" | "in-error" | "not-in-error";

export interface Correction {
  readonly task: Task;
  /** Without the reason's; null until the resource has been read. */
  readonly fields: readonly Field[] | null;
  /** What is shown and not corrected here. */
  readonly elsewhere: ReturnType<typeof elsewhereOf>;
  readonly values: Values;
  readonly isTouched: boolean;
  readonly atFields: FieldFaults;
  /** What is wrong that is of no field. */
  readonly refusal: Problem | null;
  /** What has to be known before it is sent again; empty if there is nothing. */
  readonly notice: string;
  /** What is to be confirmed or mended before it is sent. */
  readonly doubts: readonly Doubt[];
  readonly fill: (name: string, value: string) => void;
  readonly send: (broken: readonly string[], confirmed?: readonly Doubt[]) => void;
  readonly open: () => void;
  /** Throws away what was typed. */
  readonly forget: () => void;
}

/** What is corrected: a resource, and what the form is called. */
export interface Corrected {
  readonly type: CorrectedType;
  readonly id: string;
  readonly title: string;
}

export function keyOf(deed: Deed, type: string, id: string): string {
  return `${deed} ${type}/${id}`;
}

const NOTHING: Values = {};
const NO_FAULTS: FieldFaults = new Map();
const STALE = "Somebody else has changed it since you opened it. What is recorded now stands below; what you typed is kept. Look at both, then save again.";

export function useCorrection(deed: Deed, { type, id, title }: Corrected, onDone: () => void): Correction {
  const record = useOpenRecord();
  const key = keyOf(deed, type, id);
  const draft = formDraftAt(key);
  const typed = draft?.values ?? NOTHING;
  const task = useTask();
  const [stored, setStored] = useState<Stored | null>(null);
  const [atFields, setAtFields] = useState(NO_FAULTS);
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const [notice, setNotice] = useState("");
  const [doubts, setDoubts] = useState<readonly Doubt[]>([]);
  const isBusy = useRef(false);

  const open = () =>
    task.run(async (signal) => {
      const now = await read(type, id, "json", signal);
      setStored(now);
      if (draft && draft.version !== now.version) setNotice(STALE);
    });
  useEffect(open, []);
  useEffect(() => showsForm(key), [key]);

  const resource = stored && (JSON.parse(stored.text) as Resource);
  const correctables = resource && deed === "correct" ? correctablesOf(resource, record.named) : [];
  const values = { ...beginOf(correctables), ...typed };
  const corrected = fieldsOf(correctables, values);
  const fields = [...corrected, REASON_FIELD];

  const textOf = async (before: Stored, signal: AbortSignal): Promise<string | null> => {
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    const reason = values["reason"]?.trim() ?? "";
    if (deed === "correct") return correctedText(type, before.text, correctables, values, now);
    if (deed === "in-error") return inErrorText(type, before.text, reason, now);
    return notInErrorText(type, before.text, await formerOf(type, id, signal), reason, now);
  };

  const refused = async (error: unknown, signal: AbortSignal) => {
    if (error instanceof ProblemError && isStale(error.problem)) {
      const now = await read(type, id, "json", signal);
      record.take(JSON.parse(now.text) as Resource);
      setStored(now);
      const kept = formDraftAt(key);
      if (kept) keepForm({ ...kept, version: now.version });
      setNotice(STALE);
      announce(STALE);
      return;
    }
    const { atFields: placed, rest, said } = refusalAtFields(error, fields);
    setAtFields(placed);
    setRefusal(rest);
    announce(said);
  };

  const send = (broken: readonly string[], confirmed: readonly Doubt[] = []) => {
    if (isBusy.current || !stored) return;
    setRefusal(null);
    setNotice("");
    setDoubts([]);
    const found = new Map([...faultsIn(fields, values, today()), ...broken.map((name) => [name, "This is not complete."] as const)]);
    setAtFields(found);
    if (found.size) {
      announce(`${found.size} to mend.`);
      return;
    }
    isBusy.current = true;
    task.run(async (signal) => {
      try {
        const text = await textOf(stored, signal);
        if (text === null) {
          setNotice(UNCHANGED);
          announce(UNCHANGED);
          return;
        }
        const doubted = deed === "correct" ? doubtsAbout(JSON.parse(text) as Resource, knownOf(record)) : [];
        if (isDoubtful(doubted, confirmed)) {
          setDoubts(doubted);
          announce(doubted.map((each) => each.text).join(" "));
          return;
        }
        const written = await update(type, { id, text, format: "json" }, stored.version, signal);
        record.written.current = { path: `${type}/${id}`, said: SAID[deed] };
        const made = JSON.parse(written.text) as Resource;
        record.take(made);
        if (type === "Patient") meet(made);
        forgetForm(key);
        announce(SAID[deed]);
        onDone();
      } catch (error) {
        await refused(error, signal);
      } finally {
        isBusy.current = false;
      }
    });
  };

  return {
    task,
    fields: stored && corrected,
    elsewhere: resource && deed === "correct" ? elsewhereOf(resource) : [],
    values,
    isTouched: draft !== undefined,
    atFields,
    refusal,
    notice,
    doubts,
    fill: (name, value) => {
      const fresh: FormDraft = {
        key, title, patient: record.id, room: "record", path: [record.id], values: NOTHING, isTouched: true, once: "", isUncertain: false, version: stored?.version ?? "",
      };
      const before = formDraftAt(key) ?? fresh;
      keepForm({ ...before, values: { ...before.values, [name]: value } });
    },
    send,
    open,
    forget: () => forgetForm(key),
  };
}

const UNCHANGED = "Nothing is different from what is recorded, and nothing was sent.";
const SAID: Readonly<Record<Deed, string>> = {
  correct: "Corrected. The former version is struck through among the versions.",
  "in-error": "It is recorded as entered in error.",
  "not-in-error": "It is back: it is no longer recorded as entered in error.",
};

/** Returns the newest version that does not say that it was entered in error; raises a `ProblemError` if there is none. */
async function formerOf(type: CorrectedType, id: string, signal: AbortSignal): Promise<Resource> {
  const page = await askFhir<Bundle>(`${type}/${encodeURIComponent(id)}/_history?_count=50`, { signal });
  const former = versionsOf(page).find(({ resource }) => resource && !isInError(resource))?.resource;
  if (former) return former;
  throw new ProblemError({
    title: "It has always been in error.",
    remedy: "No version says how it stood otherwise. Change it in Write.",
    details: [],
    status: 0,
    code: "",
    needsToken: false,
  });
}
