// A small server beside nginx that answers its auth_request from tokens, and asks home where a token does not open.
//
//   PAYWALL_HOME=https://account.news.example SITE=https://news.example SITE_KEY=… PORT=8090 node gate.mjs
//
// It answers the same question under the same address as home does, so nginx.conf works with either.

import { createServer } from "node:http";

import { Home, tokenIn } from "./home.mjs";

const { PAYWALL_HOME: address, ISSUER: issuer = address, SITE: site, SITE_KEY: siteKey, PORT = "8090" } = process.env;
const home = new Home({ address, issuer, site, siteKey });

async function check(request, response) {
  const headers = new Headers(Object.entries(request.headersDistinct).map(([name, values]) => [name, values[0]]));
  const products = (headers.get("x-paywall-products") ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const decision = await home.decide({
    token: tokenIn(headers.get("cookie")),
    products,
    uri: headers.get("x-original-uri") ?? "",
    headers,
    address: headers.get("x-forwarded-for") ?? "", // nginx's own word; nobody else reaches this port
  });
  response.writeHead(decision.status, {
    "cache-control": "private, no-store",
    "x-paywall-reason": decision.reason,
    "x-paywall-access": decision.access,
    ...(decision.cookies.length ? { "set-cookie": decision.cookies } : {}),
  });
  response.end();
}

createServer((request, response) => {
  check(request, response).catch(() => response.writeHead(403, { "x-paywall-reason": "unavailable" }).end());
}).listen(Number(PORT), "127.0.0.1");
