// What SignalR promises about the life of a connection, where no theme of its own covers it: a server that stays away,
// calls without a receive channel, life without keep-alives, and several tabs. The README numbers the promises.

import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { TRANSPORTS, course } from '../support/client.js';
import { eventually } from '../support/patience.js';
import { Folder, HASTY, Server } from '../support/server.js';
import { onServer } from '../support/suite.js';

/** "At once" for a message on loopback, far below any timeout of the server. */
const AT_ONCE = 3_000;

/** Calls over HTTP do not need the receive channel. */
const SENDING_BY_HTTP = TRANSPORTS.filter((transport) => transport !== 'webSockets');
const STREAMS = TRANSPORTS.filter((transport) => transport !== 'longPolling');

/**
 * A break is noticed at once, long before a warning is due, except under a forever frame, whose client only misses the
 * keep-alives; then there must still be time to come back.
 */
const flagsFor = (transport) => (transport === 'foreverFrame' ? ['--disconnect-timeout', '12s', '--keep-alive', '2s'] : []);

/** What a client sees of a break that ends. */
function seenOfABreak(transport) {
  const warning = transport === 'foreverFrame' ? ['connectionSlow'] : [];
  return ['starting', ...warning, 'reconnecting', 'reconnected', 'disconnected'];
}

/** Without keep-alives; no stream and no poll stays open for longer than this, in milliseconds. */
const CONNECTION_TIMEOUT = 3_000;
const WITHOUT_KEEP_ALIVE = ['--disconnect-timeout', '6s', '--keep-alive', 'off', '--connection-timeout', '3s'];

const isReceiving = ({ command }) => ['connect', 'reconnect', 'poll'].includes(command);

const withoutErrors = (events) => events.filter((event) => !event.startsWith('error: '));

function tabs(transport) {
  onServer(`tabs over ${transport}`, [], (test) => {
    test('promise 5: CP-004 two tabs of a browser are two connections, and one goes on when the other is closed', async (stage) => {
      const closed = await stage.client(transport);
      const left = await stage.client(transport);
      assert.notEqual(closed.id, left.id);
      await stage.server.call('callAll', 'to both');
      for (const tab of [closed, left]) assert.deepEqual(await tab.heard('to both'), ['to both']);
      // As a user closes it; otherwise the browser does not tell the page.
      await closed.page.close({ runBeforeUnload: true });
      const raised = await stage.server.raised(closed.id, 'disconnected(stopped)', AT_ONCE);
      assert.deepEqual(raised, ['connected', 'disconnected(stopped)']);
      await stage.server.call('callAll', 'to the other');
      assert.deepEqual(await left.heard('to the other'), ['to both', 'to the other']);
      assert.equal((await left.call('whoAmI')).connectionId, left.id);
      assert.deepEqual((await left.seen()).events, ['starting']);
      assert.deepEqual(await stage.server.events(left.id), ['connected']);
    });
  });
}

function abandoned(transport, test) {
  test(`promise 7: a server does not come back, and a client over ${transport} gives up when its disconnect timeout ends`, async (stage) => {
    const folder = stage.keep(await Folder.create());
    const flags = [...HASTY, '--data-dir', folder.path];
    const first = stage.keep(await Server.start(...flags));
    const network = await stage.network(first);
    const client = await stage.client(transport, { origin: network.origin });
    const requested = [];
    client.page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    const died = Date.now();
    await first.end();
    await client.saw('reconnecting');
    const events = await client.saw('disconnected');
    const away = Date.now() - died;
    // The disconnect timeout, after at most the keep-alive timeout and the client's two seconds before it tries again.
    assert.ok(away >= 6_000 && away < 6_000 + 4_000 + 2_000 + AT_ONCE, `gave up after ${away} ms`);
    assert.deepEqual(withoutErrors(events).filter((event) => event !== 'connectionSlow'), ['starting', 'reconnecting', 'disconnected']);
    assert.match(events.at(-2), /^error: .* timeout of (6|10)000 ms/);
    const { message, source } = await client.run(() => {
      const { message, source } = window.peer.connection.lastError;
      return { message, source };
    });
    assert.equal(`error: ${message}`, events.at(-2));
    assert.equal(source, 'TimeoutException');
    // A server that comes too late has the keys and hears nothing of the old connection.
    const second = stage.keep(await Server.start(...flags));
    network.targetPort = second.port;
    assert.deepEqual(await second.events(client.id), []);
    assert.equal((await client.seen()).state, 'disconnected');
    assert.deepEqual(requested.filter((path) => path.endsWith('/abort')), []);
  });
}

function callsByHttp(transport) {
  onServer(`calls without a receive channel over ${transport}`, flagsFor(transport), (test) => {
    const promise = transport === 'foreverFrame' ? 'promise 9' : 'promises 3 and 9';
    test(`${promise}: CP-105 CP-155 a call made while reconnecting has its result in the answer to the send`, async (stage) => {
      const network = await stage.network();
      const client = await stage.client(transport, { origin: network.origin });
      network.refuse(isReceiving);
      network.cut();
      await client.saw('reconnecting');
      const answer = client.page.waitForResponse((response) => response.url().includes('/send?'));
      assert.equal(await client.call('add', 20, 22), 42);
      assert.equal((await (await answer).json()).R, 42);
      await client.call('callMe', 'meanwhile');
      const { state, events, heard } = await client.seen();
      assert.equal(state, 'reconnecting');
      assert.ok(!events.includes('reconnected'), `already ${events}`);
      assert.deepEqual(heard, []);
      network.refuse(() => false);
      await client.saw('reconnected');
      await client.call('callMe', 'afterwards');
      assert.deepEqual(await client.heard('afterwards'), ['meanwhile', 'afterwards']);
      await client.stop();
      const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
      assert.deepEqual(course(raised, transport), ['connected', 'reconnected', 'disconnected(stopped)']);
      assert.deepEqual(course(withoutErrors((await client.seen()).events), transport), seenOfABreak(transport));
    });
  });
}

function callsByWebSocket() {
  onServer('calls without a WebSocket', flagsFor('webSockets'), (test) => {
    test('promises 3 and 9: a call under way or made while reconnecting fails at once, and the connection recovers', async (stage) => {
      const network = await stage.network();
      const client = await stage.client('webSockets', { origin: network.origin });
      const underWay = assert.rejects(client.call('sleep', 60_000), { message: /^Connection started reconnecting before/ });
      // The client drops what it sends into a WebSocket that is closed again; into one that still opens it cannot send.
      network.swallow(({ isUpgrade }) => isUpgrade);
      network.cut();
      await client.saw('reconnecting');
      await underWay;
      const asked = Date.now();
      await assert.rejects(client.call('add', 20, 22), { message: /Web Socket transport is in an invalid state/ });
      assert.ok(Date.now() - asked < AT_ONCE, `failed after ${Date.now() - asked} ms`);
      assert.equal((await client.seen()).state, 'reconnecting');
      network.swallow(() => false);
      network.cut();
      await client.saw('reconnected');
      assert.equal(await client.call('add', 20, 22), 42);
      await client.stop();
      const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
      assert.deepEqual(raised, ['connected', 'reconnected', 'disconnected(stopped)']);
      assert.deepEqual(withoutErrors((await client.seen()).events), seenOfABreak('webSockets'));
    });
  });
}

function streamsWithoutKeepAlive(transport) {
  onServer(`${transport} without keep-alives`, WITHOUT_KEEP_ALIVE, (test) => {
    test('promise 10: CP-003 CP-105 CP-215 a stream ends after the connection timeout, and the client reconnects by itself', async (stage) => {
      const client = await stage.idleClient(transport);
      const starting = Date.now();
      await client.start(transport);
      for (const times of [1, 2]) {
        await client.saw('reconnecting', times);
        const open = Date.now() - starting;
        assert.ok(open >= times * CONNECTION_TIMEOUT, `stream ${times} ended ${open} ms after the start`);
        await stage.server.call('callClient', client.id, `meanwhile ${times}`);
        await client.saw('reconnected', times);
        await client.heard(`meanwhile ${times}`);
      }
      await client.stop();
      const raised = await stage.server.raised(client.id, 'disconnected(stopped)');
      const expected = ['connected', 'reconnected', 'reconnected', 'disconnected(stopped)'];
      assert.deepEqual(course(raised, transport), course(expected, transport));
      const { events, heard } = await client.seen();
      const seen = ['starting', 'reconnecting', 'reconnected', 'reconnecting', 'reconnected', 'disconnected'];
      assert.deepEqual(course(events, transport), course(seen, transport));
      assert.deepEqual(heard, ['meanwhile 1', 'meanwhile 2']);
    });
  });
}

function pollsWithoutKeepAlive() {
  onServer('longPolling without keep-alives', WITHOUT_KEEP_ALIVE, (test) => {
    test('promise 10: CP-010 polls end after the connection timeout, and nobody notices', async (stage) => {
      const network = await stage.network();
      const client = await stage.client('longPolling', { origin: network.origin });
      await eventually(() => network.count('poll') >= 3, () => `only ${network.count('poll')} polls`);
      await stage.server.call('callClient', client.id, 'still there');
      assert.deepEqual(await client.heard('still there'), ['still there']);
      assert.deepEqual((await client.seen()).events, ['starting']);
      assert.deepEqual(await stage.server.events(client.id), ['connected']);
    });
  });
}

describe('promises', { concurrency: 8 }, () => {
  onServer('a server that stays away', [], (test) => {
    for (const transport of TRANSPORTS) abandoned(transport, test);
  });
  for (const transport of STREAMS) streamsWithoutKeepAlive(transport);
  pollsWithoutKeepAlive();
  for (const transport of SENDING_BY_HTTP) callsByHttp(transport);
  callsByWebSocket();
  for (const transport of TRANSPORTS) tabs(transport);
});
