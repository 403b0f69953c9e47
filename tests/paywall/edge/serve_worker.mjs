// Serves a worker over HTTP, as a CDN would: node serve_worker.mjs <worker.mjs> <port>, settings from the environment.
// What the worker fetches goes through a cache that knows pages by their address alone, as those of CDNs do.
import { createServer } from "node:http";

const [module, port] = process.argv.slice(2);
const { default: worker } = await import(module);
const env = Object.freeze({ ...process.env });
const kept = new Map();
const fetched = globalThis.fetch;
globalThis.fetch = async (address, given = {}) => {
  if (kept.has(address)) return kept.get(address).clone();
  const answer = await fetched(address, given);
  if (answer.ok && answer.headers.get("cache-control")?.startsWith("public")) kept.set(address, answer.clone());
  return answer;
};

createServer(async (incoming, outgoing) => {
  const headers = new Headers(Object.entries(incoming.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
  const answer = await worker.fetch(new Request(`http://${incoming.headers.host}${incoming.url}`, { method: incoming.method, headers }), env);
  outgoing.writeHead(answer.status, [...answer.headers].flat());
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
}).listen(Number(port), "127.0.0.1");
