import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { changeRow } from '../testing/fake-read-model.ts';
import { readEvents, type EventClient } from '../testing/read-events.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const NGINX = 'docker.io/library/nginx:1';
/** Long enough for the replica that lags to be asked, and to have answered. */
const A_WHILE_MS = 250;

let api: TestApi;
/** How far the replica is that says how far the record is, and how far the one that is asked for rows. */
let ahead: number;
let behind: number;
let client: EventClient;

beforeEach(async () => {
  api = await startApi();
  [ahead, behind] = [10, 10];
  const rows = Array.from({ length: 2000 }, (_, i) => changeRow(NGINX, i + 1));
  api.readModel.lastChangeSequence = () => Promise.resolve(ahead);
  api.readModel.nextChanges = (after, limit) => {
    const found = rows.slice(after, behind).slice(0, limit);
    return Promise.resolve({ rows: found, upTo: found.length < limit ? behind : (found.at(-1)?.sequence ?? 0) });
  };
});
afterEach(async () => {
  client.close();
  await api.stop();
});

async function connect(lastEventId?: number): Promise<EventClient> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  return readEvents(`${api.url}/api/v1/events`, headers);
}

async function ids(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) found.push(Number((await client.next()).id));
  return found;
}

const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));

it('tells what a replica that lags does not have yet, as soon as it has it', async () => {
  client = await connect();
  [ahead, behind] = [13, 11];
  api.notify('history', '13');
  expect(await ids(1)).toEqual([11]);
  await aWhile();
  [ahead, behind] = [14, 14];
  api.notify('history', '14');
  expect(await ids(3)).toEqual([12, 13, 14]);
});

it('resumes without loss where the answers come from a replica that lags', async () => {
  [ahead, behind] = [13, 11];
  client = await connect(9);
  expect(await ids(2)).toEqual([10, 11]);
  await aWhile();
  behind = 13;
  expect(await ids(2)).toEqual([12, 13]);
  [ahead, behind] = [14, 14];
  api.notify('history', '14');
  expect(await ids(1)).toEqual([14]);
});

it('tells a client what others were told while it connected, each change once', async () => {
  client = await connect();
  [ahead, behind] = [13, 13];
  api.notify('history', '13');
  expect(await ids(3)).toEqual([11, 12, 13]);
  client.close();
  // The replica that lags says now how far the record is, which is not as far as others were told.
  ahead = 11;
  client = await connect(12);
  expect(await ids(1)).toEqual([13]);
  [ahead, behind] = [14, 14];
  api.notify('history', '14');
  expect(await ids(1)).toEqual([14]);
});
