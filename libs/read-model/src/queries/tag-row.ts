import type { ManifestPlatform } from '../entities/manifest.ts';
import type { AsOf, TagRow, TagStateName } from '../queries.ts';
import type { Pointer } from '../schema/create-schema.ts';

/** A tag as the database answers it; `months` are those with changes, by their first day. */
export interface StoredTagRow extends Omit<TagRow, 'platforms' | 'sparkline'> {
  id: number;
  /** Null where the digest is not described. */
  platforms: ManifestPlatform[] | null;
  months: [month: string, changes: number][] | null;
}

/** State of the tag `t`; the placeholder holds the instant before which a tag is inactive. */
function stateOf(inactiveBefore: string): string {
  return `case when t.phase <> 'watched' then t.phase when t.activity_at < ${inactiveBefore} then 'inactive' else 'active' end`;
}

/** Which tags `t` have a state, in terms of the columns that the indexes hold. */
export function hasState(state: TagStateName, inactiveBefore: string): string {
  if (state === 'inactive') return `t.phase = 'watched' and t.activity_at < ${inactiveBefore}`;
  if (state === 'active')
    return `t.phase = 'watched' and (t.activity_at is null or t.activity_at >= ${inactiveBefore})`;
  return `t.phase = '${state}'`;
}

/** Instants that a row is reckoned at, in the order of the placeholders of `tagColumns`. */
export function rowValues({ now, inactiveBefore }: AsOf): unknown[] {
  const current = monthOf(now);
  return [inactiveBefore, monthStart(current - MONTHS), monthStart(current)];
}

/** Read models of an older version serve until they are rebuilt; from this one on they know manifests. */
const MANIFESTS_SINCE = 4;

/** The columns of a `StoredTagRow`, from the tag `t` and its repository `r`; `at` numbers the first of the `rowValues`. */
export function tagColumns({ schema, version }: Pointer, at: number): string {
  return `t.id, t.reference, t.registry, t.repository, t.tag, ${stateOf(`$${at}`)} as state,
    t.tracked_since as "trackedSince", t.tracked_by as "trackedBy", t.digest,
    case when t.exempt then t.own_last_scanned_at else r.last_scanned_at end as "lastScannedAt",
    t.last_changed_at as "lastChangedAt", t.last_pushed_at as "lastPushedAt", t.last_pushed_source as "lastPushedSource",
    t.change_count as "changeCount",
    ${version < MANIFESTS_SINCE ? 'null' : `(select m.platforms from ${schema}.manifest m where m.digest = t.digest)`} as platforms,
    case when t.phase = 'unreachable' then case when t.repository_unreachable then r.last_failure else t.last_failure end end as failure,
    (select json_agg(json_build_array(m.month, m.changes)) from ${schema}.change_month m
      where m.tag_id = t.id and m.month > $${at + 1}::date and m.month <= $${at + 2}::date) as months`;
}

const MONTHS = 12;

/** A row as the read model answers it: changes of each of the last 12 months (UTC), the month of `now` last. */
export function tagRow({ id: _, months, platforms, ...row }: StoredTagRow, now: Date): TagRow {
  const sparkline = new Array<number>(MONTHS).fill(0);
  const current = monthOf(now);
  for (const [month, changes] of months ?? []) sparkline[MONTHS - 1 - (current - monthOf(new Date(month)))] = changes;
  return { ...row, platforms: platformNames(platforms ?? []), sparkline };
}

/** `linux/arm/v7`, each once: an index may name a platform several times, as Windows in several versions. */
function platformNames(platforms: readonly ManifestPlatform[]): string[] {
  const names = platforms.map(({ os, architecture, variant }) =>
    variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`,
  );
  return [...new Set(names)];
}

/** Months since year 0. */
function monthOf(at: Date): number {
  return at.getUTCFullYear() * 12 + at.getUTCMonth();
}

/** `2026-11-01` of months counted from year 0. */
function monthStart(month: number): string {
  return new Date(Date.UTC(Math.floor(month / 12), month % 12)).toISOString().slice(0, 10);
}
