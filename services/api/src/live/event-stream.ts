import type { Response } from 'express';

/** One Server-Sent Event. */
export interface StreamEvent {
  event: 'change' | 'scan';
  id?: number;
  data: string;
}

/** Characters that may wait for a client that does not read; beyond it the client is dropped and resumes by its last id. */
const MAX_WAITING = 1_000_000;
/** Milliseconds after which a browser comes back. */
const RETRY_MS = 2000;

/** The connection of one client, written as text/event-stream. */
export class EventStream {
  readonly #response: Response;

  constructor(response: Response) {
    this.#response = response;
    response.socket?.setNoDelay(true);
    response.status(200).set({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would hold events back otherwise.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    response.write(`retry: ${RETRY_MS}\n\n`);
  }

  get open(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  send(event: StreamEvent): void {
    const id = event.id === undefined ? '' : `id: ${event.id}\n`;
    this.#write(`event: ${event.event}\n${id}data: ${event.data}\n\n`);
  }

  /** Tells the client where it is without telling it anything: browsers keep the id and dispatch nothing. */
  mark(id: number): void {
    this.#write(`id: ${id}\n\n`);
  }

  /** Keeps proxies from closing a connection on which nothing happens. */
  beat(): void {
    this.#write(': still here\n\n');
  }

  /** Resolves when what was sent so far is on its way, or the client is gone. */
  async flushed(): Promise<void> {
    if (!this.open || !this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        this.#response.off('drain', end).off('close', end);
        resolve();
      };
      this.#response.on('drain', end).on('close', end);
    });
  }

  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }

  end(): void {
    this.#response.end();
  }

  #write(text: string): void {
    if (!this.open) return;
    this.#response.write(text);
    if (this.#response.writableLength > MAX_WAITING) this.#response.destroy();
  }
}
