// server.test.mjs - the server's life, and the lives of sessions that do not go straight to their
// end: stops, limits, messages, cancel, pause, retry, poison.
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ofKind } from './lib/journal.mjs';
import { PAWL, Pawl, run, WAIT } from './lib/pawl.mjs';
import { listed } from './lib/processes.mjs';
import { ask, neverAnswer, Provider, refuse, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

// One call of `wait`, then the end. `price`: a request has 100 tokens, an answer 20.
async function setUp(t, { behave, agent = {}, model = {}, limits } = {}) {
    const provider = await Provider.start(
        t, behave ?? ((request) => (request.answers === 0 ? ask([['wait', {}]]) : say('done'))));
    const pawl = await Pawl.make(t, null, { wait: WAIT });
    const setup = { pawl, provider };

    setup.configure = (changes = {}) => pawl.configure({
        models: {
            m: {
                provider: 'openai', base_url: provider.url, model: 'm', max_output_tokens: 100,
                retry: { attempts: 1 }, ...model,
            },
        },
        tools: {
            wait: {
                description: 'x', exec: { command: ['./wait', pawl.mark] }, retry: { attempts: 1 },
            },
            echo: { builtin: 'echo' },
        },
        agents: { a: { model: 'm', instructions: 'x', tools: ['wait', 'echo'], ...agent } },
        ...(limits && { limits }),
        ...changes,
    });
    setup.configure();
    await pawl.start();
    return setup;
}

const create = (pawl) => pawl.create({ agent: 'a', input: 'go' });

// The tool of a session is at work: the shell, not just what is about to start it.
function toolRuns(pawl) {
    return until('the tool to run', () =>
        pawl.tools().some((p) => /^\/bin\/sh .*wait /.test(p.command)));
}

function noToolIsLeft(pawl) {
    return until(() => `the end of:\n${listed(pawl.tools())}`, () => pawl.tools().length === 0);
}

async function conflicts(pawl, path, body, says) {
    const answer = await pawl.api('POST', path, body);

    assert.equal(answer.status, 409, `${path}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.body.code, 'session_state');
    assert.match(answer.body.detail, says);
}

// ---- starting ----

// A server that is expected to say why it cannot run.
async function cannotServe(pawl, config, says) {
    pawl.write('other.yaml', JSON.stringify({
        models: { m: { provider: 'scripted', replies: [{ text: 'x' }] } },
        agents: { a: { model: 'm', instructions: 'x' } },
        ...config,
    }));
    const end = await run(PAWL, ['serve', '-c', pawl.path('other.yaml')],
                          { cwd: pawl.folder, env: pawl.environment() });

    assert.equal(end.status, 5, `${JSON.stringify(config)}: ${end.stderr}`);
    assert.match(end.stderr, says);
    assert.doesNotMatch(end.stdout, /ready/);
}

test('a second server on the same store is refused', async (t) => {
    const { pawl } = await setUp(t);

    await cannotServe(pawl, { listen: '127.0.0.1:1', store: 'sqlite:pawl.db' },
                      new RegExp(`in use.*pawl.db.lock.*process ${pawl.server.pid}`));
    pawl.write('go', '');
    await pawl.completes((await create(pawl)).id);
});

test('a second server is refused by whatever name it comes to the store', async (t) => {
    const { pawl } = await setUp(t);
    const listen = '127.0.0.1:1';

    symlinkSync('pawl.db', pawl.path('link.db'));
    linkSync(pawl.path('pawl.db'), pawl.path('other.db'));
    await cannotServe(pawl, { listen, store: 'sqlite:link.db' }, /in use/);
    await cannotServe(pawl, { listen, store: 'sqlite:other.db' }, /in use/);
    rmSync(pawl.path('pawl.db.lock'));
    await cannotServe(pawl, { listen, store: 'sqlite:pawl.db' }, /in use/);
});

test('a folder that cannot be written to, and a file that is no store', async (t) => {
    const pawl = await Pawl.make(t, null);
    const listen = `127.0.0.1:${pawl.port}`;

    pawl.write('file', 'x');
    pawl.write('no.db', 'this is no database, but somebody needs it'.repeat(100));
    mkdirSync(pawl.path('folder.db'));
    await cannotServe(pawl, { listen, store: 'sqlite:missing/pawl.db' }, /missing\/pawl\.db/);
    await cannotServe(pawl, { listen, store: 'sqlite:file/pawl.db' }, /file\/pawl\.db/);
    await cannotServe(pawl, { listen, store: 'sqlite:/sys/kernel/pawl.db' }, /\/sys\/kernel/);
    await cannotServe(pawl, { listen, store: 'sqlite:folder.db' }, /folder\.db/);
    await cannotServe(pawl, { listen, store: 'sqlite:no.db' }, /no\.db/);
    assert.match(pawl.read('no.db'), /^this is no database/, 'it is left as it was');
});

test('a port that is taken', async (t) => {
    const pawl = await Pawl.make(t, null);
    const taken = createServer().listen(pawl.port, '127.0.0.1');

    t.after(() => taken.close());
    await cannotServe(pawl, { listen: `127.0.0.1:${pawl.port}`, store: 'sqlite:pawl.db' },
                      new RegExp(`127.0.0.1.*${pawl.port} is in use`));
});

test('standard streams that are closed keep nobody from working', async (t) => {
    const { pawl } = await setUp(t);

    await pawl.stop();
    pawl.write('go', '');
    pawl.within = ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh'];
    pawl.spawn();
    await until('readiness', () =>
        pawl.api('GET', '/readyz').then(({ status }) => status === 200, () => false));
    await pawl.completes((await create(pawl)).id);
    assert.equal((await pawl.stop()).status, 1, 'it could not say that it is ready');
    assert.equal(pawl.read('pawl.db').slice(0, 15), 'SQLite format 3', 'nothing was logged there');
    await pawl.verify();
});

// ---- stopping ----

test('a server without work stops at once', async (t) => {
    const { pawl } = await setUp(t);

    assert.equal((await pawl.stop()).status, 0);
    await pawl.start();
    pawl.write('go', '');
    await pawl.completes((await create(pawl)).id);
    const { status, log } = await pawl.stop();

    assert.equal(status, 0);
    assert.equal(log.split('\n').filter((line) => /turn ended/.test(line)).length, 1);
    assert.deepEqual(pawl.processes(), []);
});

test('a stop gives a tool its time', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    pawl.server.kill('SIGTERM');
    await until('the stop to begin', async () => (await pawl.api('GET', '/readyz')).status === 503);
    const refused = await pawl.api('POST', '/v1/sessions', { agent: 'a', input: 'x' });

    assert.equal(refused.status, 503);
    assert.equal(refused.body.code, 'draining');
    pawl.write('go', '');
    assert.equal((await pawl.exited()).status, 0);
    await pawl.start();
    const { events } = await pawl.completes(id);

    assert.equal(ofKind(events, 'interrupted').length, 0);
    assert.match(ofKind(events, 'tool_finished')[0].output, /attempt 1/);
});

test('a tool that takes longer is interrupted, which is no failure', async (t) => {
    const { pawl } = await setUp(t);

    await pawl.stop();
    await pawl.start(['--grace', '100ms']);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    assert.equal((await pawl.stop()).status, 0);
    assert.deepEqual(pawl.processes(), []);
    pawl.write('go', '');
    await pawl.start();
    const { events } = await pawl.completes(id);
    const [interrupted, ...more] = ofKind(events, 'interrupted');

    assert.equal(interrupted.by, 'drain');
    assert.equal(interrupted.counts, undefined);
    assert.equal(more.length, 0);
    assert.equal(ofKind(events, 'tool_failed').length, 0);
    assert.match(ofKind(events, 'tool_finished')[0].output, /attempt 2/);
});

test('a stop gives a model call its time, or interrupts it', async (t) => {
    let letGo;
    const gate = new Promise((resolve) => (letGo = resolve));
    const { pawl, provider } = await setUp(t, {
        behave: async ({ number, input }) => {
            if (input === 'late') await gate;
            return input === 'never' && number < 3 ? neverAnswer() : say('done');
        },
    });
    const late = await pawl.create({ agent: 'a', input: 'late' });

    await until('the call', () => provider.requests.length === 1);
    pawl.server.kill('SIGTERM');
    await until('the stop to begin', async () => (await pawl.api('GET', '/readyz')).status === 503);
    letGo();
    assert.equal((await pawl.exited()).status, 0);
    await pawl.start(['--grace', '100ms']);
    assert.equal(ofKind((await pawl.completes(late.id)).events, 'interrupted').length, 0);
    const never = await pawl.create({ agent: 'a', input: 'never' });

    await until('the call', () => provider.requests.length === 2);
    assert.equal((await pawl.stop()).status, 0);
    await pawl.start();
    assert.equal(ofKind((await pawl.completes(never.id)).events, 'interrupted').length, 1);
});

test('a second SIGTERM ends the server at once, and it goes on later', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    pawl.server.kill('SIGTERM');
    await until('the stop to begin', () => /stopping/.test(pawl.log));
    pawl.server.kill('SIGTERM');
    assert.equal((await pawl.exited()).status, 128 + 15);
    await pawl.lockIsFree();
    assert.deepEqual(pawl.tools(), []);
    pawl.write('go', '');
    await pawl.start();
    const { events } = await pawl.completes(id);

    assert.match(ofKind(events, 'tool_finished')[0].output, /attempt 2/);
});

test('a start right after a kill waits for the last tool of the former server', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    const killed = pawl.server;
    const former = pawl.tools();

    killed.kill('SIGKILL');
    await pawl.exited();
    await pawl.start();
    const left = pawl.tools().filter((p) => former.some((f) => f.pid === p.pid));

    assert.equal(left.length, 0, listed(left));
    pawl.write('go', '');
    await pawl.completes(id);
});

test('the lock outlives a killed server until its last tool is dead', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    const launchers = pawl.launchers();
    const signal = (name) => launchers.forEach(({ pid }) => process.kill(pid, name));

    assert.ok(launchers.length > 0);
    signal('SIGSTOP'); // it cannot end its tools now
    try {
        pawl.server.kill('SIGKILL');
        await pawl.gone();
        assert.ok(pawl.tools().length > 0);
        assert.equal(await pawl.isLockFree(), false);
    } finally {
        signal('SIGCONT');
    }
    await pawl.lockIsFree();
    assert.equal(pawl.tools().length, 0, listed(pawl.tools()));
    pawl.write('go', '');
    await pawl.start();
    await pawl.completes(id);
});

test('a server whose launcher is killed ends, and nothing is lost', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    for (const { pid } of pawl.launchers()) process.kill(pid, 'SIGKILL');
    const { status, log } = await pawl.exited();

    assert.equal(status, 5, log);
    assert.match(log, /launcher/);
    await noToolIsLeft(pawl);
    pawl.write('go', '');
    await pawl.start();
    await pawl.completes(id);
});

test('a session under which the server dies again and again is ended as poison', async (t) => {
    const { pawl } = await setUp(t, { limits: { crashes: 4 } });
    const { id } = await create(pawl);
    const state = async () => (await pawl.session(id)).status;
    let kills = 0;

    for (; (await state()) !== 'FAILED'; kills++) {
        assert.ok(kills < 10, 'it is never given up');
        await until('its tool, or its end', async () =>
            pawl.tools().some((p) => /^\/bin\/sh .*wait /.test(p.command)) ||
            (await state()) === 'FAILED');
        if ((await state()) === 'FAILED') break;
        await pawl.kill();
        await pawl.start();
    }
    const session = await pawl.ended(id);

    assert.equal(kills, 4);
    assert.equal(session.error.code, 'poison');
    assert.match(session.error.message, /\S/);
    pawl.write('go', '');
    await pawl.completes((await create(pawl)).id);
});

test('a session that was only there when the server was killed is not ended', async (t) => {
    const { pawl } = await setUp(t);
    const ids = [];

    for (let kill = 0; kill < 12; kill++) {
        const { id } = await create(pawl); // so that at each kill something is at work

        ids.push(id);
        await pawl.event(id, 'model_answered');
        await pawl.kill();
        await pawl.start();
    }
    pawl.write('go', '');
    const ended = await Promise.all(ids.map((id) => pawl.completes(id)));
    const lost = ofKind(ended[0].events, 'interrupted');
    const cleared = lost.filter((e) => e.call === undefined);

    assert.ok(cleared.length >= 2, `three kills, and one that it was held back in: ${lost.length}`);
    assert.ok(cleared.every((e) => e.by === 'crash' && !e.counts), JSON.stringify(cleared));
    const { status, stdout } = await pawl.cli(['show', ids[0]]);

    assert.equal(status, 0);
    assert.match(stdout, /COMPLETED/);
    await pawl.verify();
});

// ---- limits ----

test('a budget is a ceiling: no call starts that could pass it', async (t) => {
    const { pawl, provider } = await setUp(t, {
        behave: () => ask([['echo', { text: 'x' }]]),
        model: { price: { input: 1000, output: 1000 } }, // a token is a tenth of a cent
        agent: { limits: { usd: 3 } },
    });
    const session = await pawl.play('a');

    assert.equal(session.status, 'FAILED');
    assert.equal(session.error.code, 'budget_reached');
    assert.ok(session.usage.usd > 0 && session.usage.usd <= 3, `${session.usage.usd}`);
    assert.ok(ofKind(session.events, 'turn_ended')[0].refused.usd > 0);
    const asked = provider.requests.length;

    assert.ok(asked >= 1);
    assert.equal(ofKind(session.events, 'model_answered').length, asked);
    provider.behaviour = () => say('done');
    await pawl.post(`/v1/sessions/${session.id}/retry`, { budget: { usd: 30 } });
    const more = await pawl.ended(session.id);

    assert.equal(more.status, 'COMPLETED');
    assert.equal(more.budget.usd, 30);
});

test('a budget in dollars needs a price', async (t) => {
    const { pawl, provider } = await setUp(t);
    const body = { agent: 'a', input: 'go', budget: { usd: 1 } };
    const answer = await pawl.api('POST', '/v1/sessions', body);

    assert.equal(answer.status, 422);
    assert.equal(answer.body.code, 'price_missing');
    assert.match(answer.body.detail, /'m'.*pawl\.yaml/);
    assert.deepEqual((await pawl.get('/v1/sessions')).data, []);
    provider.behaviour = () => refuse(500);
    const failed = await pawl.play('a', 'go', { budget: { tokens: 5000 } });
    const path = `/v1/sessions/${failed.id}/retry`;
    const retry = await pawl.api('POST', path, { budget: { usd: 1 } });

    assert.equal(failed.status, 'FAILED');
    assert.deepEqual([retry.status, retry.body.code], [422, 'price_missing']);
    assert.match(retry.body.detail, /'m'.*pawl\.yaml/);
    assert.deepEqual(await pawl.events(failed.id), failed.events, 'nothing was recorded');
    assert.equal(provider.requests.length, 1);
    provider.behaviour = () => say('done');
    await pawl.post(path, { budget: { tokens: 6000 } });
    await pawl.completes(failed.id);
});

test('tokens, too', async (t) => {
    const { pawl } = await setUp(t, { behave: () => ask([['echo', { text: 'x' }]]) });
    const session = await pawl.play('a', 'go', { budget: { tokens: 1500 } });

    assert.equal(session.error?.code, 'budget_reached');
    assert.ok(session.usage.tokens <= 1500, `${session.usage.tokens}`);
});

test('steps of a turn are limited', async (t) => {
    const { pawl, provider } = await setUp(t, {
        behave: () => ask([['echo', { text: 'x' }]]),
        agent: { limits: { steps: 7 } },
    });
    const session = await pawl.play('a');

    assert.equal(session.status, 'FAILED');
    assert.equal(session.error.code, 'step_limit');
    assert.match(session.error.message, /step/);
    assert.ok(provider.requests.length <= 4, `${provider.requests.length}`);
});

test('wall time ends a turn, its tools too, and the next turn has a whole history', async (t) => {
    const { pawl, provider } = await setUp(t, {
        behave: ({ answers }) =>
            (answers === 0 ? ask([['wait', {}], ['wait', {}], ['wait', {}]]) : say('done')),
        agent: { limits: { wall: '1s' } },
    });
    const session = await pawl.play('a');

    assert.equal(session.error?.code, 'wall_limit');
    await noToolIsLeft(pawl);
    await pawl.post(`/v1/sessions/${session.id}/messages`, { content: 'once more' });
    const next = await pawl.ended(session.id);

    assert.equal(next.status, 'COMPLETED', JSON.stringify(next.error)); // the provider checks it
    const told = provider.requests.at(-1).messages.filter((m) => m.role === 'tool');

    assert.equal(told.length, 3);
    told.forEach((m) => assert.match(m.content, /^Error: No result/));
});

// ---- what people do to sessions ----

test('a message while it is busy is shown with the results; one after the end begins a turn',
     async (t) => {
    const { pawl, provider } = await setUp(t);
    const { id } = await create(pawl);
    const path = `/v1/sessions/${id}/messages`;

    await toolRuns(pawl);
    await pawl.post(path, { content: 'in between' });
    pawl.write('go', '');
    assert.equal((await pawl.completes(id)).turn, 1);
    assert.deepEqual(provider.requests[1].messages.map((m) => m.role),
                     ['system', 'user', 'assistant', 'tool', 'user']);
    assert.equal(provider.requests[1].last.content, 'in between');
    await pawl.post(path, { content: 'after the end' });
    assert.equal((await pawl.completes(id)).turn, 2);
    assert.equal(provider.requests[2].last.content, 'after the end');
});

test('cancel ends the tool and is final', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    await pawl.post(`/v1/sessions/${id}/cancel`, { reason: 'no longer needed' });
    const session = await pawl.ended(id);

    assert.equal(session.status, 'CANCELLED');
    assert.equal(session.events.at(-1).reason, 'no longer needed');
    await noToolIsLeft(pawl);
    await conflicts(pawl, `/v1/sessions/${id}/cancel`, undefined, /cancelled/);
    await conflicts(pawl, `/v1/sessions/${id}/messages`, { content: 'x' }, /cancelled/);
    await conflicts(pawl, `/v1/sessions/${id}/retry`, undefined, /cancelled/);
    await pawl.kill();
    await pawl.start();
    assert.equal((await pawl.session(id)).status, 'CANCELLED');
    assert.deepEqual(await pawl.events(id), session.events);
});

test('cancel ends a model call', async (t) => {
    const { pawl, provider } = await setUp(t, { behave: neverAnswer });
    const { id } = await create(pawl);

    await until('the call', () => provider.requests.length === 1);
    await pawl.post(`/v1/sessions/${id}/cancel`);
    assert.equal((await pawl.ended(id)).status, 'CANCELLED');
    assert.equal((await pawl.stop()).status, 0, 'nothing is left that a stop would wait for');
});

test('paused, it begins nothing, over a restart too; resumed, it goes on', async (t) => {
    const { pawl, provider } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    await pawl.post(`/v1/sessions/${id}/pause`);
    await conflicts(pawl, `/v1/sessions/${id}/pause`, undefined, /paused/);
    pawl.write('go', '');
    await pawl.event(id, 'tool_finished');
    await pawl.kill();
    await pawl.start();
    const paused = await pawl.session(id);

    assert.equal(paused.paused, true);
    assert.deepEqual(paused.waiting.map((w) => w.on), ['resume']);
    assert.equal(provider.requests.length, 1);
    await pawl.post(`/v1/sessions/${id}/resume`);
    const { paused: isPaused } = await pawl.completes(id);

    assert.equal(isPaused, false);
    assert.equal(provider.requests.length, 2);
    await conflicts(pawl, `/v1/sessions/${id}/resume`, undefined, /\S/);
});

test('retry goes on with a failed turn where it stopped', async (t) => {
    const { pawl, provider } = await setUp(t);

    pawl.write('go', '');
    provider.behaviour = ({ answers }) => (answers === 0 ? ask([['wait', {}]]) : refuse(500));
    const failed = await pawl.play('a');

    assert.equal(failed.error.code, 'model_server_error');
    provider.behaviour = () => say('done');
    await pawl.post(`/v1/sessions/${failed.id}/retry`, { reason: 'it works again' });
    const session = await pawl.completes(failed.id);

    assert.equal(ofKind(session.events, 'tool_finished').length, 1, 'the tool is not run again');
    await conflicts(pawl, `/v1/sessions/${failed.id}/retry`, undefined, /\S/);
});

test('a session keeps the revision that it started with', async (t) => {
    const agent = { instructions: 'The first text for {{context.name}}.' };
    const { pawl, provider, configure } = await setUp(t, { agent });
    const { id } = await pawl.create({ agent: 'a', input: 'go', context: { name: 'Ada' } });

    await toolRuns(pawl);
    await pawl.kill();
    configure({
        agents: { a: { model: 'm', instructions: 'The second text.', tools: ['wait', 'echo'] } },
    });
    pawl.write('go', '');
    await pawl.start();
    await pawl.completes(id);
    assert.equal(provider.requests.at(-1).messages[0].content, 'The first text for Ada.');
    await pawl.completes((await create(pawl)).id);
    assert.equal(provider.requests.at(-1).messages[0].content, 'The second text.');
});

test('a session whose model is gone ends with a code, and goes on when it is back', async (t) => {
    const { pawl, configure } = await setUp(t);
    const { id } = await create(pawl);

    await toolRuns(pawl);
    await pawl.kill();
    pawl.write('go', '');
    configure({
        models: { other: { provider: 'scripted', replies: [{ text: 'x' }] } },
        agents: { b: { model: 'other', instructions: 'x' } },
    });
    await pawl.start();
    const session = await pawl.ended(id);

    assert.equal(session.error?.code, 'model_not_configured');
    assert.match(session.error.message, /put it back/);
    await pawl.stop();
    configure();
    await pawl.start();
    await pawl.post(`/v1/sessions/${id}/retry`);
    await pawl.completes(id);
});
