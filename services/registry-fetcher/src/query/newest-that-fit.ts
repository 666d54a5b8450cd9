import { setImmediate as otherWork } from 'node:timers/promises';
import { newestFirstKey } from '@dtm/oci';

/** Tags that are ordered in one go: a strange registry chooses how many there are, and how hard they are to compare. */
const AT_ONCE = 10_000;

/** Of a list that is too long for one message, the tags that people look for: the newest versions, newest first. */
export async function newestThatFit(tags: string[], maxBytes: number): Promise<string[]> {
  if (tags.reduce((sum, tag) => sum + bytesOf(tag), 0) <= maxBytes) return tags;
  let newest: { tag: string; key: string }[] = [];
  for (let at = 0; at < tags.length; at += AT_ONCE) {
    const more = tags.slice(at, at + AT_ONCE).map((tag) => ({ tag, key: newestFirstKey(tag) }));
    newest = upTo(
      maxBytes,
      [...newest, ...more].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))),
    );
    await otherWork();
  }
  return newest.map(({ tag }) => tag);
}

function upTo<T extends { tag: string }>(maxBytes: number, rows: T[]): T[] {
  let left = maxBytes;
  const end = rows.findIndex(({ tag }) => (left -= bytesOf(tag)) < 0);
  return end < 0 ? rows : rows.slice(0, end);
}

/** In JSON. */
function bytesOf(tag: string): number {
  return tag.length + 3;
}
