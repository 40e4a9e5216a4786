// A client asks, the hub answers.

import assert from 'node:assert/strict';

import { TRANSPORTS, isProgress } from '../support/client.js';
import { onServer } from '../support/suite.js';

/** Everything that some framing could break: quotes, markup, line separators, characters of two and four bytes. */
const HOSTILE_TEXT = 'a"b\\c </script><!-- &amp; + %2B \u0085 \u2028 \u2029 \r\n ä € 🚀 \u0000';

for (const transport of TRANSPORTS) {
  onServer(`calls over ${transport}`, [], (test) => {
    test('CP-256 CP-109 CP-110 the client connects and both sides agree on who it is and how it came', async (stage, client) => {
      assert.equal(client.transport, transport);
      assert.match(client.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.deepEqual(await client.call('whoAmI'), { connectionId: client.id, user: 'ann', transport, protocol: '2.0' });
      // The answer to /start, and so the end of `start`, waits for the hub's own handler.
      assert.deepEqual(await stage.server.events(client.id), ['connected']);
      assert.deepEqual(await client.states(), ['connecting', 'connected']);
    });

    test('CP-031 CP-127 CP-163 calls are answered, and nothing is an answer too', async (_, client) => {
      assert.equal(await client.call('add', 2, 3), 5);
      assert.deepEqual(await client.call('echo', { list: [1, 2.5, null, true], text: '' }), {
        list: [1, 2.5, null, true],
        text: '',
      });
      assert.equal(await client.call('callMe', 'nothing comes back but this'), undefined);
      assert.equal(await client.call('echo', null), undefined);
    });

    test('CP-162 many calls at once each get their own answer', async (_, client) => {
      const numbers = Array.from({ length: 30 }, (_, index) => index);
      const sums = await Promise.all(numbers.map((number) => client.call('add', number, 1000)));
      assert.deepEqual(sums, numbers.map((number) => number + 1000));
    });

    test('CP-021 CP-138 CP-141 CP-195 no text breaks the framing, neither as a result nor as a message', async (_, client) => {
      assert.equal(await client.call('echo', HOSTILE_TEXT), HOSTILE_TEXT);
      await client.call('callMe', HOSTILE_TEXT);
      assert.ok(await client.heard(HOSTILE_TEXT));
    });

    test('CP-161 hub and method names are found in any case', async (_, client) => {
      assert.equal(await client.call('ADD', 20, 22), 42);
    });

    test('CP-164 an ordinary error is reported without its text', async (_, client) => {
      await assert.rejects(client.call('fail'), (error) => {
        assert.match(error.message, /diagnosticshub\.fail/);
        assert.doesNotMatch(error.message, /secret/);
        assert.notEqual(error.source, 'HubException');
        return true;
      });
      assert.equal(await client.call('add', 1, 1), 2, 'the connection lives on');
    });

    test('CP-166 an error that is meant for the client brings its text and its data', async (_, client) => {
      await assert.rejects(client.call('failWithData'), {
        message: 'room is full',
        data: { max: 20 },
        source: 'HubException',
      });
    });

    test('CP-170 CP-169 an unknown method and a wrong number of arguments are errors of the call alone', async (_, client) => {
      await assert.rejects(client.call('noSuchMethod'), /diagnosticshub\.noSuchMethod/);
      await assert.rejects(client.call('add', 1), /diagnosticshub\.add/);
      await assert.rejects(client.call('add', 1, 2, 3), /diagnosticshub\.add/);
      assert.equal(await client.call('add', 1, 2), 3);
    });

    test('CP-168 progress arrives in order and before the result', async (_, client) => {
      const { result, progress } = await client.callWithProgress('countdown', 4);
      assert.equal(result, 'done');
      assert.ok(progress.length > 0 && isProgress(progress, 4, transport), `progress ${progress}`);
    });

    test('CP-181 caller state travels to the hub and its changes come back', async (_, client) => {
      await client.run(() => Object.assign(window.peer.hub.state, { counter: 41, other: { kept: [1] } }));
      assert.equal(await client.call('bumpCounter'), 42);
      const state = await client.run(() => window.peer.hub.state);
      assert.deepEqual(state, { counter: 42, other: { kept: [1] } });
      assert.equal(await client.call('bumpCounter'), 43);
    });

    test('CP-024 unknown parameters reach the application', async (_, client) => {
      assert.equal(await client.call('query', 'colour'), 'red & blue');
      assert.equal(await client.call('query', 'absent'), undefined);
    });

    test('a slow call does not hold up the others', async (_, client) => {
      const slow = client.call('sleep', 1500).then(() => 'slow');
      const quick = client.call('add', 1, 1).then(() => 'quick');
      assert.equal(await Promise.race([slow, quick]), 'quick');
      await slow;
    });
  }, (group) => group.client(transport, { query: { user: 'ann', colour: 'red & blue' } }));
}
