import { Story } from './story.ts';

const DAYS = 6;

/** A time of one of the last days: hours of scans are kept for a week. */
function at(day: number, time: string): string {
  return `${new Date(Date.now() - (DAYS + 1 - day) * 86_400_000).toISOString().slice(0, 10)} ${time}`;
}

/** Everything that read models can hold: for specs that compare whole read models. */
export function eventfulStory(): Story {
  const app = 'ghcr.io/team/app';
  const web = 'docker.io/library/web';
  const story = new Story()
    .tracked(at(1, '08:00'), `${app}:1`)
    .tracked(at(1, '08:00'), `${app}:2`, 'popular')
    .tracked(at(1, '09:00'), `${web}:latest`)
    .observed(at(1, '10:00'), `${app}:1`, 'a')
    .observed(at(1, '10:00'), `${app}:2`, 'b', { pushedAt: '2025-12-24' })
    .scanned(at(1, '10:00'), app)
    .imported('2025-11-01', `${web}:latest`, 'c')
    .imported('2025-12-01', `${web}:latest`, 'd')
    .observed(at(1, '10:30'), `${web}:latest`, 'd')
    .scanned(at(1, '10:30'), web)
    .scanFailed(at(1, '12:00'), web)
    .scanFailed(at(1, '14:00'), web, 'HTTP 502', 'server-error')
    .nonsense('HISTORY', 'history.x.y.z', 'no event')
    .nonsense('TRACKING', 'tracking.x.y.z', 'no event either')
    .scannedBut(at(1, '12:30'), app, '2', 'HTTP 500')
    .scannedBut(at(1, '14:30'), app, '2', 'HTTP 500')
    .observed(at(1, '15:00'), `${app}:1`, 'c')
    .untracked(at(2, '08:00'), `${app}:2`)
    .scanned(at(2, '09:00'), app)
    .scanned(at(2, '09:30'), 'ghcr.io/team/without-tags')
    .tracked(at(3, '08:00'), `${app}:2`)
    .tracked(at(3, '08:30'), `${app}:3`)
    .observed(at(4, '10:00'), `${app}:3`, 'e')
    .scanned(at(4, '10:00'), app)
    .disappeared(at(5, '10:00'), `${app}:1`)
    .scanned(at(5, '10:00'), app)
    .observed(at(6, '10:00'), `${app}:1`, 'c')
    .tracked(at(6, '11:00'), `${web}:never-scanned`)
    .untracked(at(6, '12:00'), `${app}:3`, 'expiry')
    .scanned(at(6, '14:00'), app)
    .described(at(6, '14:01'), app, 'b', '2025-12-01')
    .described(at(6, '14:02'), app, 'c', '2025-12-02')
    .described(at(6, '14:03'), web, 'd')
    .nonsense('MANIFESTS', 'manifest.x', 'no event of a manifest');
  return story;
}
