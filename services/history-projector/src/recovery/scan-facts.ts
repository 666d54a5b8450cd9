import type { Sql } from '@dtm/read-model';

/** What scans alone tell of a repository; the names are those of the columns. */
const OF_REPOSITORY = [
  'last_scanned_at',
  'last_scan_started_at',
  'last_scan_id',
  'interval_seconds',
  'failed_scans',
  'last_failure_code',
  'last_failure',
  'last_failed_at',
];

/** What scans alone tell of a tag. */
const OF_TAG = [
  'covered_since',
  'exempt',
  'own_last_scanned_at',
  'failed_scans',
  'last_failure_code',
  'last_failure',
  'last_failed_at',
  'repository_unreachable',
];

const COUNTS = 'registry, succeeded, failed, duration_seconds, requests, observations';

/**
 * Carries over what only scans told, where SCAN_LOG has forgotten them: the old read models are the one place that knows.
 * Both schemas must have projected HISTORY and TRACKING to the same sequences, and the new one no scan. Ids differ between
 * schemas; names do not.
 */
export async function carryScanFacts(sql: Sql, from: string, to: string): Promise<void> {
  // Scans may have told of a repository that has no tag.
  await sql.query(
    `insert into "${to}".repository (id, registry, repository)
      select (select coalesce(max(id), 0) from "${to}".repository) + row_number() over (order by o.id), o.registry, o.repository
      from "${from}".repository o
      where not exists (select 1 from "${to}".repository n where n.registry = o.registry and n.repository = o.repository)`,
  );
  await sql.query(
    `update "${to}".repository n set ${assignments(OF_REPOSITORY)}
      from "${from}".repository o where n.registry = o.registry and n.repository = o.repository`,
  );
  await sql.query(
    `update "${to}".tag n set ${assignments(OF_TAG)} from "${from}".tag o
      where n.reference = o.reference and (${list('n', OF_TAG)}) is distinct from (${list('o', OF_TAG)})`,
  );
  await sql.query(`insert into "${to}".scan_day (day, ${COUNTS}) select day, ${COUNTS} from "${from}".scan_day`);
  await sql.query(`insert into "${to}".scan_hour (hour, ${COUNTS}) select hour, ${COUNTS} from "${from}".scan_hour`);
  await sql.query(
    `insert into "${to}".scan_gap (repository_id, gap_from, gap_to) select n.id, g.gap_from, g.gap_to
      from "${from}".scan_gap g join "${from}".repository o on o.id = g.repository_id
      join "${to}".repository n on n.registry = o.registry and n.repository = o.repository`,
  );
  if (await knowsTagGaps(sql, from)) {
    await sql.query(
      `insert into "${to}".tag_gap (tag_id, gap_from, gap_to) select n.id, g.gap_from, g.gap_to
        from "${from}".tag_gap g join "${from}".tag o on o.id = g.tag_id join "${to}".tag n on n.reference = o.reference`,
    );
  }
  if (await areScanFactsMarked(sql, from)) await markScanFacts(sql, to);
}

/** Read models of version 5 do not. */
async function knowsTagGaps(sql: Sql, schema: string): Promise<boolean> {
  const [row] = await sql.query<{ known: boolean }>(`select to_regclass('"${schema}".tag_gap') is not null as known`);
  return row?.known === true;
}

/** Comment on the table of days: they count scans that no log holds any more, though the one that is there has no gap. */
const LAST_COPY = 'counts scans of a SCAN_LOG that was lost';

/** Notes that the scans which a schema was told of are not all in SCAN_LOG, whatever that log looks like. */
export async function markScanFacts(sql: Sql, schema: string): Promise<void> {
  await sql.query(`comment on table "${schema}".scan_day is '${LAST_COPY}'`);
}

/** Whether that was noted. */
export async function areScanFactsMarked(sql: Sql, schema: string): Promise<boolean> {
  const [row] = await sql.query<{ note: string | null }>(
    `select obj_description(to_regclass('"${schema}".scan_day'), 'pg_class') as note`,
  );
  return row?.note === LAST_COPY;
}

/** Forgets hours that the old read models had forgotten; replayed scans bring them back. */
export async function forgetOldHours(sql: Sql, from: string, to: string): Promise<void> {
  await sql.query(`delete from "${to}".scan_hour where hour < (select min(hour) from "${from}".scan_hour)`);
}

function assignments(columns: readonly string[]): string {
  return columns.map((column) => `${column} = o.${column}`).join(', ');
}

function list(alias: string, columns: readonly string[]): string {
  return columns.map((column) => `${alias}.${column}`).join(', ');
}
