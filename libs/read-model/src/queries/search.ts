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
  const { text, registry, repository, tag } = partsOf(q);
  const at = (i: number): string => `$${next + i}`;
  if (registry === null && tag === null) return { sql: `t.search like ${at(0)}`, values: [within(text)] };
  return {
    sql: `(t.search like ${at(0)} or
      (t.registry like ${at(1)} and t.repository like ${at(2)} and lower(t.tag) like ${at(3)}))`,
    values: [within(text), within(registry ?? ''), within(repository), within(tag ?? '')],
  };
}

/**
 * The same search as a statement that answers the ids of what it finds, those that a condition on `t` holds for. It looks
 * through the names of repositories, of which there are few, and for the tags' own names in an index of theirs: either
 * is several times faster than a search in whole references.
 */
export function searchStatement(q: string, schema: string, next: number, condition: string | null): Condition {
  const { text, registry, repository, tag } = partsOf(q);
  const and = condition === null ? '' : `and ${condition}`;
  const values: unknown[] = [];
  const bind = (value: string): string => `$${next + values.push(value) - 1}`;
  const inRepositories = (where: string): string =>
    `select t.id from ${schema}.repository r join ${schema}.tag t on t.repository_id = r.id where ${where} ${and}`;
  const name = `(r.registry || '/' || r.repository)`;

  const places = [inRepositories(`${name} like ${bind(within(text))}`)];
  // Neither is part of a tag's name.
  if (!/[/:]/.test(text))
    places.push(`select t.id from ${schema}.tag t where lower(t.tag) like ${bind(within(text))} ${and}`);
  const colon = text.lastIndexOf(':');
  if (colon >= 0 && !text.includes('/', colon)) {
    const [before, after] = [text.slice(0, colon), text.slice(colon + 1)].map(escaped);
    places.push(inRepositories(`${name} like ${bind(`%${before}`)} and lower(t.tag) like ${bind(`${after}%`)}`));
  }
  if (registry !== null || tag !== null) {
    const parts = [`r.repository like ${bind(within(repository))}`];
    if (registry !== null) parts.push(`r.registry like ${bind(within(registry))}`);
    if (tag !== null) parts.push(`lower(t.tag) like ${bind(within(tag))}`);
    places.push(inRepositories(parts.join(' and ')));
  }
  return { sql: places.join(' union '), values };
}

interface Parts {
  text: string;
  registry: string | null;
  repository: string;
  tag: string | null;
}

function partsOf(q: string): Parts {
  const text = q.trim().toLowerCase();
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? null : text.slice(colon + 1);
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return { text, registry: null, repository: name, tag };
  const host = parseRegistryHost(first);
  return { text, registry: 'host' in host ? host.host : first, repository: name.slice(slash + 1), tag };
}

/** The pattern of what contains a text. */
function within(text: string): string {
  return `%${escaped(text)}%`;
}

function escaped(part: string): string {
  return part.replace(/[\\%_]/g, '\\$&');
}
