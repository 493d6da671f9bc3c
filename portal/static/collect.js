// Asks how the certificate stands, less and less often, and shows the page anew when it has changed.
"use strict";
const making = document.getElementById("making");
const PAUSES = [1, 1, 2, 3, 5, 8, 13, 21, 30]; // seconds; the last for all that follow
let tries = 0;

async function look() {
  try {
    const answer = await fetch(making.dataset.state, { cache: "no-store" });
    if (answer.ok && (await answer.json()).state !== making.dataset.now) {
      location.reload();
      return;
    }
  } catch {
    // away for a moment: asked again
  }
  wait();
}

function wait() {
  const seconds = PAUSES[Math.min(tries, PAUSES.length - 1)];
  tries += 1;
  setTimeout(look, 1000 * seconds);
}

if (making) wait();
