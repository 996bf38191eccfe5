// once.test.mjs - tools with `effects: once`: a server that is killed at random moments while they
// run never runs one twice, unless it is proven that it did nothing.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { callsOf, checkJournal, ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { until } from './lib/wait.mjs';

const SESSIONS = 8;
const KILLS = 12;

// Writes its key into the session's ledger, somewhere in the middle of its work.
const PAY = `#!/bin/sh
cat >/dev/null
sleep 0.1
echo "$PAWL_IDEMPOTENCY_KEY" >>"$PAWL_SCRATCH/ledger"
sleep 0.1
echo "paid $PAWL_IDEMPOTENCY_KEY"
`;

// It gets the same input and key; nothing of the payment runs any more.
const PAID = `#!/bin/sh
read -r args
[ "$args" = '{"n":1}' ] || exit 3
[ -e "$PAWL_SCRATCH/ledger" ] || exit 75
grep -qxF "$PAWL_IDEMPOTENCY_KEY" "$PAWL_SCRATCH/ledger" || exit 75
echo "paid $PAWL_IDEMPOTENCY_KEY"
`;

const pay = { tool: 'pay', arguments: { n: 1 } };
const CONFIG = {
    models: {
        payer: {
            provider: 'scripted',
            replies: [{ calls: [pay, pay] }, { calls: [pay] }, { calls: [{ tool: 'ledger' }] },
                      { text: 'done' }],
        },
        stuck: { provider: 'scripted', replies: [{ calls: [{ tool: 'stuck' }] }, { text: 'done' }] },
    },
    tools: {
        pay: {
            description: 'Pays.',
            parameters: { type: 'object', properties: { n: { type: 'integer' } } },
            exec: { command: ['./pay'] },
            effects: 'once',
            reconcile: { command: ['./paid'] },
        },
        ledger: { description: 'Lists.', exec: { command: ['./ledger'] } },
        stuck: { description: 'Waits.', exec: { command: ['./stuck'] }, effects: 'once' },
    },
    agents: {
        payer: { model: 'payer', instructions: 'x', tools: ['pay', 'ledger'] },
        stuck: { model: 'stuck', instructions: 'x', tools: ['stuck'] },
    },
};
const FILES = {
    pay: PAY,
    paid: PAID,
    ledger: '#!/bin/sh\ncat "$PAWL_SCRATCH/ledger"\n',
    stuck: '#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\necho "attempt $PAWL_ATTEMPT"\n',
};

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG, FILES);

    return pawl.start();
}

// A session whose tool is at work.
async function atWork(pawl) {
    const { id } = await pawl.create({ agent: 'stuck', input: 'go' });

    await pawl.event(id, 'tool_sent');
    await until('the tool to run', () => pawl.tools().length > 0);
    return id;
}

async function waitsForPerson(pawl, id) {
    await until('a person to be asked', async () =>
        (await pawl.session(id)).waiting.some((w) => w.on === 'person'));
    return callsOf(await pawl.events(id)).at(-1).call;
}

// A payment runs: the script itself, not just what is about to start it.
const pays = (pawl) => pawl.tools().some((p) => /^\/bin\/sh .*\/pay$/.test(p.command));

const allEnded = async (pawl, ids) =>
    (await Promise.all(ids.map((id) => pawl.session(id)))).every((s) => s.ended_at !== null);

// A session in doubt: its server was killed while its tool ran.
async function inDoubt(pawl) {
    const id = await atWork(pawl);

    await pawl.kill();
    await pawl.start();
    const call = await waitsForPerson(pawl, id);
    const { status } = await pawl.session(id);

    assert.equal(status, 'AWAITING_HUMAN_APPROVAL');
    return { id, call };
}

test('killed again and again, no payment is made twice', async (t) => {
    const pawl = await setUp(t);
    const random = new Random(seedOfRun());
    const ids = [];

    for (let i = 0; i < SESSIONS; i++) {
        const { id } = await pawl.create({ agent: 'payer', input: 'go' });

        ids.push(id);
    }
    for (let i = 0; i < KILLS; i++) {
        const isPaying = await until('a payment, or the end', async () =>
            pays(pawl) ? 'pays' : await allEnded(pawl, ids) && 'ended');

        if (isPaying === 'ended') break;
        // The first at once: it meets payments. Those that follow at any moment.
        if (i > 0) await pause(random.between(0, 400));
        await pawl.kill();
        await pawl.start();
    }
    let doubts = 0;

    for (const id of ids) {
        const { status, error, events } = await pawl.ended(id);
        const [listed] = ofKind(events, 'tool_finished').slice(-1);
        const keys = listed.output.trim().split('\n');

        assert.equal(status, 'COMPLETED', JSON.stringify(error));
        checkJournal(id, events);
        doubts += ofKind(events, 'tool_in_doubt').length;
        assert.deepEqual([...keys].sort(), [...new Set(keys)].sort(), `paid twice in ${id}`);
        const asked = callsOf(events).filter((c) => c.tool === 'pay').map((c) => `${id}:${c.call}`);

        assert.deepEqual([...keys].sort(), asked.sort());
    }
    assert.ok(doubts > 0, 'no kill met a payment');
    await pawl.verify();
});

test('a person says that it happened, once', async (t) => {
    const pawl = await setUp(t);
    const { id, call } = await inDoubt(pawl);
    const settle = (...args) => pawl.cli(['settle', id, String(call), ...args]);
    const asked = (await pawl.cli(['approvals'])).stdout;

    assert.ok(asked.includes(`: pawl settle ${id} ${call} happened|not_happened\n`), asked);
    const early = await pawl.api('GET', `/v1/sessions/${id}/steps`);

    assert.equal(early.body.data.at(-1).attempts.at(-1).status, 'IN_DOUBT');
    const { status, stdout, stderr } =
        await settle('happened', '--output', 'seen', '--note', 'I looked');

    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^event \\d+: call ${call}, attempt 1, happened, says api:.*: ` +
                                    'I looked\nthe tool\'s output: seen\n'));
    const { events, status: end } = await pawl.ended(id);
    const [said] = ofKind(events, 'tool_reconciled');

    assert.equal(end, 'COMPLETED');
    assert.deepEqual([said.outcome, said.output, said.note], ['happened', 'seen', 'I looked']);
    assert.match(said.by, /^api:/);
    assert.equal(ofKind(events, 'tool_sent').length, 1);
    const { body } = await pawl.api('GET', `/v1/sessions/${id}/steps`);
    const step = body.data.find((s) => s.action === 'CALL_TOOL: stuck');

    assert.deepEqual([step.status, step.output, step.note], ['COMPLETED', 'seen', 'I looked']);
    assert.equal(step.settled_by, said.by);
    const again = await settle('not_happened');

    assert.equal(again.status, 1);
    assert.match(again.stderr, /is not in doubt/);
    await pawl.verify();
});

test('a person says that it did not happen, and it is sent again', async (t) => {
    const pawl = await setUp(t);
    const { id, call } = await inDoubt(pawl);
    const path = `/v1/sessions/${id}/calls/${call}/settle`;
    const key = { 'idempotency-key': 'k' };

    writeFileSync(pawl.path('go'), '');
    for (let i = 0; i < 2; i++) await pawl.post(path, { outcome: 'not_happened' }, key);
    const { events, status } = await pawl.ended(id);

    assert.equal(status, 'COMPLETED');
    assert.equal(ofKind(events, 'tool_reconciled').length, 1);
    assert.equal(ofKind(events, 'tool_sent').length, 2);
    assert.equal(ofKind(events, 'tool_finished')[0].output, 'attempt 2\n');
    await pawl.verify();
});

test('what was cancelled while it ran is settled for the record', async (t) => {
    const pawl = await setUp(t);
    const id = await atWork(pawl);

    await pawl.post(`/v1/sessions/${id}/cancel`);
    const { call } = callsOf(await pawl.events(id))[0];
    const session = await pawl.post(`/v1/sessions/${id}/calls/${call}/settle`,
                                    { outcome: 'happened', output: 'seen' });

    assert.equal(session.status, 'CANCELLED');
    assert.equal((await pawl.events(id)).at(-1).kind, 'tool_reconciled');
    await pawl.verify();
});

test('a session in doubt is not erased before somebody settles it', async (t) => {
    const pawl = await setUp(t);
    const id = await atWork(pawl);
    const erase = () => pawl.api('DELETE', `/v1/sessions/${id}`);

    await pawl.post(`/v1/sessions/${id}/cancel`);
    const { call } = callsOf(await pawl.events(id))[0];
    const refused = await erase();

    assert.deepEqual([refused.status, refused.body.code], [409, 'session_state']);
    assert.match(refused.body.detail, /in doubt; settle it first/);
    await pawl.kill();
    await pawl.start();
    assert.equal((await erase()).status, 409, 'also after a crash');
    await pawl.post(`/v1/sessions/${id}/calls/${call}/settle`, { outcome: 'happened' });
    assert.equal((await erase()).status, 200);
    assert.equal((await pawl.api('GET', `/v1/sessions/${id}`)).status, 410);
    await pawl.verify();
});

test('what cannot be settled is refused with the reason', async (t) => {
    const pawl = await setUp(t);
    const id = await atWork(pawl);
    const { call } = callsOf(await pawl.events(id))[0];
    const asked = async (n, body, status, code) => {
        const answer = await pawl.api('POST', `/v1/sessions/${id}/calls/${n}/settle`, body);

        assert.deepEqual([answer.status, answer.body.code], [status, code], answer.body.detail);
    };

    await asked(call, { outcome: 'happened' }, 409, 'call_state');
    await asked(1, { outcome: 'happened' }, 409, 'call_state');
    await asked(99, { outcome: 'happened' }, 404, 'call_not_found');
    await asked('x', { outcome: 'happened' }, 404, 'call_not_found');
    await asked(call, { outcome: 'unknown' }, 422, 'out_of_range');
    await asked(call, { outcome: 'not_happened', output: 'x' }, 422, 'out_of_range');
    await asked(call, {}, 422, 'missing_field');
    const { status, stderr } = await pawl.cli(['settle', id, '../x', 'happened']);

    assert.equal(status, 2);
    assert.match(stderr, /the call is a number/);
});
