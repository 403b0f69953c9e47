// Runs the vectors through pass.mjs; prints every case with another outcome.
import { readFileSync } from "node:fs";

const [library, file] = process.argv.slice(2);
const { keysOf, opens, verify } = await import(library);
const { cases, now, trust } = JSON.parse(readFileSync(file));

async function outcome(one) {
  const keys = await keysOf(one.jwks ?? trust.jwks).catch(() => new Map());
  const epochs = new Map(Object.entries(one.epochs ?? trust.epochs));
  try {
    return opens(await verify(one.token, { ...trust, keys, epochs }, one.now ?? now), one.products) ? "opens" : "closed";
  } catch (refused) {
    return refused.flaw ?? String(refused);
  }
}

const wrong = [];
for (const one of cases) {
  const got = await outcome(one);
  if (got !== one.expect) wrong.push({ name: one.name, got, expect: one.expect });
}
console.log(JSON.stringify({ run: cases.length, wrong }));
