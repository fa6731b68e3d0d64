/** The page around the rooms: who the service is, where one can go, what was asked, and the room itself. */

import { useEffect, useRef } from "preact/hooks";

import { ROOMS } from "../rooms/registry.ts";
import { BASE, LICENCES, ROOT, VERSION } from "../service/place.ts";
import { Announcements } from "./announcements.tsx";
import { RequestLog } from "./request-log.tsx";
import { RoomFrame } from "./room-frame.tsx";
import { addressOf, FIRST_ROOM, route, START } from "./router.ts";
import { SessionBadge } from "./session-badge.tsx";

export function App() {
  return (
    <>
      <SkipLink />
      <header class="masthead">
        <div class="masthead-row">
          {/* In full: axe-core takes all links up to the first that does not begin with /# for skip links. */}
          <a class="brand" href={`${ROOT}/#/${FIRST_ROOM}`}>
            <Cross /> <span class="brand-name">Care Connect</span>
          </a>
          <span class="base" title="The service's root URL">{BASE || ROOT}</span>
          <SessionBadge />
        </div>
        <Navigation />
      </header>
      <main id="main" tabIndex={-1}>
        <RoomFrame />
      </main>
      <RequestLog />
      <footer class="foot">
        <span>Care Connect, serverless {VERSION}</span>
        <a href={LICENCES} target="_blank" rel="noreferrer">Licences</a>
      </footer>
      <Announcements />
    </>
  );
}

function SkipLink() {
  return (
    <a
      class="skip"
      href="#main"
      onClick={(click) => {
        click.preventDefault();
        document.getElementById("main")?.focus();
      }}
    >
      Skip to the content
    </a>
  );
}

function Navigation() {
  const strip = useRef<HTMLElement>(null);
  const open = route.value.room;
  useEffect(() => {
    // On a phone the strip scrolls: the open room's name comes into sight. Not by `scrollIntoView`, after which Chromium
    // has the Tab key begin there instead of at the page's own beginning.
    const [all, one] = [strip.current, strip.current?.querySelector("[aria-current]")];
    if (!all || !one) return;
    const [around, room] = [all.getBoundingClientRect(), one.getBoundingClientRect()];
    all.scrollLeft += room.left + room.width / 2 - around.left - around.width / 2;
  }, [open]);
  return (
    <nav class="rooms" aria-label="Rooms" ref={strip}>
      <ul>
        {ROOMS.map((room) => (
          <li key={room.id}>
            <a href={room.id === FIRST_ROOM ? START : addressOf(room.id)} aria-current={room.id === open ? "page" : undefined} title={room.summary}>
              {room.title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Cross() {
  return (
    <svg class="cross" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M13 7h6v6h6v6h-6v6h-6v-6H7v-6h6z" />
    </svg>
  );
}
