import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { changeRow } from '../testing/fake-read-model.ts';
import { readEvents, type EventClient } from '../testing/read-events.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const NGINX = 'docker.io/library/nginx:1';

let api: TestApi;
let client: EventClient;

beforeEach(async () => {
  api = await startApi();
  reaches(99);
  client = await connect();
  reaches(100);
  api.notify('history', '100');
  expect(await nextId()).toBe(100);
});
afterEach(async () => {
  client.close();
  await api.stop();
});

const connect = (): Promise<EventClient> => readEvents(`${api.url}/api/v1/events`);
const nextId = async (of = client): Promise<number> => Number((await of.next()).id);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function reaches(sequence: number): void {
  api.readModel.changes = Array.from({ length: sequence }, (_, i) => changeRow(NGINX, i + 1));
}

it('tells what comes after a restored record, to those who are connected and to those who come', async () => {
  reaches(50);
  api.listenAnew();
  const other = await connect();
  await pause(500);
  reaches(51);
  api.notify('history', '51');
  expect(await nextId()).toBe(51);
  expect(await nextId(other)).toBe(51);
  reaches(52);
  api.notify('history', '52');
  expect(await nextId()).toBe(52);
  expect(await nextId(other)).toBe(52);
  other.close();
});

it('notices a record that is restored in place, by the announcements that go back', async () => {
  reaches(51);
  api.notify('history', '51');
  expect(await nextId()).toBe(51);
  reaches(52);
  api.notify('history', '52');
  expect(await nextId()).toBe(52);
});

it('tells what happened without a connection, and nothing twice where a replica lags then', async () => {
  reaches(95);
  api.listenAnew();
  await pause(500);
  reaches(103);
  for (const expected of [101, 102, 103]) expect(await nextId()).toBe(expected);
  reaches(104);
  api.notify('history', '104');
  expect(await nextId()).toBe(104);
});
