// The official client without hubs, against the demo server's /echo.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Client, TRANSPORTS } from '../support/client.js';
import { HASTY } from '../support/server.js';
import { onServer } from '../support/suite.js';

async function echoClient(stage, origin, transport) {
  const without = transport === 'foreverFrame' ? ['EventSource'] : [];
  const client = stage.keep(await Client.open(origin, { without }));
  await client.run(() => window.peer.openPersistent('/echo'));
  return client.start(transport);
}

const send = (client, data) => client.run((data) => void window.peer.connection.send(data), data);

describe('persistent connections', { concurrency: true }, () => {
  for (const transport of TRANSPORTS) {
    onServer(`a persistent connection over ${transport}`, HASTY, (test) => {
      test('CP-012 CP-032 what is sent comes back to its sender, or goes to everybody, also after a break', async (stage) => {
        const network = await stage.network();
        const ann = await echoClient(stage, network.origin, transport);
        const bob = await echoClient(stage, stage.server.origin, transport);
        await send(ann, 'to myself & me + "them"');
        assert.deepEqual(await ann.heard('to myself & me + "them"'), ['to myself & me + "them"']);
        network.breakDown();
        await ann.saw('reconnecting');
        await send(bob, 'broadcast:missed');
        await bob.heard('missed');
        network.restore();
        await ann.saw('reconnected');
        await send(ann, 'broadcast:after');
        assert.deepEqual(await ann.heard('after'), ['to myself & me + "them"', 'missed', 'after']);
        assert.deepEqual(await bob.heard('after'), ['missed', 'after']);
      });
    });
  }
});
