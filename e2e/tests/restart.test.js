// The server goes away and another one takes over with the same keys.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS, course } from '../support/client.js';
import { Folder, HASTY, Server } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** How a server ends. */
const ENDS = [
  ['SIGKILL', 'dies'],
  ['SIGTERM', 'is asked to stop'],
];

function restart(transport, test) {
  for (const [signal, happens] of ENDS) {
    const also = signal === 'SIGTERM' ? ' CP-223' : '';
    test(`CP-001 CP-007 CP-051 CP-091 CP-184${also} a server ${happens} and a client over ${transport} goes on with its successor`, async (stage) => {
      const folder = stage.keep(await Folder.create());
      const flags = [...HASTY, '--data-dir', folder.path];
      const first = stage.keep(await Server.start(...flags));
      const network = await stage.network(first);
      const client = await stage.client(transport, { origin: network.origin });
      await client.call('join', 'room');
      await first.call('callGroup', 'room', 'from the first');
      await client.heard('from the first');
      const stopping = Date.now();
      await first.end(signal);
      // Clients that are told to go do not hold the server up until its shutdown timeout of ten seconds.
      assert.ok(Date.now() - stopping < 5_000, `${signal} took ${Date.now() - stopping} ms`);
      await client.saw('reconnecting');
      const second = stage.keep(await Server.start(...flags));
      network.targetPort = second.port;
      await client.saw('reconnected');
      assert.deepEqual(course(await second.raised(client.id, 'reconnected'), transport), ['reconnected']);
      await second.call('callGroup', 'room', 'from the second');
      assert.deepEqual(await client.heard('from the second'), ['from the first', 'from the second']);
      assert.equal((await client.call('whoAmI')).connectionId, client.id);
      await client.stop();
      const raised = await second.raised(client.id, 'disconnected(stopped)');
      assert.deepEqual(course(raised, transport), ['reconnected', 'disconnected(stopped)']);
    });
  }
}

describe('restart', { concurrency: true }, () => {
  onServer('restart', [], (test) => {
    for (const transport of TRANSPORTS) restart(transport, test);

    test('CP-040 a successor without the keys refuses, and the client gives up after the disconnect timeout', async (stage) => {
      const first = stage.keep(await Server.start(...HASTY));
      const network = await stage.network(first);
      const client = await stage.client('webSockets', { origin: network.origin });
      await first.end();
      const second = stage.keep(await Server.start(...HASTY));
      network.targetPort = second.port;
      const events = await client.saw('disconnected');
      assert.deepEqual(events.filter((event) => !event.startsWith('error: ')), ['starting', 'reconnecting', 'disconnected']);
      assert.match(events.at(-2), /^error: /);
      assert.deepEqual(await second.events(client.id), []);
    });
  });
});
