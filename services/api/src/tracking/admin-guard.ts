import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CONFIG, type Config } from '@dtm/service-host';
import { ProblemError } from '../problem/problem.ts';

/** Lets through whoever knows ADMIN_TOKEN: what changes other people's data. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(@Inject(CONFIG) private readonly config: Pick<Config, 'adminToken'>) {}

  canActivate(context: ExecutionContext): boolean {
    const { adminToken } = this.config;
    if (adminToken === null) {
      throw new ProblemError('not-enabled', {
        title: 'This call is turned off: set ADMIN_TOKEN for the api and send it as "Authorization: Bearer <token>"',
      });
    }
    const { authorization } = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>().headers;
    const given = /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1];
    if (given === undefined || !equal(given, adminToken)) {
      throw new ProblemError('not-authorised', {
        title: 'This call needs the administrator: send ADMIN_TOKEN as "Authorization: Bearer <token>"',
        headers: { 'www-authenticate': 'Bearer realm="Docker Tag Monitor"' },
      });
    }
    return true;
  }
}

/** Takes the same time wherever they differ; hashes have one length. */
function equal(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
