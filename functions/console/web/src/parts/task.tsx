/** Work that takes a while: it shows that it is going on, can be stopped, and says what went wrong. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { type Problem, problemFrom } from "../service/problem.ts";
import { ProblemPanel } from "./problem-panel.tsx";

export interface Task {
  readonly isRunning: boolean;
  readonly problem: Problem | null;
  /** Starts the work; what was still going on is stopped. It is to end early once the signal is aborted. */
  readonly run: (work: (signal: AbortSignal) => Promise<void>) => void;
  readonly stop: () => void;
  /** Stops the work, and forgets what went wrong. */
  readonly clear: () => void;
}

/** Returns a task of the component's own; it is stopped when the component goes. */
export function useTask(): Task {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const current = useRef<AbortController | null>(null);
  const stop = () => current.current?.abort();
  useEffect(() => stop, []);
  const run = (work: (signal: AbortSignal) => Promise<void>) => {
    stop();
    const controller = new AbortController();
    current.current = controller;
    setRunning(true);
    setProblem(null);
    work(controller.signal)
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setProblem(problemFrom(error));
      })
      .finally(() => {
        if (current.current === controller) setRunning(false);
      });
  };
  const clear = () => {
    stop();
    setProblem(null);
  };
  return { isRunning, problem, run, stop, clear };
}

/** Shows a task while it runs and when it has failed; `children` say how far it is. */
export function TaskState({ task, again, children }: {
  readonly task: Task;
  readonly again?: () => void;
  readonly children?: ComponentChildren;
}) {
  if (task.problem) return <ProblemPanel problem={task.problem} again={again} />;
  if (!task.isRunning) return null;
  return (
    <div class="row working">
      <span class="spinner" aria-hidden="true" />
      <span>{children ?? "Working…"}</span>
      <button type="button" class="small" onClick={task.stop}>Stop</button>
    </div>
  );
}
