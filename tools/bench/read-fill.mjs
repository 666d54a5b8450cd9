/**
 * Fills the read models as two years of watching would have, straight in SQL.
 * @typedef {{ tags: number, repositories: number, changes: number }} ReadSize
 */

/** Shares of all changes that the busiest tenth of the tags has. */
const BUSIEST_TENTH = 0.85;
/** Flattens the top: without it a single tag would have a tenth of all changes. */
const TOP_FLATTENED = 40;
const YEARS = 3;

/**
 * How many changes each tag has, the busiest first: a power law, bent so that the busiest tenth has its share.
 * @param {ReadSize} size
 */
export function changesPerTag({ tags, changes }) {
  const weights = (/** @type {number} */ exponent) =>
    Array.from({ length: tags }, (_, index) => (index + 1 + TOP_FLATTENED * (tags / 50_000)) ** -exponent);
  const sum = (/** @type {number[]} */ values) => values.reduce((total, value) => total + value, 0);
  let low = 0;
  let high = 4;
  for (let round = 0; round < 50; round++) {
    const middle = (low + high) / 2;
    const all = weights(middle);
    if (sum(all.slice(0, tags / 10)) / sum(all) < BUSIEST_TENTH) low = middle;
    else high = middle;
  }
  const all = weights(high);
  const scale = changes / sum(all);
  const counts = all.map((weight) => Math.floor(weight * scale));
  // What rounding lost goes to the quiet ones, of which many would otherwise have none at all.
  for (
    let left = changes - sum(counts), index = tags - 1;
    left > 0;
    left--, index = index === 0 ? tags - 1 : index - 1
  ) {
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

/**
 * @param {import('./stores.mjs').BenchDatabase} database
 * @param {string} schema
 * @param {ReadSize} size
 */
export async function fillReadModels(database, schema, size) {
  const counts = changesPerTag(size);
  const sql = (/** @type {string} */ text, /** @type {unknown[]} */ values = []) => database.query(text, values);
  await sql('set synchronous_commit = off');
  await sql(`set work_mem = '256MB'`);
  await sql(`set maintenance_work_mem = '256MB'`);
  await sql(`set search_path = "${schema}"`);
  await sql('select setseed(0.42)');
  await sql(
    `create temp table wanted as
      select n.rank, n.changes, n.rank % $2 as repository_id,
        -- The quiet ones are the older ones, and no tag is younger than a week.
        now() - interval '7 days' - random() * interval '${YEARS} years' as since
      from unnest($1::int[]) with ordinality as n(changes, rank)`,
    [counts, size.repositories],
  );
  await sql(
    `create temp table names as
      select id, case when id % 10 < 6 then 'docker.io' when id % 10 < 8 then 'ghcr.io' when id % 10 = 8 then 'quay.io' else 'registry.k8s.io' end as registry,
        (array['library', 'bitnami', 'grafana', 'acme', 'prometheus', 'team-' || id % 97])[1 + id % 6] || '/' ||
        (array['nginx', 'postgres', 'redis', 'node', 'python', 'api', 'web', 'worker', 'operator', 'exporter'])[1 + id / 6 % 10] || '-' || id as repository
      from generate_series(0, $1::int - 1) as id`,
    [size.repositories],
  );
  await sql(
    `insert into repository (id, registry, repository, tags, tracked_tags, changes, watched_from, last_scanned_at, last_scan_started_at, interval_seconds)
      select n.id + 1, n.registry, n.repository, count(*), count(*) filter (where w.rank % 100 <> 7), sum(w.changes), min(w.since), now(), now() - interval '2 seconds', 7200
      from names n join wanted w on w.repository_id = n.id group by n.id, n.registry, n.repository`,
  );
  await sql(
    `insert into tag (id, repository_id, reference, registry, repository, tag, tracked, tracked_since, tracked_by,
        first_tracked_sequence, tracked_sequence, media_type, baseline_at, covered_since, exempt)
      select w.rank, n.id + 1, n.registry || '/' || n.repository || ':' || t.name, n.registry, n.repository, t.name,
        w.rank % 100 <> 7, w.since, 'person', w.rank, w.rank, 'application/vnd.oci.image.index.v1+json', w.since,
        case when w.rank % 500 <> 3 then w.since end, false
      from wanted w join names n on n.id = w.repository_id
      cross join lateral (select case when w.rank / $1 = 0 then 'latest' else (w.rank / $1) || '.' || w.rank % 40 || (array['', '-alpine', '-slim', '-RC1'])[1 + w.rank % 4] end as name) t`,
    [size.repositories],
  );
  await fillHistory(sql);
  await sql(
    `update tag t set change_count = c.changes, entry_count = c.entries, last_changed_at = c.changed, history_sequence = c.sequence, 
        digest = case when t.id % 100 <> 11 then c.digest end, gone_at = case when t.id % 100 = 11 then now() end
      from (select tag_id, count(*) filter (where kind = 'change') as changes, count(*) as entries,
          max(observed_at) filter (where kind = 'change') as changed, max(sequence) as sequence,
          (array_agg(digest order by sequence desc))[1] as digest
        from digest_change group by tag_id) c
      where c.tag_id = t.id`,
  );
  await sql(
    `insert into change_month (tag_id, month, changes)
      select tag_id, date_trunc('month', observed_at at time zone 'UTC')::date, count(*) from digest_change where kind = 'change' group by 1, 2`,
  );
  await sql(
    `insert into scan_day (day, registry, succeeded, failed, duration_seconds, requests, observations)
      select d::date, r.registry, 12000, 30, 24000, 130000, 129000
      from generate_series(now() - interval '60 days', now(), interval '1 day') d, (select distinct registry from names) r`,
  );
  // Where the projection is: without it each page that opens the live stream would be told the whole history.
  await sql(
    `insert into checkpoint (stream, sequence, stream_created, event_at)
      select 'HISTORY', max(sequence), min(observed_at), max(observed_at) from digest_change
      on conflict (stream) do update set sequence = excluded.sequence, event_at = excluded.event_at`,
  );
  await sql('drop table wanted, names');
  // As autovacuum would have done long ago; it takes no page for settled whose commit is not on disk.
  await sql('checkpoint');
  await sql('vacuum (analyze)');
  // And what has changed since: one tag in a hundred.
  await sql('update tag set own_last_scanned_at = null where id % 100 = 42');
  await sql('reset search_path');
}

/**
 * Baselines and changes in the order of time, as the stream has them: rows of one tag lie far apart.
 * @param {(text: string, values?: unknown[]) => Promise<unknown>} sql
 */
async function fillHistory(sql) {
  await sql(
    `create temp table entries as
      select row_number() over (order by observed_at, tag_id) as sequence, tag_id, first, observed_at from (
        select w.rank as tag_id, i = 0 as first,
          date_trunc('milliseconds', case when i = 0 then w.since else w.since + random() * (now() - w.since) end) as observed_at
        from wanted w cross join lateral generate_series(0, w.changes) i) all_of_them`,
  );
  // Long events of real length: how wide the rows are decides how many pages a query reads.
  await sql(
    `insert into digest_change (sequence, tag_id, kind, shown, imported, digest, previous_digest, not_before, observed_at, source, subject, event)
      select e.sequence, e.tag_id, case when e.first then 'baseline' else 'change' end, true, false, d.digest, d.previous, e.seen, e.observed_at, 'head', s.subject,
        convert_to(json_build_object('specversion', '1.0', 'id', t.reference || '@' || coalesce(e.before, 0), 'source', '/docker-tag-monitor/registry-fetcher',
          'type', 'dockertagmonitor.DigestObserved.v1', 'subject', t.reference, 'time', e.observed_at, 'datacontenttype', 'application/json',
          'data', json_build_object('registry', t.registry, 'repository', t.repository, 'tag', t.tag, 'digest', d.digest, 'mediaType', t.media_type,
            'observedAt', e.observed_at, 'source', 'head', 'previous', case when not e.first then
              json_build_object('digest', d.previous, 'lastSeenAt', e.seen, 'sequence', e.before, 'hash', md5(e.before::text) || md5(e.sequence::text)) end))::text, 'UTF8')
      from (select *, lag(sequence) over of_tag as before, lag(observed_at) over of_tag as seen from entries window of_tag as (partition by tag_id order by sequence)) e
      join tag t on t.id = e.tag_id
      cross join lateral (select 'sha256:' || md5(e.sequence::text) || md5('x' || e.sequence) as digest,
        'sha256:' || md5(e.before::text) || md5('x' || e.before) as previous) d
      cross join lateral (select 'history.' || replace(t.registry, '.', '=2E') || '.' || t.repository || '.' || replace(t.tag, '.', '=2E') as subject) s
      order by e.sequence`,
  );
  await sql('drop table entries');
}
