import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { encode, EVENT_TYPES, type EventType } from './envelope.ts';
import { jsonSchemas } from './json-schema.ts';
import { SAMPLE_EVENTS } from './sample-events.ts';

const FOLDER = new URL('../../../docs/events/', import.meta.url);
const UPDATE =
  'not what libs/events says. Is the change an addition? Then: node --conditions=dtm-source tools/events/write-schemas.mjs';

const schemas = jsonSchemas();
const names = Object.keys(EVENT_TYPES) as (keyof typeof EVENT_TYPES)[];

function validator(name: string) {
  const ajv = new Ajv2020({ allErrors: true });
  formats.default.default(ajv);
  return ajv.compile(schemas.get(`${name}.v1.schema.json`) ?? false);
}

function message(type: EventType, data: object = {}): unknown {
  const event = JSON.parse(new TextDecoder().decode(encode(SAMPLE_EVENTS[type]))) as { data: object };
  return { ...event, data: { ...event.data, ...data } };
}

describe('docs/events', () => {
  it('holds one schema per event type and nothing else', () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.schema.json'));
    expect(files.sort()).toEqual([...schemas.keys()].sort());
  });

  it.each([...schemas])('%s is what the code says', (file, schema) => {
    const golden = readFileSync(new URL(file, FOLDER), 'utf8');
    const same = golden === `${JSON.stringify(schema, null, 2)}\n`;
    expect(same ? file : `docs/events/${file} is ${UPDATE}`).toBe(file);
  });

  it.each(names)('%s: every member says what it means', (name) => {
    const data = (schemas.get(`${name}.v1.schema.json`) as { properties: { data: { properties: object } } }).properties
      .data;
    const silent = Object.entries(data.properties).filter(
      ([, member]) => !(member as { description?: string }).description,
    );
    expect(silent.map(([member]) => member)).toEqual([]);
  });
});

describe('the JSON Schema of', () => {
  it.each(names)('%s accepts what encode writes, and members to come', (name) => {
    const validate = validator(name);
    validate(message(EVENT_TYPES[name]));
    expect(validate.errors ?? []).toEqual([]);
    expect(validate(message(EVENT_TYPES[name], { later: 1 }))).toBe(true);
  });

  it.each(names)('%s refuses every other event', (name) => {
    const validate = validator(name);
    for (const other of names) {
      if (other !== name) expect(validate(message(EVENT_TYPES[other]))).toBe(false);
    }
  });

  it.each(names)('%s refuses data without one of their members', (name) => {
    const validate = validator(name);
    const data = SAMPLE_EVENTS[EVENT_TYPES[name]].data;
    const optional = ['reappeared', 'pushedAt', 'skipQuietSince', 'skipQuietUntil', 'appeared'];
    for (const member of Object.keys(data)) {
      expect([member, validate(message(EVENT_TYPES[name], { [member]: undefined }))]).toEqual([
        member,
        optional.includes(member),
      ]);
    }
  });

  it.each([
    ['a digest that is none', { digest: 'sha256 zz' }],
    ['a time that is not UTC', { observedAt: '2026-11-22T12:00:00.000+01:00' }],
    ['a day that is none', { observedAt: '2026-13-22T12:00:00.000Z' }],
    ['a path that climbs', { repository: 'a/../b' }],
    ['reappeared: false', { reappeared: false }],
  ])('DigestObserved refuses %s', (_what, data) => {
    expect(validator('DigestObserved')(message(EVENT_TYPES.DigestObserved, data))).toBe(false);
  });
});
