import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportedChangeSchema } from '../openapi/schemas.ts';
import { changeRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ IMAGE_UPDATE_MAX_AGE: '1s' });
});
afterAll(() => api.stop());

describe('GET /api/v1/export/changes.ndjson', () => {
  it('streams the whole record, a line each, whatever is shown elsewhere', async () => {
    api.readModel.changes = Array.from({ length: 5000 }, (_, i) => changeRow('docker.io/library/nginx:1', i + 1));
    const answer = await api.get('/api/v1/export/changes.ndjson');
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    const text = await answer.text();
    expect(text.endsWith('\n')).toBe(true);
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(5000);
    const changes = lines.map((line) => exportedChangeSchema.parse(JSON.parse(line)));
    expect(changes.map(({ sequence }) => sequence)).toEqual(api.readModel.changes.map(({ sequence }) => sequence));
  });

  it('answers HEAD without reading the record', async () => {
    const read = api.readModel.exportChanges.bind(api.readModel);
    let reads = 0;
    api.readModel.exportChanges = () => {
      reads += 1;
      return read();
    };
    const answer = await api.get('/api/v1/export/changes.ndjson', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    expect(answer.headers.get('content-disposition')).toContain('changes.ndjson');
    expect(reads).toBe(0);
    api.readModel.exportChanges = read;
  });

  it('is empty without changes, and a problem without a database', async () => {
    api.readModel.changes = [];
    expect(await (await api.get('/api/v1/export/changes.ndjson')).text()).toBe('');
    api.readModel.fault = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect((await api.get('/api/v1/export/changes.ndjson')).status).toBe(503);
  });
});
