import { isWantedTag, type RepositoryName } from '@dtm/oci';
import { QuayApi, quayTagHistory, type HistoryRow } from '@dtm/registry-client';
import type { Registries } from '../registries.ts';
import type { ImportSource, Item } from '../row.ts';
import { itemsOf } from './registry-rows.ts';

const SAY_EVERY = 1_000;

/**
 * The tag history that Quay itself keeps, as far as it reaches back: two weeks unless a namespace is set otherwise. `wants`
 * null: every tag but signatures and the like.
 */
export function quaySource(
  registries: Registries,
  repositories: readonly RepositoryName[],
  wants: ((tag: string) => boolean) | null,
): ImportSource {
  const api = new QuayApi(registries.client, (registry) => registries.credentialsOf(registry));
  const patient: Pick<QuayApi, 'tags'> = {
    tags: (...question) => registries.patiently(() => api.tags(...question)),
  };
  return {
    name: 'quay',
    repositories,
    async *items() {
      for (const name of repositories) yield* registries.eachOrFailure(name, () => itemsOfRepository(patient, name));
    },
  };

  async function* itemsOfRepository(from: Pick<QuayApi, 'tags'>, name: RepositoryName): AsyncGenerator<Item> {
    registries.say(`${name.toString()}: reading its tag history ...`);
    const byTag = new Map<string, HistoryRow[]>();
    let read = 0;
    // All of it before the first fact: a history without its beginning would be given weaker bounds for ever.
    for await (const row of quayTagHistory(from, name)) {
      if (++read % SAY_EVERY === 0) registries.say(`${name.toString()}: ${read} rows read`);
      if (!(wants ?? isWantedTag)(row.tag)) continue;
      const ofTag = byTag.get(row.tag);
      if (ofTag === undefined) byTag.set(row.tag, [row]);
      else ofTag.push(row);
    }
    registries.say(`${name.toString()}: ${read} rows read, ${byTag.size} tags wanted`);
    for (const [tag, rows] of byTag) yield* itemsOf(name.tag(tag), rows.reverse());
    yield { kind: 'part' };
  }
}
