// One user with one page and the official client in it.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { openPage } from './browser.js';
import { PATIENCE, turnstile } from './patience.js';

const require = createRequire(import.meta.url);
/** Opening a page is the most expensive thing here. All at once they would starve the tests that already measure time. */
const inTurn = turnstile(2);

const IN_PAGE = fileURLToPath(new URL('in_page.js', import.meta.url));

export const TRANSPORTS = ['webSockets', 'serverSentEvents', 'foreverFrame', 'longPolling'];

/**
 * The entries of a list, for a forever frame each only once: Chromium shows a frame's old document until the new one arrives, so
 * the end of the old one looks to the client like another loss, and it may reconnect several times where other transports do once.
 */
export function course(list, transport) {
  return transport === 'foreverFrame' ? [...new Set(list)] : list;
}

/**
 * Whether that is the progress one may see of `countdown(steps)`: all of it over webSockets; elsewhere it comes by another physical
 * connection than the result and may lose the race, at worst from the end (spec 7.3, CP-168: whenever possible).
 */
export function isProgress(progress, steps, transport) {
  const complete = transport !== 'webSockets' || progress.length === steps;
  return complete && progress.every((value, index) => value === index + 1);
}

/** What marks a call that the server answered with an error. */
export class CallError extends Error {
  constructor({ message, data, source }, progress) {
    super(message);
    Object.assign(this, { data, source, progress });
  }
}

/** Clients up to 2.3 need a jQuery that still has what 3.0 removed. */
function jqueryFor(release) {
  return require.resolve(release === '2.4.3' ? 'jquery' : 'jquery-1/dist/jquery.js');
}

function clientScript(release) {
  return require.resolve(release === '2.4.3' ? 'signalr/jquery.signalR.js' : `signalr-${release}/jquery.signalR.js`);
}

export class Client {
  /** The page, for what only one test needs. */
  page;

  /**
   * Opens a page of `origin` with the official client in it.
   *
   * `without` names globals of the browser to take away before any script runs: the client offers foreverFrame only to
   * browsers without EventSource. `release` is the client's version.
   */
  static open(origin, { without = [], release = '2.4.3' } = {}) {
    return inTurn(() => Client.#open(origin, without, release));
  }

  static async #open(origin, without, release) {
    const client = new Client();
    client.page = await openPage();
    client.page.setDefaultTimeout(PATIENCE);
    await client.page.addInitScript((names) => names.forEach((name) => delete window[name]), without);
    // Any answer of the server makes a page of its origin; this one is small.
    await client.page.goto(`${origin}/signalr/ping`);
    for (const path of [jqueryFor(release), clientScript(release), IN_PAGE]) await client.page.addScriptTag({ path });
    return client;
  }

  /** A client of the diagnostics hub that is able to use that transport, not yet started. */
  static async forHub(origin, transport, { url = '/signalr', query = {}, without = [], ...options } = {}) {
    const missing = transport === 'foreverFrame' ? [...without, 'EventSource'] : without;
    const client = await Client.open(origin, { without: missing, ...options });
    await client.run(({ url, query }) => window.peer.openHub(url, query), { url, query });
    return client;
  }

  /** The same, started. */
  static async started(origin, transport, options) {
    const client = await Client.forHub(origin, transport, options);
    await client.start(transport);
    return client;
  }

  /** Starts with that transport, that list of them, or whichever the client chooses; remembers id and transport. */
  async start(transport, options = {}) {
    const chosen = transport ? { transport, ...options } : options;
    Object.assign(this, await this.run((chosen) => window.peer.start(chosen), chosen));
    return this;
  }

  /** The result of a call. */
  async call(method, ...args) {
    return (await this.callWithProgress(method, ...args)).result;
  }

  /** The result of a call and the progress before it. */
  async callWithProgress(method, ...args) {
    const outcome = await this.run(({ method, args }) => window.peer.call(method, args), { method, args });
    if (outcome.error) throw new CallError(outcome.error, outcome.progress);
    return outcome;
  }

  async stop() {
    await this.run(() => void window.peer.connection.stop());
  }

  /** Waits for an event, or for the nth of that name, and returns the events until then. */
  saw(event, times = 1, patience = PATIENCE) {
    return this.#until('events', event, times, patience);
  }

  /** Waits until `called` brought that text, and returns everything it brought until then. */
  heard(text, patience = PATIENCE) {
    return this.#until('heard', text, 1, patience);
  }

  /** Everything so far: state, events, heard. */
  seen() {
    return this.run(() => window.peer.toJSON());
  }

  /** The states the connection went through. */
  states() {
    return this.run(() => window.peer.states);
  }

  run(inPage, argument) {
    return this.page.evaluate(inPage, argument);
  }

  close() {
    return this.page.close();
  }

  #until(list, wanted, times, patience) {
    return this.run(
      ({ list, wanted, times, patience }) => window.peer.until(list, wanted, times, patience),
      { list, wanted, times, patience },
    );
  }
}
