/** The rooms of the page, in the order of the navigation. */

import type { ComponentType } from "preact";

import { ROOM_TITLES, type RoomId } from "../shell/room-ids.ts";
import type { RoomProps } from "./room-props.ts";

export interface Room {
  readonly id: RoomId;
  readonly title: string;
  /** One sentence for who does not know it yet. */
  readonly summary: string;
  /** Whether it shows what a token opens, which an ended session hides. */
  readonly showsRecords: boolean;
  /** Fetches the room's own code when it is first opened. */
  readonly load: () => Promise<{ readonly default: ComponentType<RoomProps> }>;
}

export const ROOMS: readonly Room[] = [
  {
    id: "token",
    title: ROOM_TITLES.token,
    summary: "Prove who you are, and see what you get for it.",
    showsRecords: false,
    load: () => import("./token/room.tsx"),
  },
  {
    id: "matrix",
    title: ROOM_TITLES.matrix,
    summary: "What each client is promised, and what the server answers it now.",
    showsRecords: false,
    load: () => import("./matrix/room.tsx"),
  },
  {
    id: "explore",
    title: ROOM_TITLES.explore,
    summary: "Search the types that your token opens.",
    showsRecords: true,
    load: () => import("./explore/room.tsx"),
  },
  {
    id: "record",
    title: ROOM_TITLES.record,
    summary: "At a glance, then in full.",
    showsRecords: true,
    load: () => import("./record/room.tsx"),
  },
  {
    id: "audit",
    title: ROOM_TITLES.audit,
    summary: "Who saw a record: a line for each visit.",
    showsRecords: true,
    load: () => import("./audit/room.tsx"),
  },
  {
    id: "export",
    title: ROOM_TITLES.export,
    summary: "All that a token opens, or all that has changed, as files.",
    showsRecords: true,
    load: () => import("./export/room.tsx"),
  },
  {
    id: "write",
    title: ROOM_TITLES.write,
    summary: "Create, change and delete, with the answers at their places.",
    showsRecords: true,
    load: () => import("./write/room.tsx"),
  },
  {
    id: "doctor",
    title: ROOM_TITLES.doctor,
    summary: "What is wrong with an access token, a client assertion or a DPoP proof, and what to do about it.",
    showsRecords: false,
    load: () => import("./doctor/room.tsx"),
  },
  {
    id: "reference",
    title: ROOM_TITLES.reference,
    summary: "Every call of the API, to read and to try.",
    showsRecords: false,
    load: () => import("./reference/room.tsx"),
  },
];
