import { createHash } from 'node:crypto';
import { MEDIA_TYPES, type Digest, type RepositoryName } from '@dtm/oci';
import type { RegistryAdapter, ScanRequest, ScanSummary, TagAnswer } from '../adapters/adapter.ts';
import type { ScriptedStep } from './scripted-registry.ts';

/** A digest that stands for a content. */
export function digestOf(content: string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}` as Digest;
}

/** A registry's answer to HEAD of a tag: it has this content; null: it has no such tag. */
export function headOf(repository: string, tag: string, content: string | null): ScriptedStep {
  const asked = { method: 'HEAD', path: `/v2/${repository}/manifests/${tag}` } as const;
  if (content === null) return { ...asked, status: 404 };
  return { ...asked, headers: { 'docker-content-digest': digestOf(content), 'content-type': MEDIA_TYPES.ociIndex } };
}

export interface ScanOutcome {
  /** By tag: `agreed`, `observed <content>` of those that `contents` names, `absent` or the failure's code. */
  tags: Record<string, string>;
  answers: Map<string, TagAnswer>;
  summary: ScanSummary;
}

/** Scans to the end; `recorded` holds the contents that the record knows, by tag. Throws where a tag is answered twice or never. */
export async function scanOf(
  adapter: RegistryAdapter,
  name: RepositoryName,
  request: Omit<ScanRequest, 'concurrency' | 'known'> & { recorded?: Readonly<Record<string, string>> },
  contents: readonly string[] = ['a', 'b', 'c', 'd'],
): Promise<ScanOutcome> {
  const { recorded = {}, ...rest } = request;
  const known = (tag: string): string | null => {
    const content = recorded[tag];
    return content === undefined ? null : digestOf(content);
  };
  const answers = new Map<string, TagAnswer>();
  const scan = adapter.scan(name, { ...rest, known, concurrency: 1 });
  for (let next = await scan.next(); ; next = await scan.next()) {
    if (next.done === true) {
      for (const tag of request.tags) if (!answers.has(tag)) throw new Error(`${tag} was not answered`);
      const tags = [...answers].map(([tag, answer]) => [tag, wordsOf(answer, contents)]);
      return { tags: Object.fromEntries(tags) as Record<string, string>, answers, summary: next.value };
    }
    if (answers.has(next.value.tag)) throw new Error(`${next.value.tag} was answered twice`);
    answers.set(next.value.tag, next.value);
  }
}

/** When the answer says that the tag was pushed. */
export function pushedAtOf(outcome: ScanOutcome, tag: string): string | undefined {
  const answer = outcome.answers.get(tag);
  if (answer === undefined || answer.outcome === 'failed') return undefined;
  return (answer.outcome === 'agreed' ? answer : answer.observation).pushedAt?.toISOString();
}

function wordsOf(answer: TagAnswer, contents: readonly string[]): string {
  if (answer.outcome === 'agreed') return 'agreed';
  if (answer.outcome === 'failed') return answer.failure.code;
  const { observation } = answer;
  if (observation.outcome === 'absent') return 'absent';
  return `observed ${contents.find((content) => digestOf(content) === observation.digest) ?? observation.digest}`;
}
