// The network breaks, and the SignalR connection survives it, or ends as it should.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS, course } from '../support/client.js';
import { eventually } from '../support/patience.js';
import { HASTY, HASTY_GRACE } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** Between two messages of a steady publisher: slow enough that no outage here overflows the message buffer. */
const PACE = 15;

/** A break is noticed at once, except under a forever frame, whose client only misses the keep-alives. */
const flagsFor = (transport) => (transport === 'foreverFrame' ? HASTY : []);

function missed(transport) {
  onServer(`absence over ${transport}`, flagsFor(transport), (test) => {
    test('CP-001 CP-003 CP-101 CP-105 CP-123 CP-184 CP-201 what a client misses while away it gets once it is back', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      const { id } = client;
      await client.call('join', 'room');
      await stage.server.call('callGroup', 'room', 'before');
      await client.heard('before');
      network.breakDown();
      await client.saw('reconnecting');
      await stage.server.call('callClient', id, 'missed 1');
      await stage.server.call('callAll', 'missed 2');
      await stage.server.call('callGroup', 'room', 'missed 3');
      network.restore();
      await client.saw('reconnected');
      await stage.server.raised(id, 'reconnected');
      await stage.server.call('callGroup', 'room', 'after');
      assert.deepEqual(await client.heard('after'), ['before', 'missed 1', 'missed 2', 'missed 3', 'after']);
      assert.equal((await client.call('whoAmI')).connectionId, id);
      await client.stop();
      const raised = await stage.server.raised(id, 'disconnected(stopped)');
      assert.deepEqual(course(raised, transport), ['connected', 'reconnected', 'disconnected(stopped)']);
      const states = ['connecting', 'connected', 'reconnecting', 'connected', 'disconnected'];
      assert.deepEqual(course(await client.states(), transport), course(states, transport));
    });
  });
}

function breaks(transport) {
  onServer(`a broken network under ${transport}`, flagsFor(transport), (test) => {
    test('CP-105 CP-197 CP-201 two breaks in a steady stream of messages lose and repeat none of them', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      const sent = [];
      let goOn = true;
      const publisher = (async () => {
        while (goOn) {
          sent.push(`${sent.length}`);
          await stage.server.call('callClient', client.id, sent.at(-1));
          await new Promise((resolve) => setTimeout(resolve, PACE));
        }
      })();
      try {
        for (const times of [1, 2]) {
          network.breakDown();
          await client.saw('reconnecting', times);
          network.restore();
          await client.saw('reconnected', times);
        }
      } finally {
        goOn = false;
        await publisher;
      }
      assert.deepEqual(await client.heard(sent.at(-1)), sent);
    });
  });
}

function late(transport) {
  onServer(`a late return over ${transport}`, HASTY, (test) => {
    test('CP-006 CP-008 CP-119 CP-221 a client that comes back too late is told to stop, and stops without abort', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      await client.call('join', 'room');
      // A client whose clock stood still, as that of a sleeping machine: it has not given up by itself.
      await client.run(() => Object.assign(window.peer.connection, { disconnectTimeout: 60_000, reconnectWindow: 120_000 }));
      network.breakDown();
      await stage.server.raised(client.id, 'disconnected(timedOut)', 2 * HASTY_GRACE);
      network.restore();
      const seen = await client.saw('disconnected');
      assert.match(seen.at(-2), /^error: ./);
      assert.equal(network.count('abort'), 0);
      assert.deepEqual(await stage.server.events(client.id), ['connected', 'disconnected(timedOut)']);
      // The reconnect timer of the client's own foreverFrame outlives its stop and disturbs a new start in the same page.
      const next = transport === 'foreverFrame' ? await stage.client(transport, { origin: network.origin }) : client;
      if (next === client) await client.start(transport);
      assert.equal(await next.call('add', 1, 1), 2, 'a new connection is welcome');
    });
  });
}

describe('reconnect', { concurrency: 8 }, () => {
  for (const transport of TRANSPORTS) missed(transport);
  for (const transport of TRANSPORTS) breaks(transport);
  for (const transport of TRANSPORTS) late(transport);

  onServer('a slow network', [], (test) => {
    for (const transport of TRANSPORTS) {
      test(`CP-256 delay changes nothing over ${transport} but the time`, async (stage) => {
        const network = await stage.network();
        network.delay = 60;
        const client = await stage.client(transport, { origin: network.origin });
        const numbers = Array.from({ length: 5 }, (_, index) => index);
        assert.deepEqual(await Promise.all(numbers.map((number) => client.call('add', number, 1))), [1, 2, 3, 4, 5]);
        await client.call('callMe', 'slowly');
        assert.deepEqual(await client.heard('slowly'), ['slowly']);
        assert.deepEqual((await client.seen()).events, ['starting']);
      });
    }
  });

  onServer('polls', ['--connection-timeout', '1s'], (test) => {
    test('CP-010 CP-146 CP-152 CP-218 polls come and go without anybody noticing', async (stage) => {
      const network = await stage.network();
      const client = await stage.client('longPolling', { origin: network.origin });
      await eventually(() => network.count('poll') >= 4, () => `only ${network.count('poll')} polls`);
      await stage.server.call('callClient', client.id, 'still there');
      assert.deepEqual(await client.heard('still there'), ['still there']);
      assert.deepEqual((await client.seen()).events, ['starting']);
      await client.stop();
      const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
      assert.deepEqual(raised, ['connected', 'disconnected(stopped)']);
    });
  });
});
