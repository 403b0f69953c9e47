// May whoever carries this access token read this? Decided without asking anybody.
//
// WebCrypto and nothing else: runs in CDN workers, in Node 20 and later, in Deno and Bun. What it answers is pinned by
// tests/paywall/vectors/access_pass.json, as what paywall/verifier.py answers is.

export const LONGEST_LIFE = 600; // seconds
export const SKEW = 30; // how far our clock may be behind; a clock ahead only asks home a little early
const LONGEST_TOKEN = 4096;
const MOST_KEYS = 16;
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const KIND = { kty: "EC", crv: "P-256", use: "sig", alg: "ES256" };
const PARTS = { kid: /^[A-Za-z0-9_-]{1,64}$/, x: /^[A-Za-z0-9_-]{43}$/, y: /^[A-Za-z0-9_-]{43}$/ };
const TEXTS = ["iss", "aud", "sub", "jti"];
const NUMBERS = ["iat", "nbf", "exp", "epoch"];

/** A token that counts for nothing; `flaw` says why. Whatever it is, ask home as if there were no token. */
export class Refused extends Error {
  constructor(flaw) {
    super(flaw);
    this.flaw = flaw;
  }
}

/** Return the usable keys of a JWKS document by their id; whatever else it holds is left out. */
export async function keysOf(document) {
  const listed = document?.keys;
  if (!Array.isArray(listed) || listed.length > MOST_KEYS) throw new TypeError("This is no set of keys.");
  const found = await Promise.all(listed.map(usable));
  return new Map(found.filter((entry) => entry !== null));
}

/**
 * Return what a token says; `now` in seconds since 1970. Throws Refused where it counts for nothing.
 *
 * `trust` is whom we believe: `issuer`, `audience`, `keys` (from `keysOf`), `epochs` (a Map of the lowest by `sub`).
 */
export async function verify(token, trust, now) {
  const claims = await signed(token, trust.keys);
  refuseUnless(areOurs(claims), "claims");
  refuseUnless(claims.iss === trust.issuer, "issuer");
  refuseUnless(claims.aud === trust.audience, "audience");
  refuseUnless(Math.max(claims.iat, claims.nbf) <= now + SKEW, "not_yet");
  refuseUnless(now < claims.exp, "expired");
  refuseUnless(claims.epoch >= (trust.epochs.get(claims.sub) ?? 0), "epoch");
  return { sub: claims.sub, products: new Set(claims.products), epoch: claims.epoch, expiresAt: claims.exp };
}

/** Whether a pass holds one of the products that an article asks for; asking for none opens nothing. */
export function opens(pass, products) {
  return products.some((product) => pass.products.has(product));
}

async function signed(token, keys) {
  refuseUnless(typeof token === "string" && token.length <= LONGEST_TOKEN && FORM.test(token), "malformed");
  const [head, body, end] = token.split(".");
  const header = objectIn(head);
  const isPlain = Object.keys(header).length === 3 && header.alg === "ES256" && header.typ === "access-pass+jwt";
  refuseUnless(isPlain && Object.hasOwn(header, "kid"), "header");
  const key = keys.get(header.kid);
  refuseUnless(key !== undefined, "key");
  const [signature, text] = [bytesOf(end), new TextEncoder().encode(`${head}.${body}`)];
  bytesOf(body);
  // The key alone says by which algorithm; the header was only looked at.
  const holds = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, text);
  refuseUnless(holds, "signature");
  return objectIn(body);
}

function areOurs(claims) {
  const { products, exp, iat } = claims;
  return (
    TEXTS.every((name) => isText(claims[name])) &&
    NUMBERS.every((name) => Number.isSafeInteger(claims[name]) && claims[name] >= 0) &&
    Array.isArray(products) &&
    products.every(isText) &&
    exp - iat <= LONGEST_LIFE
  );
}

async function usable(one) {
  const isOurs = (jwk) =>
    Object.entries(KIND).every(([name, value]) => jwk?.[name] === value) &&
    Object.entries(PARTS).every(([name, form]) => typeof jwk[name] === "string" && form.test(jwk[name]));
  if (!isOurs(one)) return null;
  const jwk = { kty: "EC", crv: "P-256", x: one.x, y: one.y };
  try {
    return [one.kid, await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"])];
  } catch {
    return null; // no point of the curve
  }
}

function objectIn(part) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(part)));
  } catch {
    throw new Refused("malformed");
  }
  refuseUnless(value !== null && typeof value === "object" && !Array.isArray(value), "malformed");
  return value;
}

function bytesOf(part) {
  try {
    const text = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  } catch {
    throw new Refused("malformed");
  }
}

function isText(value) {
  return typeof value === "string" && value !== "";
}

function refuseUnless(holds, flaw) {
  if (!holds) throw new Refused(flaw);
}
