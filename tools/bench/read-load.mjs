// A process of its own: users of the API. Each asks, waits for the answer, and asks again, as browsers do: kept
// connections, compressed answers. Prints how long each question took, in milliseconds.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ROOT } from '../start/paths.mjs';

/**
 * A call and what its answer must contain.
 * @typedef {{ path: string, contains: string }} Question
 */

/** @type {{ url: string, questions: Question[], repeats: number, users: number, seconds: number, warmUpSeconds: number }} */
const { url, questions, repeats, users, seconds, warmUpSeconds } = await new Promise((resolve) =>
  process.once('message', resolve),
);
const { Pool } = createRequire(join(ROOT, 'libs', 'registry-client', 'package.json'))('undici');
const pool = new Pool(url, { connections: users, pipelining: 1 });

/** @param {Question} question @returns {Promise<number>} milliseconds until the last byte was there */
async function ask({ path, contains }) {
  const began = performance.now();
  const { statusCode, headers, body } = await pool.request({
    method: 'GET',
    path,
    headers: { 'accept-encoding': 'gzip' },
  });
  const bytes = Buffer.from(await body.arrayBuffer());
  const took = performance.now() - began;
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  if (statusCode !== 200 || !text.includes(contains))
    throw new Error(`GET ${path} answers ${statusCode} without ${contains}: ${text.slice(0, 300)}`);
  return took;
}

/**
 * Users who each go through all questions, every one in another order.
 * @param {number} count @param {number} forSeconds
 */
async function crowd(count, forSeconds) {
  /** @type {number[][]} */
  const times = questions.map(() => []);
  const end = performance.now() + forSeconds * 1_000;
  await Promise.all(
    Array.from({ length: count }, async (_, user) => {
      for (let i = 0; performance.now() < end; i++) {
        const index = (user * 7919 + i * (1 + 2 * (user % 5))) % questions.length;
        times[index]?.push(await ask(/** @type {Question} */ (questions[index])));
      }
    }),
  );
  return times;
}

/** Asks the parent, who knows what the services have used so far, to take note. @param {string} phase */
const note = (phase) =>
  new Promise((resolve) => {
    process.once('message', resolve);
    process.send?.({ phase });
  });

// Nothing is compiled yet, and no page of the database has been read.
await crowd(4, warmUpSeconds);

/** One user, each question so often in a row. */
await note('alone');
const alone = [];
for (const question of questions) {
  const times = [];
  for (let i = 0; i < repeats; i++) times.push(await ask(question));
  alone.push(times);
}

await note('loaded');
const loaded = await crowd(users, seconds);
await note('end');
await pool.close();
process.send?.({ phase: 'answers', alone, loaded }, () => process.disconnect());
