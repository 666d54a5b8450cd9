import type { Sql } from '../database.ts';
import type { ScanDayRow, StatusRow } from '../queries.ts';

/** Scans per day (UTC), oldest first, the day of `now` last, days without any as zero. */
export async function scanDays(sql: Sql, schema: string, days: number, now: Date): Promise<ScanDayRow[]> {
  return sql.query<ScanDayRow>(
    `select to_char(d.day, 'YYYY-MM-DD') as day, coalesce(sum(s.succeeded), 0)::int as succeeded,
        coalesce(sum(s.failed), 0)::int as failed,
        coalesce(sum(s.duration_seconds) / nullif(sum(s.succeeded), 0), 0)::float8 as "averageDurationSeconds",
        coalesce(sum(s.requests), 0)::float8 as requests
      from generate_series($1::date - ($2::int - 1), $1::date, interval '1 day') as d(day)
      left join ${schema}.scan_day s on s.day = d.day::date group by d.day order by d.day`,
    [now.toISOString().slice(0, 10), days],
  );
}

/** Counts of the whole record and per registry that has something tracked. */
export async function status(sql: Sql, schema: string, now: Date): Promise<StatusRow> {
  const rows = await sql.query<{
    registry: string;
    tags: number;
    tracked: number;
    repositories: number;
    watched: number;
    changes: number;
    requests: number;
    observations: number;
  }>(
    `select r.*, coalesce(h.requests, 0)::float8 as requests, coalesce(h.observations, 0)::float8 as observations
      from (select registry, sum(tags)::int as tags, sum(tracked_tags)::int as tracked, count(*)::int as repositories,
          count(*) filter (where tracked_tags > 0)::int as watched, sum(changes)::float8 as changes
        from ${schema}.repository group by registry) r
      left join (select registry, sum(requests) as requests, sum(observations) as observations
        from ${schema}.scan_hour where hour > $1::timestamptz - interval '24 hours' and hour <= $1 group by registry) h using (registry)
      order by r.registry`,
    [now],
  );
  const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  return {
    tags: sum((row) => row.tags),
    tracked: sum((row) => row.tracked),
    repositories: sum((row) => row.repositories),
    changes: sum((row) => row.changes),
    registriesOnRecord: rows.length,
    registries: rows
      .filter((row) => row.watched > 0)
      .map(({ registry, tracked, watched, requests, observations }) => ({
        registry,
        tags: tracked,
        repositories: watched,
        requests24h: requests,
        observations24h: observations,
      })),
  };
}
