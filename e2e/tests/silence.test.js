// The network falls silent: nothing breaks, nothing arrives. Only keep-alives tell, and only streams have them.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS, course } from '../support/client.js';
import { eventually } from '../support/patience.js';
import { HASTY } from '../support/server.js';
import { onServer } from '../support/suite.js';

const STREAMS = TRANSPORTS.filter((transport) => transport !== 'longPolling');

function stalls(transport) {
  onServer(`a silent network under ${transport}`, HASTY, (test) => {
    test('CP-009 silence makes the client slow, then reconnecting, and reconnected when the network is back', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      network.stall();
      await client.saw('connectionSlow');
      await stage.server.call('callClient', client.id, 'into the silence');
      await client.saw('reconnecting');
      network.resume();
      await client.saw('reconnected');
      await stage.server.raised(client.id, 'reconnected');
      await stage.server.call('callClient', client.id, 'after');
      assert.deepEqual(await client.heard('after'), ['into the silence', 'after']);
      await client.stop();
      const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
      assert.deepEqual(course(raised, transport), ['connected', 'reconnected', 'disconnected(stopped)']);
      const seen = ['starting', 'connectionSlow', 'reconnecting', 'reconnected', 'disconnected'];
      assert.deepEqual(course((await client.seen()).events, transport), seen);
    });

    test('CP-214 CP-216 an idle client hears keep-alives and notices nothing', async (stage) => {
      const client = await stage.client(transport);
      // Twice what a client endures without a sign of life.
      const quiet = Date.now() + 8_000;
      await eventually(async () => Date.now() > quiet, () => 'the time did not pass');
      assert.deepEqual(await client.seen(), { state: 'connected', events: ['starting'], heard: [] });
    });
  });
}

function hiccups(transport) {
  onServer(`a faltering network under ${transport}`, ['--disconnect-timeout', '12s'], (test) => {
    test('CP-009 CP-214 short silences are slow each and nothing more', async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      for (const times of [1, 2]) {
        network.stall();
        await client.saw('connectionSlow', times);
        network.resume();
        await stage.server.call('callClient', client.id, `${times}`);
        await client.heard(`${times}`);
      }
      assert.deepEqual(await client.seen(), {
        state: 'connected',
        events: ['starting', 'connectionSlow', 'connectionSlow'],
        heard: ['1', '2'],
      });
      assert.deepEqual(await stage.server.events(client.id), ['connected']);
    });
  });
}

describe('silence', { concurrency: true }, () => {
  for (const transport of STREAMS) stalls(transport);
  for (const transport of STREAMS) hiccups(transport);
});
