// Whom a message reaches, and whom it does not.
//
// All messages of a server are in one order, so a broadcast at the end proves that what has not come will not come.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS } from '../support/client.js';
import { onServer } from '../support/suite.js';

/** What each client heard of the messages that begin with `prefix`, in the order it heard them. */
async function whoHeard(server, prefix, clients) {
  const end = `${prefix} end`;
  await server.call('callAll', end);
  const heard = await Promise.all(clients.map((client) => client.heard(end)));
  return heard.map((texts) => texts.filter((text) => text.startsWith(prefix) && text !== end));
}

function targets(transport) {
  onServer(`targets over ${transport}`, [], (test) => {
    test('CP-176 caller and client reach exactly one connection', async ({ server }, { ann, clients }) => {
      await ann.call('callMe', 'one: to the caller');
      await ann.call('callClient', clients[2].id, 'one: by id');
      await ann.call('callClient', '00000000-0000-4000-8000-000000000000', 'one: to nobody');
      assert.deepEqual(await whoHeard(server, 'one', clients), [['one: to the caller'], [], ['one: by id']]);
    });

    test('CP-175 all, others and all-except reach everybody but', async ({ server }, { ann, bob, clients }) => {
      await ann.call('callAll', 'many: all');
      await ann.call('callOthers', 'many: others');
      await ann.call('callAllExcept', bob.id, 'many: except');
      assert.deepEqual(await whoHeard(server, 'many', clients), [
        ['many: all', 'many: except'],
        ['many: all', 'many: others', 'many: except'],
        ['many: all', 'many: others'],
      ]);
    });

    test('CP-177 a user is reached in all windows, an anonymous client in none', async ({ server }, { bob, clients }) => {
      await bob.call('callUser', 'ann', 'user: both windows');
      await bob.call('callUser', 'ANN', 'user: another person');
      const reached = ['user: both windows'];
      assert.deepEqual(await whoHeard(server, 'user', clients), [reached, reached, []]);
    });

    test('CP-116 CP-118 CP-178 members hear their group from the moment they join until they leave', async ({ server }, { ann, bob, clients }) => {
      await server.call('callGroup', 'room', 'group: empty');
      await ann.call('join', 'room');
      await ann.call('join', 'room');
      await bob.call('join', 'room');
      await bob.call('join', 'Room');
      await server.call('callGroup', 'room', 'group: two');
      await ann.call('callOthersInGroup', 'room', 'group: others');
      await bob.call('leave', 'room');
      await server.call('callGroup', 'room', 'group: one');
      assert.deepEqual(await whoHeard(server, 'group', clients), [
        ['group: two', 'group: one'],
        [],
        ['group: two', 'group: others'],
      ]);
    });

    test('CP-145 CP-149 CP-197 a burst arrives whole and in order', async ({ server }, { clients }) => {
      const burst = Array.from({ length: 120 }, (_, number) => `burst: ${number}`);
      for (const text of burst) await server.call('callAll', text);
      assert.deepEqual(await whoHeard(server, 'burst', clients), clients.map(() => burst));
    });
  }, async (group) => {
    const open = (query) => group.client(transport, { query });
    const clients = await Promise.all([open({ user: 'ann' }), open({ user: 'ann' }), open({})]);
    const [ann, , bob] = clients;
    return { ann, bob, clients };
  });
}

describe('targets', { concurrency: 2 }, () => {
  for (const transport of TRANSPORTS) targets(transport);

  onServer('targets across transports', [], (test) => {
    test('CP-175 CP-178 clients on four different transports hear each other', async (stage) => {
      const clients = await Promise.all(TRANSPORTS.map((transport) => stage.client(transport)));
      await Promise.all(clients.map((client) => client.call('join', 'mixed')));
      for (const client of clients) await client.call('callOthersInGroup', 'mixed', `mixed: ${client.transport}`);
      const texts = TRANSPORTS.map((transport) => `mixed: ${transport}`);
      const expected = clients.map((client) => texts.filter((text) => text !== `mixed: ${client.transport}`));
      assert.deepEqual(await whoHeard(stage.server, 'mixed', clients), expected);
    });
  });
});
