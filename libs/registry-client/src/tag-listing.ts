import { printable } from '@dtm/oci';
import LinkHeader from 'http-link-header';
import { z } from 'zod';
import { Trouble } from './failure.ts';
import type { JsonLimit, Limits } from './limits.ts';
import { boundedJson } from './transport/bounded-json.ts';
import { decodedBody } from './transport/decoded-body.ts';
import type { Answer } from './transport/exchange.ts';

const body = z.object({ tags: z.array(z.unknown()).nullable() });

/** Hosts that send everything at once and no Link when asked without `n`; to some of them, `n` means less than it says. */
const WHOLE_LISTS = /^(?:docker\.io|mcr\.microsoft\.com|registry\.k8s\.io|(?:.+\.)?gcr\.io|.+-docker\.pkg\.dev)$/;

/** Hosts whose lists name digests as well. */
const NAMES_MANIFESTS = /^(?:registry\.k8s\.io|(?:.+\.)?gcr\.io|.+-docker\.pkg\.dev)$/;

/** The most that every registry accepts: ECR refuses more. */
const PAGE_SIZE = 1000;

/** Path and query of the first page. */
export function firstPage(registry: string, repository: string): string {
  const path = pathOf(repository);
  return WHOLE_LISTS.test(registry) ? path : `${path}?n=${PAGE_SIZE}`;
}

/**
 * Path and query of the page that an answer's Link header names, null where it names none. Only the query of the Link is
 * used: some registries behind proxies name a wrong scheme or path, and no other path of the registry is to be asked.
 * Throws `Trouble` of code `refused` where it leads to another host.
 */
export function nextPage(
  link: string | string[] | undefined,
  host: string,
  repository: string,
  path: string = pathOf(repository),
): string | null {
  if (link === undefined) return null;
  let target: string | undefined;
  try {
    target = LinkHeader.parse(typeof link === 'string' ? link : link.join(', ')).rel('next')[0]?.uri;
  } catch {
    throw new Trouble('bad-answer', 'the registry sent a Link header that cannot be read');
  }
  if (target === undefined) return null;
  const url = URL.parse(target, `https://${host}${path}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Trouble('bad-answer', `the registry names a next page that is no address: "${printable(target)}"`);
  }
  if (url.host !== host) {
    throw new Trouble('refused', `the registry names a next page at another host, ${printable(url.host)}`);
  }
  return path + url.search;
}

/** What a listing of a registry may be: Google's hosts name every manifest, tagged or not, beside the tags. */
export function listLimit(registry: string, { tagList, wholeList }: Limits): JsonLimit {
  return NAMES_MANIFESTS.test(registry) ? wholeList : tagList;
}

/** The entries of one page, of which not all need be tags, and its bytes when decompressed. */
export function parsePage(answer: Answer, limit: JsonLimit): { tags: unknown[]; bytes: number } {
  const what = 'the list of tags';
  const bytes = decodedBody(answer, limit.bytes, what);
  let json: unknown;
  try {
    json = boundedJson(bytes, limit.values, what);
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble('bad-answer', 'the registry answered a list of tags that is not JSON');
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) throw new Trouble('bad-answer', 'the registry answered JSON that is no list of tags');
  // A repository without tags is null in some registries.
  return { tags: parsed.data.tags ?? [], bytes: bytes.length };
}

function pathOf(repository: string): string {
  return `/v2/${repository}/tags/list`;
}
