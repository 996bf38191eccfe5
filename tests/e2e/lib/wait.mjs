// wait.mjs - waiting for conditions. A deadline is a safety net, never what a test measures.
import { setTimeout as pause } from 'node:timers/promises';

export const DEADLINE_MS = 60_000;

// Asks until the answer is truthy, and gives it back. `what` says what was waited for; as a
// function it may look at the end, to say more.
export async function until(what, condition, deadlineMs = DEADLINE_MS) {
    const end = performance.now() + deadlineMs;

    for (;;) {
        const answer = await condition();

        if (answer) return answer;
        if (performance.now() > end) {
            const text = typeof what === 'function' ? what() : what;

            throw new Error(`waited ${deadlineMs / 1000} s for ${text}`);
        }
        await pause(10);
    }
}

// The promise's outcome, or an error once the deadline is over.
export async function within(what, promise, deadlineMs = DEADLINE_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(
            () => reject(new Error(`waited ${deadlineMs / 1000} s for ${what}`)), deadlineMs);
    });

    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}
