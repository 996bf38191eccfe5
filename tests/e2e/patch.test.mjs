// patch.test.mjs - PATCH /v1/sessions/{id}: context, metadata and budget of a session that lives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pawl } from './lib/pawl.mjs';
import { Provider, say } from './lib/provider.mjs';

async function setUp(t) {
    const provider = await Provider.start(t, () => say('ok'));
    const pawl = await Pawl.make(t, {
        models: {
            main: { provider: 'openai', base_url: provider.url, model: 'm', api_key: 'k' },
        },
        agents: {
            main: { model: 'main', instructions: 'Help {{context.who}}.' },
            poor: { model: 'main', instructions: 'x', limits: { tokens: 10 } },
        },
    });
    const instructions = () => provider.requests.map((r) => r.messages[0].content);

    await pawl.start();
    return { pawl, instructions };
}

const patch = (pawl, id, body, headers) =>
    pawl.api('PATCH', `/v1/sessions/${id}`, body, headers);

async function patched(pawl, id, body) {
    const { status, body: session } = await patch(pawl, id, body);

    assert.equal(status, 200, JSON.stringify(session));
    return session;
}

test('the next model call has the new context, also after a restart', async (t) => {
    const { pawl, instructions } = await setUp(t);
    const { id } = await pawl.play('main', 'a', { context: { who: 'Ada' }, metadata: { n: '1' } });
    const session = await patched(pawl, id, { context: { who: 'Bob', more: [1] } });

    assert.deepEqual(session.context, { who: 'Bob', more: [1] });
    assert.deepEqual(session.metadata, { n: '1' }, 'what is not given stays');
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'b' });
    await pawl.ended(id);
    await patched(pawl, id, { context: { who: 'Cyd' } });
    await patched(pawl, id, { metadata: { n: '2' } });
    await pawl.kill();
    await pawl.start();
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'c' });
    const { context, metadata, events } = await pawl.ended(id);

    assert.deepEqual(instructions(), ['Help Ada.', 'Help Bob.', 'Help Cyd.']);
    assert.deepEqual(context, { who: 'Cyd' });
    assert.deepEqual(metadata, { n: '2' });
    const changes = events.filter((e) => e.kind === 'context_changed');

    assert.deepEqual(changes.map((e) => e.context.who), ['Bob', 'Cyd', 'Cyd']);
    assert.deepEqual(changes.map((e) => e.metadata), [undefined, undefined, { n: '2' }]);
    assert.match(changes[0].by, /^api:/);
    await pawl.verify();
});

test('lists find it by its new metadata, and no longer by the old', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await pawl.play('main', 'a', { context: { who: 'x' }, metadata: { a: '1', b: '2' } });
    const found = async (query) =>
        (await pawl.get(`/v1/sessions?${query}`)).data.map((session) => session.id);

    assert.deepEqual(await found('metadata.a=1'), [id]);
    assert.deepEqual((await patched(pawl, id, { metadata: { a: '7' } })).metadata, { a: '7' });
    assert.deepEqual(await found('metadata.a=7'), [id]);
    assert.deepEqual(await found('metadata.a=1'), []);
    assert.deepEqual(await found('metadata.b=2'), [], 'it replaces the former as a whole');
    assert.deepEqual((await patched(pawl, id, { metadata: {} })).metadata, {});
    assert.deepEqual(await found('metadata.a=7'), []);
    await pawl.verify();
});

test('a budget that was reached is raised, and the session goes on by retry', async (t) => {
    const { pawl } = await setUp(t);
    const { id, error } = await pawl.play('poor', 'a');

    assert.equal(error.code, 'budget_reached');
    const session = await patched(pawl, id, { budget: { tokens: 100_000 } });

    assert.deepEqual(session.budget, { usd: null, tokens: 100_000 });
    assert.equal(session.status, 'FAILED', 'a budget alone continues nothing');
    await pawl.post(`/v1/sessions/${id}/retry`);
    const { status, events } = await pawl.ended(id);

    assert.equal(status, 'COMPLETED');
    assert.equal(events.find((e) => e.kind === 'budget_changed').tokens, 100_000);
    await pawl.verify();
});

test('what is wrong is refused by name, and changes nothing', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await pawl.play('main', 'a', { context: { who: 'Ada' }, metadata: { n: '1' } });
    const before = await pawl.session(id);
    const refusals = [
        [{}, 422, 'missing_field', /'context', 'metadata' or 'budget'/],
        [{ budget: {} }, 422, 'missing_field', /nothing to change/],
        [{ contxt: {} }, 422, 'unknown_field', /contxt.*context/],
        [{ input: 'x' }, 422, 'unknown_field', /input/],
        [{ context: 'x' }, 422, 'wrong_type', /context/],
        [{ context: null }, 422, 'wrong_type', /context/],
        [{ context: { whom: 'x' } }, 422, 'context_incomplete', /context.who/],
        [{ context: {}, metadata: { n: '9' } }, 422, 'context_incomplete', /context.who/],
        [{ metadata: { n: 1 } }, 422, 'wrong_type', /metadata.n/],
        [{ metadata: { '': 'x' } }, 422, 'out_of_range', /name/],
        [{ budget: { tokens: 0 } }, 422, 'out_of_range', /budget.tokens/],
        [{ budget: { tokns: 1 } }, 422, 'unknown_field', /tokns/],
        [{ budget: { usd: 1 } }, 422, 'price_missing', /price/],
        ['{"metadata":', 400, 'invalid_json', /1/],
    ];

    for (const [body, status, code, detail] of refusals) {
        const answer = await patch(pawl, id, body);
        const what = JSON.stringify([body, answer.body]);

        assert.equal(answer.status, status, what);
        assert.equal(answer.body.code, code, what);
        assert.match(answer.body.detail, detail, what);
    }
    assert.deepEqual(await pawl.session(id), before);
    const nobody = 'ses_01890000-0000-7000-8000-000000000000';

    assert.equal((await patch(pawl, nobody, { metadata: {} })).status, 404);
    assert.equal((await patch(pawl, 'x', { metadata: {} })).status, 404);
});

test('a cancelled session takes no change; one with a key is made once', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await pawl.play('main', 'a', { context: { who: 'Ada' } });
    const key = { 'idempotency-key': 'k' };
    const first = await patch(pawl, id, { metadata: { n: '1' } }, key);
    const again = await patch(pawl, id, { metadata: { n: '1' } }, key);

    assert.deepEqual([first.status, again.status], [200, 200]);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal((await patch(pawl, id, { metadata: { n: '2' } }, key)).status, 422);
    assert.equal((await pawl.events(id)).filter((e) => e.kind === 'context_changed').length, 1);
    // Paused, its next turn does not begin, and can be cancelled.
    await pawl.post(`/v1/sessions/${id}/pause`);
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'b' });
    assert.equal((await patch(pawl, id, { metadata: { n: '2' } })).status, 200);
    await pawl.post(`/v1/sessions/${id}/cancel`);
    const { status, body } = await patch(pawl, id, { metadata: { n: '3' } });

    assert.equal(status, 409);
    assert.equal(body.code, 'session_state');
    assert.deepEqual((await pawl.session(id)).metadata, { n: '2' });
    await pawl.verify();
});
