import type { ReadModel, TagDescription, TagRow } from '@dtm/read-model';
import { isInvalid, Reference } from '@dtm/oci';
import { escaped } from '../crawlers/escaped.ts';

/** What a page says of itself to whoever does not run its script: crawlers, and previews of shared links. */
export interface PageHead {
  title: string;
  description: string;
  /** Path of the one address that the page should be known by. */
  canonicalPath: string;
  /** Whether search engines should have it. */
  indexed: boolean;
}

const SITE = 'Docker Tag Monitor';
const DETAILS = /^\/details\/(.+)$/;
/** The page itself must not wait: without an answer it goes out as it is. */
const DEADLINE_MS = 500;
const DAY_SECONDS = 86_400;

/** The head of a tag's page; null for every other page, and where nothing can be said. */
export async function headOf(path: string, readModel: ReadModel, now: Date): Promise<PageHead | null> {
  const text = decoded(DETAILS.exec(path)?.[1] ?? '');
  const reference = text === '' ? null : Reference.parse(text);
  if (reference === null || isInvalid(reference)) return null;
  const name = reference.toString();
  const known = await withinDeadline(Promise.all([readModel.findTag(name), readModel.describeTag(name, now, null)]));
  const row = known?.[0] ?? null;
  return {
    title: `${reference.repository}:${reference.tag} · ${SITE}`,
    description: row === null ? `What ${name} pointed to, and when.` : describedTag(row, known?.[1] ?? null),
    canonicalPath: `/details/${name}`,
    // What nobody watches has no record to find; whether it is so, only the database knows.
    indexed: known === null || row !== null,
  };
}

/** The page with a head filled in; every address in it is absolute, as previews want it. */
export function withHead(html: string, head: PageHead | null, origin: string | null): string {
  const absolute = origin === null ? html : filled(html, 'property="og:image"', `${origin}/social.png`);
  if (head === null) return absolute;
  const described = [
    ['property="og:title"', head.title],
    ['property="og:description"', head.description],
    ['name="description"', head.description],
  ].reduce((text, [attribute = '', content = '']) => filled(text, attribute, content), absolute);
  const address = origin === null ? '' : escaped(`${origin}${head.canonicalPath}`);
  const links = [
    ...(address === ''
      ? []
      : [`<link rel="canonical" href="${address}" />`, `<meta property="og:url" content="${address}" />`]),
    ...(head.indexed ? [] : ['<meta name="robots" content="noindex" />']),
  ];
  return described
    .replace(/<title>[^<]*<\/title>/, () => `<title>${escaped(head.title)}</title>`)
    .replace('</head>', () => `${links.join('\n    ')}\n  </head>`);
}

/** Writes the content of one meta element; the functions keep `$` in it from meaning anything. */
function filled(html: string, attribute: string, content: string): string {
  return html.replace(
    new RegExp(`(<meta\\s+${attribute}\\s+content=")[^"]*(")`),
    (_, before: string, after: string) => `${before}${escaped(content)}${after}`,
  );
}

function describedTag(row: TagRow, description: TagDescription | null): string {
  const sentences = [rhythmOf(row, description)];
  const since = description?.watchedSince ?? null;
  if (since !== null) sentences.push(`On record since ${dayOf(since)}.`);
  if (row.state === 'gone') sentences.push('Gone from its registry.');
  else if (row.digest !== null) sentences.push(`Now ${row.digest}.`);
  return sentences.join(' ');
}

function rhythmOf({ changeCount, lastChangedAt }: TagRow, description: TagDescription | null): string {
  if (changeCount === 0 || lastChangedAt === null) return 'No change on record.';
  const counted = `${changeCount.toLocaleString('en')} ${changeCount === 1 ? 'change' : 'changes'} on record`;
  const last = `last on ${dayOf(lastChangedAt)}`;
  const gap = description?.medianGapSeconds ?? null;
  if (gap === null) return `${counted}, ${last}.`;
  const days = Math.round(gap / DAY_SECONDS);
  const every = days < 1 ? 'several times a day' : days === 1 ? 'about every day' : `about every ${days} days`;
  return `Rebuilt ${every}; ${last}; ${counted}.`;
}

/** `3 November 2026` */
function dayOf(at: Date): string {
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}

/** Null where the answer does not come in time, or never. */
async function withinDeadline<T>(question: Promise<T>): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), DEADLINE_MS);
  try {
    return await Promise.race([question, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
