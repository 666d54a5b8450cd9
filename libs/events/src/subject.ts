import { Reference, RepositoryName } from '@dtm/oci';

const ILLEGAL = /[^A-Za-z0-9_-]+/g;
const ILLEGAL_BUT_SLASH = /[^A-Za-z0-9_/-]+/g;
const ESCAPED = /^(?:[A-Za-z0-9_/-]|=[0-9A-F]{2})+$/;

/**
 * One part of a subject or key: every byte outside `[A-Za-z0-9_-]` is written `=XX` (upper-case hex), which is legal in
 * NATS subjects and KV keys alike; `keepSlash` leaves a repository's slashes as they are. Reversed by `unescapePart`.
 * Throws on an empty text, which is no part, and on a lone surrogate, which UTF-8 cannot hold.
 */
export function escapePart(text: string, keepSlash = false): string {
  if (text === '' || !text.isWellFormed()) throw new Error(`not a subject part: ${JSON.stringify(text)}`);
  return text.replace(keepSlash ? ILLEGAL_BUT_SLASH : ILLEGAL, escapeBytes);
}

function escapeBytes(text: string): string {
  let out = '';
  for (const byte of new TextEncoder().encode(text)) out += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

/** The text behind `escapePart`; throws on what `escapePart` never writes. */
export function unescapePart(escaped: string): string {
  if (!ESCAPED.test(escaped)) throw new Error(`not an escaped subject part: ${escaped}`);
  const bytes: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] === '=') {
      bytes.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(escaped.charCodeAt(i));
    }
  }
  // ignoreBOM: without it the decoder drops a byte order mark, and two escaped texts would become one.
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  if (escapePart(text, escaped.includes('/')) !== escaped) throw new Error(`not an escaped subject part: ${escaped}`);
  return text;
}

/** `<registry>.<repository>` as it stands in subjects and KV keys: `docker=2Eio.library/nginx`. */
export function repositoryKey(name: { registry: string; repository: string }): string {
  return `${escapePart(name.registry)}.${escapePart(name.repository, true)}`;
}

/** `<registry>.<repository>.<tag>` as it stands in subjects and KV keys: `docker=2Eio.library/nginx.1=2E27`. */
export function tagKey(reference: { registry: string; repository: string; tag: string }): string {
  return `${repositoryKey(reference)}.${escapePart(reference.tag)}`;
}

/** The reference behind `tagKey`; throws where the key is none. */
export function parseTagKey(key: string): Reference {
  const parts = key.split('.');
  const [registry, repository, tag] = parts;
  if (parts.length !== 3 || registry === undefined || repository === undefined || tag === undefined) {
    throw new Error(`not a tag key: ${key}`);
  }
  const reference = Reference.of(unescapePart(registry), unescapePart(repository), unescapePart(tag));
  // An escaped slash in the repository would make a second key of the same tag.
  if (tagKey(reference) !== key) throw new Error(`not a tag key: ${key}`);
  return reference;
}

/** The repository behind `repositoryKey`; throws where the key is none. */
export function parseRepositoryKey(key: string): RepositoryName {
  const parts = key.split('.');
  const [registry, repository] = parts;
  if (parts.length !== 2 || registry === undefined || repository === undefined)
    throw new Error(`not a repository key: ${key}`);
  const name = RepositoryName.of(unescapePart(registry), unescapePart(repository));
  if (repositoryKey(name) !== key) throw new Error(`not a repository key: ${key}`);
  return name;
}

interface Repository {
  registry: string;
  repository: string;
}

interface Tag extends Repository {
  tag: string;
}

/** The subjects of every stream, in one place. */
export const SUBJECTS = {
  history: (tag: Tag): string => `history.${tagKey(tag)}`,
  imported: (tag: Tag): string => `imported.${tagKey(tag)}`,
  tracking: (tag: Tag): string => `tracking.${tagKey(tag)}`,
  scanRequest: (repository: Repository): string => `scan.request.${repositoryKey(repository)}`,
  scanDone: (repository: Repository): string => `scan.done.${repositoryKey(repository)}`,
  scanFailed: (repository: Repository): string => `scan.failed.${repositoryKey(repository)}`,
  historyOfRepository: (repository: Repository): string => `history.${repositoryKey(repository)}.*`,
  historyOfRegistry: (registry: string): string => `history.${escapePart(registry)}.>`,
  manifest: (digest: string): string => `manifest.${escapePart(digest)}`,
  scanRequestsOfRegistry: (registry: string): string => `scan.request.${escapePart(registry)}.*`,
} as const;

/** The tag of a `history.`, `imported.` or `tracking.` subject. */
export function tagOfSubject(subject: string): Reference {
  return parseTagKey(subject.slice(subject.indexOf('.') + 1));
}
