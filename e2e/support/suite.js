// What every test file does: a server, clients that are closed after their test, and the browser given back.

import { after, before, describe, test } from 'node:test';

import { closeBrowser } from './browser.js';
import { Client } from './client.js';
import { FaultProxy } from './proxy.js';
import { Server } from './server.js';

/** More than any test needs; a test that hangs fails by itself. */
const LIMIT = 60_000;

after(closeBrowser);

/** What tests open; everything is closed when they are over. */
class Stage {
  #closing = [];

  constructor(server) {
    this.server = server;
  }

  /** Closes `thing` when this is over. */
  keep(thing) {
    this.#closing.push(thing);
    return thing;
  }

  /** A started client of the diagnostics hub. */
  async client(transport, { origin = this.server.origin, ...options } = {}) {
    return this.keep(await Client.started(origin, transport, options));
  }

  /** The same, not yet started. */
  async idleClient(transport, { origin = this.server.origin, ...options } = {}) {
    return this.keep(await Client.forHub(origin, transport, options));
  }

  /** A network that can fail, between a client and the server. */
  async network(server = this.server) {
    return this.keep(await FaultProxy.start(server.port));
  }

  async clear() {
    await Promise.all(this.#closing.map((thing) => thing.close()));
  }
}

/**
 * A group of tests that share one server with these flags and run side by side.
 *
 * `define` gets a function like node's `test`, whose tests receive a `Stage` of their own. What `prepare` returns, made
 * once on a stage that lasts as long as the group, is handed to each test too: pages are expensive.
 */
export function onServer(title, flags, define, prepare = async () => {}) {
  describe(title, { concurrency: 6 }, () => {
    let server, group, shared;
    before(async () => {
      server = await Server.start(...flags);
      group = new Stage(server);
      shared = await prepare(group);
    });
    after(async () => {
      await group?.clear();
      await server?.end();
    });
    define((name, run) =>
      test(name, { timeout: LIMIT }, async () => {
        const stage = new Stage(server);
        try {
          await run(stage, shared);
        } finally {
          await stage.clear();
        }
      }),
    );
  });
}
