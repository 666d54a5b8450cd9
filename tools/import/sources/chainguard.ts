import { isWantedTag, type RepositoryName } from '@dtm/oci';
import { chainguardHistory, ChainguardHistoryApi, isRegistryFailure, type HistoryRow } from '@dtm/registry-client';
import type { Registries } from '../registries.ts';
import type { ImportSource, Item } from '../row.ts';
import { itemsOf } from './registry-rows.ts';

/** So many tags without a history before the first with one, and the repository shows none. */
const HOPELESS_AFTER = 3;

/**
 * The history that Chainguard keeps of each tag, at a request per tag. `wants` null: every tag but signatures and the like.
 */
export function chainguardSource(
  registries: Registries,
  repositories: readonly RepositoryName[],
  wants: ((tag: string) => boolean) | null,
): ImportSource {
  const api = new ChainguardHistoryApi(registries.client);
  const patient: Pick<ChainguardHistoryApi, 'moves'> = {
    moves: (...question) => registries.patiently(() => api.moves(...question)),
  };
  return {
    name: 'chainguard',
    repositories,
    async *items() {
      for (const name of repositories) yield* registries.eachOrFailure(name, () => itemsOfRepository(name));
    },
  };

  async function* itemsOfRepository(name: RepositoryName): AsyncGenerator<Item> {
    registries.say(`${name.toString()}: listing its tags ...`);
    const { tags, complete } = await registries.patiently(() => registries.client.listTags(name));
    const wanted = tags.filter(wants ?? isWantedTag);
    const rest = complete ? '' : '; the registry did not show the end of the list';
    registries.say(`${name.toString()}: ${tags.length} tags, ${wanted.length} of them wanted${rest}`);
    let shown = false;
    for (const [index, tag] of wanted.entries()) {
      const rows = await rowsOf(name, tag, shown || index < HOPELESS_AFTER - 1);
      if (typeof rows === 'string') {
        yield { kind: 'refusal', refusal: { text: name.tag(tag).toString(), reason: rows } };
      } else {
        shown = true;
        yield* itemsOf(name.tag(tag), rows);
        yield { kind: 'part' };
      }
      const tenth = (at: number): number => Math.floor((at * 10) / wanted.length);
      if (tenth(index + 1) > tenth(index)) registries.say(`${name.toString()}: ${index + 1} of ${wanted.length} tags`);
    }
  }

  /** A text: why this tag has none, where that says nothing of the others. */
  async function rowsOf(name: RepositoryName, tag: string, mayFail: boolean): Promise<HistoryRow[] | string> {
    const rows: HistoryRow[] = [];
    try {
      for await (const row of chainguardHistory(patient, name, tag)) rows.push(row);
      return rows;
    } catch (error) {
      if (!mayFail || !isRegistryFailure(error) || error.code !== 'not-found') throw error;
      return 'the registry shows no history of it';
    }
  }
}
