// The payment is on its way to us: ask again in place, so that nobody hears the page from the top every two
// seconds, and load it anew once the answer is another one. Without this the page refreshes itself.
"use strict";

const pause = Number(document.currentScript.dataset.after) * 1000;
const STILL_WAITING = 202;

async function lookAgain() {
  try {
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" });
    if (answer.status !== STILL_WAITING) return location.reload();
  } catch {
    // Not reachable: the next look may be luckier.
  }
  setTimeout(lookAgain, pause);
}

setTimeout(lookAgain, pause);
