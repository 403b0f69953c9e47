// A CDN worker (Cloudflare's) in front of a site whose pages are made in two variants.
//
// The origin makes each page as the request header `X-Paywall-Access` says, `teaser` or `full`, and says in
// `X-Paywall-Products` what opens it (`premium, culture`; empty: home decides; no header: everybody sees all of it).
// It must take that header from the edge only, which `X-Edge-Secret` proves. Both variants are the same for everybody;
// only the decision is somebody's own. A CDN keeps pages by their address and does not look at headers, so the variant
// stands in the address too (`paywall-variant`, which the origin may ignore): otherwise a kept page would be shown to the
// wrong reader.
//
// Settings: PAYWALL_HOME, ISSUER (where it differs), SITE, SITE_KEY, ORIGIN, EDGE_SECRET.

import { Home, tokenIn } from "./home.mjs";

const homes = new WeakMap();
// Whatever else a browser sends stays here: a page that depended on it would be somebody's own.
const HANDED_ON = ["accept", "accept-language"];
const OF_THE_EDGE = ["x-paywall-products", "x-paywall-access", "set-cookie", "etag", "last-modified"];

export default {
  async fetch(request, env) {
    if (!["GET", "HEAD"].includes(request.method)) return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
    const teaser = await page(request, env, "teaser");
    const asked = teaser.headers.get("x-paywall-products");
    if (asked === null) return teaser;
    const products = asked.split(",").map((name) => name.trim()).filter(Boolean);
    const url = new URL(request.url);
    const decision = await homeOf(env).decide({
      token: tokenIn(request.headers.get("cookie")),
      products,
      uri: url.pathname + url.search,
      headers: request.headers,
      address: request.headers.get("cf-connecting-ip") ?? "", // Cloudflare's own word, which no client can change
    });
    const shown = decision.access === "full" ? await page(request, env, "full") : teaser;
    return personal(shown, decision);
  },
};

function page(request, env, variant) {
  const url = new URL(request.url);
  url.searchParams.set("paywall-variant", variant);
  const headers = new Headers({ "x-paywall-access": variant, "x-edge-secret": env.EDGE_SECRET });
  for (const name of HANDED_ON) if (request.headers.get(name)) headers.set(name, request.headers.get(name));
  return fetch(env.ORIGIN + url.pathname + url.search, { method: request.method, headers, redirect: "manual" });
}

// Nobody on the way may keep it, and no condition of a later request may be answered from the other variant.
function personal(shown, decision) {
  const headers = new Headers(shown.headers);
  for (const name of OF_THE_EDGE) headers.delete(name);
  headers.set("cache-control", "private, no-store");
  headers.set("x-paywall-reason", decision.reason);
  for (const cookie of decision.cookies) headers.append("set-cookie", cookie);
  return new Response(shown.body, { status: shown.status, headers });
}

function homeOf(env) {
  if (!homes.has(env)) {
    const { PAYWALL_HOME: address, ISSUER: issuer = address, SITE: site, SITE_KEY: siteKey } = env;
    homes.set(env, new Home({ address, issuer, site, siteKey }));
  }
  return homes.get(env);
}
