/** Whether a tag passes a filter: a glob of the whole tag where it has `*` or `?`, else a part of it. Case does not matter. */
export function tagFilter(filter: string): (tag: string) => boolean {
  const wanted = filter.toLowerCase();
  if (!/[*?]/.test(wanted)) return (tag) => tag.toLowerCase().includes(wanted);
  return (tag) => matchesGlob(tag.toLowerCase(), wanted);
}

/** In time proportional to the product of the lengths: a regular expression made of many stars could take for ever. */
function matchesGlob(text: string, glob: string): boolean {
  let t = 0;
  let g = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    if (g < glob.length && (glob[g] === '?' || (glob[g] !== '*' && glob[g] === text[t]))) {
      t++;
      g++;
    } else if (glob[g] === '*') {
      starAt = g++;
      resumeAt = t;
    } else if (starAt >= 0) {
      // The last star takes one character more.
      g = starAt + 1;
      t = ++resumeAt;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}
