export interface Part {
  text: string;
  /** Whether it was searched for. */
  hit: boolean;
}

export interface MarkedReference {
  registry: Part[];
  repository: Part[];
  tag: Part[];
}

/** Marks in a reference what was searched for: a substring of any part, or `[registry/]repository[:tag]`. */
export function markedReference(
  of: { registry: string; repository: string; tag: string },
  sought: string,
): MarkedReference {
  const text = sought.trim().toLowerCase();
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const nameSought = colon < 0 ? text : text.slice(0, colon);
  const tagSought = colon < 0 ? text : text.slice(colon + 1);
  const name = parts(`${of.registry}/${of.repository}`, nameSought);
  return { ...atSlash(name, of.registry.length), tag: parts(of.tag, tagSought) };
}

function parts(text: string, sought: string): Part[] {
  const at = sought === '' ? -1 : text.toLowerCase().indexOf(sought);
  if (at < 0) return [{ text, hit: false }];
  const end = at + sought.length;
  return [
    { text: text.slice(0, at), hit: false },
    { text: text.slice(at, end), hit: true },
    { text: text.slice(end), hit: false },
  ].filter((part) => part.text !== '');
}

/** Splits at the slash between registry and repository; the slash stays with the registry. */
function atSlash(name: Part[], slash: number): Pick<MarkedReference, 'registry' | 'repository'> {
  const registry: Part[] = [];
  const repository: Part[] = [];
  let at = 0;
  for (const { text, hit } of name) {
    const inRegistry = Math.max(0, slash + 1 - at);
    if (inRegistry > 0) registry.push({ text: text.slice(0, inRegistry), hit });
    if (inRegistry < text.length) repository.push({ text: text.slice(inRegistry), hit });
    at += text.length;
  }
  return { registry, repository };
}
