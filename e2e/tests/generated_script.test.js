// The script that the server generates, as pages have used it for years: $.connection.someHub.server.method(...).

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Client } from '../support/client.js';
import { onServer } from '../support/suite.js';

/** The clients between which the way to remember handlers changed (spec 2.11). */
const RELEASES = ['2.2.2', '2.3.0', '2.4.0', '2.4.3'];

/** A page with the generated script, and the diagnostics hub listened to. */
async function generatedClient(stage, { origin = stage.server.origin, ...options } = {}) {
  const client = stage.keep(await Client.open(origin, options));
  await client.page.addScriptTag({ url: `${origin}/signalr/hubs` });
  await client.run(() => window.peer.openGenerated());
  return client;
}

describe('generated script', { concurrency: true }, () => {
  onServer('generated script', [], (test) => {
    test('CP-063 CP-064 CP-065 it defines the hubs with client, server and state, and the connection they share', async (stage) => {
      const client = await generatedClient(stage);
      const hub = await client.run(() => {
        const { chatHub, stockTickerHub, moveShapeHub, diagnosticsHub, hub } = window.jQuery.connection;
        return {
          hubs: [chatHub, stockTickerHub, moveShapeHub, diagnosticsHub].map((hub) => typeof hub?.server),
          client: typeof diagnosticsHub.client,
          state: typeof diagnosticsHub.state,
          methods: Object.keys(diagnosticsHub.server),
          url: hub.url,
        };
      });
      assert.deepEqual(hub.hubs, ['object', 'object', 'object', 'object']);
      assert.deepEqual([hub.client, hub.state, hub.url], ['object', 'object', '/signalr']);
      for (const method of ['add', 'failWithData', 'whoAmI', 'callOthersInGroup']) assert.ok(hub.methods.includes(method));
      assert.deepEqual(hub.methods, hub.methods.toSorted());
    });

    test('CP-066 calls through it forward all arguments and return the promise of the call', async (stage) => {
      const client = await generatedClient(stage);
      await client.start('webSockets');
      const outcome = await client.run(async () => {
        const { server } = window.jQuery.connection.diagnosticsHub;
        const progress = [];
        const done = await server.countdown(2).progress((value) => progress.push(value));
        const tooMany = await server.add(1, 2, 3).then(() => 'accepted', (error) => error.message);
        const refused = await server.failWithData().then(() => null, ({ message, data }) => ({ message, data }));
        return { sum: await server.add(2, 3), done, progress, tooMany, refused };
      });
      assert.match(outcome.tooMany, /diagnosticshub\.add/i);
      assert.deepEqual({ ...outcome, tooMany: '' }, {
        sum: 5,
        done: 'done',
        progress: [1, 2],
        tooMany: '',
        refused: { message: 'room is full', data: { max: 20 } },
      });
    });

    for (const release of RELEASES) {
      test(`CP-068 after stop and start a handler of client ${release} is called once per message`, async (stage) => {
        const client = await generatedClient(stage, { release });
        for (const round of ['first', 'second', 'third']) {
          await client.start('webSockets');
          await client.call('callMe', round);
          await client.heard(round);
          await client.stop();
        }
        assert.deepEqual((await client.seen()).heard, ['first', 'second', 'third']);
      });
    }

    test('CP-069 CP-174 only hubs with a client function are asked for', async (stage) => {
      const network = await stage.network();
      const client = await generatedClient(stage, { origin: network.origin });
      await client.start('serverSentEvents');
      const connect = network.requests.find(({ command }) => command === 'connect');
      assert.deepEqual(JSON.parse(connect.query.connectionData), [{ name: 'diagnosticshub' }]);
    });

    test('CP-028 CP-069 CP-172 a page without client functions asks for no hub and may call all of them', async (stage) => {
      const client = await generatedClient(stage);
      await client.run(() => delete window.peer.hub.client.called);
      await client.start('webSockets');
      assert.equal(await client.call('add', 1, 2), 3);
      await client.call('callMe', 'to nobody');
      assert.deepEqual(await stage.server.events(client.id), []);
      assert.deepEqual((await client.seen()).heard, []);
    });

    test('CP-067 further connections get the hubs too', async (stage) => {
      const client = await generatedClient(stage);
      const heard = await client.run(async () => {
        const connection = window.jQuery.hubConnection('/signalr', { useDefaultPath: false });
        const { diagnosticsHub } = connection.createHubProxies();
        const called = new Promise((resolve) => (diagnosticsHub.client.called = resolve));
        await connection.start();
        await diagnosticsHub.server.callMe('second connection');
        return called;
      });
      assert.equal(heard, 'second connection');
    });

    test('CP-062 it is served under each of its names', async ({ server }) => {
      const scripts = ['hubs', 'hubs/', 'js', 'HUBS'].map(async (name) => {
        const response = await fetch(`${server.origin}/signalr/${name}`);
        assert.match(response.headers.get('content-type'), /^application\/javascript/);
        return response.text();
      });
      assert.equal(new Set(await Promise.all(scripts)).size, 1);
    });
  });

  onServer('generated script, switched off', ['--javascript-proxies', 'off'], (test) => {
    test('CP-070 a page that wants it is told why it is not there', async (stage) => {
      const client = stage.keep(await Client.open(stage.server.origin));
      const complaint = client.page.waitForEvent('pageerror');
      await client.page.addScriptTag({ url: `${stage.server.origin}/signalr/hubs` });
      assert.match((await complaint).message, /prox/i);
    });
  });
});
