/** Words that mark a version as not final yet; `1.27` comes before `1.27-rc1`. */
const PRE_RELEASES: ReadonlySet<string> = new Set(
  'alpha beta rc pre preview dev nightly canary snapshot a b m'.split(' '),
);

/**
 * What a key says of the place where two tags part, lowest first: a further number is newer than the end of the tag, and the
 * end comes before a suffix.
 */
const NUMBER = '0';
const END = '1';
const WORD = '2';
const PRE_RELEASE = '3';
/** Where one of two words ends: behind every letter, or before. */
const LAST = '\xff';
const FIRST = '\0';

/**
 * Orders tags as versions, newest first, for people: numbers by value (1.27 before 1.9), the longer version before the
 * shorter one (1.27.3 before 1.27), variants behind their plain version by name, pre-releases last of all. Tags that
 * start with no number follow, by name.
 */
export function sortedNewestFirst(tags: readonly string[]): string[] {
  return tags
    .map((tag) => ({ tag, key: newestFirstKey(tag) }))
    .sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)))
    .map(({ tag }) => tag);
}

/**
 * A string that sorts, by `<`, as its tag does newest first; no two tags have the same. Each tag is taken apart once: there are
 * repositories with hundreds of thousands.
 */
export function newestFirstKey(tag: string): string {
  const bare = /^v\d/i.test(tag) ? tag.slice(1) : tag;
  const key: string[] = [];
  for (const part of bare.match(/\d+|[A-Za-z]+/g) ?? []) {
    if (/^\d/.test(part)) key.push(NUMBER, ...largestFirst(part.replace(/^0+(?=\d)/, '')));
    else key.push(...byName(part.toLowerCase()));
  }
  key.push(END, tag);
  return key.join('');
}

/** Numbers are ordered as digits: dates and build numbers outgrow what a double holds exactly. */
function largestFirst(digits: string): [length: string, digits: string] {
  return [String.fromCharCode(0xff - digits.length), upsideDown(digits)];
}

function byName(word: string): [rank: string, word: string, end: string] {
  // rc, beta, alpha: what came later in a release's life has the later letter.
  return PRE_RELEASES.has(word) ? [PRE_RELEASE, upsideDown(word), LAST] : [WORD, word, FIRST];
}

/** Digits and small letters such that the later one sorts first. */
function upsideDown(text: string): string {
  let turned = '';
  for (let i = 0; i < text.length; i++) turned += String.fromCharCode(0xf0 - text.charCodeAt(i));
  return turned;
}
