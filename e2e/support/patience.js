// Waiting for something with a deadline. Nothing in these tests sleeps and hopes.

/** Longer than anything here takes that is not a timeout under test, in milliseconds. */
export const PATIENCE = 20_000;

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

/** Lets only so many things happen at once; the others wait their turn. */
export function turnstile(atOnce) {
  let free = atOnce;
  const queue = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else free += 1;
    }
  };
}
