/** The open room: fetched when it is first opened, its heading focused when one comes from another. */

import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";

import { ProblemPanel } from "../parts/problem-panel.tsx";
import { type Room, ROOMS } from "../rooms/registry.ts";
import type { RoomProps } from "../rooms/room-props.ts";
import { type Problem, problemFrom } from "../service/problem.ts";
import { Reloaded } from "./reloaded.tsx";
import { route, START } from "./router.ts";
import { sessionEnd, SessionEnded } from "./session-ended.tsx";

const loaded = new Map<string, ComponentType<RoomProps>>();

export function RoomFrame() {
  const { room: id, path } = route.value;
  const room = ROOMS.find((each) => each.id === id);
  return room ? <OpenRoom key={room.id} room={room} path={path} /> : <NoRoom />;
}

function OpenRoom({ room, path }: { readonly room: Room; readonly path: readonly string[] }) {
  const [, arrived] = useState(0);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [fault] = useErrorBoundary() as [unknown, () => void];
  useTitle(room.title);
  useEffect(() => {
    if (loaded.has(room.id)) return;
    room
      .load()
      .then((module) => {
        loaded.set(room.id, module.default);
        arrived((count) => count + 1);
      })
      .catch(() => setProblem(MISSING));
  }, [room]);
  const Content = loaded.get(room.id);
  const wrong = problem ?? (fault ? problemFrom(fault) : null);
  const ended = room.showsRecords ? sessionEnd.value : null;
  return (
    <>
      <div class="room-head">
        <Heading title={room.title} />
        <p class="lead">{room.summary}</p>
      </div>
      {room.id !== "token" && <Reloaded />}
      {ended ? (
        <SessionEnded end={ended} />
      ) : wrong ? (
        <ProblemPanel problem={wrong} />
      ) : Content ? (
        <Content path={path} />
      ) : (
        <p class="quiet">Opening…</p>
      )}
    </>
  );
}

const MISSING: Problem = {
  title: "This room cannot be opened.",
  remedy: "A part of the page could not be fetched: the server has stopped, or has a newer page. Reload this one.",
  details: [],
  status: 0,
  code: "",
  needsToken: false,
};

function NoRoom() {
  useTitle("No such room");
  return (
    <>
      <Heading title="There is no such room" />
      <p>
        <a href={START}>Begin with a token.</a>
      </p>
    </>
  );
}

let isFirst = true;

function Heading({ title }: { readonly title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Not when the page has just been opened: then the reader is at its beginning.
    if (!isFirst) heading.current?.focus();
    isFirst = false;
  }, [title]);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {title}
    </h1>
  );
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Care Connect`;
  }, [title]);
}
