// examples.test.mjs - what examples/ shows, run as its README says, and judged by the files that
// are there in the end, not by the model's words.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { completes, resultsOfTool, scratchPath, startExample } from './lib/example.mjs';
import { run } from './lib/pawl.mjs';

// ---- coding ----

// The project's own tests, outside of any sandbox, in a folder of this test.
async function projectTests(pawl, from) {
    const name = `outside-${Math.random()}`;

    cpSync(from, pawl.path(name), { recursive: true });
    return run('sh', [pawl.path(`${name}/test.sh`)],
               { env: { ...pawl.environment(), TMPDIR: pawl.path(name) } });
}

test('coding: tests that fail are made to pass', async (t) => {
    const pawl = await startExample(t, 'coding');
    const before = await projectTests(pawl, pawl.path('project'));

    assert.equal(before.status, 1);
    assert.match(before.stdout, /\n8 passed, 3 failed\n$/);
    const session = await completes(pawl, 'coder', 'The tests fail. Repair the program.');
    const work = scratchPath(pawl, 'coding.db', session, 'project');
    const after = await projectTests(pawl, work);

    assert.equal(after.status, 0, after.stdout + after.stderr);
    assert.equal(after.stdout, '11 passed, 0 failed\n');
    for (const file of ['test_duration.c', 'test.sh', 'duration.h'])
        assert.equal(readFileSync(`${work}/${file}`, 'utf8'), pawl.read(`project/${file}`), file);
    assert.equal((await projectTests(pawl, pawl.path('project'))).status, 1, 'project/ is as it was');

    const runs = resultsOfTool(session.events, 'run_tests');

    assert.deepEqual(runs.map((r) => r.is_error), [true, true, false]);
    assert.match(session.output, /^The tests pass: 11 passed, 0 failed\n/);
    assert.match(session.output, /^-.*total = n \* 60;.*\n\+.*total \+= n \* 60;/m);
    await pawl.verify();
});
