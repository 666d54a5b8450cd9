import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseDigest, Reference } from '@dtm/oci';
import type { ImportSource, Item } from '../row.ts';

const FILE = /^\+\+\+ b\/repos\/([^/]+)\/remote\/([^/]+)\.md$/;
const HUNK = /^@@ -\S+ \+(\d+)/;
const DIGEST_LINE = /^\+\$ docker pull \S+@(sha256:[a-f0-9]{64})$/;
/** The tag's own digest stands in the file's first lines; those of its platforms follow much further down. */
const LAST_HEAD_LINE = 6;

/**
 * A checkout of docker-library/repo-info: one file for each tag of the official images, whose git log tells which digest
 * it named when. The time of a commit is when the fact was published: the change happened not later.
 */
export function repoInfoSource(path: string): ImportSource {
  return { name: 'repo-info', items: () => readLog(path) };
}

async function* readLog(path: string): AsyncGenerator<Item> {
  const args = [
    '-C',
    path,
    'log',
    '--reverse',
    '--format=commit %cI',
    '-p',
    '--unified=0',
    '--no-color',
    '--no-renames',
  ];
  const git = spawn('git', [...args, '--', 'repos/*/remote/*.md'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  git.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = new Promise<number | null>((resolve, reject) => git.once('close', resolve).once('error', reject));
  let observedAt = new Date(NaN);
  let file: { image: string; tag: string } | null = null;
  let lineNumber = NaN;
  for await (const line of createInterface({ input: git.stdout, crlfDelay: Infinity })) {
    if (line.startsWith('commit ')) observedAt = new Date(line.slice('commit '.length));
    else if (line.startsWith('+++ ')) file = fileOf(line);
    else if (line.startsWith('@@')) lineNumber = Number(HUNK.exec(line)?.[1] ?? NaN);
    else if (file !== null && line.startsWith('+')) {
      const digest = lineNumber <= LAST_HEAD_LINE ? parseDigest(DIGEST_LINE.exec(line)?.[1] ?? '') : null;
      lineNumber++;
      if (digest !== null) yield itemOf(file, digest, observedAt);
    }
  }
  if ((await ended) !== 0) throw new Error(`git cannot read the log of ${path}: ${complaint.trim()}`);
}

function fileOf(line: string): { image: string; tag: string } | null {
  const [, image, tag] = FILE.exec(line) ?? [];
  return image === undefined || tag === undefined ? null : { image, tag };
}

function itemOf(file: { image: string; tag: string }, digest: string, observedAt: Date): Item {
  const text = `${file.image}:${file.tag}`;
  const reference = Reference.parse(text);
  if (!(reference instanceof Reference)) return { kind: 'refusal', refusal: { text, reason: reference.reason } };
  return { kind: 'row', row: { reference, digest, observedAt, notBefore: null, mediaType: '', pushedAt: null } };
}
