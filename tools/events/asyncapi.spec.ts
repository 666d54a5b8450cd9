import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { CONTENT_TYPE, EVENT_TYPES, SUBJECTS } from '@dtm/events';
import { STREAMS } from '@dtm/jetstream';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = join(ROOT, 'docs', 'events', 'asyncapi.yaml');

interface Ref {
  $ref: string;
}

interface Channel {
  address: string;
  'x-stream': string;
  parameters: Record<string, Ref>;
  messages: Record<string, Ref>;
}

interface Message {
  name: string;
  contentType: string;
  payload: Ref;
}

interface AsyncApi {
  channels: Record<string, Channel>;
  operations: Record<string, { channel: Ref }>;
  components: { messages: Record<string, Message> };
}

const api = parse(readFileSync(DOCUMENT, 'utf8')) as AsyncApi;

/** What a reference means, of this document or of a file beside it; undefined where there is nothing. */
function resolved({ $ref: reference }: Ref): unknown {
  const [file = '', pointer = ''] = reference.split('#');
  const path = join(dirname(DOCUMENT), file);
  if (file !== '' && !existsSync(path)) return undefined;
  const whole: unknown = file === '' ? api : JSON.parse(readFileSync(path, 'utf8'));
  const names = pointer.split('/').slice(1);
  return names.reduce((value, name) => (value as Record<string, unknown> | undefined)?.[name], whole);
}

function references(value: unknown): Ref[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('$ref' in value) return [value as Ref];
  return Object.values(value).flatMap(references);
}

const TAG = { registry: '{registry}', repository: '{repository}', tag: '{tag}' };
/** Filters for readers, no subjects of their own. */
const FILTERS = ['historyOfRepository', 'historyOfRegistry', 'scanRequestsOfRegistry'];

/** As libs/events writes it, with the parameters in their places. */
function addressOf(name: string): string {
  const make = SUBJECTS[name as keyof typeof SUBJECTS] as (of: unknown) => string;
  const braced = make(name === 'manifest' ? '{digest}' : TAG);
  return braced.replaceAll('=7B', '{').replaceAll('=7D', '}');
}

describe('docs/events/asyncapi.yaml', () => {
  it('names nothing that is not there', () => {
    expect(references(api).filter((reference) => resolved(reference) === undefined)).toEqual([]);
  });

  it('has every type of event, with its schema, and no other', () => {
    const messages = Object.entries(api.components.messages).map(([name, { payload, contentType, ...rest }]) => {
      const { title } = resolved(payload) as { title: string };
      expect([name, title, contentType]).toEqual([name, rest.name, CONTENT_TYPE]);
      return [name, rest.name];
    });
    expect(Object.fromEntries(messages)).toEqual(EVENT_TYPES);
    const used = Object.values(api.channels).flatMap(({ messages: these }) => Object.keys(these));
    expect([...new Set(used)].sort()).toEqual(Object.keys(EVENT_TYPES).sort());
  });

  it('has every subject, as it is written, and no other', () => {
    const subjects = Object.keys(SUBJECTS).filter((name) => !FILTERS.includes(name));
    const addresses = Object.entries(api.channels).map(([name, { address }]) => [name, address]);
    expect(Object.fromEntries(addresses)).toEqual(Object.fromEntries(subjects.map((name) => [name, addressOf(name)])));
    for (const { address, parameters } of Object.values(api.channels)) {
      const named = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([address, Object.keys(parameters)]).toEqual([address, named]);
    }
  });

  it('has every stream', () => {
    const streams = new Set(Object.values(api.channels).map((channel) => channel['x-stream']));
    expect([...streams].sort()).toEqual(Object.values(STREAMS).sort());
  });

  it('says of every channel who writes it', () => {
    const written = new Set(Object.values(api.operations).map(({ channel }) => resolved(channel)));
    expect(Object.values(api.channels).filter((channel) => !written.has(channel))).toEqual([]);
  });

  it('is one that the parser of AsyncAPI takes', () => {
    const script = join(ROOT, 'tools', 'events', 'validate-asyncapi.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('AsyncAPI 3.0.0');
  });
});
