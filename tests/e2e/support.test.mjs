// support.test.mjs - examples/support, run as its README says: orders in a real SQLite file,
// refunds that are paid once whatever dies, and a hundred users at the same moment.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { completes, scratchPath, setUpData, sqlite, startExample } from './lib/example.mjs';
import { checkJournal, ofKind } from './lib/journal.mjs';
import { until } from './lib/wait.mjs';

const COMPLAINT = 'arrived broken. I want my money back.';

// Each order's price, and what was paid back for it, how often.
const refunds = (shop) => sqlite(shop, `
    SELECT o.number, o.cents, count(r.id) AS times, coalesce(sum(r.cents), 0) AS paid
    FROM orders o LEFT JOIN refund r USING (number) GROUP BY o.number ORDER BY o.number`);

async function onlyPaid(shop, numbers) {
    for (const { number, cents, times, paid } of await refunds(shop)) {
        const wanted = numbers.includes(number) ? [1, cents] : [0, 0];

        assert.deepEqual([times, paid], wanted, `order ${number}`);
    }
}

test('support: an order is looked up and paid back', async (t) => {
    const pawl = await startExample(t, 'support');
    const shop = pawl.path('data/shop.db');

    await setUpData(pawl);
    const first = await completes(pawl, 'support', `Order 4711 ${COMPLAINT}`);
    const [order] = await sqlite(shop, 'SELECT item, cents FROM orders WHERE number = 4711');
    const price = (order.cents / 100).toFixed(2);

    assert.equal(first.output.trim(),
                 `I am sorry about the ${order.item}. ${price} were paid back for order 4711.`);
    await onlyPaid(shop, [4711]);

    // There is nothing left to pay back, and the tool's own check says so.
    const second = await pawl.play('support', `Order 4711 ${COMPLAINT}`);

    assert.equal(second.status, 'COMPLETED');
    assert.doesNotMatch(second.output, /were paid back/);
    await onlyPaid(shop, [4711]);
    await pawl.verify();
});

// The refund's own script, held up by this test in front of the payment or behind it.
async function killedInRefund(t, holdUp) {
    const pawl = await startExample(t, 'support');
    const hold = 'touch "$PAWL_SCRATCH/held"\nuntil [ -e go ]; do sleep 0.02; done\n';

    await setUpData(pawl);
    pawl.write('tools/refund', holdUp(pawl.read('tools/refund'), hold));
    const { id } = await pawl.create({ agent: 'support', input: `Order 4720 ${COMPLAINT}` });
    const held = scratchPath(pawl, 'support.db', { id }, 'held');

    await until('the refund to be held up', () => existsSync(held));
    await pawl.kill();
    pawl.write('go', '');
    await pawl.start();
    const session = await pawl.ended(id);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    assert.match(session.output, /were paid back for order 4720\./);
    await onlyPaid(pawl.path('data/shop.db'), [4720]);
    await pawl.verify();
    return session.events;
}

test('support: a server that is killed after the payment does not pay again', async (t) => {
    const events = await killedInRefund(t, (script, hold) =>
        script.replace('echo "$paid"', `${hold}$&`));

    assert.equal(ofKind(events, 'tool_sent').length, 1);
});

test('support: a server that is killed before the payment pays once', async (t) => {
    const events = await killedInRefund(t, (script, hold) =>
        script.replace('paid=$(ask', `${hold}$&`));

    assert.equal(ofKind(events, 'tool_sent').length, 2);
});

// ---- the spike ----

test('support: a hundred users at the same moment', async (t) => {
    const pawl = await startExample(t, 'support');
    const shop = pawl.path('data/shop.db');
    const numbers = Array.from({ length: 100 }, (_, i) => 4700 + i);
    const create = (number) => pawl.create(
        { agent: 'support', input: `Order ${number} ${COMPLAINT}` },
        { 'idempotency-key': `complaint-${number}` });

    await setUpData(pawl);
    const created = await Promise.all(numbers.map(create));
    const sessions = await Promise.all(created.map(({ id }) => pawl.ended(id)));

    for (const [i, session] of sessions.entries()) {
        assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
        checkJournal(session.id, session.events);
        assert.match(session.output, new RegExp(`were paid back for order ${numbers[i]}\\.`));
        assert.equal(ofKind(session.events, 'tool_sent').length, 1);
    }
    await onlyPaid(shop, numbers);

    // The same requests again, at the same moment: no session more, and no refund.
    const again = await Promise.all(numbers.map(create));
    const list = await pawl.get('/v1/sessions?limit=1000');

    assert.deepEqual(again.map((s) => s.id), created.map((s) => s.id));
    assert.deepEqual(list.data.map((s) => s.id).sort(), created.map((s) => s.id).sort());
    await onlyPaid(shop, numbers);
    assert.match(await pawl.verify(), /^100 sessions, /);
});
