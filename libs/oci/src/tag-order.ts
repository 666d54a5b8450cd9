/** Words that mark a version as not final yet; `1.27` comes before `1.27-rc1`. */
const PRE_RELEASE = new Set('alpha beta rc pre preview dev nightly canary snapshot a b m'.split(' '));

/**
 * Orders tags as versions, newest first, for people: numbers by value (1.27 before 1.9), the longer version before the
 * shorter one (1.27.3 before 1.27), variants behind their plain version by name, pre-releases last of all. Tags that
 * start with no number follow, by name. A total order: 0 only for equal tags.
 */
export function compareTagsNewestFirst(left: string, right: string): number {
  return left === right ? 0 : compareSplit(left, split(left), right, split(right));
}

/** The tags in that order. Each is split once: repositories have tens of thousands of tags. */
export function sortedNewestFirst(tags: readonly string[]): string[] {
  const entries = tags.map((tag) => ({ tag, parts: split(tag) }));
  entries.sort((a, b) => (a.tag === b.tag ? 0 : compareSplit(a.tag, a.parts, b.tag, b.parts)));
  return entries.map(({ tag }) => tag);
}

function compareSplit(left: string, a: string[], right: string, b: string[]): number {
  const versionA = isNumber(a[0]);
  if (versionA !== isNumber(b[0])) return versionA ? -1 : 1;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = comparePart(a[i], b[i]);
    if (order !== 0) return order;
  }
  return left < right ? -1 : 1;
}

/** Runs of digits without leading zeros, and of letters in lower case; a leading "v" of a version is left out. */
function split(tag: string): string[] {
  const bare = /^v\d/i.test(tag) ? tag.slice(1) : tag;
  return (bare.match(/\d+|[A-Za-z]+/g) ?? []).map((part) =>
    isNumber(part) ? part.replace(/^0+(?=\d)/, '') : part.toLowerCase(),
  );
}

function isNumber(part: string | undefined): boolean {
  // A part is a run of digits or of letters, and digits come before letters; asked some million times in a long list.
  return part !== undefined && part < ':';
}

function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0 || a === undefined || b === undefined) return rank;
  // Numbers are compared as digits: dates and build numbers outgrow what a double holds exactly.
  if (isNumber(a)) return a.length === b.length ? (a < b ? 1 : -1) : b.length - a.length;
  const byName = a < b ? -1 : 1;
  // rc, beta, alpha: what came later in a release's life has the later letter.
  return PRE_RELEASE.has(a) ? -byName : byName;
}

/** Where two tags part: a further number is newer than the end of the tag, and the end comes before a suffix. */
function rankOf(part: string | undefined): number {
  if (part === undefined) return 1;
  if (isNumber(part)) return 0;
  return PRE_RELEASE.has(part) ? 3 : 2;
}
