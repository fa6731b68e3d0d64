// A measured process: it says when it is ready, then answers each line of JSON with a line of JSON on its standard error.
// `prepare` takes its input, `ask` returns the answer of the measured request, and `steps` can be repeated.
"use strict";

const seconds = (usage) => (usage.user + usage.system) / 1e6;
const say = (figures) => process.stderr.write(`${JSON.stringify(figures)}\n`);

async function obey({ prepare, ask, steps }, asked) {
  if (asked.prepare !== undefined) return say({ prepared: (await prepare(asked.prepare)) ?? null });
  if (asked.step === undefined) return say({ answer: await ask() });
  const step = steps[asked.step];
  const before = process.cpuUsage();
  for (let times = 0; times < asked.times; times += 1) await step();
  return say({ cpu: seconds(process.cpuUsage(before)) / asked.times });
}

exports.answer = (subject) => {
  say({ ready: seconds(process.cpuUsage()) });
  let unread = "";
  let turn = Promise.resolve();
  process.stdin.setEncoding("utf8").on("data", (part) => {
    const lines = (unread + part).split("\n");
    unread = lines.pop();
    for (const line of lines) turn = turn.then(() => obey(subject, JSON.parse(line)));
  });
};
