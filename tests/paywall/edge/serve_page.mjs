// Renders a server component over HTTP: node serve_page.mjs <page.js> <port>. React and Next are played by a few lines.
import { createServer } from "node:http";
import { AsyncLocalStorage } from "node:async_hooks";

const [module, port] = process.argv.slice(2);
globalThis.requests = new AsyncLocalStorage();
const { default: Page } = await import(module);

function rendered(node) {
  if (node === null || node === undefined) return "";
  if (typeof node === "string") return node;
  const { dangerouslySetInnerHTML: raw, ...attributes } = node.props ?? {};
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`).join("");
  return `<${node.type}${given}>${raw?.__html ?? node.children.map(rendered).join("")}</${node.type}>`;
}

createServer((incoming, outgoing) => {
  globalThis.requests.run(new Headers(incoming.headers), async () => {
    const id = new URL(incoming.url, "http://x").pathname.split("/").at(-1);
    const page = await Page({ params: Promise.resolve({ id }) });
    outgoing.writeHead(200, { "cache-control": "private, no-store", "x-paywall-reason": page.props?.["data-paywall"] }).end(rendered(page));
  });
}).listen(Number(port), "127.0.0.1");
