// A Next.js server component (app router): app/[id]/page.js. The text of an article is fetched only once it may be
// shown, so it is in no payload, no cache and no source of the page before.
//
// Settings: PAYWALL_HOME, ISSUER (where it differs), SITE, SITE_KEY, CMS.

import { cookies, headers } from "next/headers";
import { createElement } from "react";

import { Home } from "../home.mjs";

export const dynamic = "force-dynamic"; // each reader has an answer of their own

const { PAYWALL_HOME: address, ISSUER: issuer = address, SITE: site, SITE_KEY: siteKey, CMS } = process.env;
const home = new Home({ address, issuer, site, siteKey });
// What home hands out. Without it, it is asked by the page's script: a server component cannot hand on its cookies.
const KNOWN = /^(__Host-)?(session|device)$/;

export default async function ArticlePage({ params }) {
  const { id } = await params;
  const face = await ofCms(`/articles/${encodeURIComponent(id)}`); // id, path, title, teaser, products
  const decision = await decided(face);
  const isOpen = decision.access === "full";
  const text = isOpen ? (await ofCms(`/articles/${encodeURIComponent(id)}/body`)).body : face.teaser;
  return createElement(
    "article",
    { "data-paywall": decision.reason },
    createElement("h1", null, face.title),
    createElement("div", { dangerouslySetInnerHTML: { __html: text } }),
    isOpen ? null : createElement("a", { href: `${issuer}/account/subscribe/` }, "Read on"),
  );
}

async function decided(face) {
  if (face.products === null) return { access: "full", reason: "free" };
  const jar = await cookies();
  return home.decide({
    token: jar.get("access_pass")?.value ?? "",
    products: face.products,
    uri: face.path,
    headers: await headers(),
    mayAsk: jar.getAll().some(({ name }) => KNOWN.test(name)),
  });
}

async function ofCms(path) {
  const told = await fetch(CMS + path, { cache: "no-store" });
  if (!told.ok) throw new Error(`The CMS answers ${told.status}.`);
  return told.json();
}
