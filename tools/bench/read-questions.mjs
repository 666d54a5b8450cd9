/**
 * A call to the API, what it belongs to in the table, and what its answer must contain.
 * @typedef {{ group: string, path: string, contains: string }} ReadQuestion
 */

const LIMIT = 25;
const SORTS = /** @type {const} */ ({
  changes: 'change_count',
  lastChangedAt: 'last_changed_at',
  trackedSince: 'tracked_since',
  registry: 'registry',
  repository: 'repository',
  tag: 'tag',
});

/**
 * Everything that is asked, each with an answer that was found by another way: plain SQL that knows no index tricks.
 * @param {import('./stores.mjs').BenchDatabase} database
 * @param {string} schema
 * @returns {Promise<ReadQuestion[]>}
 */
export async function readQuestions(database, schema) {
  const tag = `"${schema}".tag`;
  const count = async (/** @type {string} */ where) => {
    const [row] = await database.query(`select count(*)::int as count from ${tag} t where ${where}`);
    return Number(row?.count);
  };
  const questions = /** @type {ReadQuestion[]} */ ([]);
  const total = await count('true');
  const pages = Math.ceil(total / LIMIT);
  for (const [group, page] of /** @type {const} */ ([
    ['first page', 1],
    ['middle page', Math.ceil(pages / 2)],
    ['last page', pages],
  ])) {
    for (const [sort, column] of Object.entries(SORTS)) {
      for (const [order, nulls] of /** @type {const} */ ([
        ['desc', 'last'],
        ['asc', 'first'],
      ])) {
        const [row] = await database.query(
          `select reference from ${tag} order by ${column} ${order} nulls ${nulls}, search ${order} limit 1 offset $1`,
          [(page - 1) * LIMIT],
        );
        questions.push({
          group: `overview, ${group} (worst of ${Object.keys(SORTS).length} sorts, both ways)`,
          path: `/api/v1/tags?sort=${sort}&order=${order}&page=${page}`,
          contains: `{"items":[{"reference":"${row?.reference}",`,
        });
      }
    }
  }
  questions.push({ group: 'overview, next page by total', path: '/api/v1/tags', contains: `"total":${total},` });
  const states = {
    untracked: 'not tracked',
    gone: 'tracked and gone_at is not null',
    pending: 'tracked and gone_at is null and covered_since is null',
  };
  for (const [state, where] of Object.entries(states)) {
    questions.push({
      group: 'overview, one state (worst of 4)',
      path: `/api/v1/tags?state=${state}`,
      contains: `"total":${await count(where)},`,
    });
  }
  questions.push({
    group: 'overview, one state (worst of 4)',
    path: '/api/v1/tags?state=active',
    contains: '"total":',
  });
  for (const [group, q, like] of /** @type {const} */ ([
    ['search, few hits', 'nginx-1', '%nginx-1%'],
    ['search, thousands of hits', 'postgres', '%postgres%'],
    ['search, no hit', 'no-such-thing', '%no-such-thing%'],
    ['search, `repository:tag`', 'redis-2:1', '%redis-2%:%1%'],
  ])) {
    const where = q.includes(':') ? `repository like '%redis-2%' and tag like '%1%'` : `search like '${like}'`;
    questions.push({
      group,
      path: `/api/v1/tags?q=${encodeURIComponent(q)}`,
      contains: `"total":${await count(where)},`,
    });
  }
  const [busiest] = await database.query(`select reference, id from ${tag} order by change_count desc limit 1`);
  const [quiet] = await database.query(
    `select reference, id from ${tag} where change_count = 8 and tracked and gone_at is null order by id limit 1`,
  );
  for (const [name, row] of /** @type {const} */ ([
    ['the busiest tag', busiest],
    ['a quiet tag', quiet],
  ])) {
    const [counted] = await database.query(
      `select count(*)::int as entries, count(*) filter (where kind = 'change')::int as changes,
          max(sequence)::float8 as last, (array_agg(sequence::float8 order by observed_at desc, sequence desc)) as newest
        from "${schema}".digest_change where tag_id = $1`,
      [row?.id],
    );
    const newest = /** @type {number[]} */ (counted?.newest);
    const base = `/api/v1/tags/${row?.reference}`;
    questions.push({ group: `details of ${name}`, path: base, contains: `"changeCount":${counted?.changes},` });
    const lastPage = Math.ceil(newest.length / LIMIT);
    for (const [which, page] of /** @type {const} */ ([
      ['first', 1],
      ['middle', Math.ceil(lastPage / 2)],
      ['last', lastPage],
    ])) {
      questions.push({
        group: `changes of ${name} (worst of first, middle, last page)`,
        path: `${base}/changes?page=${page}`,
        contains:
          which === 'first' ? `"total":${counted?.entries},` : `{"items":[{"sequence":${newest[(page - 1) * LIMIT]},`,
      });
    }
    for (const interval of ['week', 'month']) {
      questions.push({
        group: `frequency of ${name} (worse of week, month)`,
        path: `${base}/frequency?interval=${interval}`,
        contains: `{"interval":"${interval}","buckets":[{"start":`,
      });
    }
  }
  questions.push({ group: 'scans per day', path: '/api/v1/scans/days?days=50', contains: '"succeeded":' });
  questions.push({ group: 'status', path: '/api/v1/status', contains: `"tags":${total},` });
  return questions;
}
