import { render } from "preact";

import { App } from "./shell/app.tsx";
import { forgetAtTheEnd } from "./shell/forgetting.ts";
import { watchAddress } from "./shell/router.ts";

const place = document.getElementById("app");
if (place) {
  // Before anything can be clicked: what is done after the first paint comes too late for a quick hand.
  watchAddress();
  forgetAtTheEnd();
  place.replaceChildren();
  render(<App />, place);
}
