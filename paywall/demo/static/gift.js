// Accepting a gift, and making one: each on a click only, so that whoever merely fetches the page spends nothing.
"use strict";

const accept = document.querySelector("[data-accept]");
const give = document.querySelector("[data-give]");

async function post(address) {
  const options = { credentials: "include", cache: "no-store" };
  const session = await fetch(new URL("/api/v1/session", address), options);
  const token = (await session.json()).csrf_token ?? "";
  return fetch(address, { ...options, method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token } });
}

accept?.addEventListener("click", async () => {
  accept.disabled = true;
  try {
    const answer = await (await post(accept.dataset.accept)).json();
    if (answer.access === "full") location.replace(location.pathname);
    else location.reload();
  } catch {
    accept.disabled = false; // Not reachable: the next click may find it.
  }
});

give?.addEventListener("click", async () => {
  const told = document.querySelector("[data-given]");
  const link = told.querySelector("input");
  give.disabled = true;
  try {
    const answer = await post(give.dataset.give);
    const gift = await answer.json();
    link.hidden = !answer.ok;
    link.value = gift.url ?? "";
    told.querySelector("label").textContent = answer.ok ? told.dataset.given : gift.detail;
    told.hidden = false;
    if (answer.ok) link.select();
  } catch {
    // Not reachable: the next click may find it.
  } finally {
    give.disabled = false;
  }
});

// A code that has done its work, or none, is not to be copied on with the address.
if (!accept && new URLSearchParams(location.search).has("gift")) history.replaceState(null, "", location.pathname);
