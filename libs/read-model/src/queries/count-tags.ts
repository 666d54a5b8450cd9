import type { TagStateName } from '../queries.ts';
import type { Count } from './known-lists.ts';
import type { Asked } from './number-page.ts';
import { hasState } from './tag-row.ts';

/** How many tags there are, or how many in a state. */
export async function countTags({ sql, schema, question }: Asked): Promise<number> {
  const [row] = await sql.query<{ total: number }>(
    `select ${count(schema, question.state)} as total, $1::timestamptz as reckoned`,
    [question.inactiveBefore],
  );
  return row?.total ?? 0;
}

/** The same, and how long it holds. */
export async function countList({ sql, schema, question }: Asked): Promise<Count> {
  const watched = `from ${schema}.tag t where t.phase = 'watched' and t.activity_at`;
  const ages = question.state === 'active' || question.state === 'inactive';
  const [row] = await sql.query<Count>(
    `select v.version, ${count(schema, question.state)} as total, $1::timestamptz as reckoned,
        ${ages ? `(select max(t.activity_at) ${watched} < $1)` : 'null::timestamptz'} as "agedUntil",
        ${ages ? `(select min(t.activity_at) ${watched} >= $1)` : 'null::timestamptz'} as "agesAt"
      from ${schema}.tag_version v`,
    [question.inactiveBefore],
  );
  if (row === undefined) throw new Error(`counting tags: ${schema}.tag_version is empty`);
  const { total, version, agedUntil, agesAt } = row;
  return { total, version, agedUntil, agesAt };
}

/** An expression; the instant before which a tag is inactive is the first of all values. */
function count(schema: string, state: TagStateName | null): string {
  // Ids are given out one by one and no tag is ever deleted, so the last id is the number of tags.
  const all = `(select coalesce(max(id), 0)::int from ${schema}.tag)`;
  const inState = (name: TagStateName): string =>
    `(select count(*)::int from ${schema}.tag t where ${hasState(name, '$1')})`;
  if (state === null) return all;
  // Nearly all tags are active, so those that are not are counted.
  return state === 'active' ? `(${all} - ${OTHER_STATES.map(inState).join(' - ')})` : inState(state);
}

const OTHER_STATES = ['untracked', 'gone', 'expired', 'unreachable', 'pending', 'inactive'] as const;
