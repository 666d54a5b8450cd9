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
/** What the page itself says at those places. */
const OWN_ELEMENTS =
  /\s*(?:<title>[^<]*<\/title>|<meta\s+(?:name="description"|property="og:(?:title|description|image)")\s[^>]*>)/g;
const OWN_IMAGE = /<meta\s+property="og:image"\s[^>]*>/;
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
  const asked = readModel.detailTag(name, { now, inactiveBefore: new Date(0) }, null);
  const known = await withinDeadline(asked.then((found) => ({ found })));
  const found = known?.found ?? null;
  return {
    title: `${reference.repository}:${reference.tag} · ${SITE}`,
    description: found === null ? `What ${name} pointed to, and when.` : describedTag(found.tag, found.description),
    canonicalPath: `/details/${name}`,
    // What nobody watches has no record to find; whether it is so, only the database knows.
    indexed: known === null || found !== null,
  };
}

/** The page with a head filled in; every address in it is absolute, as previews want it. */
export function withHead(html: string, head: PageHead | null, origin: string | null): string {
  if (head === null) return origin === null ? html : html.replace(OWN_IMAGE, () => image(origin));
  return html.replace(OWN_ELEMENTS, '').replace('</head>', () => `  ${headElements(head, origin)}\n  </head>`);
}

/** The elements that a head is made of; infra/image/preview-head.mjs takes those of the page out for them, as here. */
export function headElements(head: PageHead, origin: string | null): string {
  const [title, description] = [escaped(head.title), escaped(head.description)];
  const address = escaped(`${origin ?? ''}${head.canonicalPath}`);
  return [
    `<title>${title}</title>`,
    `<meta name="description" content="${description}" />`,
    `<meta property="og:title" content="${title}" />`,
    `<meta property="og:description" content="${description}" />`,
    image(origin),
    ...(origin === null
      ? []
      : [`<link rel="canonical" href="${address}" />`, `<meta property="og:url" content="${address}" />`]),
    ...(head.indexed ? [] : ['<meta name="robots" content="noindex" />']),
  ].join('\n    ');
}

function image(origin: string | null): string {
  return `<meta property="og:image" content="${escaped(origin ?? '')}/social.png" />`;
}

function describedTag(row: TagRow, description: TagDescription): string {
  const sentences = [rhythmOf(row, description)];
  const since = description.watchedSince;
  if (since !== null) sentences.push(`On record since ${dayOf(since)}.`);
  if (row.state === 'gone') sentences.push('Gone from its registry.');
  else if (row.digest !== null) sentences.push(`${isLookedAt(row) ? 'Now' : 'Last known'} ${row.digest}.`);
  return sentences.join(' ');
}

/** Of what nobody looks at, the digest may be another by now. */
function isLookedAt({ state }: TagRow): boolean {
  return state !== 'untracked' && state !== 'expired';
}

function rhythmOf({ changeCount, lastChangedAt }: TagRow, description: TagDescription): string {
  if (changeCount === 0 || lastChangedAt === null) return 'No change on record.';
  const counted = `${changeCount.toLocaleString('en')} ${changeCount === 1 ? 'change' : 'changes'} on record`;
  const last = `last on ${dayOf(lastChangedAt)}`;
  const gap = description.medianGapSeconds;
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
