import { parseRegistryHost } from '@dtm/oci';

/** A condition on the alias `t` and the values of its placeholders. */
export interface Condition {
  sql: string;
  values: unknown[];
}

/**
 * What a search means: a substring of the reference; `[registry/]repository[:tag]` looks for each part in its own place,
 * so that `docker.io/ngin:1.2` finds `docker.io/library/nginx:1.27`. `next` numbers the first placeholder.
 */
export function searchCondition(q: string, next: number): Condition {
  const text = q.trim().toLowerCase();
  // PostgreSQL's text knows no NUL, so nothing can contain it.
  if (text.includes('\0')) return { sql: 'false', values: [] };
  const { registry, repository, tag } = partsOf(text);
  if (registry === null && tag === null) return { sql: `t.search like $${next}`, values: [`%${escaped(text)}%`] };
  const named = [registry, repository].filter((part) => part !== null).map(escaped);
  const values = [
    `%${named.join('%/%')}${tag === null ? '' : `%:%${escaped(tag)}`}%`,
    `%${escaped(text)}%`,
    `%${escaped(registry ?? '')}%`,
    `%${escaped(repository)}%`,
    `%${escaped(tag ?? '')}%`,
  ];
  const at = (i: number): string => `$${next + i}`;
  // The first pattern is wider than the rest together: it is there for the index.
  const sql = `t.search like ${at(0)} and (t.search like ${at(1)} or
    (t.registry like ${at(2)} and t.repository like ${at(3)} and lower(t.tag) like ${at(4)}))`;
  return { sql, values };
}

function partsOf(text: string): { registry: string | null; repository: string; tag: string | null } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? null : text.slice(colon + 1);
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: null, repository: name, tag };
  const host = parseRegistryHost(first);
  return { registry: 'host' in host ? host.host : first, repository: name.slice(slash + 1), tag };
}

function escaped(part: string): string {
  return part.replace(/[\\%_]/g, '\\$&');
}
