// What an edge knows from home: the keys, whose tokens became void, and, where a token does not open, the answer itself.

import { LONGEST_LIFE, SKEW, keysOf, opens, verify } from "./pass.mjs";

const FEED_EVERY = 5; // seconds: so long at most does a token outlive what voids it
const KEYS_EVERY = 300;
const FRESH_FOR = 60; // without news for longer, tokens no longer decide by themselves
const PATIENCE = 3000; // milliseconds that a reader waits for home, once: for news, or for an answer
const MOST_PAGES = 100;
// What tells home who is asking. Nothing else of a request leaves the edge, least of all an address that a client claims.
const CARRIED = ["cookie", "authorization", "x-session-token", "x-device-id", "user-agent", "accept-language"];

/** Home, as one process or isolate of an edge knows it. Keep one for as long as it lives. */
export class Home {
  #keys = new Map();
  #keysReadAt = -Infinity;
  #counting = new Set(); // ids of the keys that count, as the feed says
  #lowest = new Map(); // by sub: the lowest epoch that counts, and when we heard of it
  #place = "";
  #feedReadAt = -Infinity;
  #triedAt = -Infinity;
  #isSilent = false; // whether the last question for news got no answer at all

  /**
   * `address`: where home answers; `issuer`: its SITE_URL, where that differs. `site`: the origin that we serve.
   * `siteKey`: one of its SITE_API_KEYS. `fetch` and `now` (seconds since 1970) may be given by tests.
   */
  constructor({ address, site, siteKey, issuer = address, fetch = globalThis.fetch, now = () => Date.now() / 1000 }) {
    Object.assign(this, { address, site, siteKey, issuer, now });
    this.fetch = (...given) => fetch(...given); // workers know a fetch only by its own name
  }

  /**
   * Decide whether an article of these `products` is shown whole. Returns `access` ("full" or "teaser"), `reason`,
   * `status` (as home's check answers: 204, 401, 403) and `cookies` to hand on to the browser.
   *
   * A token never refuses: where it does not open, or news are late, home is asked. Where home does not answer, what
   * somebody has paid for stays open until their token ends, and everybody else sees the teaser. `mayAsk` false leaves
   * home out: for whoever cannot hand `cookies` on, since a stranger without one has all free reads each time.
   * `address` is the network address from which the edge itself was asked; home believes it from proxies of its own.
   */
  async decide({ token, products, uri, headers, address = "", mayAsk = true }) {
    const isAway = !(await this.#refresh());
    const pass = token ? await this.#passOf(token) : null;
    const holds = pass !== null && opens(pass, products);
    if (holds && this.now() - this.#feedReadAt <= FRESH_FOR) return answer(204, "pass");
    // Home was silent just now: nobody waits for that twice.
    const told = mayAsk && !isAway ? await this.#ask(uri, headers, address) : null;
    return told ?? (holds ? answer(204, "pass") : answer(403, mayAsk ? "unavailable" : "unknown"));
  }

  async #passOf(token) {
    const keys = { get: (kid) => (this.#counting.has(kid) ? this.#keys.get(kid) : undefined) };
    const epochs = { get: (sub) => this.#lowest.get(sub)?.epoch };
    const trust = { issuer: this.issuer, audience: this.site, keys, epochs };
    return verify(token, trust, Math.floor(this.now())).catch(() => null);
  }

  async #ask(uri, headers, address) {
    const carried = new Headers({ "x-original-uri": uri, ...(address ? { "x-forwarded-for": address } : {}) });
    for (const name of CARRIED) if (headers.get(name)) carried.set(name, headers.get(name));
    try {
      const told = await this.#get("/api/v1/access/check", carried, AbortSignal.timeout(PATIENCE));
      if (![204, 401, 403].includes(told.status)) return null;
      return answer(told.status, told.headers.get("x-paywall-reason") ?? "", told.headers.getSetCookie());
    } catch {
      return null;
    }
  }

  /**
   * Read what is due; false where home did not say it just now. One request reads and the others go on with what is
   * known: on some platforms no request may wait for what another one began. What fails is tried again in seconds.
   */
  async #refresh() {
    if (this.now() - this.#triedAt < FEED_EVERY) return true;
    this.#triedAt = this.now();
    await this.#read(AbortSignal.timeout(PATIENCE)).catch(() => {});
    return !this.#isSilent;
  }

  async #read(signal) {
    const began = this.now();
    for (let more = true, page = 0; more; page += 1) {
      if (page === MOST_PAGES) throw new Error("The feed does not end.");
      const since = this.#place ? `&since=${encodeURIComponent(this.#place)}` : "";
      const told = await this.#json(`/api/v1/access/epochs?site=${encodeURIComponent(this.site)}${since}`, signal);
      for (const { sub, epoch } of told.epochs) {
        const known = this.#lowest.get(sub)?.epoch ?? 0;
        this.#lowest.set(sub, { epoch: Math.max(epoch, known), heardAt: began });
      }
      this.#counting = new Set(told.keys);
      this.#place = told.next;
      more = told.more;
    }
    this.#forget(began);
    const isMissingOne = [...this.#counting].some((kid) => !this.#keys.has(kid));
    if (isMissingOne || began - this.#keysReadAt > KEYS_EVERY) {
      this.#keys = await keysOf(await this.#json("/.well-known/jwks.json", signal));
      this.#keysReadAt = began;
    }
    this.#feedReadAt = began;
  }

  #forget(now) {
    for (const [sub, { heardAt }] of this.#lowest) {
      if (now - heardAt > LONGEST_LIFE + SKEW) this.#lowest.delete(sub); // tokens that old have run out
    }
  }

  async #json(path, signal) {
    this.#isSilent = true;
    const told = await this.#get(path, new Headers({ authorization: `Api-Key ${this.siteKey}` }), signal);
    this.#isSilent = false;
    if (!told.ok) throw new Error(`${path}: ${told.status}`);
    return told.json();
  }

  #get(path, headers, signal) {
    return this.fetch(`${this.address}${path}`, { headers, signal, redirect: "manual", cache: "no-store" });
  }
}

/** Return the token that a request's cookies carry. */
export function tokenIn(cookies) {
  return cookies?.match(/(?:^|;\s*)access_pass=([^;]*)/)?.[1] ?? "";
}

function answer(status, reason, cookies = []) {
  return { access: status === 204 ? "full" : "teaser", reason, status, cookies };
}
