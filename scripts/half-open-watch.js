// Cuts the clients off and watches what their server says about them.
'use strict';
const { execFileSync, execSync } = require('node:child_process');

const [namespace, port, keepAliveText, disconnectText, cut, mend] = process.argv.slice(2);
const [keepAlive, disconnect] = [Number(keepAliveText), Number(disconnectText)];
const TRANSPORTS = ['webSockets', 'serverSentEvents', 'longPolling'];
// A machine that is busy is not wrong.
const TOLERANCE = 1;
// On HTTP nothing is answered: the first keep-alive that stays unacknowledged comes within one keep-alive after the cut.
const NOTICED = { webSockets: 2 * keepAlive, serverSentEvents: 3 * keepAlive, longPolling: 3 * keepAlive };
// Streams have five seconds more, as in the original.
const GRACE = { webSockets: disconnect + 5, serverSentEvents: disconnect + 5, longPolling: disconnect };

function heliostat(...command) {
    const url = ['--json', '--url', `http://127.0.0.1:${port}`];
    const binary = process.env.HELIOSTAT_BIN;
    return JSON.parse(execFileSync('ip', ['netns', 'exec', namespace, binary, ...command, ...url], { encoding: 'utf8' }));
}

function look() {
    const found = {};
    for (const connection of heliostat('connections').connections) found[connection.transport] = connection;
    return found;
}

function check(holds, what) {
    if (!holds) {
        console.error(`half-open: FAILED: ${what}\n${JSON.stringify(look(), null, 1)}`);
        process.exit(1);
    }
    console.log(`half-open: ok: ${what}`);
}

const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function main() {
    const before = look();
    for (const transport of TRANSPORTS) {
        check(before[transport]?.state.name === 'connected', `${transport}: a quiet client stays connected`);
    }
    // As long as the system sends again soon enough, a gap is no loss, whether or not the server misses somebody meanwhile.
    execSync(cut);
    await sleep(1000 * keepAlive);
    execSync(mend);
    await sleep(3000 * keepAlive);
    for (const transport of TRANSPORTS) {
        const { timeline } = heliostat('timeline', before[transport].id);
        const breaks = timeline.events.map((event) => event.what).filter((what) => ['lost', 'cut', 'reconnected'].includes(what));
        check(breaks.length === 0 && look()[transport].state.name === 'connected', `${transport}: a gap of one keep-alive breaks nothing`);
    }
    execSync(cut);
    const cutAt = Date.now();
    const seconds = () => (Date.now() - cutAt) / 1000;
    const noticed = {};
    const ended = {};
    const last = Math.max(...TRANSPORTS.map((transport) => NOTICED[transport] + GRACE[transport])) + 3 * TOLERANCE;
    while (Object.keys(ended).length < TRANSPORTS.length && seconds() < last) {
        const now = look();
        for (const transport of TRANSPORTS) {
            const state = now[transport]?.state;
            if (state?.name !== 'connected') noticed[transport] ??= seconds();
            if (state?.name === 'ended') ended[transport] ??= { at: seconds(), reason: state.reason };
        }
        await sleep(100);
    }
    for (const transport of TRANSPORTS) {
        const after = noticed[transport];
        check(after <= NOTICED[transport] + TOLERANCE, `${transport}: away after ${after?.toFixed(1)} s`);
        const end = ended[transport];
        check(end?.reason === 'TimedOut', `${transport}: ended (${end?.reason}) after ${end?.at.toFixed(1)} s`);
        const waited = end.at - after;
        check(Math.abs(waited - GRACE[transport]) <= TOLERANCE, `${transport}: it had ${waited.toFixed(1)} s to come back`);
        const { timeline } = heliostat('timeline', before[transport].id);
        const ends = timeline.events.filter((event) => event.what === 'disconnected');
        check(ends.length === 1, `${transport}: disconnected was raised once`);
    }
}

main();
