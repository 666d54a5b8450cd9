/**
 * A pure function of a text that remembers its results: names of registries and repositories come again and again. Of more
 * texts than `most` it forgets all and begins anew.
 */
export function remembering<T>(most: number, compute: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let result = known.get(text);
    if (result === undefined) {
      result = compute(text);
      if (known.size >= most) known.clear();
      known.set(text, result);
    }
    return result;
  };
}
