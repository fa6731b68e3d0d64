import assert from "node:assert/strict";
import { test } from "node:test";

import type { Bundle, Resource } from "../src/fhir/datatypes.ts";
import { type LoaderTools, RecordLoader } from "../src/rooms/record/record-loader.ts";
import { planOf, separately } from "../src/rooms/record/record-plan.ts";
import type { Problem } from "../src/service/problem.ts";

const EVERYTHING = "Patient/4/$everything?_count=100";

test("a token that opens all asks once, and what it lacks is closed by its scope", () => {
  const all = planOf("4", "system/*.read profile");
  assert.deepEqual(all.portions.map((each) => each.query), [EVERYTHING]);
  assert.equal(all.closed.size, 0);
  const some = planOf("4", "user/Patient.rs user/Condition.rs user/Observation.rs user/Encounter.s user/Procedure.r");
  assert.deepEqual(some.portions.map((each) => each.query), [EVERYTHING, "Encounter?patient=4&_count=100"]);
  assert.deepEqual(some.portions[0]?.types, ["Patient", "Condition", "Observation"]);
  assert.equal(some.closed.get("Procedure"), "user/Procedure.s");
  assert.equal(some.closed.get("Immunization"), "user/Immunization.read");
});

test("of what a suffix limits, the record says that it is a part", () => {
  const { portions, closed, limited } = planOf("4", "user/Patient.rs user/Condition.rs user/Observation.rs?category=laboratory user/Observation.r");
  assert.deepEqual(portions.map((each) => each.query), [EVERYTHING]);
  assert.equal(closed.has("Observation"), false);
  assert.deepEqual([...limited], [["Observation", "search only where category is laboratory"]]);
});

test("without both letters of Patient each type is searched, and Patient is found by the letter that is there", () => {
  const queries = (scope: string) => planOf("4", scope).portions.map((each) => each.query);
  assert.deepEqual(queries("user/Patient.r"), ["Patient/4"]);
  assert.deepEqual(queries("user/Patient.s"), ["Patient?_id=4"]);
  assert.deepEqual(queries("patient/Patient.read profile"), [
    "Patient?_id=4&_include=Patient:general-practitioner&_include=Patient:organization",
  ]);
  assert.deepEqual(queries("user/Observation.read"), ["Observation?patient=4&_count=100"]);
  assert.deepEqual(queries("user/MedicationRequest.read user/Patient.s"), [
    "Patient?_id=4",
    "MedicationRequest?patient=4&_count=100&_include=MedicationRequest:medication",
  ]);
  assert.deepEqual(queries("profile"), []);
  assert.equal(planOf("4", "profile").closed.get("Patient"), "user/Patient.read");
});

class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(String(status));
    this.status = status;
  }
}

function problemFrom(error: unknown): Problem {
  const status = error instanceof Refusal ? error.status : 0;
  return { title: "Refused", remedy: "", details: [], status, code: "", needsToken: false };
}

/** A server: the pages of each query, and the status of one that is refused. */
function tools(server: Readonly<Record<string, readonly (readonly string[])[] | number>>, more: Partial<LoaderTools> = {}): LoaderTools {
  return {
    problemFrom,
    instead: (portion) => separately(portion.types, "4", "system/*.read"),
    ...more,
    async *pages(query, signal) {
      const [name = "", at = "0"] = query.split("#");
      const pages = server[name];
      for (let place = Number(at); ; place++) {
        await Promise.resolve();
        if (signal.aborted) throw new Error("aborted");
        if (typeof pages !== "object") throw new Refusal(pages ?? 0);
        const page = pages[place];
        if (!page) return;
        const link = place + 1 < pages.length ? [{ relation: "next", url: `${name}#${place + 1}` }] : [];
        yield { resourceType: "Bundle", type: "searchset", link, entry: page.map((each) => ({ resource: resource(each) })) } satisfies Bundle;
      }
    },
  };
}

function resource(place: string): Resource {
  const [resourceType = "", id = ""] = place.split("/");
  return { resourceType, id };
}

function states(loader: RecordLoader): readonly string[] {
  return loader.portions.value.map((each) => `${each.portion.types.join()} ${each.state}`);
}

test("pages are kept as they come, up to a bound, and reading goes on from there", async () => {
  const portion = { query: "Observation", types: ["Observation"] };
  const server = { Observation: [["Observation/1"], ["Observation/2"], ["Observation/3"]] };
  const loader = new RecordLoader([portion], tools(server, { pagesAtOnce: 2 }));
  await loader.start();
  assert.deepEqual(states(loader), ["Observation more"]);
  assert.deepEqual([...loader.resources.value.keys()], ["Observation/1", "Observation/2"]);
  const [one] = loader.portions.value;
  assert.ok(one);
  await loader.goOn(one);
  assert.deepEqual(states(loader), ["Observation complete"]);
  assert.equal(loader.resources.value.size, 3);
});

test("what the server says of a search is kept once, and is no resource", async () => {
  const outcome = { resourceType: "OperationOutcome", issue: [{ severity: "warning", code: "informational", diagnostics: "Events may be missing." }] };
  const loader = new RecordLoader([{ query: "AuditEvent", types: ["AuditEvent"] }], {
    ...tools({}),
    // eslint-disable-next-line @typescript-eslint/require-await
    async *pages() {
      const hint = { resource: outcome, search: { mode: "outcome" as const } };
      const link = [{ relation: "next", url: "AuditEvent#1" }];
      yield { resourceType: "Bundle", type: "searchset", link, entry: [hint, { resource: resource("AuditEvent/1") }] } satisfies Bundle;
      yield { resourceType: "Bundle", type: "searchset", entry: [hint] } satisfies Bundle;
    },
  });
  await loader.start();
  assert.deepEqual(loader.hints.value, ["Events may be missing."]);
  assert.deepEqual([...loader.resources.value.keys()], ["AuditEvent/1"]);
});

test("if everything at once is refused, each type is asked for, and one that fails fails alone", async () => {
  const [everything] = planOf("4", "user/Patient.rs user/Condition.rs user/Encounter.rs").portions;
  assert.ok(everything);
  const server = {
    [EVERYTHING]: 400,
    "Patient?_id=4&_include=Patient:general-practitioner&_include=Patient:organization": [["Patient/4"]],
    "Condition?patient=4&_count=100": 503,
    "Encounter?patient=4&_count=100": [["Encounter/1"]],
  };
  const loader = new RecordLoader([everything], tools(server));
  await loader.start();
  assert.deepEqual(states(loader), ["Patient complete", "Condition failed", "Encounter complete"]);
  assert.equal(loader.portions.value[1]?.problem?.status, 503);
});

test("a token that is not accepted, and a patient that is not there, are said once", async () => {
  for (const status of [401, 404, 410]) {
    const [everything] = planOf("4", "system/*.read").portions;
    assert.ok(everything);
    const loader = new RecordLoader([everything], tools({ [EVERYTHING]: status }));
    await loader.start();
    assert.deepEqual(loader.portions.value.map((each) => [each.state, each.problem?.status]), [["failed", status]]);
  }
});

test("what is stopped keeps what has come, and can go on", async () => {
  const server = { Encounter: [["Encounter/1"], ["Encounter/2"]] };
  const loader = new RecordLoader([{ query: "Encounter", types: ["Encounter"] }], tools(server));
  const ending = loader.start();
  loader.stop();
  await ending;
  assert.deepEqual(states(loader), ["Encounter stopped"]);
  const [one] = loader.portions.value;
  assert.ok(one);
  await loader.goOn(one);
  assert.deepEqual(states(loader), ["Encounter complete"]);
  assert.equal(loader.resources.value.size, 2);
});
