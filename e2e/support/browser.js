// The one browser that all test files share, with a profile for each of them.
//
// A page takes a fifth of the time to open when it shares a process with the pages before it. What they then also share
// is the limit of six physical connections to one address, which WebSockets do not count against.

import { chromium } from 'playwright-core';

/** Where the system's package puts it; nothing is ever downloaded. */
const EXECUTABLE = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

/** `run.js` tells the test files through this variable where the shared browser listens. */
export const SHARED = 'E2E_BROWSER';

/** Only loopback, nothing in the background. Playwright gives each browser a fresh profile and removes it. */
const OPTIONS = {
  executablePath: EXECUTABLE,
  headless: true,
  chromiumSandbox: false,
  args: [
    '--process-per-site',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

let opened;
let profile;

/** The shared browser, or one of this process if somebody runs a single test file. */
function browser() {
  const shared = process.env[SHARED];
  opened ??= shared ? chromium.connect(shared) : chromium.launch(OPTIONS);
  return opened;
}

/** A new page in this process's profile. */
export async function openPage() {
  profile ??= browser().then((browser) => browser.newContext());
  return (await profile).newPage();
}

/** Starts the browser that test files will share. */
export function launchShared() {
  return chromium.launchServer(OPTIONS);
}

/** Lets go of the browser, so that the process can end. */
export async function closeBrowser() {
  await (await profile)?.close();
  await (await opened)?.close();
}
