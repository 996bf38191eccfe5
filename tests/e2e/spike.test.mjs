// spike.test.mjs - examples/spike: a hundred users who start at the same moment, also when the server
// is killed in the middle.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setUpData, sqlite, startExample } from './lib/example.mjs';
import { checkJournal, ofKind } from './lib/journal.mjs';
import { until } from './lib/wait.mjs';

const VISITORS = Array.from({ length: 100 }, (_, i) => `visitor-${i + 1}`);

const tickets = (pawl) => sqlite(pawl.path('data/tickets.db'),
                                 'SELECT number, visitor, key FROM ticket ORDER BY number');

const come = (pawl) => Promise.all(VISITORS.map((visitor) => pawl.create(
    { agent: 'desk', input: `I am ${visitor}` }, { 'idempotency-key': visitor })));

// Every session is complete, with one ticket that is its own.
async function allServed(pawl, created) {
    const sessions = await Promise.all(created.map(({ id }) => pawl.ended(id)));
    const drawn = await tickets(pawl);

    assert.deepEqual(drawn.map((t) => t.number), VISITORS.map((_, i) => i + 1));
    for (const [i, session] of sessions.entries()) {
        const mine = drawn.filter((t) => t.visitor === VISITORS[i]);

        assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
        checkJournal(session.id, session.events);
        assert.equal(mine.length, 1, VISITORS[i]);
        assert.ok(mine[0].key.startsWith(`${session.id}:`), mine[0].key);
        assert.equal(session.output,
                     `You have ticket ${mine[0].number}. We are open Monday to Friday, 8 to 17.`);
    }
    assert.match(await pawl.verify(), /^100 sessions, /);
    return sessions;
}

test('spike: a hundred users at the same moment, and the same once more', async (t) => {
    const pawl = await startExample(t, 'spike');

    await setUpData(pawl);
    const created = await come(pawl);

    await allServed(pawl, created);
    const again = await come(pawl);

    assert.deepEqual(again.map((s) => s.id), created.map((s) => s.id));
    await allServed(pawl, again);
});

test('spike: a hundred users, and a server that is killed among them', async (t) => {
    const pawl = await startExample(t, 'spike');

    await setUpData(pawl);
    const created = await come(pawl);

    await until('the first tickets', async () => (await tickets(pawl)).length >= 10);
    await pawl.kill();
    await pawl.start();
    const sessions = await allServed(pawl, created);

    assert.ok(sessions.some((s) => ofKind(s.events, 'interrupted').length > 0),
              'the kill met nobody');
});
