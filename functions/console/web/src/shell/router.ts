/** Which room is open, by the address: `/#/token`, `/#/explore/Patient`, and `/docs` for the reference.
 *
 * The token room's address may go on with the place to come back to, once there is a token: `/#/token/record/4`.
 * The page is never loaded anew on the way, so that what it holds in memory goes along.
 */

import { signal } from "@preact/signals";

import { ROOT_PATH } from "../service/place.ts";
import type { RoomId } from "./room-ids.ts";

export interface Route {
  readonly room: string;
  readonly path: readonly string[];
}

const DOCS = `${ROOT_PATH}/docs`;
export const FIRST_ROOM: RoomId = "token";
/** The first room, from which nothing leads back. */
export const START = `${ROOT_PATH}/#/${FIRST_ROOM}`;

/** Returns where an address leads. */
export function routeOf(pathname: string, hash: string): Route {
  const [room = "", ...path] = hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (room) return { room, path: path.filter((each) => each !== "") };
  return { room: pathname === DOCS ? "reference" : FIRST_ROOM, path: [] };
}

export const route = signal(routeOf(location.pathname, location.hash));

/** Returns the address of a room, and of a place in it. That of the token room comes back to the open place. */
export function addressOf(room: RoomId, ...path: readonly string[]): string {
  if (room === "reference") return DOCS;
  const place = room === "token" ? placeToComeBackTo(route.value) : path;
  return `${ROOT_PATH}/#/${[room, ...place].map(encodeURIComponent).join("/")}`;
}

function placeToComeBackTo({ room, path }: Route): readonly string[] {
  return room === "token" ? path : [room, ...path];
}

/** Opens a room. */
export function go(room: RoomId, ...path: readonly string[]): void {
  follow(addressOf(room, ...path));
}

/** Opens the room at an address of this page. */
export function follow(address: string): void {
  history.pushState(null, "", address);
  arrive();
}

function arrive(): void {
  route.value = routeOf(location.pathname, location.hash);
}

/** Follows the browser's own buttons, and links within the page. */
export function watchAddress(): void {
  window.addEventListener("popstate", arrive);
  window.addEventListener("hashchange", arrive);
  document.addEventListener("click", (click) => {
    const link = click.target instanceof Element ? click.target.closest("a") : null;
    const isPlain = click.button === 0 && !(click.metaKey || click.ctrlKey || click.shiftKey || click.altKey);
    if (!link || !isPlain || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    const isRoom = link.pathname === DOCS || (link.pathname === `${ROOT_PATH}/` && link.hash.startsWith("#/"));
    if (!isRoom) return;
    click.preventDefault();
    follow(link.href);
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
