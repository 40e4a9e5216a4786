// Starts the browser that all test files share, runs them with node's test runner, and ends as they ended.
//
// Arguments are handed to node: `node run.js --test-name-pattern=CP-068`, or a test file to run only that one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { SHARED, launchShared } from './support/browser.js';

const FILES_AT_ONCE = 2;

const tests = fileURLToPath(new URL('tests/', import.meta.url));
const chosen = process.argv.slice(2);
const files = chosen.some((argument) => argument.endsWith('.test.js'))
  ? []
  : readdirSync(tests).filter((name) => name.endsWith('.test.js')).map((name) => tests + name);

const browser = await launchShared();
try {
  let code = await run(FILES_AT_ONCE);
  if (code !== 0) {
    // A browser that gets no time to run looks like a broken connection. What fails twice, the second time alone, is broken.
    console.log('\ne2e: failed; once more, one file at a time');
    code = await run(1);
  }
  process.exitCode = code;
} finally {
  await browser.close();
}

async function run(filesAtOnce) {
  const runner = spawn(
    process.execPath,
    ['--test', '--test-reporter=spec', `--test-concurrency=${filesAtOnce}`, ...chosen, ...files],
    { stdio: 'inherit', env: { ...process.env, [SHARED]: browser.wsEndpoint() } },
  );
  const [code] = await once(runner, 'exit');
  return code ?? 1;
}
