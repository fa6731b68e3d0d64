import { render } from "preact";

import { App } from "./shell/app.tsx";
import { watchAddress } from "./shell/router.ts";
import { watchUse } from "./shell/unattended.ts";

const place = document.getElementById("app");
if (place) {
  // Before anything can be clicked: what is done after the first paint comes too late for a quick hand.
  watchAddress();
  watchUse();
  place.replaceChildren();
  render(<App />, place);
}
