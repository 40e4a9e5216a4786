// Pages of another origin: with CORS, with JSONP, and with neither.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { FaultProxy } from '../support/proxy.js';
import { Server } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** A proxy makes another origin of the same server. */
async function foreignClient(stage, server, home, transport) {
  return stage.idleClient(transport, { origin: home.origin, url: `${server.origin}/signalr` });
}

describe('cross origin', { concurrency: true }, () => {
  onServer('a server for its own pages only', [], (test) => {
    test('CP-060 a page of another origin cannot even negotiate', async (stage) => {
      const client = await foreignClient(stage, stage.server, await stage.network(), 'webSockets');
      await assert.rejects(client.start('webSockets'), /negotiation/);
    });

    test('CP-054 nor with JSONP', async (stage) => {
      const client = await foreignClient(stage, stage.server, await stage.network(), 'longPolling');
      await assert.rejects(client.start('longPolling', { jsonp: true }), /negotiation/);
    });
  });

  onServer('a server for any page', ['--cors', 'any', '--jsonp', 'on'], (test) => {
    for (const transport of ['webSockets', 'serverSentEvents', 'longPolling']) {
      test(`CP-059 an allowed origin connects, calls and listens over ${transport}`, async (stage) => {
        // The origin must be known before the server can allow it.
        const home = stage.keep(await FaultProxy.start(0));
        const server = stage.keep(await Server.start('--cors', `https://elsewhere.example,${home.origin}`));
        home.targetPort = server.port;
        await useFromAbroad(stage, server, home, transport);
      });

      test(`CP-059 so does any origin over ${transport} where all are allowed`, async (stage) => {
        await useFromAbroad(stage, stage.server, await stage.network(), transport);
      });
    }

    test('CP-055 CP-056 CP-057 a page of another origin talks JSONP', async (stage) => {
      const home = await stage.network();
      await useFromAbroad(stage, stage.server, home, 'longPolling', { jsonp: true });
      assert.equal(home.count('negotiate'), 0, 'nothing but the page came from its own origin');
    });
  });
});

async function useFromAbroad(stage, server, home, transport, options) {
  const client = await foreignClient(stage, server, home, transport);
  await client.start(transport, options);
  assert.equal(client.transport, transport);
  assert.equal(await client.call('add', 40, 2), 42);
  await client.call('callMe', 'from abroad + "quoted" ä');
  assert.deepEqual(await client.heard('from abroad + "quoted" ä'), ['from abroad + "quoted" ä']);
  await client.stop();
  const events = await server.raised(client.id, 'disconnected(stopped)');
  assert.deepEqual(events, ['connected', 'disconnected(stopped)']);
}
