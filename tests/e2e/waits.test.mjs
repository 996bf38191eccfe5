// waits.test.mjs - questions, times and signals: waited for by a row, answered once, whatever dies
// meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { until } from './lib/wait.mjs';

const call = (tool, args = {}) => ({ tool, arguments: args });
const script = (...calls) => ({ provider: 'scripted', replies: [{ calls }, { text: 'model saw: {{results}}' }] });
const question = (more) => call('ask', { question: 'Which one?', ...more });
const ODD = 'Is <b>this</b>\u001b[2J \u202e\u200bfine?\nyes';
const scripts = {
    open: script(question()),
    choices: script(question({ choices: ['red', 'blue'] })),
    odd: script(call('ask', { question: ODD, choices: ['\u001b[31mred', '\u202eblue'] })),
    many: script(question(), call('hello'), call('sleep', { for: '1h' }), call('ask', { question: 'And?' })),
    nap: script(call('sleep', { for: '200ms' })),
    long: script(call('sleep', { for: '30d' })),
    past: script(call('sleep', { at: '2001-01-01T00:00:00Z' })),
    wrong: script(call('sleep'), call('sleep', { at: '2001-01-01T00:00:00' }), call('sleep', { for: '1h', at: 'x' }),
                  call('sleep', { for: '400d' }), call('ask'), call('ask', { question: 'x', choices: [] })),
    approved: script(call('approved')),
    event: script(call('wait', { name: 'paid' })),
    timeout: script(call('wait', { name: 'paid', timeout: '200ms' })),
    two: script(call('wait', { name: 'paid' }), call('hello'), call('wait', { name: 'paid', timeout: '30d' })),
    later: { provider: 'scripted', replies: [
        { calls: [call('ask', { question: 'Wait?' })] },
        { calls: [call('wait', { name: 'paid', timeout: '30d' }), call('wait', { name: 'other', timeout: '100ms' })] },
        { text: 'model saw: {{results}}' },
    ] },
    turns: { provider: 'scripted', replies: [
        { text: 'first' }, { calls: [call('wait', { name: 'paid' })] }, { text: 'model saw: {{results}}' },
    ] },
};
const tools = {
    ask: { builtin: 'ask_user' },
    sleep: { builtin: 'sleep_until' },
    wait: { builtin: 'wait_for_event' },
    hello: { builtin: 'now' },
    approved: { description: 'x', exec: { command: ['true'] }, approval: 'always' },
};
const CONFIG = {
    models: scripts,
    tools,
    agents: Object.fromEntries(Object.keys(scripts).map((name) =>
        [name, { model: name, instructions: 'x', tools: Object.keys(tools), limits: { wall: '20s' } }])),
    limits: { crashes: 1000 }, // so many in a row are the point here
};

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG);

    return pawl.start();
}

const pending = (pawl) => pawl.get('/v1/approvals?status=pending').then((page) => page.data);

async function begun(pawl, agent, status) {
    const { id } = await pawl.create({ agent, input: 'go' });

    await until(status, async () => (await pawl.session(id)).status === status);
    return id;
}

// A session that asks people, and what it asks, the first question first.
async function asking(pawl, agent) {
    const id = await begun(pawl, agent, 'AWAITING_INPUT');
    const questions = (await pending(pawl)).filter((q) => q.session === id).reverse();

    return { id, questions };
}

const answer = (pawl, { id }, body, headers) => pawl.api('POST', `/v1/approvals/${id}`, body, headers);

async function answered(pawl, asked, body) {
    const { status, body: row } = await answer(pawl, asked, body);

    assert.equal(status, 200, JSON.stringify(row));
    return row;
}

const signal = (pawl, id, name, data, headers) =>
    pawl.api('POST', `/v1/sessions/${id}/signals/${name}`, data, headers);

async function signalled(pawl, id, name, data) {
    const { status, body } = await signal(pawl, id, name, data);

    assert.equal(status, 200, JSON.stringify(body));
    return body;
}

// Each signal is taken once, by a call that came to its end behind it and names it.
function checkSignals(events) {
    const taken = ofKind(events, 'tool_finished').filter((e) => e.signal).map((e) => e.signal);

    assert.equal(new Set(taken).size, taken.length, 'a signal is taken twice');
    for (const e of ofKind(events, 'tool_finished').filter((f) => f.signal)) {
        const { kind, data } = events[e.signal - 1];

        assert.equal(kind, 'signal');
        assert.deepEqual(JSON.parse(e.output), data);
        assert.ok(e.signal < e.seq);
    }
    return taken;
}

async function refused(pawl, asked, body, status, code, text) {
    const { status: got, body: problem } = await answer(pawl, asked, body);

    assert.deepEqual([got, problem.code], [status, code], JSON.stringify(problem));
    assert.match(problem.detail, text);
}

test('a question waits for a person, whose answer is the call\'s result', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'open');
    const { kind, status, question: text, choices, answer: none, decisions, decided_at } = asked;

    assert.deepEqual([kind, status, text, choices, none, decisions, decided_at],
                     ['question', 'pending', 'Which one?', null, null, [], null]);
    assert.deepEqual(await pawl.get(`/v1/approvals/${asked.id}`), asked);
    const [wait] = (await pawl.session(id)).waiting;

    assert.deepEqual([wait.on, wait.until], ['input', null]);
    assert.match(wait.detail, /a person's answer \(call 2/);
    const row = await answered(pawl, asked, { answer: 'the "blue" one', by: 'anna', note: 'she likes it' });

    assert.deepEqual([row.status, row.answer, row.decisions[0].by, row.decisions[0].decision, row.decisions[0].note],
                     ['answered', 'the "blue" one', 'anna', 'answer', 'she likes it']);
    const { status: end, output, events } = await pawl.ended(id);

    assert.equal(end, 'COMPLETED');
    assert.match(output, /the "blue" one/);
    checkJournal(id, events);
    const [event] = ofKind(events, 'input_answered');

    assert.deepEqual([event.call, event.answer, event.by, event.note],
                     [asked.call, 'the "blue" one', 'anna', 'she likes it']);
    assert.equal(resultsOf(events, asked.call)[0].output, 'the "blue" one');
    const { data: steps } = await pawl.get(`/v1/sessions/${id}/steps`);

    assert.deepEqual(steps.map((s) => [s.action, s.status]),
                     [['CALL_LLM', 'COMPLETED'], ['ASK_USER: ask', 'COMPLETED'], ['CALL_LLM', 'COMPLETED']]);
    assert.deepEqual(await pending(pawl), []);
    await pawl.verify();
});

test('with choices the answer is one of them; who comes late is told who was first', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'choices');

    assert.deepEqual(asked.choices, ['red', 'blue']);
    await refused(pawl, asked, { answer: 'green' }, 422, 'not_a_choice', /one of: 'red', 'blue'/);
    const answers = await Promise.all(
        ['anna', 'bert'].map((by) => answer(pawl, asked, { answer: 'red', by })));
    const winner = answers.find((a) => a.status === 200);
    const loser = answers.find((a) => a.status === 409);

    assert.equal(loser.body.code, 'approval_decided');
    assert.match(loser.body.detail, new RegExp(`answered by ${winner.body.decisions[0].by} at 20`));
    const { events } = await pawl.ended(id);

    assert.equal(ofKind(events, 'input_answered').length, 1);
    await refused(pawl, asked, { answer: 'blue' }, 409, 'approval_decided', /No answer is asked for/);
    await pawl.verify();
});

test('what is no answer is refused with the reason', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'open');
    const approval = { decision: 'approve', arguments_hash: asked.arguments_hash };

    await refused(pawl, asked, approval, 409, 'approval_is_question', /'answer'/);
    await refused(pawl, asked, { ...approval, answer: 'x' }, 422, 'answer_and_decision', /one of them/);
    await refused(pawl, asked, { answer: 'x', arguments: {} }, 422, 'answer_and_decision', /'arguments'/);
    await refused(pawl, asked, {}, 422, 'missing_field', /'decision' is missing.*'answer'/);
    await refused(pawl, asked, { decision: 'approve' }, 422, 'missing_field', /'arguments_hash'/);
    await refused(pawl, asked, { answer: '' }, 422, 'out_of_range', /empty/);
    await refused(pawl, asked, { answer: 7 }, 422, 'wrong_type', /a string/);
    await refused(pawl, asked, { answer: 'x'.repeat(2 ** 16 + 1) }, 413, 'answer_too_large', /65536/);
    await refused(pawl, asked, { answer: 'x'.repeat(1e6) }, 413, 'answer_too_large', /1000000/);
    await refused(pawl, asked, { answer: 'x', by: '\u001b' }, 422, 'out_of_range', /'by'/);
    await refused(pawl, { id: `${id}:9` }, { answer: 'x' }, 404, 'approval_not_found', /Nobody was asked/);
    const waiting = await begun(pawl, 'approved', 'AWAITING_HUMAN_APPROVAL');
    const other = (await pending(pawl)).find((a) => a.session === waiting);

    await refused(pawl, other, { answer: 'x' }, 409, 'approval_no_question', /'decision'/);
    const longest = 'x'.repeat(2 ** 16);

    await answered(pawl, asked, { answer: longest });
    const { events } = await pawl.ended(id);

    assert.equal(resultsOf(events, asked.call)[0].output, longest);
});

test('the same answer sent twice with its key is one', async (t) => {
    const pawl = await setUp(t);
    const { questions: [asked] } = await asking(pawl, 'open');
    const send = (text) => answer(pawl, asked, { answer: text }, { 'idempotency-key': 'k' });
    const [first, second, other] = [await send('x'), await send('x'), await send('y')];

    assert.deepEqual([first.status, second.status, other.status], [200, 200, 422]);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal(other.body.code, 'idempotency_key_reused');
});

test('several wait at once beside tools that run; each is answered by itself', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [first, second] } = await asking(pawl, 'many');

    await pawl.event(id, 'tool_finished'); // `now` runs meanwhile
    assert.equal(second.question, 'And?');
    const session = await pawl.session(id);

    assert.deepEqual(session.waiting.map((w) => w.on).sort(), ['input', 'input', 'time']);
    await answered(pawl, second, { answer: 'two' });
    assert.equal((await pawl.session(id)).status, 'AWAITING_INPUT');
    await answered(pawl, first, { answer: 'one' });
    await until('only the time to be awaited', async () => (await pawl.session(id)).status === 'SLEEPING');
    await pawl.post(`/v1/sessions/${id}/cancel`);
    await pawl.verify();
});

test('cancel, the end of the turn and erasure end a question, and it says so', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'open');

    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'well?' });
    assert.deepEqual((await pending(pawl)).map((q) => q.id), [asked.id]);
    await pawl.post(`/v1/sessions/${id}/cancel`);
    assert.deepEqual(await pending(pawl), []);
    assert.equal((await pawl.get(`/v1/approvals/${asked.id}`)).status, 'cancelled');
    await refused(pawl, asked, { answer: 'x' }, 409, 'approval_cancelled', /cancelled at 20/);
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${id}`)).status, 200);
    assert.deepEqual((await pawl.get('/v1/approvals')).data, []);
    await pawl.verify();
});

test('paused, a question is answered all the same; the model hears it when the session goes on', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'open');

    await pawl.post(`/v1/sessions/${id}/pause`);
    await answered(pawl, asked, { answer: 'x' });
    const { waiting } = await pawl.session(id);

    assert.deepEqual(waiting.map((w) => w.on), ['resume']);
    await pawl.post(`/v1/sessions/${id}/resume`);
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    await pawl.verify();
});

test('a copy of a session that asks has no question, and its model is told', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'open');
    const copy = await pawl.post(`/v1/sessions/${id}/fork`);

    assert.deepEqual((await pending(pawl)).map((q) => q.id), [asked.id]);
    await pawl.post(`/v1/sessions/${copy.id}/resume`);
    assert.match((await pawl.ended(copy.id)).output, /No result: the session is a copy/);
    await answered(pawl, asked, { answer: 'x' });
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    await pawl.verify();
});

test('a sleep is a row until its time, over a restart, and no wall time', async (t) => {
    const pawl = await setUp(t);
    const nap = await pawl.play('nap');

    assert.equal(nap.status, 'COMPLETED');
    assert.match(nap.output, /Woke at 20\d\d-/);
    checkJournal(nap.id, nap.events);
    const [{ due }] = callsOf(nap.events);
    const [fired] = ofKind(nap.events, 'timer_fired');

    assert.equal(fired.which, 'sleep');
    assert.ok(Date.parse(fired.at) >= due, 'it has not woken too early');
    const past = await pawl.play('past');

    assert.equal(past.status, 'COMPLETED');
    const id = await begun(pawl, 'long', 'SLEEPING');
    const [wait] = (await pawl.session(id)).waiting;

    assert.equal(wait.on, 'time');
    assert.equal(Date.parse(wait.until) - Date.parse(wait.since), 30 * 86400e3);
    await pawl.kill();
    await pawl.start();
    assert.deepEqual((await pawl.session(id)).waiting, [wait]);
    await pawl.post(`/v1/sessions/${id}/cancel`);
    const short = await pawl.create({ agent: 'nap', input: 'go' });

    await pawl.event(short.id, 'model_answered');
    await pawl.kill();
    await pawl.start();
    assert.equal((await pawl.ended(short.id)).status, 'COMPLETED');
    await pawl.verify();
});

test('a signal is the result of the call that waits for its name', async (t) => {
    const pawl = await setUp(t);
    const id = await begun(pawl, 'event', 'SLEEPING');
    const [wait] = (await pawl.session(id)).waiting;

    assert.deepEqual([wait.on, wait.until], ['signal', null]);
    assert.match(wait.detail, /^a signal named paid \(call 2/);
    await signalled(pawl, id, 'other', { n: 0 });
    assert.equal((await pawl.session(id)).status, 'SLEEPING');
    await signalled(pawl, id, 'paid', { order: 7, who: 'Ada "the" \u00e4' });
    const { status, output, events } = await pawl.ended(id);

    assert.equal(status, 'COMPLETED');
    assert.match(output, /"order":7/);
    checkJournal(id, events);
    assert.deepEqual(checkSignals(events), [ofKind(events, 'signal')[1].seq]);
    assert.deepEqual(ofKind(events, 'signal').map((e) => [e.name, e.data.order, e.by]),
                     [['other', undefined, 'api:127.0.0.1'], ['paid', 7, 'api:127.0.0.1']]);
    const { data: steps } = await pawl.get(`/v1/sessions/${id}/steps`);

    assert.deepEqual(steps.map((s) => s.action), ['CALL_LLM', 'WAIT_FOR_EVENT: wait', 'CALL_LLM']);
    await pawl.verify();
});

test('without one in time the model reads that; a pause holds up neither', async (t) => {
    const pawl = await setUp(t);
    const { status, output } = await pawl.play('timeout');

    assert.equal(status, 'COMPLETED');
    assert.match(output, /No event 'paid' came in time; it is 20/);
    const id = await begun(pawl, 'event', 'SLEEPING');

    await pawl.post(`/v1/sessions/${id}/pause`);
    await signalled(pawl, id, 'paid', { n: 1 });
    assert.deepEqual((await pawl.session(id)).waiting.map((w) => w.on), ['resume']);
    await pawl.post(`/v1/sessions/${id}/resume`);
    assert.match((await pawl.ended(id)).output, /"n":1/);
    await pawl.verify();
});

test('of several waits the first takes the oldest; none takes one twice', async (t) => {
    const pawl = await setUp(t);
    const id = await begun(pawl, 'two', 'SLEEPING');

    await signalled(pawl, id, 'paid', { n: 1 });
    assert.equal((await pawl.session(id)).status, 'SLEEPING');
    await signalled(pawl, id, 'paid', { n: 2 });
    const { events } = await pawl.ended(id);
    const calls = callsOf(events).filter((c) => c.tool === 'wait');

    checkJournal(id, events);
    checkSignals(events);
    assert.deepEqual(calls.map((c) => JSON.parse(resultsOf(events, c.call)[0].output).n), [1, 2]);
    await pawl.verify();
});

test('what came earlier is kept, over a restart and a copy, and taken at once', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'later');

    for (let n = 1; n <= 3; n++) await signalled(pawl, id, 'paid', { n });
    await pawl.kill();
    await pawl.start();
    const copy = await pawl.post(`/v1/sessions/${id}/fork`);
    const early = await pawl.post(`/v1/sessions/${id}/fork`, { at: 4 }); // with the first of them

    await answered(pawl, asked, { answer: 'yes' });
    const { output, events } = await pawl.ended(id);

    assert.match(output, /"n":1/);
    assert.match(output, /No event 'other'/);
    checkJournal(id, events);
    assert.equal(checkSignals(events).length, 1);
    for (const other of [copy, early]) {
        await pawl.post(`/v1/sessions/${other.id}/resume`);
        const end = await pawl.ended(other.id);

        assert.match(end.output, /"n":1/);
        assert.deepEqual(checkSignals(end.events), [4]);
    }
    await pawl.verify();
    const { status } = await pawl.api('DELETE', `/v1/sessions/${id}`);

    assert.equal(status, 200);
    await pawl.verify();
});

test('a session that has ended keeps it for its next turn; a cancelled one takes none', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('turns');

    await signalled(pawl, id, 'paid', { n: 1 });
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'more' });
    await until('the second turn to end', async () => /"n":1/.test((await pawl.session(id)).output ?? ''));
    checkSignals(await pawl.events(id));
    const waiting = await begun(pawl, 'event', 'SLEEPING');

    await pawl.post(`/v1/sessions/${waiting}/cancel`);
    const late = await signal(pawl, waiting, 'paid', {});

    assert.deepEqual([late.status, late.body.code], [409, 'session_state']);
    assert.match(late.body.detail, /cancelled, which is final/);
    await pawl.verify();
});

test('what is no signal is refused with the reason, and so is one too many', async (t) => {
    const pawl = await setUp(t);
    const { id, questions: [asked] } = await asking(pawl, 'later');
    const isRefused = async (name, data, status, code, headers) => {
        const answer = await signal(pawl, id, name, data, headers);

        assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    };

    await isRefused('a%20b', {}, 400, 'invalid_signal_name');
    await isRefused('x'.repeat(129), {}, 400, 'invalid_signal_name');
    await isRefused('%C3%A4', {}, 400, 'invalid_signal_name');
    await isRefused('paid', '[1]', 422, 'wrong_type');
    await isRefused('paid', '{', 400, 'invalid_json');
    await isRefused('paid', '{"a":1,"a":2}', 400, 'invalid_json');
    await isRefused('paid', { text: 'x'.repeat(2 ** 16) }, 413, 'signal_too_large');
    await isRefused('paid', '{}', 415, 'unsupported_media_type', { 'content-type': 'text/plain' });
    const missing = await signal(pawl, 'ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002', 'paid', {});

    assert.deepEqual([missing.status, missing.body.code], [404, 'session_not_found']);
    const send = (data) => signal(pawl, id, 'x'.repeat(128), data, { 'idempotency-key': 'k' });
    const [first, second, other] = [await send({ n: 1 }), await send({ n: 1 }), await send({ n: 2 })];

    assert.deepEqual([first.status, second.status, other.status], [200, 200, 422]);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    assert.equal((await signal(pawl, id, 'bare')).status, 200); // without a body
    const large = { text: 'x'.repeat(60000) };

    for (let i = 0; i < 17; i++) await signalled(pawl, id, 'paid', large);
    await isRefused('paid', large, 409, 'signals_full'); // 1 MiB
    await pawl.kill();
    await pawl.start();
    await isRefused('paid', large, 409, 'signals_full');
    await answered(pawl, asked, { answer: 'yes' });
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    await signalled(pawl, id, 'paid', large); // one was taken
    const rest = 1000 - 19; // what is kept by now

    for (let i = 0; i < rest; i++) await signalled(pawl, id, 'small');
    await isRefused('small', {}, 409, 'signals_full');
    await pawl.verify();
});

test('what the model gets wrong it is told, and nothing waits', async (t) => {
    const pawl = await setUp(t);
    const { status, output, events } = await pawl.play('wrong');

    assert.equal(status, 'COMPLETED');
    assert.match(output, /give either `at`, a time, or `for`, a duration/);
    assert.match(output, /must be a time with its zone/);
    assert.match(output, /not both/);
    assert.match(output, /at most 366 days/);
    assert.match(output, /question: is missing/);
    assert.equal(ofKind(events, 'tool_failed').length, 6);
    await pawl.verify();
});

test('the command line shows a question harmlessly, and answers it', async (t) => {
    const pawl = await setUp(t);
    const cli = async (status, ...args) => {
        const done = await pawl.cli(args);

        assert.equal(done.status, status, done.stderr);
        assert.doesNotMatch(done.stdout + done.stderr, /[\u001b\u202e\u200b]/);
        return done;
    };
    const { id, questions: [asked] } = await asking(pawl, 'odd');
    const { stdout } = await cli(0, 'approvals');

    assert.equal(asked.question, ODD);
    assert.match(stdout, new RegExp(`^${asked.id}  pending  odd asks, asked `));
    assert.match(stdout, /question +Is <b>this<\/b>\\u\{1b\}\[2J \\u\{202e\}\\u\{200b\}fine\? yes\n/);
    assert.match(stdout, /choices +\\u\{1b\}\[31mred\n +\\u\{202e\}blue\n/);
    assert.match(stdout, new RegExp(`answer it +pawl answer ${asked.id} TEXT\n`));
    assert.match((await cli(0, 'show', id)).stdout, /question/);
    assert.match((await cli(1, 'answer', asked.id, 'green')).stderr, /must be one of: .*red/);
    assert.match((await cli(1, 'answer', `${id}:99`, 'x')).stderr, /Nobody was asked/);
    const done = await cli(0, 'answer', asked.id, '\u202eblue', '--by', 'anna', '--note', 'sure');

    assert.match(done.stdout, /  answered  [^]*answer +\\u\{202e\}blue\n +by +anna\n +note +sure\n/);
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    assert.match((await cli(0, 'show', id)).stdout, /question +ask /);
    assert.match((await cli(1, 'answer', asked.id, '\u202eblue')).stderr, /answered by anna at 20/);
    assert.match((await cli(0, 'approvals')).stderr, /nobody is asked/);
});

test('killed between question, answer and the next step, none is lost or told twice', async (t) => {
    const pawl = await setUp(t);

    for (let i = 0; i < 20; i++) {
        const { id, questions: [asked] } = await asking(pawl, 'open');

        await pawl.kill();
        await pawl.start();
        assert.equal((await pawl.session(id)).status, 'AWAITING_INPUT');
        await answered(pawl, asked, { answer: `answer ${i}`, by: 'anna' });
        await pawl.kill(); // it was answered: it is durable
        await pawl.start();
        const { status, output, events } = await pawl.ended(id);

        assert.equal(status, 'COMPLETED');
        assert.match(output, new RegExp(`answer ${i}`));
        checkJournal(id, events);
        assert.equal(ofKind(events, 'input_answered').length, 1);
        assert.deepEqual(await pending(pawl), []);
    }
    await pawl.verify();
});

test('killed between signal, wait and the next step, none is lost or taken twice', async (t) => {
    const pawl = await setUp(t);

    for (let i = 0; i < 20; i++) {
        const { id, questions: [asked] } = await asking(pawl, 'later');
        const isEarly = i % 2 === 0;

        if (isEarly) await signalled(pawl, id, 'paid', { n: i });
        await pawl.kill();
        await pawl.start();
        await answered(pawl, asked, { answer: 'yes' });
        await pawl.kill();
        await pawl.start();
        if (!isEarly) {
            await signalled(pawl, id, 'paid', { n: i });
            await pawl.kill(); // it was accepted: it is durable
            await pawl.start();
        }
        const { status, output, events } = await pawl.ended(id);

        assert.equal(status, 'COMPLETED');
        assert.match(output, new RegExp(`"n":${i}\\b`));
        checkJournal(id, events);
        assert.equal(checkSignals(events).length, 1);
    }
    await pawl.verify();
});

test('the command line signals', async (t) => {
    const pawl = await setUp(t);
    const id = await begun(pawl, 'event', 'SLEEPING');
    const cli = async (status, ...args) => {
        const done = await pawl.cli(args);

        assert.equal(done.status, status, done.stderr);
        return done;
    };

    assert.match((await cli(0, 'show', id)).stdout, /a signal named paid/);
    assert.match((await cli(0, 'ps')).stdout, /SLEEPING/);
    assert.match((await cli(2, 'signal', id, 'paid', '[1]')).stderr, /a JSON object/);
    assert.match((await cli(2, 'signal', id, 'paid', '{')).stderr, /no JSON/);
    assert.match((await cli(1, 'signal', id, 'a b')).stderr, /A-Z a-z 0-9/);
    await cli(0, 'signal', id, 'paid', '{"order":7}');
    assert.match((await pawl.ended(id)).output, /"order":7/);
    assert.match((await cli(0, 'show', id)).stdout, /signal +paid/);
});
