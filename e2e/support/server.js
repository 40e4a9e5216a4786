// A `heliostat serve` of its own for a test file, and what its diagnostics hub says about its connections.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { PATIENCE, eventually } from './patience.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = path.resolve(ROOT, process.env.HELIOSTAT_BIN ?? 'target/debug/heliostat');

/** The shortest timeouts the server accepts, so that tests of them are short too. */
export const HASTY = ['--disconnect-timeout', '6s', '--keep-alive', '2s'];

/** The server's own clock for those: what a stream is granted beyond the disconnect timeout (spec 9.1), and a beat. */
export const HASTY_GRACE = 6_000 + 5_000 + 1_000;

const running = new Set();
// A test file that fails at its top does not leave its servers behind.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Server {
  #child;
  #token;
  #lines = [];

  /** Starts the server on a free port and waits until it says where it listens. */
  static async start(...flags) {
    const server = new Server();
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('HELIOSTAT_'));
    const child = spawn(BINARY, ['serve', '--listen', '127.0.0.1:0', '--log-format', 'json', ...flags], {
      cwd: tmpdir(),
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    server.#child = child;
    const address = new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new Error(`cannot run ${BINARY}: ${error.message}`)));
      child.once('exit', () => reject(new Error(`${BINARY} ended at once:\n${server.log()}`)));
      createInterface({ input: child.stderr }).on('line', (line) => {
        server.#lines.push(line);
        const { address } = line.startsWith('{') ? JSON.parse(line) : {};
        if (address) resolve(address);
      });
    });
    server.origin = `http://${await address}`;
    server.port = Number(new URL(server.origin).port);
    return server;
  }

  /** What the server logged so far. */
  log() {
    return this.#lines.join('\n');
  }

  /** What the server raised for one connection, oldest first: `connected`, `disconnected(stopped)`, ... */
  async events(connectionId) {
    const events = await this.call('events');
    const ours = events.filter((event) => event.connectionId === connectionId);
    return ours.map(({ event, reason }) => (reason ? `${event}(${reason})` : event));
  }

  /** Waits until the server raised `event` for that connection and returns all it raised until then. */
  async raised(connectionId, event, patience = PATIENCE) {
    let events = [];
    await eventually(
      async () => (events = await this.events(connectionId)).includes(event),
      () => `the server did not raise ${event}, only [${events}]`,
      patience,
    );
    return events;
  }

  /** Calls a method over plain HTTP, without a connection: calls need none (CP-155, CP-172). */
  async call(method, ...args) {
    this.#token ??= (await this.#json('/signalr/negotiate?clientProtocol=2.1')).ConnectionToken;
    const query = new URLSearchParams({ transport: 'longPolling', connectionToken: this.#token });
    const data = JSON.stringify({ H: 'diagnosticshub', M: method, A: args, I: 0 });
    const result = await this.#json(`/signalr/send?${query}`, {
      method: 'POST',
      body: new URLSearchParams({ data }),
    });
    if (result.E) throw new Error(`${method} failed: ${result.E}`);
    return result.R;
  }

  async #json(pathAndQuery, options) {
    const response = await fetch(this.origin + pathAndQuery, { signal: AbortSignal.timeout(PATIENCE), ...options });
    if (!response.ok) throw new Error(`${pathAndQuery}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Ends the process with that signal and waits until it is gone; without one it has no chance to say goodbye. */
  async end(signal = 'SIGKILL') {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }

  /** What a stage calls when its test is over. */
  close() {
    return this.end();
  }
}

/** A folder for one test. */
export class Folder {
  static async create() {
    const folder = new Folder();
    folder.path = await mkdtemp(path.join(tmpdir(), 'heliostat-e2e-'));
    return folder;
  }

  close() {
    return rm(this.path, { recursive: true, force: true });
  }
}
