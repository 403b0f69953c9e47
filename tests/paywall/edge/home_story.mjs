// What an edge does while keys and news come, come late, or do not come. Home is played here, and so is time.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

const { Home } = await import(process.env.HOME_MODULE);
const SITE = "https://news.example";
const HOME = "https://account.news.example";
const { subtle } = webcrypto;
const encoded = (data) => Buffer.from(data).toString("base64url");

async function madeKey(kid) {
  const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await subtle.exportKey("jwk", pair.publicKey);
  return { kid, sign: pair.privateKey, jwk: { kty, crv, x, y, kid, use: "sig", alg: "ES256" } };
}

/** A home that says what it is told to, and counts what it is asked. */
class Played {
  constructor(key) {
    Object.assign(this, { time: 1_000_000, keys: [key], counting: null, epochs: [], pages: null, check: 403, asked: [], isDown: false });
    this.edge = new Home({ address: HOME, site: SITE, siteKey: "key", now: () => this.time, fetch: (url, given) => this.#answer(url, given) });
  }

  async #answer(url, { headers, signal }) {
    const { pathname } = new URL(url);
    this.asked.push(pathname);
    if (pathname.endsWith("check")) this.forwarded = headers.get("x-forwarded-for");
    if (this.isHanging) await new Promise((_, giveUp) => signal.addEventListener("abort", () => giveUp(signal.reason)));
    if (this.isDown) throw new TypeError("fetch failed");
    if (pathname.endsWith("jwks.json")) return Response.json({ keys: this.keys.map((key) => key.jwk) });
    if (pathname.endsWith("check")) return new Response(null, { status: this.check, headers: { "x-paywall-reason": "told", "set-cookie": "device=x" } });
    assert.equal(headers.get("authorization"), "Api-Key key");
    const keys = this.counting ?? this.keys.map((key) => key.kid);
    return Response.json({ epochs: this.pages?.shift() ?? this.epochs, keys, next: "n", more: Boolean(this.pages?.length) });
  }

  count(name) {
    return this.asked.filter((path) => path.endsWith(name)).length;
  }

  async token(key, changed = {}) {
    const claims = { iss: HOME, aud: SITE, sub: "ann", products: ["premium"], epoch: 1, iat: this.time, nbf: this.time, exp: this.time + 600, jti: "j", ...changed };
    const text = `${encoded(JSON.stringify({ alg: "ES256", typ: "access-pass+jwt", kid: key.kid }))}.${encoded(JSON.stringify(claims))}`;
    return `${text}.${encoded(await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.sign, Buffer.from(text)))}`;
  }

  decide(token, more = {}) {
    return this.edge.decide({ token, products: ["premium"], uri: "/premium/a", headers: new Headers(), ...more });
  }
}

const key = await madeKey("k1");

test("a token opens without home being asked", async () => {
  const home = new Played(key);
  const decision = await home.decide(await home.token(key));
  assert.deepEqual([decision.access, decision.reason, decision.status], ["full", "pass", 204]);
  assert.equal(home.count("check"), 0);
});

test("many at once read keys and news once, and nobody waits for another", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide("");
  home.time += 5;
  const all = await Promise.all(Array.from({ length: 50 }, () => home.decide(token)));
  assert.ok(all.every(({ reason }) => reason === "pass"));
  assert.deepEqual([home.count("epochs"), home.count("jwks.json")], [2, 1]);
});

test("without one, home decides, and its cookie is handed on", async () => {
  const home = new Played(key);
  const refused = await home.decide("");
  assert.deepEqual([refused.access, refused.status, refused.cookies], ["teaser", 403, ["device=x"]]);
  home.check = 204;
  assert.equal((await home.decide("nonsense")).access, "full");
});

test("what became void is asked about at home within five seconds", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide(token);
  home.epochs = [{ sub: "ann", epoch: 2 }];
  home.time += 5;
  assert.deepEqual(await home.decide(token).then(({ access, reason }) => [access, reason]), ["teaser", "told"]);
  assert.equal((await home.decide(await home.token(key, { epoch: 2 }))).reason, "pass");
});

test("an epoch never falls, in whatever order news come", async () => {
  const home = new Played(key);
  home.pages = [[{ sub: "ann", epoch: 3 }], [{ sub: "ann", epoch: 2 }]];
  assert.equal((await home.decide(await home.token(key, { epoch: 2 }))).reason, "told");
});

test("news are forgotten when no token can be that old, not before", async () => {
  const home = new Played(key);
  home.epochs = [{ sub: "ann", epoch: 2 }];
  await home.decide("");
  home.epochs = [];
  home.time += 595;
  assert.equal((await home.decide(await home.token(key))).reason, "told");
  home.time += 60;
  assert.equal((await home.decide(await home.token(key))).reason, "pass");
});

test("a withdrawn key counts for nothing as soon as the feed says so, although it is still known", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide(token);
  home.counting = [];
  home.time += 5;
  assert.equal((await home.decide(token)).reason, "told");
});

test("a new key is fetched when the feed names it", async () => {
  const home = new Played(key);
  await home.decide("");
  const second = await madeKey("k2");
  home.keys = [key, second];
  home.time += 5;
  assert.equal((await home.decide(await home.token(second))).reason, "pass");
});

test("invented keys make nobody fetch", async () => {
  const home = new Played(key);
  const invented = await madeKey("invented");
  for (let number = 0; number < 20; number += 1) await home.decide(await home.token(invented));
  assert.equal(home.count("jwks.json"), 1);
});

test("while home is away a token holds to its end, and nobody else reads", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide(token);
  home.isDown = true;
  for (const [wait, reason] of [[30, "pass"], [120, "pass"], [440, "pass"], [20, "unavailable"]]) {
    home.time += wait;
    assert.equal((await home.decide(token)).reason, reason);
  }
  assert.equal((await home.decide("")).access, "teaser");
});

test("news that are late let home decide", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide(token);
  home.pages = Array.from({ length: 1000 }, () => []); // a feed that does not end
  home.time += 61;
  assert.equal((await home.decide(token)).reason, "told");
});

test("a home that hangs is waited for once", async () => {
  const home = new Played(key);
  const token = await home.token(key);
  await home.decide(token);
  home.isHanging = true;
  home.time += 90;
  const began = performance.now();
  const staying = setTimeout(() => {}, 20_000); // a time limit alone keeps no process alive, a real connection does
  assert.equal((await home.decide(token)).reason, "pass");
  clearTimeout(staying);
  assert.ok(performance.now() - began < 3900, "nginx gives up after four seconds");
});

test("the address that the edge vouches for is handed on, and no other", async () => {
  const home = new Played(key);
  await home.decide("", { headers: new Headers({ "x-forwarded-for": "192.0.2.7" }) });
  assert.equal(home.forwarded, null);
  await home.decide("", { address: "198.51.100.7" });
  assert.equal(home.forwarded, "198.51.100.7");
});

test("an edge that has heard nothing yet believes nothing", async () => {
  const home = new Played(key);
  home.isDown = true;
  assert.equal((await home.decide(await home.token(key))).reason, "unavailable");
});

test("whoever cannot hand cookies on leaves home out", async () => {
  const home = new Played(key);
  home.check = 204;
  assert.deepEqual(await home.decide("", { mayAsk: false }).then(({ access, reason }) => [access, reason]), ["teaser", "unknown"]);
  assert.equal(home.count("check"), 0);
});

test("an answer of home that is none is none", async () => {
  const home = new Played(key);
  for (home.check of [200, 302, 500, 503]) assert.equal((await home.decide("")).reason, "unavailable");
});
