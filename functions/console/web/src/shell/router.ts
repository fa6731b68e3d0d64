/** Which room is open, by the address: `/#/token`, `/#/explore/Patient`, and `/docs` for the reference.
 *
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

/** Returns where an address leads. */
export function routeOf(pathname: string, hash: string): Route {
  const [room = "", ...path] = hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (room) return { room, path: path.filter((each) => each !== "") };
  return { room: pathname === DOCS ? "reference" : FIRST_ROOM, path: [] };
}

/** Returns the address of a room, and of a place in it. */
export function addressOf(room: RoomId, ...path: readonly string[]): string {
  if (room === "reference") return DOCS;
  return `${ROOT_PATH}/#/${[room, ...path].map(encodeURIComponent).join("/")}`;
}

export const route = signal(routeOf(location.pathname, location.hash));

/** Opens a room. */
export function go(room: RoomId, ...path: readonly string[]): void {
  follow(addressOf(room, ...path));
}

function follow(address: string): void {
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
