import { OPEN_EVENT_SOURCE } from '../app/api/live-feed.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/** An event stream that a test plays. */
export class PlayedStream extends EventTarget {
  readonly url: string;
  readyState = CONNECTING;

  constructor(url: string) {
    super();
    this.url = url;
  }

  open(): void {
    this.readyState = OPEN;
    this.dispatchEvent(new Event('open'));
  }

  send(type: 'change' | 'scan', data: unknown): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }

  /** The connection broke; the browser tries again by itself. */
  break(): void {
    this.readyState = CONNECTING;
    this.dispatchEvent(new Event('error'));
  }

  /** The server answered with an error; the browser gives up. */
  refuse(): void {
    this.readyState = CLOSED;
    this.dispatchEvent(new Event('error'));
  }

  close(): void {
    this.readyState = CLOSED;
  }
}

/** Plays every event stream that is opened. */
export class EventStreams {
  readonly opened: PlayedStream[] = [];

  readonly provider = {
    provide: OPEN_EVENT_SOURCE,
    useValue: (url: string): EventSource => {
      const stream = new PlayedStream(url);
      this.opened.push(stream);
      return stream as unknown as EventSource;
    },
  };

  get latest(): PlayedStream {
    const stream = this.opened.at(-1);
    if (stream === undefined) throw new Error('no event stream was opened');
    return stream;
  }
}
