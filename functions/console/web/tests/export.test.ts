/** Bulk exports: what a token opens, the request that starts one, the answers of the contract, watching and downloading. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ProblemError, problemOf } from "../src/service/problem.ts";
import type { Call } from "../src/service/api.ts";
import cases from "./export-cases.json" with { type: "json" };

const BASE = "https://fhir.example/live";
const FHIR = "/careconnect-ri/STU3";
const querySelector = (selector: string) => ({ content: selector.includes("fhir-path") ? FHIR : selector.includes("base") ? BASE : "" });
Object.assign(globalThis, { document: { querySelector }, location: new URL(BASE) });
const { answerTo } = await import("../src/service/api.ts");
const { ROOT } = await import("../src/service/place.ts");
const { begin, end } = await import("../src/service/session.ts");
const { download } = await import("../src/rooms/export/download.ts");
const { addJob, forgetJob, jobsOf, jobUrlIn, noteSaved, noteStatus, wanted } = await import("../src/rooms/export/jobs.ts");
const { chosenOf, EVERYTHING, faultsOf, fieldOf, kickOffOf, wordsOf } = await import("../src/rooms/export/kick-off.ts");
const { closedBy, exportablesOf } = await import("../src/rooms/export/openness.ts");
const { inKickOffWords } = await import("../src/rooms/export/problems.ts");
const { groupsOf, nameOf, statusOf } = await import("../src/rooms/export/status.ts");
const { watch } = await import("../src/rooms/export/watch.ts");

const JOB = `${ROOT}${FHIR}/$export/Q2hlY2sgdGhlIGpvYg`;
const NOW = Date.parse("2026-12-01T12:00:00Z");
const OPEN = ["Patient", "Condition", "Observation", "Goal", "Medication"];

interface Case {
  readonly case: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly kind: string;
  readonly wait?: number;
  readonly says: string;
}

function saidIn({ status, headers, body }: Case) {
  const text = typeof body === "string" ? body : JSON.stringify(body).replaceAll("{job}", JOB);
  return { status, headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])), text };
}

function said(name: string) {
  const found = (cases as readonly Case[]).find((each) => each.case === name);
  assert.ok(found);
  return saidIn(found);
}

function token(): string {
  return [{ alg: "none" }, { exp: 1, scope: "", client_id: "me" }].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + ".";
}

beforeEach(() => {
  end();
  begin(token(), "", null);
});

const openIn = (scope: string, level: "all" | "patients" = "all") => exportablesOf(scope, level).filter(({ isOpen }) => isOpen).map(({ type }) => type);

test("a type is exported by scopes of the level system that read and search it", () => {
  assert.deepEqual(openIn("system/Patient.rs system/Goal.read system/Condition.cruds"), ["Patient", "Condition", "Goal"]);
  assert.deepEqual(openIn("system/Observation.r system/Goal.s"), []);
  assert.deepEqual(openIn("system/Observation.r system/Observation.s"), ["Observation"]);
  assert.deepEqual(openIn("user/*.rs patient/*.rs profile user/Patient.read"), []);
});

test("the audit trail is in no export, and what belongs to no patient in none of patients' records", () => {
  const everything = "system/*.rs system/AuditEvent.rs";
  assert.ok(openIn(everything).includes("Practitioner") && openIn(everything).includes("Medication"));
  for (const level of ["all", "patients"] as const) assert.ok(!exportablesOf(everything, level).some(({ type }) => type === "AuditEvent"));
  const patients = exportablesOf(everything, "patients").map(({ type }) => type);
  assert.ok(patients.includes("Patient") && patients.includes("EpisodeOfCare"));
  assert.deepEqual(patients.filter((each) => ["Medication", "Practitioner", "Organization"].includes(each)), []);
});

test("of what a suffix limits the condition is said, of a closed type the scope that opens it", () => {
  const found = exportablesOf("system/Observation.rs?category=laboratory system/Condition.r system/Condition.s?category=problem", "all");
  const of = (type: string) => found.find((each) => each.type === type);
  assert.deepEqual([of("Observation")?.isOpen, of("Observation")?.condition], [true, "category is laboratory"]);
  assert.equal(of("Condition")?.condition, "category is problem");
  assert.deepEqual([of("Goal")?.isOpen, of("Goal")?.scope], [false, "system/Goal.rs"]);
});

test("a token that exports nothing, or no patients, is told which scope does", () => {
  assert.equal(closedBy("user/*.rs profile", "all")?.scope, "system/*.rs");
  assert.equal(closedBy("system/Goal.rs", "all"), null);
  assert.equal(closedBy("system/Goal.rs", "patients")?.scope, "system/Patient.rs");
  assert.equal(closedBy("system/Patient.rs", "patients"), null);
});

const bodyOf = (call: Call) => JSON.parse(call.body ?? "") as unknown;

test("an export of everything asks for nothing by name", () => {
  const call = kickOffOf(EVERYTHING, OPEN);
  assert.deepEqual([call.method, call.to, call.headers?.["Prefer"]], ["POST", `${FHIR}/$export`, "respond-async"]);
  assert.deepEqual(bodyOf(call), { resourceType: "Parameters" });
});

test("types, time and patients go in the body and none of them in the URL", () => {
  const some = { level: "patients", without: new Set(["Condition", "Medication", "Goal"]), since: "2026-12-01T09:00", patients: "4, Patient/5\n 4" } as const;
  const call = kickOffOf(some, OPEN);
  assert.equal(call.to, `${FHIR}/Patient/$export`);
  assert.deepEqual(bodyOf(call), {
    resourceType: "Parameters",
    parameter: [
      { name: "_type", valueCode: "Patient" },
      { name: "_type", valueCode: "Observation" },
      { name: "_since", valueInstant: "2026-12-01T09:00:00.000Z" },
      { name: "patient", valueReference: { reference: "Patient/4" } },
      { name: "patient", valueReference: { reference: "Patient/5" } },
    ],
  });
  assert.equal(wordsOf(some, OPEN), "The records of 2 patients: Patient, Observation, changed since 1 Dec 2026, 09:00:00 (UTC)");
  // Patients that were typed for another level count for that alone.
  assert.deepEqual(bodyOf(kickOffOf({ ...EVERYTHING, patients: "4" }, OPEN)), { resourceType: "Parameters" });
});

test("a later export goes on where the one before has ended, to the millisecond", () => {
  const call = kickOffOf({ ...EVERYTHING, since: fieldOf("2026-12-01T10:00:00.123Z") }, OPEN);
  assert.deepEqual(bodyOf(call), { resourceType: "Parameters", parameter: [{ name: "_since", valueInstant: "2026-12-01T10:00:00.123Z" }] });
});

test("a type that another token has closed stays unticked, and is no choice meanwhile", () => {
  assert.deepEqual(chosenOf({ ...EVERYTHING, without: new Set(["Goal", "Location"]) }, ["Patient", "Goal"]), ["Patient"]);
});

test("faults are found before anything is sent", () => {
  const none = { types: "", since: "", patients: "" };
  assert.deepEqual(faultsOf(EVERYTHING, OPEN, NOW), none);
  assert.equal(faultsOf({ ...EVERYTHING, without: new Set(OPEN) }, OPEN, NOW).types, "Tick a type.");
  assert.equal(faultsOf({ ...EVERYTHING, since: "2026-12-01T12:01" }, OPEN, NOW).since, "This is in the future.");
  assert.equal(faultsOf({ ...EVERYTHING, since: "2026-12" }, OPEN, NOW).since, "Give a day and a time.");
  const patients = (typed: string) => faultsOf({ ...EVERYTHING, level: "patients", patients: typed }, OPEN, NOW).patients;
  assert.equal(patients("4 5"), "");
  assert.equal(patients("4 9990000042"), "9990000042: An NHS number is no id.");
  assert.equal(patients("4, 999 000 0042"), "999 000 0042: An NHS number is no id.");
  assert.equal(patients("4/5"), "4/5: This is no id.");
  const many = Array.from({ length: 101 }, (_, place) => `p${place}`);
  assert.equal(patients(many.slice(1).join()), "");
  assert.match(patients(many.join()), /101 patients, and one export takes 100/);
});

for (const each of cases as readonly Case[]) {
  test(`an answer to the status: ${each.case}`, () => {
    const status = statusOf(saidIn(each));
    assert.equal(status.kind, each.kind);
    if ("wait" in status) assert.equal(status.wait, each.wait);
    if ("problem" in status) assert.equal(status.problem.title, each.says);
    if (status.kind === "running") {
      assert.equal(status.progress, each.says);
      assert.ok(status.percent < 100);
    }
    if (status.kind !== "complete") return;
    assert.equal(status.expires, each.headers["Expires"]);
    const groups = groupsOf(status.manifest).map(({ title, files, count }) => [title, files.length, count]);
    assert.deepEqual(groups, [["Patient", 1, 2], ["Observation", 2, 4], ["Deleted since", 1, 1], ["Ignored parameters", 1, 1]]);
    assert.equal(status.manifest.output[0] && nameOf(status.manifest.output[0]), "Patient.0.1.ndjson");
  });
}

test("an export is watched through refusals and silence, waiting as long as is asked, until it is complete", async () => {
  const answers = [said("running"), said("asked too often"), null, said("cannot be read"), said("complete")];
  const [told, waits]: [string[], number[]] = [[], []];
  const means = {
    answerTo: ({ to }: Call) => {
      assert.equal(to, JOB);
      const answer = answers.shift();
      assert.ok(answer !== undefined);
      return answer ? Promise.resolve(answer) : Promise.reject(new ProblemError(problemOf(0, {}, "")));
    },
    pause: (seconds: number) => {
      waits.push(seconds);
      return Promise.resolve();
    },
  };
  await watch(JOB, ({ kind }) => told.push(kind), new AbortController().signal, means);
  assert.deepEqual(told, ["running", "unknown", "unknown", "unknown", "complete"]);
  assert.deepEqual(waits, [3, 41, 5, 5]);
});

test("who leaves while an export is waited for asks no more", async () => {
  const leaving = new AbortController();
  let asked = 0;
  const means = {
    answerTo: () => {
      asked += 1;
      return Promise.resolve(said("running"));
    },
    pause: (_: number, signal: AbortSignal) => {
      leaving.abort();
      return Promise.reject(signal.reason as Error);
    },
  };
  await assert.rejects(watch(JOB, () => undefined, leaving.signal, means), { name: "AbortError" });
  assert.equal(asked, 1);
});

const FILES = ["Goal.0.1.ndjson", "Goal.1.1.ndjson"].map((name) => ({ type: "Goal", url: `${JOB}/${name}`, count: 2 }));

/** Downloads files that are answered in turn; returns what was done in its order. */
async function downloaded(answers: { status: number; text: string; headers?: Readonly<Record<string, string>> }[]): Promise<readonly string[]> {
  const done: string[] = [];
  const means = {
    answerTo: (call: Call) => {
      assert.ok(call.isFile);
      done.push(`ask ${call.to.split("/").at(-1) ?? ""}`);
      const { status, text, headers = {} } = answers.shift() ?? { status: 500, text: "" };
      return Promise.resolve({ status, headers, text, file: status === 200 ? new Blob([text]) : null });
    },
    pause: (seconds: number) => {
      done.push(`wait ${seconds}`);
      return Promise.resolve();
    },
    save: (file: Blob, name: string) => void done.push(`save ${name}, ${file.size} bytes`),
  };
  try {
    await download(FILES, ({ url }) => done.push(`told ${url.split("/").at(-1) ?? ""}`), new AbortController().signal, means);
  } catch (error) {
    assert.ok(error instanceof ProblemError);
    done.push(error.problem.title);
  }
  return done;
}

test("files are had one at a time: the next is asked for when the one before is saved", async () => {
  const whole = { status: 200, text: '{"a":"ä"}\n{}\n' };
  assert.deepEqual(await downloaded([whole, whole]), [
    "ask Goal.0.1.ndjson", "save Goal.0.1.ndjson, 14 bytes", "told Goal.0.1.ndjson",
    "ask Goal.1.1.ndjson", "save Goal.1.1.ndjson, 14 bytes", "told Goal.1.1.ndjson",
  ]);
});

test("a file that the server cannot send now is asked for again, but not for ever", async () => {
  const away = { status: 503, text: "", headers: { "retry-after": "7" } };
  const whole = { status: 200, text: "{}\n{}\n" };
  const done = await downloaded([away, whole, away, away, away, away, away]);
  assert.deepEqual(done.slice(0, 4), ["ask Goal.0.1.ndjson", "wait 7", "ask Goal.0.1.ndjson", "save Goal.0.1.ndjson, 6 bytes"]);
  assert.equal(done.filter((each) => each === "ask Goal.1.1.ndjson").length, 5);
  assert.equal(done.at(-1), "The service is not available for the moment.");
});

test("a file without all its lines is not saved, and no other is asked for", async () => {
  assert.deepEqual(await downloaded([{ status: 200, text: "{}\n" }]), ["ask Goal.0.1.ndjson", "A file has not arrived whole."]);
});

test("a file is had byte for byte, a refusal of it as text", async (context) => {
  // A byte order mark, and a byte that is no UTF-8, are lost in a text.
  const bytes = [0xef, 0xbb, 0xbf, 0x7b, 0xff, 0x7d, 0x0a];
  const answers = [new Response(new Uint8Array(bytes)), new Response("{}", { status: 404 })];
  context.mock.method(globalThis, "fetch", () => Promise.resolve(answers.shift()));
  const call = { to: `${JOB}/Goal.0.1.ndjson`, isFile: true };
  const { file } = await answerTo(call);
  assert.ok(file);
  assert.deepEqual([...new Uint8Array(await file.arrayBuffer())], bytes);
  const refused = await answerTo(call);
  assert.deepEqual([refused.file, refused.text], [null, "{}"]);
});

test("jobs are known to their client, through another token too, and forgotten with the session", () => {
  addJob({ url: JOB, clientId: "me", words: "Everything", begun: NOW });
  noteStatus(JOB, statusOf(said("running")));
  noteSaved(JOB, `${JOB}/Goal.0.1.ndjson`);
  addJob({ url: JOB, clientId: "me", words: "", begun: null });
  addJob({ url: `${JOB}2`, clientId: "me", words: "Newer", begun: NOW });
  begin(token(), "", null);
  assert.deepEqual(jobsOf("me").map(({ words }) => words), ["Newer", "Everything"]);
  assert.deepEqual(jobsOf("me")[1]?.status?.kind, "running");
  assert.deepEqual([...(jobsOf("me")[1]?.saved ?? [])], [`${JOB}/Goal.0.1.ndjson`]);
  assert.deepEqual(jobsOf("another"), []);
  forgetJob(`${JOB}2`);
  noteStatus(`${JOB}2`, statusOf(said("running")));
  assert.equal(jobsOf("me").length, 1);
  wanted.value = { ...EVERYTHING, patients: "4" };
  end();
  assert.deepEqual(jobsOf("me"), []);
  assert.equal(wanted.value.patients, "");
});

test("a job's URL is one of this server, by the name that the service or this page has", () => {
  const path = `${FHIR}/$export/Q2hlY2sgdGhlIGpvYg`;
  for (const good of [JOB, `${BASE}${path}`, ` ${BASE}${path}\n`, path]) assert.equal(jobUrlIn(good), JOB);
  for (const bad of ["", "x", `https://other.example${path}`, `${BASE}${FHIR}/$export`, `${BASE}${path}/Goal.0.1.ndjson`, `${BASE}${FHIR}/Patient/4`]) {
    assert.equal(jobUrlIn(bad), null, bad);
  }
});

test("a kick-off that is refused is said in the words of exports; other refusals keep theirs", async () => {
  const titleOf = async (status: number) => {
    const refused = new ProblemError(problemOf(status, {}, ""));
    const thrown = await inKickOffWords(() => Promise.reject(refused)).catch((error: unknown) => error);
    assert.ok(thrown instanceof ProblemError);
    return thrown.problem.title;
  };
  assert.equal(await titleOf(422), "A patient is not there.");
  assert.equal(await titleOf(404), "There is no export here.");
  assert.equal(await titleOf(503), "The service is not available for the moment.");
});
