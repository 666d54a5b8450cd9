import { httpResource, type HttpResourceRef } from '@angular/common/http';
import { Injectable } from '@angular/core';
import type { ScanDays, SystemStatus } from '@dtm/api-contract';

/** How the system itself is doing. */
@Injectable({ providedIn: 'root' })
export class StatusApi {
  status(): HttpResourceRef<SystemStatus | undefined> {
    return httpResource<SystemStatus>(() => '/api/v1/status');
  }

  /** Scans per day (UTC), oldest first. */
  scanDays(days: number): HttpResourceRef<ScanDays | undefined> {
    return httpResource<ScanDays>(() => ({ url: '/api/v1/scans/days', params: { days } }));
  }
}
