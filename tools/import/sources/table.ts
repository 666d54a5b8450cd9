import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { parseDigest, Reference } from '@dtm/oci';
import type { ImportSource, Item } from '../row.ts';
import { parseInstant } from './instant.ts';

const COLUMNS = ['image', 'tag', 'digest', 'observed_at'] as const;

interface Fields {
  image: string;
  tag: string;
  digest: string;
  observed_at: string;
  source?: string;
}

/** A CSV file with a header line, or NDJSON, of `image,tag,digest,observed_at`; packed by gzip where its name ends in `.gz`. */
export function tableSource(format: 'csv' | 'ndjson', path: string): ImportSource {
  return { name: format, items: () => readTable(format, path) };
}

async function* readTable(format: 'csv' | 'ndjson', path: string): AsyncGenerator<Item> {
  const file = createReadStream(path);
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  let header: string[] | null = null;
  const references = new Map<string, Reference | string>();
  let lineNumber = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    lineNumber++;
    if (line.trim() === '') continue;
    if (format === 'csv' && header === null) {
      header = splitCsv(line);
      const missing = COLUMNS.filter((column) => header?.includes(column) !== true);
      if (missing.length > 0) throw new Error(`${path}: its first line names no column ${missing.join(', ')}`);
      continue;
    }
    const fields = format === 'csv' ? fieldsOfCsv(header ?? [], line) : fieldsOfJson(line);
    const item = fields === null ? refusal(line, 'the line cannot be read') : itemOf(fields, references);
    if (item.kind === 'refusal') yield refusal(`line ${lineNumber}: ${item.refusal.text}`, item.refusal.reason);
    else yield item;
  }
}

/** Also used for the original's database, whose facts have the same form. */
export function itemOf(fields: Fields, references: Map<string, Reference | string>): Item {
  const name = `${fields.image}:${fields.tag}`;
  let reference = references.get(name);
  if (reference === undefined) {
    const parsed = Reference.parse(name);
    reference = parsed instanceof Reference ? parsed : parsed.reason;
    references.set(name, reference);
  }
  if (typeof reference === 'string') return refusal(name, reference);
  const digest = parseDigest(fields.digest);
  if (digest === null) return refusal(name, `"${fields.digest.slice(0, 80)}" is not a digest`);
  const observedAt = parseInstant(fields.observed_at);
  const written = `"${fields.observed_at.slice(0, 40)}"`;
  if (observedAt === null) return refusal(name, `${written} is not a time such as 2024-01-31T12:00:00Z`);
  // Before 1970: what programs write that do not know a time.
  if (observedAt.getTime() < 0 || observedAt.getTime() > Date.now()) {
    return refusal(name, `${written} is not a time between 1970 and now`);
  }
  return { kind: 'row', row: { reference, digest, observedAt, notBefore: null, mediaType: '', pushedAt: null } };
}

function refusal(text: string, reason: string): Extract<Item, { kind: 'refusal' }> {
  return { kind: 'refusal', refusal: { text: text.slice(0, 200), reason } };
}

function fieldsOfCsv(header: readonly string[], line: string): Fields | null {
  const values = splitCsv(line);
  if (values.length !== header.length) return null;
  return fieldsOf(Object.fromEntries(header.map((column, index) => [column, values[index]])));
}

function fieldsOfJson(line: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(line) as Record<string, unknown>);
  } catch {
    return null;
  }
}

function fieldsOf(record: Record<string, unknown> | null): Fields | null {
  const { image, tag, digest, observed_at: observed } = record ?? {};
  if (typeof image !== 'string' || typeof tag !== 'string') return null;
  if (typeof digest !== 'string' || typeof observed !== 'string') return null;
  return { image, tag, digest, observed_at: observed };
}

/** RFC 4180 within a line; facts of this form have no line breaks. */
function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    (match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? '',
  );
}
