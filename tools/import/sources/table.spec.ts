import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImportSource, Item } from '../row.ts';
import { tableSource } from './table.ts';

const A = `sha256:${'a'.repeat(64)}`;
const HEADER = 'image,tag,digest,observed_at';

describe('a table of facts', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dtm-table-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('may be NDJSON, packed too', async () => {
    const line = JSON.stringify({ image: 'nginx', tag: '1', digest: A, observed_at: '2024-01-01T00:00:00Z' });
    const path = join(folder, 'facts.ndjson.gz');
    writeFileSync(path, gzipSync(`${line}\nnot json\n`));
    const [first, second] = await itemsOf(tableSource('ndjson', path));
    expect(first).toMatchObject({ kind: 'row', row: { digest: A, observedAt: new Date('2024-01-01T00:00:00Z') } });
    expect(second).toEqual({
      kind: 'refusal',
      refusal: { text: 'line 2: not json', reason: 'the line cannot be read' },
    });
  });

  it('names line and value of a time that is none', async () => {
    const path = join(folder, 'facts.csv');
    writeFileSync(path, `${HEADER}\n\nnginx,1,${A},1\n`);
    expect(await itemsOf(tableSource('csv', path))).toEqual([
      {
        kind: 'refusal',
        refusal: { text: 'line 3: nginx:1', reason: '"1" is not a time such as 2024-01-31T12:00:00Z' },
      },
    ]);
  });

  it('means UTC where a time names no zone, wherever the machine is', () => {
    const path = join(folder, 'zone.csv');
    writeFileSync(path, `${HEADER}\nnginx,1,${A},2024-01-05 10:00:00\n`);
    const script = `const { tableSource } = await import(process.argv[1]);
      for await (const { row } of tableSource('csv', process.argv[2]).items()) console.log(row.observedAt.toISOString());`;
    const source = pathToFileURL(join(import.meta.dirname, 'table.ts')).href;
    // Jest's own process keeps the zone that it was started with.
    const args = ['--conditions=dtm-source', '--input-type=module', '--eval', script, source, path];
    const env = { ...process.env, TZ: 'Pacific/Auckland' };
    expect(execFileSync(process.execPath, args, { env, encoding: 'utf8' })).toBe('2024-01-05T10:00:00.000Z\n');
  });
});

async function itemsOf(source: ImportSource): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source.items()) items.push(item);
  return items;
}
