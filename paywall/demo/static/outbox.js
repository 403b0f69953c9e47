// New mail appears by itself; the page changes only when there is some, so whoever reads or tabs through it is not
// thrown back to the top. Without this the page refreshes itself.
"use strict";

const EVERY = 3000;
const outbox = document.querySelector(".outbox");

async function lookAgain() {
  if (document.visibilityState !== "visible") return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const newer = page.querySelector(".outbox");
    if (newer && newer.innerHTML !== outbox.innerHTML) outbox.innerHTML = newer.innerHTML;
  } catch {
    // Not reachable: the next look may be luckier.
  }
}

document.addEventListener("visibilitychange", lookAgain);
setInterval(lookAgain, EVERY);
