/** A form at work: its values, what is wrong with them, and the one create that they are sent by. */

import { useRef, useState } from "preact/hooks";

import type { Resource } from "../../../fhir/datatypes.ts";
import { today } from "../../../fhir/dates.ts";
import { type Task, useTask } from "../../../parts/task.tsx";
import { type Doubt, isDoubtful } from "../../../plausibility/doubts.ts";
import { type Problem, ProblemError } from "../../../service/problem.ts";
import { announce } from "../../../shell/announcements.tsx";
import { knownPatient } from "../about-patient.tsx";
import { type Created, create } from "../calls.ts";
import { newOnce } from "../once.ts";
import type { Rights } from "../rights.ts";
import { faultsIn, type FieldFaults, refusalAtFields } from "./checks.ts";
import type { Field, Values } from "./form.ts";
import { type FormDraft, formDraftAt, forgetForm, keepForm, placeOfForm } from "./form-drafts.ts";
import { FORMS, resourceText } from "./forms.ts";
import { doubtsBeside } from "./known-record.ts";
import type { FormType } from "./titles.ts";

/** What was recorded, and as which resource. */
export interface Recorded {
  readonly summary: string;
  readonly created: Created;
}

export interface FormWork {
  readonly draft: FormDraft;
  readonly fields: readonly Field[];
  /** The JSON that is sent. */
  readonly text: string;
  readonly task: Task;
  readonly atFields: FieldFaults;
  /** What the server has refused it for that is of no field. */
  readonly refusal: Problem | null;
  readonly recorded: Recorded | null;
  /** What is to be confirmed or mended before it is sent. */
  readonly doubts: readonly Doubt[];
  readonly fill: (name: string, value: string) => void;
  /** Sends it; `broken` are the fields whose input the browser cannot read, a date that is not complete for example, and
   * `confirmed` the doubts that somebody has looked at. */
  readonly send: (broken: readonly string[], confirmed?: readonly Doubt[]) => void;
  readonly begin: () => void;
}

const NONE: FieldFaults = new Map();

/** `patient` is empty for a new patient. */
export function useForm(type: FormType, patient: string, rights: Rights): FormWork {
  const place = placeOfForm(type, patient);
  const form = FORMS[type];
  const task = useTask();
  const [atFields, setAtFields] = useState(NONE);
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const [recorded, setRecorded] = useState<Recorded | null>(null);
  const [doubts, setDoubts] = useState<readonly Doubt[]>([]);
  const isBusy = useRef(false);
  const fresh = useRef<FormDraft | null>(null);
  fresh.current ??= { ...place, values: form.begin(today()), isTouched: false, once: newOnce(), isUncertain: false, version: "" };
  const draft = formDraftAt(place.key) ?? fresh.current;
  const fields = form.fields(draft.values);
  const once = rights.mayCreateOnce ? draft.once : null;
  const text = resourceText(type, valuesOf(fields, draft.values), { patient, today: today(), once });

  const send = (broken: readonly string[], confirmed: readonly Doubt[] = []) => {
    // A second one while the first is under way would be a second resource.
    if (isBusy.current) return;
    setRefusal(null);
    setDoubts([]);
    const found = new Map([...faultsIn(fields, draft.values, today()), ...broken.map((name) => [name, "This is not complete."] as const)]);
    setAtFields(found);
    if (found.size) {
      announce(`${found.size} to mend.`);
      return;
    }
    isBusy.current = true;
    keepForm(draft);
    task.run(async (signal) => {
      try {
        const doubted = await doubtsBeside(JSON.parse(text) as Resource, patient, knownPatient(patient), signal);
        if (isDoubtful(doubted, confirmed)) {
          setDoubts(doubted);
          announce(doubted.map((each) => each.text).join(" "));
          return;
        }
        const created = await create({ type, text, format: "json", once }, signal);
        forgetForm(place.key);
        fresh.current = null;
        setRecorded({ summary: form.summary(draft.values), created });
        announce(`Recorded: ${form.summary(draft.values)}.`);
      } catch (error) {
        if (signal.aborted || (error instanceof ProblemError && isUncertain(error.problem))) keepForm({ ...draft, isUncertain: true });
        const refused = refusalAtFields(error, fields);
        setAtFields(refused.atFields);
        setRefusal(refused.rest);
        announce(refused.said);
      } finally {
        isBusy.current = false;
      }
    });
  };

  return {
    draft,
    fields,
    text,
    task,
    atFields,
    refusal,
    recorded,
    doubts,
    fill: (name, value) => keepForm({ ...draft, values: { ...draft.values, [name]: value }, isTouched: true }),
    send,
    begin: () => {
      setAtFields(NONE);
      setRecorded(null);
    },
  };
}

/** Returns the values of the fields that are there: what was typed into one that has gone is not sent. */
function valuesOf(fields: readonly Field[], values: Values): Values {
  return Object.fromEntries(fields.map(({ name }) => [name, values[name] ?? ""]));
}

/** Returns whether a resource may have been created all the same (`write.md`, What is refused). */
function isUncertain({ status }: Problem): boolean {
  return [0, 500, 502, 503, 504].includes(status);
}
