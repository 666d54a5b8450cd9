import { join } from 'node:path';
import { findChromium, openBrowser } from '../e2e/browser.ts';
import { build } from '../start/build.mjs';
import { ROOT } from '../start/paths.mjs';
import { INTERACTIONS, take, visit } from './page-visit.mjs';
import { fillReadModels } from './read-fill.mjs';
import { fillStreams } from './read-streams.mjs';
import { median } from './statistics.mjs';
import { System } from './system.mjs';

/**
 * How long people wait for the web UI in Chromium on the same machine: until it shows what they came for, with nothing in
 * the browser's cache, and until it answers what they do there.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void }} options
 */
export async function benchPages(table, postgres, { quick, say }) {
  if (findChromium() === undefined) return table.note('page: left out: there is no Chromium');
  const size = quick
    ? { tags: 500, repositories: 50, changes: 5_000 }
    : { tags: 50_000, repositories: 5_000, changes: 500_000 };
  const runs = quick ? 1 : 9;
  const settleMs = quick ? 50 : 1_000;
  const built = await build();
  if (!built.ok) throw new Error(built.output);
  const system = await System.start(postgres);
  const browser = await openBrowser();
  try {
    await system.startServices(['history-projector']);
    await system.stopService('history-projector');
    const schema = await system.schema();
    say(`page: ${size.changes} changes of ${size.tags} tags go into the read models`);
    await fillReadModels(system.database, schema, size);
    await fillStreams(system, schema);
    const settings = { STATIC_DIR: join(ROOT, 'frontend', 'dist', 'browser'), SOURCE_URL: 'none' };
    await system.startServices(['api', 'scheduler'], settings);
    const [busiest] = await system.database.query(
      `select reference from "${schema}".tag order by change_count desc limit 1`,
    );
    say('page: visits');
    table.section(`Web UI in Chromium: ${size.tags.toLocaleString('en')} tags, nothing cached`);
    const details = `/details/${String(busiest?.reference)}`;
    for (const [what, path, selector] of /** @type {const} */ ([
      ['overview: until its first row is seen', '/', '[data-testid=tag-row]'],
      ['search by address: until its first row is seen', '/?q=nginx', '[data-testid=tag-row]'],
      ['details of the busiest tag: until the answer is seen', details, '.sentence'],
      ['details of the busiest tag: until its calendar is seen', details, 'dtm-change-calendar rect'],
      ['status: until its counts are seen', '/status', '.counts dd:not(:has(.skeleton))'],
    ])) {
      say(`page: ${what}`);
      const visits = [];
      for (let i = 0; i < runs; i++) visits.push(await visit(browser, `${system.url}${path}`, selector, settleMs));
      const seen = visits.map((each) => each.seen);
      table.row(what, median(seen), 'ms', { atMost: 1_500 });
      if (runs > 1) table.row(`... worst of ${runs}`, Math.max(...seen), 'ms', { atMost: 1_500 });
      table.row('... layout shift (CLS), worst', Math.max(...visits.map(({ shift }) => shift)), '', { atMost: 0.01 });
    }
    for (const { what, ...interaction } of INTERACTIONS) {
      say(`page: ${what}`);
      const times = [];
      for (let i = 0; i < runs; i++) times.push(await take(browser, system.url, interaction, settleMs));
      table.row(what, median(times), 'ms', { atMost: 100 });
    }
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await browser.close();
    await system.stop();
  }
}
