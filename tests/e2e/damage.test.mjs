// damage.test.mjs - what a disk or a person did to the file of the store while no server ran: pages
// that are not as they were written, a log that ends in the middle, a newer version's file.
import assert from 'node:assert/strict';
import {
    closeSync, copyFileSync, openSync, readFileSync, statSync, truncateSync, writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { checkJournal } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';

const SESSIONS = 40;
const PAGE_BYTES = 16384;
const CONFIG = {
    models: { m: { provider: 'scripted', replies: [{ text: 'You said: {{input}}' }] } },
    agents: { a: { model: 'm', instructions: 'x' } },
};

// Sessions that have ended; each has an input of its own that fills a part of a page.
async function withSessions(t) {
    const pawl = await Pawl.make(t, CONFIG);

    await pawl.start();
    const inputs = Array.from({ length: SESSIONS }, (_, i) => `${i} ${'x'.repeat(4000)}`);
    const ids = await Promise.all(inputs.map(async (input) => (await pawl.play('a', input)).id));

    return { pawl, ids };
}

// Overwrites the middle one of the leaves of a table or an index.
async function damage(pawl, name) {
    assert.equal(await pawl.sql('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA page_size'),
                 `0|0|0
${PAGE_BYTES}`);
    const leaves = (await pawl.sql(
        `SELECT pageno FROM dbstat WHERE name = '${name}' AND pagetype = 'leaf'`)).split('\n');
    const page = Number(leaves[leaves.length >> 1]);
    const file = openSync(pawl.path('pawl.db'), 'r+');

    assert.ok(page > 1, `${name} has a page`);
    writeSync(file, Buffer.alloc(PAGE_BYTES, 0xff), 0, PAGE_BYTES, (page - 1) * PAGE_BYTES);
    closeSync(file);
}

const ADVICE = /pawl\.db is damaged.*backup.*\.recover/;

// What is on the damaged page says so; the server is not ready as soon as it knows.
async function saysSo(pawl, path) {
    const { status, body } = await pawl.api('GET', path);

    assert.deepEqual([status, body.code], [500, 'store_damaged'], JSON.stringify(body));
    assert.match(body.detail, ADVICE);
    const ready = await pawl.api('GET', '/readyz');

    assert.deepEqual([ready.status, ready.body.code], [503, 'store_damaged']);
    assert.match(ready.body.detail, /pawl verify/);
    assert.equal((await pawl.api('GET', '/livez')).status, 200);
}

async function verifyFinds(pawl, status) {
    const verify = await pawl.cli(['verify']);

    assert.equal(verify.status, status, verify.stdout + verify.stderr);
    assert.match(verify.stdout, /^the file: .*Page \d+/m);
    assert.match(verify.stdout, /^the file is damaged: .*backup.*\.recover/m);
    return verify;
}

test('a damaged page of the journals: its sessions say so, all others can be read', async (t) => {
    const { pawl, ids } = await withSessions(t);

    await pawl.stop();
    await damage(pawl, 'event');
    await pawl.start();
    const answers = await Promise.all(ids.map((id) => pawl.api('GET', `/v1/sessions/${id}/events`)));
    const bad = ids.filter((_, i) => answers[i].status !== 200);

    assert.ok(bad.length > 0 && bad.length < SESSIONS / 2, `${bad.length} are on the page`);
    await saysSo(pawl, `/v1/sessions/${bad[0]}/events`);
    assert.match(pawl.log, ADVICE);
    const { stdout } = await verifyFinds(pawl, 1);

    for (const id of bad) assert.match(stdout, new RegExp(`^${id}: .*is damaged`, 'm'));
    assert.equal((await pawl.stop()).status, 0);
});

test('a damaged page of the sessions: the list says so, and so does verify', async (t) => {
    const { pawl } = await withSessions(t);

    await pawl.stop();
    await damage(pawl, 'session');
    await pawl.start();
    await saysSo(pawl, '/v1/sessions?limit=1000');
    const { stderr } = await verifyFinds(pawl, 5);

    assert.match(stderr, ADVICE);
    assert.equal((await pawl.stop()).status, 0);
});

test('a damaged page that only writes meet: nothing is accepted, verify finds it', async (t) => {
    const { pawl, ids } = await withSessions(t);

    await pawl.stop();
    await damage(pawl, 'session_agent');
    await verifyFinds(pawl, 1);
    await pawl.start();
    const { status, body } = await pawl.api('POST', '/v1/sessions', { agent: 'a', input: 'x' });

    assert.deepEqual([status, body.code], [500, 'store_damaged'], JSON.stringify(body));
    assert.match(body.detail, ADVICE);
    assert.equal((await pawl.api('GET', '/readyz')).status, 503);
    assert.equal((await pawl.session(ids[0])).status, 'COMPLETED');
    assert.equal((await pawl.stop()).status, 0);
});

test('a backup in the place of a damaged file is all that is needed', async (t) => {
    const { pawl, ids } = await withSessions(t);

    assert.equal((await pawl.cli(['backup', pawl.path('copy.db')])).status, 0);
    await pawl.stop();
    await damage(pawl, 'session');
    copyFileSync(pawl.path('copy.db'), pawl.path('pawl.db'));
    await pawl.start();
    for (const id of ids) checkJournal(id, await pawl.events(id));
    assert.equal((await pawl.api('GET', '/readyz')).status, 200);
    await pawl.verify();
});

test('a file that lost its last page does not go unseen', async (t) => {
    const { pawl } = await withSessions(t);

    await pawl.stop();
    await pawl.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    truncateSync(pawl.path('pawl.db'), statSync(pawl.path('pawl.db')).size - PAGE_BYTES / 2);
    const verify = await pawl.cli(['verify']);

    assert.notEqual(verify.status, 0);
    assert.match(verify.stdout + verify.stderr, /damaged|1 fault/);
});

// The pages of which the log has a copy. Its format is SQLite's: a header of 32 bytes, then for each
// page a header of 24 that begins with its number and repeats the salts of the log's own.
function loggedPages(log) {
    const pages = new Set();

    for (let at = 32; at + 24 + PAGE_BYTES <= log.length; at += 24 + PAGE_BYTES)
        if (log.subarray(at + 8, at + 16).equals(log.subarray(16, 24)))
            pages.add(log.readUInt32BE(at));
    return [...pages];
}

test('pages that were torn while the log was copied come from the log', async (t) => {
    const { pawl, ids } = await withSessions(t);

    await pawl.kill();
    const pages = loggedPages(readFileSync(pawl.path('pawl.db-wal')));
    const file = openSync(pawl.path('pawl.db'), 'r+');

    assert.ok(pages.length > 10, `${pages.length} pages in the log`);
    for (const page of pages)
        writeSync(file, Buffer.alloc(PAGE_BYTES / 2, 0xff), 0, PAGE_BYTES / 2, (page - 1) * PAGE_BYTES);
    closeSync(file);
    await pawl.verify();
    await pawl.start();
    for (const id of ids) checkJournal(id, await pawl.events(id));
    assert.equal((await pawl.stop()).status, 0);
    await pawl.verify();
});

test('a log that ends in the middle of a page is a shorter history', async (t) => {
    const { pawl, ids } = await withSessions(t);

    await pawl.kill();
    const log = pawl.path('pawl.db-wal');

    assert.ok(statSync(log).size > 10 * PAGE_BYTES);
    truncateSync(log, Math.floor(statSync(log).size / 2));
    await pawl.verify(); // what is there is whole
    await pawl.start();
    const { data } = await pawl.get('/v1/sessions?limit=1000');

    assert.ok(data.length > 0 && data.length < ids.length, `${data.length} are left`);
    for (const { id } of data) checkJournal(id, (await pawl.ended(id)).events);
    assert.equal((await pawl.play('a')).status, 'COMPLETED');
    assert.equal((await pawl.api('GET', '/readyz')).status, 200);
    await pawl.verify();
});

test('a store of a newer version is refused, and left as it is', async (t) => {
    const { pawl } = await withSessions(t);

    await pawl.stop();
    await pawl.sql('INSERT INTO schema (version, applied_at_ms) VALUES (999, 0)');
    const before = await pawl.sql('SELECT count(*), max(seq) FROM event');

    for (const command of ['serve', 'verify']) {
        const { status, stderr } = await pawl.cli([command, '-c', pawl.path('pawl.yaml')]);

        assert.equal(status, 5, stderr);
        assert.match(stderr, /pawl\.db was written by a newer pawl \(schema 999.*use that version/);
    }
    assert.equal(await pawl.sql('SELECT count(*), max(seq) FROM event'), before);
});
