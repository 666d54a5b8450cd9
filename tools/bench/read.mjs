import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fillReadModels } from './read-fill.mjs';
import { readQuestions } from './read-questions.mjs';
import { fillStreams } from './read-streams.mjs';
import { median, quantile } from './statistics.mjs';
import { System } from './system.mjs';

const USERS = 50;

/**
 * How fast the API answers with a history of some years.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchReads(table, postgres, { quick, say }) {
  const size = quick
    ? { tags: 500, repositories: 50, changes: 5_000 }
    : { tags: 50_000, repositories: 5_000, changes: 2_000_000 };
  const system = await System.start(postgres);
  try {
    // It makes the tables; what is put into them by other hands is not for it to see.
    await system.startServices(['history-projector']);
    await system.stopService('history-projector');
    const schema = await system.schema();
    say(`read: ${size.changes} changes of ${size.tags} tags go into the read models`);
    await fillReadModels(system.database, schema, size);
    say('read: what the scheduler must know goes into the streams');
    await fillStreams(system, schema);
    await system.startServices(['api', 'scheduler']);
    await checkFrequencies(system, schema);
    const questions = await readQuestions(system.database, schema);
    say(`read: ${questions.length} questions, one user and then ${USERS}`);
    const answers = await load(
      system,
      questions,
      quick ? { repeats: 3, seconds: 2, warmUpSeconds: 1 } : { repeats: 40, seconds: 30, warmUpSeconds: 15 },
    );
    table.section(`Reading: ${size.tags.toLocaleString('en')} tags, ${size.changes.toLocaleString('en')} changes`);
    for (const group of new Set(questions.map((question) => question.group))) {
      const members = questions.flatMap((question, index) => (question.group === group ? [index] : []));
      const worst = (/** @type {number[][]} */ times, /** @type {number} */ share) =>
        Math.max(...members.map((index) => quantile(times[index] ?? [], share)));
      const together = members.flatMap((index) => answers.loaded[index] ?? []);
      table.latencyRow(
        group,
        {
          median: worst(answers.alone, 0.5),
          p99: worst(answers.alone, 0.99),
          loadedMedian: median(together),
          loadedP99: quantile(together, 0.99),
        },
        goalOf(group),
      );
    }
    const all = answers.loaded.flat();
    table.row(`${USERS} users, everything mixed: answers`, all.length / answers.seconds, '/s');
    table.row(`${USERS} users, everything mixed: p99`, quantile(all, 0.99), 'ms', { atMost: 150 });
    table.row('CPU ms per answer, api and scheduler', (answers.cpu.ours / all.length) * 1_000, '');
    table.row('CPU ms per answer, PostgreSQL', (answers.cpu.postgres / all.length) * 1_000, '');
    table.row('peak memory, api', system.service('api').memory.peak, 'MB');
    const [row] = await system.database.query('select pg_database_size(current_database())::float8 / 1e6 as megabytes');
    table.row('size of the database', Number(row?.megabytes), 'MB');
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
  }
}

/** @param {string} group @returns {{ median?: number, loadedP99?: number }} */
function goalOf(group) {
  if (group.startsWith('overview')) return { median: 10, loadedP99: 150 };
  if (group.startsWith('search') || group === 'details of the busiest tag') return { median: 5, loadedP99: 150 };
  return { loadedP99: 150 };
}

/**
 * @param {System} system
 * @param {import('./read-questions.mjs').ReadQuestion[]} questions
 * @param {{ repeats: number, seconds: number, warmUpSeconds: number }} options
 * @returns {Promise<{ alone: number[][], loaded: number[][], seconds: number, cpu: { ours: number, postgres: number } }>}
 *   cpu: seconds while there were many users
 */
function load(system, questions, options) {
  const child = fork(join(import.meta.dirname, 'read-load.mjs'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let began = system.cpuSeconds();
  let cpu = { ours: 0, postgres: 0 };
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.on('message', (/** @type {any} */ { phase, alone, loaded }) => {
      const used = system.cpuSeconds();
      if (phase === 'loaded') began = used;
      if (phase === 'end') cpu = { ours: used.ours - began.ours, postgres: used.postgres - began.postgres };
      if (phase === 'answers') resolve({ alone, loaded, cpu, seconds: options.seconds });
      else child.send('go on');
    });
    child.once('exit', (code) => reject(new Error(`the users ended with ${code}`)));
    child.send({ url: system.url, questions, users: USERS, ...options });
  });
}

/** Every change must be in some week, or the fast answer is a wrong one. @param {System} system @param {string} schema */
async function checkFrequencies(system, schema) {
  const [row] = await system.database.query(
    `select reference, change_count as changes from "${schema}".tag order by change_count desc limit 1`,
  );
  for (const interval of ['week', 'month']) {
    const answer = await fetch(`${system.url}/api/v1/tags/${row?.reference}/frequency?interval=${interval}`);
    const { buckets } = /** @type {{ buckets: { changes: number }[] }} */ (await answer.json());
    const sum = buckets.reduce((total, { changes }) => total + changes, 0);
    if (sum !== row?.changes)
      throw new Error(`The ${interval}s of ${row?.reference} hold ${sum} changes, not ${row?.changes}.`);
  }
}
