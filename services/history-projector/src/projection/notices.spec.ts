import { describe, expect, it } from '@jest/globals';
import { Story } from '../testing/story.ts';
import { batchOf } from '../testing/projection-spec.ts';
import { scanMessage } from './notices.ts';

describe('scanMessage', () => {
  it('fits into what PostgreSQL can notify, whatever failed', () => {
    const failures = Array.from({ length: 300 }, (_, i) => ({
      tag: `${i}`.padStart(128, 'x'),
      code: 'server-error' as const,
      reason: 'ü'.repeat(500),
    }));
    const story = new Story().scanned('2026-03-01', 'ghcr.io/team/app', { failures });
    const event = batchOf(story.messages).SCAN_LOG[0]?.event;
    if (event === undefined || event === null) throw new Error('the story is empty');
    const text = scanMessage(event);
    expect(Buffer.byteLength(text)).toBeLessThan(8_000);
    expect((JSON.parse(text) as { failures: unknown[] }).failures.length).toBeGreaterThan(0);
  });

  it('tells why a scan failed', () => {
    const event = batchOf(new Story().scanFailed('2026-03-01', 'ghcr.io/team/app', 'no route').messages).SCAN_LOG[0]
      ?.event;
    if (event === undefined || event === null) throw new Error('the story is empty');
    expect(JSON.parse(scanMessage(event))).toMatchObject({ succeeded: false, error: 'no route', failures: [] });
  });
});
