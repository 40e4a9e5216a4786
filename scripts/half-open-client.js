// Three clients that keep the protocol as official ones do: one per transport. They never go on their own.
'use strict';
const http = require('node:http');

const [base] = process.argv.slice(2);
const PROTOCOL = 'clientProtocol=2.1';

function get(path) {
    return new Promise((resolve, reject) => {
        http.get(base + path, (answer) => {
            let body = '';
            answer.on('data', (piece) => { body += piece; });
            answer.on('end', () => resolve(body));
            answer.on('error', reject);
        }).on('error', reject);
    });
}

async function negotiate(transport) {
    const { ConnectionToken } = JSON.parse(await get(`/echo/negotiate?${PROTOCOL}`));
    return `${PROTOCOL}&transport=${transport}&connectionToken=${encodeURIComponent(ConnectionToken)}`;
}

async function started(transport, query) {
    const answer = JSON.parse(await get(`/echo/start?${query}`));
    if (answer.Response !== 'started') throw new Error(`${transport} did not start`);
    console.log(`${transport} started`);
}

async function longPolling() {
    const query = await negotiate('longPolling');
    let { C } = JSON.parse(await get(`/echo/connect?${query}`));
    await started('longPolling', query);
    for (;;) ({ C } = JSON.parse(await get(`/echo/poll?${query}&messageId=${encodeURIComponent(C)}`)));
}

async function serverSentEvents() {
    const query = await negotiate('serverSentEvents');
    http.get(`${base}/echo/connect?${query}`, (answer) => {
        let start = () => { start = () => {}; started('serverSentEvents', query).catch(fail); };
        answer.on('data', (piece) => { if (String(piece).includes('"S":1')) start(); });
        answer.on('error', () => {});
    }).on('error', () => {});
}

async function webSockets() {
    const query = await negotiate('webSockets');
    const headers = {
        Connection: 'Upgrade', Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    http.get(`${base}/echo/connect?${query}`, { headers }).on('upgrade', (_, socket, head) => {
        let start = () => { start = () => {}; started('webSockets', query).catch(fail); };
        const take = (piece) => {
            if (piece.includes('"S":1')) start();
            // An empty ping, answered as browsers do: an empty pong, masked.
            if (piece.includes(Buffer.from([0x89, 0x00]))) socket.write(Buffer.from([0x8a, 0x80, 1, 2, 3, 4]));
        };
        take(head);
        socket.on('data', take);
        socket.on('error', () => {});
    }).on('error', () => {});
}

function fail(error) {
    console.error(error);
    process.exit(1);
}

for (const client of [longPolling, serverSentEvents, webSockets]) client().catch(fail);
