// driver.mjs - what pawl says of schemas and patterns, by the driver beside this folder.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const driver = process.env.PAWL_SCHEMA_DRIVER;

assert.ok(driver, 'PAWL_SCHEMA_DRIVER names no program; run these tests by ./dev test npm');

// For each line of JSON one line of answers: verdicts, or "! " and why the schema is refused, or
// "? " and why the line cannot be read.
export function ask(lines) {
    const run = spawnSync(driver, {
        input: lines.map((line) => line + '\n').join(''),
        encoding: 'utf8',
        maxBuffer: 1 << 30,
    });

    assert.equal(run.stderr, '');
    assert.equal(run.status, 0);
    const answers = run.stdout.split('\n').slice(0, -1);

    assert.equal(answers.length, lines.length);
    return answers;
}

export const isRefused = (answer) => answer.startsWith('! ') || answer.startsWith('? ');
