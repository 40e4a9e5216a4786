// Which transport the client ends up with when it may choose, and what the server makes of the attempts before.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { onServer } from '../support/suite.js';

/** Starts a client that may choose, and returns it after a call, a message and a stop have worked. */
async function startAndUse(stage, network, options) {
  const client = await stage.client(undefined, { origin: network.origin, ...options });
  assert.equal((await client.call('whoAmI')).transport, client.transport);
  await client.call('callMe', 'a message');
  assert.deepEqual(await client.heard('a message'), ['a message']);
  await client.stop();
  const events = await stage.server.raised(client.id, 'disconnected(stopped)');
  // However many transports were tried, there was one connection.
  assert.deepEqual(events, ['connected', 'disconnected(stopped)']);
  return client;
}

const isFor = (...transports) => ({ query, command }) => command === 'connect' && transports.includes(query.transport);

describe('choice', { concurrency: true }, () => {
  onServer('choice of the client', [], (test) => {
    test('CP-086 webSockets is chosen where it works', async (stage) => {
      const network = await stage.network();
      const client = await startAndUse(stage, network);
      assert.equal(client.transport, 'webSockets');
      assert.deepEqual(network.transportsTried(), ['webSockets']);
    });

    test('CP-157 behind a proxy without upgrades it is serverSentEvents, for the same connection', async (stage) => {
      const network = await stage.network();
      network.refuse(({ isUpgrade }) => isUpgrade);
      const client = await startAndUse(stage, network);
      assert.equal(client.transport, 'serverSentEvents');
      assert.deepEqual(network.transportsTried(), ['webSockets', 'serverSentEvents']);
      const tokens = network.requests.map(({ query }) => query.connectionToken).filter(Boolean);
      assert.equal(new Set(tokens).size, 1);
    });

    test('CP-157 without streams at all it is longPolling', async (stage) => {
      const network = await stage.network();
      network.refuse(isFor('webSockets', 'serverSentEvents'));
      const client = await startAndUse(stage, network);
      assert.equal(client.transport, 'longPolling');
      assert.deepEqual(network.transportsTried(), ['webSockets', 'serverSentEvents', 'longPolling']);
    });

    test('CP-140 a browser without WebSocket and EventSource takes foreverFrame', async (stage) => {
      const network = await stage.network();
      const client = await startAndUse(stage, network, { without: ['WebSocket', 'EventSource'] });
      assert.equal(client.transport, 'foreverFrame');
      assert.deepEqual(network.transportsTried(), ['foreverFrame']);
    });

    test('CP-157 the same browser behind a proxy that holds streams back takes longPolling', async (stage) => {
      const network = await stage.network();
      network.swallow(isFor('foreverFrame'));
      const client = await startAndUse(stage, network, { without: ['WebSocket', 'EventSource'] });
      assert.equal(client.transport, 'longPolling');
      assert.deepEqual(network.transportsTried(), ['foreverFrame', 'longPolling']);
    });

    test('CP-219 when nothing works the start fails and the server remembers nothing', async (stage) => {
      const network = await stage.network();
      network.refuse(isFor('webSockets', 'serverSentEvents', 'longPolling'));
      const client = await stage.idleClient(undefined, { origin: network.origin });
      await assert.rejects(client.start());
      assert.deepEqual(await client.saw('disconnected'), ['starting', (await client.saw('error')).at(-1), 'disconnected']);
      assert.equal(network.transportsTried().at(-1), 'longPolling');
    });
  });

  onServer('choice with little patience', ['--transport-connect-timeout', '1s'], (test) => {
    test('CP-074 CP-157 a handshake that hangs is given up after the transport connect timeout', async (stage) => {
      const network = await stage.network();
      network.swallow(({ isUpgrade }) => isUpgrade);
      const client = await startAndUse(stage, network);
      assert.equal(client.transport, 'serverSentEvents');
      assert.deepEqual(network.transportsTried(), ['webSockets', 'serverSentEvents']);
    });
  });

  onServer('choice of the server', ['--transports', 'serverSentEvents,longPolling'], (test) => {
    test('CP-075 CP-248 a server without webSockets says so before anybody tries', async (stage) => {
      const network = await stage.network();
      const client = await startAndUse(stage, network);
      assert.equal(client.transport, 'serverSentEvents');
      assert.deepEqual(network.transportsTried(), ['serverSentEvents']);
    });
  });
});
