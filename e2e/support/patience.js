// Waiting for something with a deadline. Nothing in these tests sleeps and hopes.

/** Longer than anything here takes that is not a timeout under test, in milliseconds. */
export const PATIENCE = 12_000;

/** Between two looks at something that cannot tell by itself when it changed. */
const BETWEEN_LOOKS = 40;

/** Waits until `condition` holds; when patience is over, fails with what `explain` says. */
export async function eventually(condition, explain, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${explain()} within ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS));
  }
}
