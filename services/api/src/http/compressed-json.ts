import { gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';

/** Shorter ones fit a packet as they are. */
const SHORTEST = 1_024;
/** Longer ones would hold others up: they are compressed as a stream, elsewhere. */
const LONGEST = 100_000;

/** Compresses an answer at once, before it is sent: a stream of its own costs several times as much as the answer. */
export const compressedJson: RequestHandler = (request, response, next) => {
  response.json = (body: unknown) => {
    const text = JSON.stringify(body);
    response.type('json');
    if (text.length < SHORTEST || text.length > LONGEST || request.acceptsEncodings('gzip') === false)
      return response.send(text);
    response.vary('accept-encoding').setHeader('content-encoding', 'gzip');
    return response.send(gzipSync(text));
  };
  next();
};
