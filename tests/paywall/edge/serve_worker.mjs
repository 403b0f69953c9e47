// Serves a worker over HTTP, as a CDN would: node serve_worker.mjs <worker.mjs> <port>, settings from the environment.
import { createServer } from "node:http";

const [module, port] = process.argv.slice(2);
const { default: worker } = await import(module);
const env = Object.freeze({ ...process.env });

createServer(async (incoming, outgoing) => {
  const headers = new Headers(Object.entries(incoming.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
  const answer = await worker.fetch(new Request(`http://${incoming.headers.host}${incoming.url}`, { method: incoming.method, headers }), env);
  outgoing.writeHead(answer.status, [...answer.headers].flat());
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
}).listen(Number(port), "127.0.0.1");
