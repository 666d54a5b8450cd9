import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Reference } from '@dtm/oci';
import { startNats, startPostgresWithReplica, type RunningNats, type RunningReplica } from '@dtm/testing';
import { changePageSchema } from '../openapi/schemas.ts';
import { readEvents, type EventClient } from '../testing/read-events.ts';
import { Record } from '../testing/record.ts';
import { startWithStores } from '../testing/start-api.ts';

const APP = Reference.of('registry.example.com', 'team/app', '1.0');
const SCAN = {
  registry: APP.registry,
  repository: APP.repository,
  finishedAt: '2026-11-22T10:00:00.000Z',
  succeeded: true,
  changes: 1,
  failures: [],
};
/** Long enough for a notification to arrive, and for the replica to be asked again and again. */
const A_WHILE_MS = 500;

describe('an api with DATABASE_READ_URL', () => {
  let nats: RunningNats;
  let postgres: RunningReplica;
  let record: Record;
  let api: { url: string; stop(): Promise<void> };
  let client: EventClient;

  beforeAll(async () => {
    [nats, postgres] = await Promise.all([startNats(), startPostgresWithReplica()]);
    const { primary, replica } = await postgres.newDatabase();
    record = await Record.open(primary);
    await record.track(APP);
    const env = { DATABASE_URL: primary, DATABASE_READ_URL: replica, NATS_URL: nats.url };
    api = await startWithStores({ ...env, MAX_API_REQUESTS_PER_MINUTE: '0' });
    while ((await fetch(`${api.url}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    client = await readEvents(`${api.url}/api/v1/events`);
  }, 120_000);
  afterAll(async () => {
    client?.close();
    await api?.stop();
    await record?.close();
    await Promise.all([nats.stop(), postgres.stop()]);
  });

  async function changesShown(): Promise<number[]> {
    const answer = await fetch(`${api.url}/api/v1/tags/${APP.toString()}/changes`);
    return changePageSchema.parse(await answer.json()).items.map(({ sequence }) => sequence);
  }

  it('hears of a change from the primary, and reads it from the replica', async () => {
    const sequence = await record.change(APP);
    expect(await client.next()).toMatchObject({ event: 'change', id: String(sequence) });
    expect(await changesShown()).toEqual([sequence]);
  });

  it('tells nothing that the replica does not have yet', async () => {
    const before = await changesShown();
    await postgres.pauseReplay();
    const missed = [await record.change(APP), await record.change(APP)];
    await record.scanned(SCAN);
    let told = false;
    const next = client.next().finally(() => (told = true));
    await new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));
    expect(told).toBe(false);
    expect(await changesShown()).toEqual(before);

    await postgres.resumeReplay();
    expect(await next).toMatchObject({ event: 'change', id: String(missed[0]) });
    expect(await client.next()).toMatchObject({ event: 'change', id: String(missed[1]) });
    expect(await changesShown()).toEqual([...missed.reverse(), ...before]);
    // The news of the scan that brought them comes after them.
    expect(await client.next()).toMatchObject({ event: 'scan', data: SCAN });
  });
});
