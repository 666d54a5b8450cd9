import type { Request } from 'express';

const HOST = /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$|^\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?$/;

/** Where people reach the web UI: PUBLIC_URL, else what the request was sent to; null where that makes no sense. */
export function publicOrigin(publicUrl: string | null, request: Pick<Request, 'get' | 'protocol'>): string | null {
  if (publicUrl !== null) return publicUrl;
  const host = request.get('host') ?? '';
  return HOST.test(host) ? `${request.protocol}://${host}` : null;
}
