// A walled article opens by itself: ask again when the reader comes back to the tab, and every few seconds
// while something is about to change, and load the page anew once access is full. The page works without this.
"use strict";

const wall = document.querySelector("[data-reopen]");
const pause = Number(wall.dataset.after) * 1000;
const lastReload = `reopened:${location.pathname}`;
const RESTED = 15000; // Two answers that disagree must not make the page reload without end.
const PATIENCE = 30 * 60 * 1000;
const started = Date.now();
let asking = false;

async function lookAgain() {
  if (asking || document.visibilityState !== "visible") return;
  asking = true;
  try {
    const answer = await fetch(wall.dataset.reopen, {
      credentials: "include",
      cache: "no-store",
      headers: { Accept: "application/json" },
    });
    if (answer.ok && (await answer.json()).access === "full") reopen();
  } catch {
    // Not reachable: the next look may find it.
  } finally {
    asking = false;
  }
}

function reopen() {
  if (Date.now() - Number(sessionStorage.getItem(lastReload)) < RESTED) return;
  sessionStorage.setItem(lastReload, String(Date.now()));
  location.reload();
}

document.addEventListener("visibilitychange", lookAgain);
addEventListener("pageshow", (event) => event.persisted && lookAgain());
addEventListener("focus", lookAgain);

if (pause) {
  const promise = wall.querySelector("[data-watching]");
  if (promise) promise.hidden = false;
  const timer = setInterval(() => {
    if (Date.now() - started > PATIENCE) clearInterval(timer);
    else lookAgain();
  }, pause);
}
