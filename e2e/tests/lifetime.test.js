// How a SignalR connection begins and ends, seen from both sides.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS } from '../support/client.js';
import { HASTY, HASTY_GRACE } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** "At once" for a message on loopback, far below any timeout of the server. */
const AT_ONCE = 3_000;

function lifetime(transport) {
  onServer(`lifetime over ${transport}`, HASTY, (test) => {
    test('CP-004 CP-151 CP-188 stop ends the connection on both sides at once', async (stage) => {
      const client = await stage.client(transport);
      await client.stop();
      const events = await stage.server.raised(client.id, 'disconnected(stopped)', AT_ONCE);
      assert.deepEqual(events, ['connected', 'disconnected(stopped)']);
      assert.deepEqual((await client.seen()).events, ['starting', 'disconnected']);
      assert.deepEqual(await client.states(), ['connecting', 'connected', 'disconnected']);
      assert.equal(await client.run(() => window.peer.connection.lastError), null);
    });

    test('CP-002 CP-186 start after stop is a new connection without the groups of the old one', async (stage) => {
      const client = await stage.client(transport);
      const first = client.id;
      await client.call('join', 'room');
      await client.stop();
      await client.start(transport);
      assert.notEqual(client.id, first);
      await stage.server.call('callGroup', 'room', 'to the room');
      await client.call('callMe', 'to me');
      assert.deepEqual(await client.heard('to me'), ['to me']);
      assert.deepEqual(await stage.server.events(client.id), ['connected']);
      assert.deepEqual(await stage.server.events(first), ['connected', 'disconnected(stopped)']);
    });

    test('CP-004 a page that is left says goodbye', async (stage) => {
      const client = await stage.client(transport);
      await client.page.goto('about:blank');
      const events = await stage.server.raised(client.id, 'disconnected(stopped)', AT_ONCE);
      assert.deepEqual(events, ['connected', 'disconnected(stopped)']);
    });

    test('CP-003 CP-005 CP-131 CP-188 CP-217 a client that vanishes is missed after the grace period', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      const vanished = Date.now();
      network.breakDown();
      await client.page.close();
      const events = await stage.server.raised(client.id, 'disconnected(timedOut)', HASTY_GRACE + AT_ONCE);
      const away = Date.now() - vanished;
      assert.ok(away > 5_900, `missed after only ${away} ms`);
      assert.deepEqual(events, ['connected', 'disconnected(timedOut)']);
    });
  });
}

describe('lifetime', { concurrency: true }, () => {
  for (const transport of TRANSPORTS) lifetime(transport);
});
