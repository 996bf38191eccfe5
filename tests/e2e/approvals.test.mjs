// approvals.test.mjs - people decide: for exactly what they were shown, once, whatever dies meanwhile.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { PAWL, Pawl, ROOT, run } from './lib/pawl.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { until } from './lib/wait.mjs';

const refund = (amount, order = '7') => ({ tool: 'refund', arguments: { amount, order } });
const script = (...calls) => ({ provider: 'scripted', replies: [{ calls }, { text: 'model saw: {{results}}' }] });
const REFUND = {
    description: 'Pays an order back.',
    parameters: {
        type: 'object',
        properties: { amount: { type: 'number', maximum: 10000 }, order: { type: 'string' } },
        required: ['amount', 'order'],
        additionalProperties: false,
    },
    exec: { command: ['./refund'] },
};
const POLICY = [
    { when: [{ path: '/amount', gt: 100 }], risk: 'high', reason: 'a large refund', role: 'support' },
    { when: [{ path: '/amount', gt: 1000 }], approvers: 2, role: 'finance' },
];
const expiring = (more) => ({ ...REFUND, approval: { expires: '1s', ...more } });
const agentOf = (model, tool = 'refund') => ({ model, instructions: 'x', tools: [tool] });
const expiringScript = (tool) => script({ ...refund(500), tool });
const CONFIG = {
    models: {
        large: script(refund(500)), small: script(refund(50)), huge: script(refund(5000)),
        odd: script(refund(500, '7\u001b[2J\u202e\u200bx\ny')),
        three: script(refund(500), refund(50), refund(600)),
        reject: expiringScript('r_reject'), fail: expiringScript('r_fail'),
        escalate: expiringScript('r_escalate'), once: expiringScript('r_once'), long: expiringScript('r_long'),
    },
    tools: {
        refund: { ...REFUND, approval: POLICY },
        r_reject: expiring({}),
        r_fail: expiring({ on_expiry: 'fail' }),
        r_escalate: expiring({ on_expiry: 'escalate', escalate_to: 'boss', role: 'clerk' }),
        r_long: {
            ...REFUND,
            approval: [
                { approvers: 2, expires: '1h', on_expiry: 'escalate', escalate_to: 'boss', role: 'clerk' },
                { when: [{ path: '/amount', gt: 1000 }], approvers: 3, expires: '2h', on_expiry: 'fail',
                  role: 'finance' },
            ],
        },
        r_once: { ...REFUND, effects: 'once', approval: 'always' },
    },
    agents: {
        large: agentOf('large'), small: agentOf('small'), huge: agentOf('huge'),
        three: agentOf('three'), odd: agentOf('odd'),
        reject: agentOf('reject', 'r_reject'), fail: agentOf('fail', 'r_fail'),
        escalate: agentOf('escalate', 'r_escalate'), once: agentOf('once', 'r_once'),
        long: agentOf('long', 'r_long'),
    },
    limits: { crashes: 1000 }, // so many in a row are the point here
};
// Tells what it was run with, and leaves a line in the ledger.
const FILES = {
    refund: '#!/bin/sh\nread -r args\n' +
            'echo "$PAWL_IDEMPOTENCY_KEY $args" >>"$PAWL_SCRATCH/ledger"\necho "paid: $args"\n',
};

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG, FILES);

    return pawl.start();
}

const pending = (pawl) => pawl.get('/v1/approvals?status=pending').then((page) => page.data);

// A session that waits for people: what they are asked, the oldest first.
async function asked(pawl, agent) {
    const { id } = await pawl.create({ agent, input: 'go' });

    await until('people to be asked', async () =>
        (await pawl.session(id)).status === 'AWAITING_HUMAN_APPROVAL');
    return (await pending(pawl)).filter((a) => a.session === id).reverse();
}

const decide = (pawl, approval, more) =>
    pawl.api('POST', `/v1/approvals/${approval.id}`,
             { decision: 'approve', arguments_hash: approval.arguments_hash, ...more });

async function decided(pawl, approval, more) {
    const { status, body } = await decide(pawl, approval, more);

    assert.equal(status, 200, JSON.stringify(body));
    return body;
}

async function refused(pawl, approval, more, status, code, text) {
    const answer = await decide(pawl, approval, more);

    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.body.detail, text);
}

test('a call above the limit waits for a person, who sees all of it', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');

    assert.equal(approval.id, `${approval.session}:${approval.call}`);
    assert.deepEqual(approval.arguments, { amount: 500, order: '7' });
    const { kind, status, tool, risk, reason, role, approvers, still_needed } = approval;

    assert.deepEqual([kind, status, tool, risk, reason, role, approvers, still_needed],
                     ['approval', 'pending', 'refund', 'high', 'a large refund', 'support', 1, 1]);
    assert.deepEqual([approval.expires_at, approval.decided_at, approval.decisions], [null, null, []]);
    assert.deepEqual(await pawl.get(`/v1/approvals/${approval.id}`), approval);
    assert.equal(pawl.tools().length, 0);
    const done = await decided(pawl, approval, { by: 'anna', note: 'fine' });

    assert.deepEqual([done.status, done.decisions[0].by, done.decisions[0].note],
                     ['approved', 'anna', 'fine']);
    const { status: end, output, events } = await pawl.ended(approval.session);

    assert.equal(end, 'COMPLETED');
    assert.match(output, /paid: \{"amount":500,"order":"7"\}/);
    checkJournal(approval.session, events);
    const [call] = callsOf(events);

    assert.equal(call.arguments_hash, approval.arguments_hash);
    assert.equal(call.approval.reason, 'a large refund');
    const [event] = ofKind(events, 'approval_decided');

    assert.deepEqual([event.by, event.decision, event.arguments_hash, event.note],
                     ['anna', 'approve', approval.arguments_hash, 'fine']);
    assert.deepEqual(await pending(pawl), []);
    await pawl.verify();
});

test('below the limit nobody is asked, and several calls of one turn are each their own', async (t) => {
    const pawl = await setUp(t);
    const { status, events } = await pawl.play('small');

    assert.equal(status, 'COMPLETED');
    assert.equal(ofKind(events, 'approval_decided').length, 0);
    const [first, third] = await asked(pawl, 'three');
    const { session } = first;

    await pawl.event(session, 'tool_finished'); // the second runs meanwhile
    await decided(pawl, third, { decision: 'reject', note: 'not this one' });
    assert.deepEqual((await pending(pawl)).map((a) => a.id), [first.id]);
    await decided(pawl, first);
    const end = await pawl.ended(session);

    assert.equal(end.status, 'COMPLETED');
    assert.equal(ofKind(end.events, 'tool_finished').length, 2);
    checkJournal(session, end.events);
    await pawl.verify();
});

test('a rejection reaches the model with its reason, and nothing runs', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');
    const done = await decided(pawl, approval, { decision: 'reject', note: 'ask for a photo first' });
    const { output, events } = await pawl.ended(approval.session);

    assert.equal(done.status, 'rejected');
    assert.match(output, /A person rejected this call, so it did not run: ask for a photo first/);
    assert.equal(ofKind(events, 'tool_finished').length, 0);
    checkJournal(approval.session, events);
});

test('edited arguments are checked, run, and told to the model; both versions stay', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');

    await refused(pawl, approval, { arguments: { amount: 99999, order: '7' } }, 422,
                  'arguments_invalid', /do not fit/);
    await refused(pawl, approval, { arguments: { amount: 5 } }, 422, 'arguments_invalid', /order/);
    await refused(pawl, approval, { arguments: { amount: 5, order: 'x'.repeat(2 ** 20) } }, 413,
                  'body_too_large', /./);
    const done = await decided(pawl, approval, { arguments: { order: '7', amount: 90 } });

    assert.deepEqual([done.status, done.edited, done.arguments],
                     ['approved', true, { amount: 90, order: '7' }]);
    assert.notEqual(done.arguments_hash, approval.arguments_hash);
    const { output, events } = await pawl.ended(approval.session);

    assert.match(output, /A person changed the arguments .* to: \{"amount":90,"order":"7"\}/);
    assert.match(output, /paid: \{"amount":90,"order":"7"\}/);
    const [call] = callsOf(events);
    const [event] = ofKind(events, 'approval_decided');

    assert.deepEqual([call.arguments.amount, event.arguments.amount, event.changed],
                     [500, 90, ['amount']]);
    assert.deepEqual([event.former_hash, event.arguments_hash],
                     [approval.arguments_hash, done.arguments_hash]);
    await pawl.verify();
});

test('an edit that needs more people voids what others have approved', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');
    const raised = await decided(pawl, approval, { by: 'anna', arguments: { amount: 2000, order: '7' } });

    assert.deepEqual([raised.status, raised.approvers, raised.still_needed, raised.role],
                     ['pending', 2, 1, 'finance']);
    await refused(pawl, approval, { by: 'bert' }, 409, 'arguments_changed', /a person has edited them/);
    await refused(pawl, raised, { by: 'anna' }, 409, 'already_approved', /1 more must/);
    await decided(pawl, raised, { by: 'bert' });
    assert.match((await pawl.ended(approval.session)).output, /paid: \{"amount":2000/);
    const [other] = await asked(pawl, 'huge');

    await decided(pawl, other, { by: 'anna' });
    const edited = await decided(pawl, other, { by: 'bert', arguments: { amount: 3000, order: '7' } });

    assert.deepEqual([edited.status, edited.still_needed, edited.decisions.map((d) => d.by)],
                     ['pending', 1, ['bert']]);
    await decided(pawl, edited, { by: 'anna' });
    assert.equal((await pawl.ended(other.session)).status, 'COMPLETED');
    await pawl.verify();
});

test('when it expires, and what follows, is as it was asked, whatever people decide', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'long');
    const expiry = (a) => [a.expires_at, a.on_expiry, a.escalate_to];

    assert.notEqual(approval.expires_at, null);
    assert.deepEqual(expiry(approval), [approval.expires_at, 'escalate', 'boss']);
    const half = await decided(pawl, approval, { by: 'anna' });

    assert.deepEqual([half.still_needed, ...expiry(half)], [1, ...expiry(approval)]);
    const edited = await decided(pawl, half, { by: 'bert', arguments: { amount: 2000, order: '7' } });

    assert.deepEqual([edited.still_needed, edited.role, ...expiry(edited)],
                     [2, 'finance', ...expiry(approval)]);
    await pawl.kill();
    await pawl.start();
    const third = await decided(pawl, edited, { by: 'cleo' });

    assert.deepEqual([third.still_needed, ...expiry(third)], [1, ...expiry(approval)]);
});

test('two people are two people; who comes late is told who was first', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'huge');
    const half = await decided(pawl, approval, { by: 'anna' });

    assert.deepEqual([half.status, half.still_needed], ['pending', 1]);
    await refused(pawl, approval, { by: 'anna' }, 409, 'already_approved', /anna has approved it/);
    await pawl.kill();
    await pawl.start();
    await refused(pawl, approval, { by: 'anna' }, 409, 'already_approved', /anna has approved it/);
    const answers = await Promise.all(
        ['bert', 'cleo'].map((by) => decide(pawl, approval, { by })));
    const winner = answers.find((a) => a.status === 200);
    const loser = answers.find((a) => a.status === 409);

    assert.equal(winner.body.status, 'approved');
    assert.equal(loser.body.code, 'approval_decided');
    assert.match(loser.body.detail, new RegExp(`approved by ${winner.body.decisions[1].by} at 20`));
    const { events } = await pawl.ended(approval.session);

    assert.equal(ofKind(events, 'approval_decided').length, 2);
    await refused(pawl, approval, { by: 'dora' }, 409, 'approval_decided', /Nothing was changed/);
});

test('the same decision sent twice with its key is one', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'huge');
    const body = { decision: 'approve', arguments_hash: approval.arguments_hash, by: 'anna' };
    const send = () => pawl.api('POST', `/v1/approvals/${approval.id}`, body, { 'idempotency-key': 'k' });
    const [first, second] = [await send(), await send()];

    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal(second.body.still_needed, 1);
});

test('what is no decision is refused with the reason', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');
    const none = { id: `${approval.session}:99`, arguments_hash: 'x' };

    await refused(pawl, approval, { arguments_hash: 'x' }, 409, 'arguments_changed', /look at them/);
    await refused(pawl, approval, { decision: 'maybe' }, 422, 'out_of_range', /'maybe'/);
    await refused(pawl, approval, { decision: 'reject', arguments: {} }, 422, 'out_of_range', /instead/);
    await refused(pawl, approval, { by: '' }, 422, 'out_of_range', /'by'/);
    await refused(pawl, approval, { by: 'a\u001b[2J' }, 422, 'out_of_range', /'by'/);
    await refused(pawl, approval, { nots: 'x' }, 422, 'unknown_field', /note/);
    await refused(pawl, none, {}, 404, 'approval_not_found', /Nobody was asked/);
    for (const id of ['ses_x:1', 'x', `${approval.session}`, `${approval.session}:0`])
        await refused(pawl, { id, arguments_hash: 'x' }, {}, 404, 'approval_not_found', /./);
    const query = await pawl.api('GET', '/v1/approvals?status=pendig');

    assert.deepEqual([query.status, query.body.code], [400, 'invalid_parameter']);
    assert.match(query.body.detail, /did you mean 'pending'/);
    assert.equal((await pawl.api('GET', '/v1/approvals?cursor=x')).status, 400);
    assert.deepEqual((await pending(pawl)).map((a) => a.id), [approval.id]);
});

test('a message leaves it asked; cancel ends it, and says so', async (t) => {
    const pawl = await setUp(t);
    const [approval] = await asked(pawl, 'large');

    await pawl.post(`/v1/sessions/${approval.session}/messages`, { content: 'well?' });
    assert.deepEqual((await pending(pawl)).map((a) => a.id), [approval.id]);
    await pawl.post(`/v1/sessions/${approval.session}/cancel`);
    assert.deepEqual(await pending(pawl), []);
    const row = await pawl.get(`/v1/approvals/${approval.id}`);

    assert.deepEqual([row.status, row.arguments.amount], ['cancelled', 500]);
    assert.notEqual(row.decided_at, null);
    await refused(pawl, approval, {}, 409, 'approval_cancelled', /cancelled at 20/);
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${approval.session}`)).status, 200);
    assert.deepEqual((await pawl.get('/v1/approvals')).data, []);
});

test('nobody decides in time: rejected, failed, or another\'s to decide', async (t) => {
    const pawl = await setUp(t);
    const rejected = await pawl.play('reject');
    const failed = await pawl.play('fail');

    assert.match(rejected.output, /Nobody approved this call within 1 seconds/);
    assert.equal(rejected.status, 'COMPLETED');
    checkJournal(rejected.id, rejected.events);
    assert.deepEqual([failed.status, failed.error.code], ['FAILED', 'approval_expired']);
    const { id } = await pawl.create({ agent: 'escalate', input: 'go' });

    await pawl.event(id, 'approval_expired');
    const { data } = await pawl.get('/v1/approvals'); // it may have expired once more meanwhile
    const [approval] = data.filter((a) => a.session === id);

    assert.deepEqual([approval.role, approval.on_expiry, approval.escalate_to],
                     ['boss', 'reject', null]);
    const end = await pawl.ended(id);

    assert.deepEqual(ofKind(end.events, 'approval_expired').map((e) => e.outcome),
                     ['escalate', 'reject']);
    await refused(pawl, approval, {}, 409, 'approval_expired', /expired at 20/);
    const list = await pawl.get('/v1/approvals?status=expired');

    assert.equal(list.data.length, 3);
    await pawl.verify();
});

test('pages of a list follow one another', async (t) => {
    const pawl = await setUp(t);
    const all = [];

    for (let i = 0; i < 3; i++) all.unshift((await asked(pawl, 'large'))[0].id);
    const first = await pawl.get('/v1/approvals?limit=2');
    const second = await pawl.get(`/v1/approvals?limit=2&cursor=${first.next_cursor}`);

    assert.deepEqual([...first.data, ...second.data].map((a) => a.id), all);
    assert.equal(second.next_cursor, null);
});

test('killed between request, decision and tool, none is lost, doubled or run without one', async (t) => {
    const pawl = await setUp(t);
    const random = new Random(seedOfRun());

    for (let i = 0; i < 12; i++) {
        const [approval] = await asked(pawl, 'once');
        const edit = random.chance(0.5) ? { arguments: { amount: 300 + i, order: '7' } } : {};

        if (random.chance(0.7)) {
            await pawl.kill();
            await pawl.start();
        }
        assert.equal((await pawl.session(approval.session)).status, 'AWAITING_HUMAN_APPROVAL');
        await decided(pawl, approval, { by: 'anna', ...edit });
        await pawl.kill(); // the decision was answered: it is durable
        await pawl.start();
        // A run that was killed on its way is in doubt, and only a person can tell.
        await until('the end, or a doubt', async () => {
            const { status, waiting } = await pawl.session(approval.session);
            if (waiting.some((w) => w.on === 'person')) {
                const [doubt] = await pending(pawl);

                assert.deepEqual([doubt.kind, doubt.id], ['in_doubt', approval.id]);
                await refused(pawl, doubt, {}, 409, 'approval_in_doubt', /settle/);
                await pawl.post(`/v1/sessions/${approval.session}/calls/${approval.call}/settle`,
                                { outcome: 'happened', output: 'seen' });
            }
            return status === 'COMPLETED';
        });
        const events = await pawl.events(approval.session);
        const kinds = events.map((e) => e.kind);

        checkJournal(approval.session, events);
        assert.equal(ofKind(events, 'approval_decided').length, 1);
        assert.equal(resultsOf(events, approval.call).length, 1);
        assert.ok(!kinds.includes('tool_sent') ||
                  kinds.indexOf('approval_decided') < kinds.indexOf('tool_sent'));
        const [finished] = ofKind(events, 'tool_finished');

        if (finished && edit.arguments) assert.match(finished.output, new RegExp(`"amount":${300 + i}`));
        assert.deepEqual(await pending(pawl), []);
    }
    await pawl.verify();
});

test('the command line shows all of it, harmlessly, and decides', async (t) => {
    const pawl = await setUp(t);
    const cli = async (status, ...args) => {
        const done = await pawl.cli(args);

        assert.equal(done.status, status, done.stderr);
        return done;
    };
    const [approval] = await asked(pawl, 'odd');
    const { stdout } = await cli(0, 'approvals');

    assert.match(stdout, new RegExp(`^${approval.id}  pending  odd wants refund, asked `));
    assert.match(stdout, /risk +high\n/);
    assert.match(stdout, /arguments +"amount": 500\n +"order": "7\\u001b\[2J\\u\{202e\}\\u\{200b\}x\\ny"\n/);
    assert.match(stdout, new RegExp(`hash +${approval.arguments_hash}\n`));
    assert.doesNotMatch(stdout, /[\u001b\u202e\u200b]/);
    assert.equal(JSON.parse((await cli(0, 'approvals', '--json')).stdout)[0].id, approval.id);
    assert.match((await cli(1, 'approve', approval.id, '--hash', 'x')).stderr, /look at them again/);
    assert.match((await cli(2, 'approve', approval.id, '--arguments', '[1]')).stderr, /an object/);
    assert.match((await cli(1, 'reject', `${approval.session}:99`)).stderr, /Nobody was asked/);
    const done = await cli(0, 'approve', approval.id, '--by', 'anna', '--note', 'fine',
                           '--hash', approval.arguments_hash, '--arguments', '{"amount":90,"order":"7"}');

    assert.match(done.stdout, /  approved  [^]*"amount": 90\n[^]*edited[^]*decided +anna: approve, fine\n/);
    assert.equal((await pawl.ended(approval.session)).status, 'COMPLETED');
    assert.match((await cli(1, 'reject', approval.id)).stderr, /approved by anna at 20/);
    const [other] = await asked(pawl, 'large');

    assert.match((await cli(0, 'reject', other.id, '--note', 'no')).stdout, /  rejected  /);
    assert.match((await pawl.ended(other.session)).output, /did not run: no$/);
    assert.match((await cli(0, 'approvals')).stderr, /nobody is asked.*--all shows/);
    assert.equal((await cli(0, 'approvals', '--status', 'expired')).stderr, 'no approval\n');
    assert.equal((await cli(0, 'approvals', '--all')).stdout.match(/ wants refund/g).length, 2);
});

// The commands of docs/approvals.md, as they stand there, but for the id and the hash.
test('the commands in the documentation work', async (t) => {
    const pawl = await setUp(t);
    const text = readFileSync(join(ROOT, 'docs/approvals.md'), 'utf8');
    const blocks = [...text.matchAll(/```sh\n([^]*?)```/g)].map((m) => m[1]);
    const commands = blocks.flatMap((b) => b.replaceAll('\\\n', ' ').trim().split('\n'));
    const outcome = (command) =>
        /decision|approve |reject /.test(command) ? (/reject/.test(command) ? 'rejected' : 'approved')
                                                  : 'pending';

    assert.ok(commands.length >= 5, 'there are commands');
    for (const command of commands) {
        const [approval] = await asked(pawl, 'large');
        const line = command
            .replaceAll(/ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002:3/g, approval.id)
            .replaceAll('HASH', approval.arguments_hash)
            .replaceAll('http://127.0.0.1:7295', pawl.url)
            .replaceAll(/^pawl /gm, `${PAWL} `);
        const done = await run('bash', ['-c', line], {
            cwd: pawl.folder, env: { ...pawl.environment(), PAWL_SERVER: pawl.url },
        });

        assert.equal(done.status, 0, `${line}: ${done.stderr}`);
        assert.ok(done.stdout.includes(approval.id), `${line}: ${done.stdout}`);
        const row = await pawl.get(`/v1/approvals/${approval.id}`);

        assert.equal(row.status, outcome(command), line);
    }
});
