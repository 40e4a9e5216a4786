// The older official clients that the npm registry still carries, each over each transport.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS, course, isProgress } from '../support/client.js';
import { HASTY, HASTY_GRACE } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** A client's release, and the protocol version it resolves to (spec 0.3). */
const RELEASES = [
  ['2.2.2', '1.5'],
  ['2.3.0', '1.5'],
  ['2.4.0', '2.0'],
];

function older(release, protocol) {
  onServer(`client ${release}`, HASTY, (test) => {
    for (const transport of TRANSPORTS) {
      test(`CP-256 CP-078 ${release} connects, calls, listens, reconnects and stops over ${transport}`, async (stage) => {
        const network = await stage.network();
        // Other transports are tested on the same server at the same time.
        const [user, room] = [`user of ${transport}`, `room of ${transport}`];
        const client = await stage.client(transport, { origin: network.origin, release, query: { user } });
        const whoAmI = { connectionId: client.id, user, transport, protocol };
        assert.deepEqual(await client.call('whoAmI'), whoAmI);
        await assert.rejects(client.call('failWithData'), { message: 'room is full', data: { max: 20 } });
        const { result, progress } = await client.callWithProgress('countdown', 3);
        assert.equal(result, 'done');
        assert.ok(isProgress(progress, 3, transport), `progress ${progress}`);
        await client.call('join', room);
        await stage.server.call('callGroup', room, 'before');
        await client.heard('before');
        network.breakDown();
        await client.saw('reconnecting');
        await stage.server.call('callGroup', room, 'missed');
        network.restore();
        await client.saw('reconnected');
        await stage.server.raised(client.id, 'reconnected');
        await stage.server.call('callUser', user, 'after');
        assert.deepEqual(await client.heard('after'), ['before', 'missed', 'after']);
        assert.equal((await client.call('whoAmI')).connectionId, client.id);
        await client.stop();
        const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
        assert.deepEqual(course(raised, transport), ['connected', 'reconnected', 'disconnected(stopped)']);
      });
    }
  });
}

function late(transport) {
  onServer(`late over ${transport}`, HASTY, (test) => {
    test(`CP-120 CP-221 2.2.2, which cannot be told to stop over ${transport}, is refused until it gives up`, async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin, release: '2.2.2' });
      // It stays a little longer than the server waits, so that some attempts come too late.
      const patience = HASTY_GRACE + 1_000;
      await client.run((patience) => Object.assign(window.peer.connection, { disconnectTimeout: patience, reconnectWindow: 60_000 }), patience);
      network.breakDown();
      await stage.server.raised(client.id, 'disconnected(timedOut)', 2 * HASTY_GRACE);
      network.restore();
      await client.saw('disconnected', 1, 2 * patience);
      assert.ok(network.count('reconnect') > 0);
      assert.deepEqual(await stage.server.events(client.id), ['connected', 'disconnected(timedOut)']);
    });
  });
}

describe('older clients', { concurrency: true }, () => {
  for (const [release, protocol] of RELEASES) older(release, protocol);
  for (const transport of TRANSPORTS) late(transport);
});
