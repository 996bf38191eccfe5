// backup.test.mjs - `pawl backup` beside a server at work: what it writes is a store.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Pawl } from './lib/pawl.mjs';

const CONFIG = {
    models: {
        main: { provider: 'scripted', replies: [{ calls: [{ tool: 'echo' }] }, { text: 'done' }] },
    },
    tools: { echo: { builtin: 'echo' } },
    agents: { main: { model: 'main', instructions: 'x', tools: ['echo'] } },
};

async function says(promise, status, pattern) {
    const end = await promise;
    const text = `${end.status}: ${end.stdout}${end.stderr}`;

    assert.equal(end.status, status, text);
    assert.match(end.stdout + end.stderr, pattern, text);
}

test('copies made while sessions run are good, each by itself', async (t) => {
    const pawl = await (await Pawl.make(t, CONFIG)).start();
    const first = await pawl.play('main', 'before');
    let isOver = false;
    const work = (async () => {
        const ids = [];

        while (!isOver) ids.push((await pawl.play('main', 'meanwhile')).id);
        return ids;
    })();

    for (const name of ['a.backup', 'b.backup', pawl.path('c.backup')]) {
        await says(pawl.cli(['backup', name]), 0, new RegExp(`${name} is a copy`));
        await says(pawl.cli(['verify', '--store', `sqlite:${name}`]), 0, /all good/);
        assert.equal(statSync(pawl.path('a.backup')).mode & 0o777, 0o600, 'for its owner only');
    }
    isOver = true;
    const during = await work;

    await pawl.verify();
    assert.deepEqual(readdirSync(pawl.folder).filter((name) => /partial|backup-/.test(name)), []);
    // A server on the copy has what was there, and goes on.
    await pawl.stop();
    pawl.configure({ ...CONFIG, store: 'sqlite:a.backup' });
    await pawl.start();
    const { events, output, ...session } = await pawl.session(first.id);

    assert.equal(session.status, 'COMPLETED');
    assert.deepEqual(await pawl.events(first.id), first.events);
    assert.equal((await pawl.api('GET', `/v1/sessions/${during.at(-1)}`)).status, 404);
    assert.equal((await pawl.play('main', 'after')).output, 'done');
    await pawl.verify();
});

test('a file that is there stays, and what cannot be done says why', async (t) => {
    const pawl = await Pawl.make(t, CONFIG);

    await says(pawl.cli(['backup', 'x.backup']), 5, /pawl.db/);
    assert.ok(!existsSync(pawl.path('x.backup')));
    await pawl.start();
    pawl.write('x.backup', 'mine');
    await says(pawl.cli(['backup', 'x.backup']), 1, /x.backup is there already/);
    assert.equal(pawl.read('x.backup'), 'mine');
    await says(pawl.cli(['backup', 'pawl.db']), 1, /pawl.db is there already/);
    await says(pawl.cli(['backup', 'no/such/x.backup']), 5, /no\/such\/x.backup.*No such file/);
    await says(pawl.cli(['backup']), 2, /usage: pawl backup FILE/);
    await says(pawl.cli(['backup', '']), 2, /empty/);
    await says(pawl.cli(['backup', 'y.backup', '--store', 'mem:']), 2, /memory/);
    await says(pawl.cli(['backup', 'y.backup', '--store', 'redis://x']), 2, /sqlite:PATH/);
    await says(pawl.cli(['backup', 'y.backup', '-c', 'none.yaml']), 4, /none.yaml/);
    pawl.write('other.db', 'no database at all, but long enough to be looked at as one');
    await says(pawl.cli(['backup', 'y.backup', '--store', 'sqlite:other.db']), 5, /no pawl store/);
    assert.ok(!existsSync(pawl.path('y.backup')));
    // What one that was killed left behind is in nobody's way.
    pawl.write('z.backup.partial', 'half of it');
    await says(pawl.cli(['backup', 'z.backup']), 0, /z.backup is a copy/);
    assert.ok(!existsSync(pawl.path('z.backup.partial')));
    await says(pawl.cli(['backup', ':memory:']), 0, /is a copy/);
    await says(pawl.cli(['verify', '--store', 'sqlite::memory:']), 0, /all good/);
});
