// examples.test.mjs - what examples/ shows, run as its README says, and judged by the files that
// are there in the end, not by the model's words.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
    completes, resultsOfTool, scratchPath, setUpData, sqlite, startExample,
} from './lib/example.mjs';
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

// ---- design ----

// By WCAG 2, computed here once more.
function contrast(one, other) {
    const [light, dark] = [one, other].map((colour) => {
        const [r, g, b] = [1, 3, 5].map((at) => {
            const value = parseInt(colour.slice(at, at + 2), 16) / 255;

            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });

        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }).sort((a, b) => b - a);

    return (light + 0.05) / (dark + 0.05);
}

test('design: a drawing that the check refuses is drawn again', async (t) => {
    const pawl = await startExample(t, 'design');
    const session = await completes(pawl, 'designer', 'Draw the sign that the brief asks for.');
    const path = scratchPath(pawl, 'design.db', session, 'sign.svg');
    const svg = readFileSync(path, 'utf8');

    assert.equal((await run('xmllint', ['--noout', path])).status, 0);
    assert.match(svg, /^<svg [^>]*width="320" height="120" viewBox="0 0 320 120"/);
    const background = /<rect [^>]*fill="(#\w{6})"/.exec(svg)[1];
    const texts = [...svg.matchAll(/<text [^>]*fill="(#\w{6})"[^>]*>([^<]*)</g)];
    const least = Math.min(...texts.map(([, fill]) => contrast(background, fill)));

    assert.deepEqual(texts.map(([, , words]) => words), ['Open', 'Mon to Fri, 8 to 17']);
    assert.ok(least >= 4.5);

    const [refused, passed, ...more] = resultsOfTool(session.events, 'check_svg');

    assert.deepEqual(more, []);
    assert.equal(refused.is_error, true);
    assert.match(refused.stderr, /- it is 320 x 100; the brief wants 320 x 120\n/);
    assert.match(refused.stderr, new RegExp(
        `- a text in #e07a5f has a contrast of ${contrast('#f4f1de', '#e07a5f').toFixed(2)} to 1`));
    assert.equal(passed.is_error, false);
    assert.equal(session.output.trim(), 'The sign is drawn: sign.svg is as the brief wants it: ' +
        `320 x 120, ${Buffer.byteLength(svg)} bytes, least contrast ${least.toFixed(2)} to 1`);
    await pawl.verify();
});

// ---- migration ----

test('migration: a step that fails is undone, corrected, and done', async (t) => {
    const pawl = await startExample(t, 'migration');
    const shop = pawl.path('data/shop.db');

    await setUpData(pawl);
    const orders = await sqlite(shop, 'SELECT id, customer, total FROM orders ORDER BY id');
    const customers = await sqlite(shop, 'SELECT id, name, email FROM customer ORDER BY id');
    const session = await completes(pawl, 'migrator', 'Migrate the shop\'s database.');

    assert.deepEqual(
        await sqlite(shop, 'SELECT * FROM orders ORDER BY id'),
        orders.map(({ id, customer, total }) =>
            ({ id, customer, cents: Number(total.replace('.', '')) })));
    assert.deepEqual(
        await sqlite(shop, 'SELECT * FROM customer ORDER BY id'),
        customers.map(({ id, name, email }) =>
            ({ id, name, email: email ?? `unknown-${id}@example.invalid` })));
    assert.equal((await sqlite(shop, 'PRAGMA table_info(customer)'))
        .find((c) => c.name === 'email').notnull, 1);
    assert.deepEqual(
        (await sqlite(shop, 'SELECT name FROM migration ORDER BY rowid')).map((r) => r.name),
        ['cents', 'email_unknown', 'email_not_null']);

    const backup = pawl.path(`data/before-${session.id}.db`);

    assert.deepEqual(await sqlite(backup, 'SELECT * FROM orders ORDER BY id'), orders);
    assert.deepEqual(await sqlite(backup, 'SELECT * FROM customer ORDER BY id'), customers);

    const steps = resultsOfTool(session.events, 'migrate');

    assert.deepEqual(steps.map((r) => r.is_error), [false, true, false, false]);
    assert.match(steps[1].stderr, /undone as a whole: .*NOT NULL constraint failed/);
    assert.match(session.output, /\n17 Customer 17\n93 Customer 93\n154 Customer 154\n/);
    assert.match(session.output,
                 /All is as it should be: customer 200, orders 1000, 4460500 cents in all orders\./);
    await pawl.verify();
});
