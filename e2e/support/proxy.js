// A network that can fail: a TCP proxy on loopback between browser and server.
//
// It forwards bytes as they are. It looks at the first line of each request only, to note it and to refuse what a test
// wants refused; browsers do not pipeline, so a request always begins at the beginning of a chunk.

import { once } from 'node:events';
import net from 'node:net';

const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/;
/** What may become of a request. */
const FORWARD = 'forward';
const REFUSE = 'refuse';
const SWALLOW = 'swallow';

const REFUSAL = 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** The first line of a request, and what else tests ask about it. */
class ProxiedRequest {
  constructor(method, target, text) {
    const url = new URL(target, 'http://proxy');
    this.method = method;
    this.path = url.pathname;
    /** The last word of the path: `negotiate`, `connect`, ... */
    this.command = url.pathname.split('/').at(-1);
    this.query = Object.fromEntries(url.searchParams);
    this.isUpgrade = /\r\nUpgrade: websocket\r\n/i.test(text);
  }
}

export class FaultProxy {
  /** Where connections go. A restarted server has another port. */
  targetPort;
  /** All requests that went through or were refused, oldest first. */
  requests = [];
  /** How long each chunk is held back, in milliseconds. */
  delay = 0;
  #listener;
  #sockets = new Set();
  #verdict = () => FORWARD;
  #refusesAll = false;
  #stall = { over: Promise.resolve(), end: () => {} };

  static async start(targetPort) {
    const proxy = new FaultProxy();
    proxy.targetPort = targetPort;
    proxy.#listener = net.createServer((client) => proxy.#accept(client));
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    proxy.origin = `http://127.0.0.1:${proxy.#listener.address().port}`;
    return proxy;
  }

  /** Nothing arrives anywhere any more, and nobody is told: a cable pulled somewhere on the way. */
  stall() {
    let end;
    this.#stall = { over: new Promise((resolve) => (end = resolve)), end };
  }

  /** The cable is back: what was on the way arrives. */
  resume() {
    this.#stall.end();
  }

  /** Breaks all physical connections; both sides notice at once. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks all physical connections and accepts no new ones until `restore`. */
  breakDown() {
    this.#refusesAll = true;
    this.cut();
  }

  /** Accepts physical connections again. */
  restore() {
    this.#refusesAll = false;
  }

  /** From now on answers the requests that `predicate` chooses itself, and not kindly. */
  refuse(predicate) {
    this.#verdict = (request) => (predicate(request) ? REFUSE : FORWARD);
  }

  /** From now on takes the requests that `predicate` chooses and never says anything about them. */
  swallow(predicate) {
    this.#verdict = (request) => (predicate(request) ? SWALLOW : FORWARD);
  }

  /** The transports that connections were tried with, oldest first. */
  transportsTried() {
    return this.requests.filter(({ command }) => command === 'connect').map(({ query }) => query.transport);
  }

  /** How often a command came in. */
  count(command) {
    return this.requests.filter((request) => request.command === command).length;
  }

  async close() {
    this.resume();
    this.#listener.close();
    this.cut();
    await once(this.#listener, 'close');
  }

  #accept(client) {
    if (this.#refusesAll) {
      client.destroy();
      return;
    }
    const server = net.connect(this.targetPort, '127.0.0.1');
    this.#carry(client, server, (chunk) => this.#judge(chunk));
    this.#carry(server, client, () => FORWARD);
  }

  /** Carries bytes one way, one chunk at a time, through whatever is wrong at the moment. */
  #carry(from, to, judge) {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', async (chunk) => {
      from.pause();
      const verdict = judge(chunk);
      if (verdict === REFUSE) from.end(REFUSAL);
      if (verdict !== FORWARD) return;
      if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
      await this.#stall.over;
      if (!to.destroyed) to.write(chunk, () => from.resume());
    });
    // A broken connection is what this class is for; `close` follows.
    from.on('error', () => {});
    from.on('end', async () => {
      await this.#stall.over;
      to.end();
    });
    from.on('close', async () => {
      this.#sockets.delete(from);
      await this.#stall.over;
      to.destroySoon();
    });
  }

  /** Notes the request that a chunk begins, if it begins one, and decides about it. */
  #judge(chunk) {
    const text = chunk.toString('latin1');
    const [, method, target] = REQUEST_LINE.exec(text) ?? [];
    if (!method) return FORWARD;
    const request = new ProxiedRequest(method, target, text);
    this.requests.push(request);
    return this.#verdict(request);
  }
}
