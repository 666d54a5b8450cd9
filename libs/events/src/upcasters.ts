/** Lifts the data of one version to the next; pure, and kept for ever, as the events are. */
export type Upcaster = (data: unknown) => { type: string; data: unknown };

/** By the type that each reads. Empty while every event is at its first version. */
const UPCASTERS: ReadonlyMap<string, Upcaster> = new Map();

/** Applies upcasters until none reads the type. A second map is for tests. */
export function upcast(
  type: string,
  data: unknown,
  upcasters: ReadonlyMap<string, Upcaster> = UPCASTERS,
): { type: string; data: unknown } {
  let current = { type, data };
  for (let step = 0; ; step++) {
    const next = upcasters.get(current.type);
    if (next === undefined) return current;
    if (step > 100) throw new Error(`the upcasters of ${type} run in a circle`);
    current = next(current.data);
  }
}
