// window.test.mjs - what a provider sees of an agent with a window: the last messages, well-formed,
// and the same after its server was killed and only the journal's end was read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJournal } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { ask, neverAnswer, Provider, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

const WINDOW = 6;
const ROUNDS = 40; // of two tool calls: far more events than a window needs
const LOST = 30;   // this request is never answered: its server is killed

const echo = (text) => ['echo', { text }, `call_${text}`];
const told = (messages) => messages.slice(1).map((m) =>
    (m.tool_calls ? m.tool_calls.map((c) => c.id).join() : m.content));

test('a long session sends its window, before and after a kill', async (t) => {
    const provider = await Provider.start(t, ({ number, input }) => {
        if (input !== 'a long story') return say('well');
        if (number === LOST) return neverAnswer();
        return number > ROUNDS ? say('the end') : ask([echo(`a${number}`), echo(`b${number}`)]);
    });
    const pawl = await Pawl.make(t, {
        models: { m: { provider: 'openai', base_url: provider.url, model: 'm', api_key: 'k' } },
        tools: { echo: { builtin: 'echo' } },
        agents: {
            a: { model: 'm', instructions: 'x', tools: ['echo'], window: { messages: WINDOW } },
        },
    });

    await pawl.start();
    const { id } = await pawl.create({ agent: 'a', input: 'a long story' });

    await until('the request that gets no answer', () => provider.requests.length === LOST);
    await pawl.kill();
    await pawl.start();
    const first = await pawl.ended(id);

    assert.equal(first.output, 'the end');
    checkJournal(id, first.events);
    for (const { number, messages } of provider.requests) {
        assert.equal(messages[1].content, 'a long story', `request ${number}`);
        assert.ok(messages.length - 1 <= WINDOW, `request ${number} has ${messages.length}`);
    }
    const lost = provider.requests[LOST - 1].messages;

    assert.deepEqual(told(lost), ['a long story', 'call_a29,call_b29', 'a29', 'b29']);
    assert.deepEqual(provider.requests[LOST].messages, lost); // asked again by the next process

    await pawl.stop(); // it is a row now
    await pawl.start();
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'and then?' });
    const second = await pawl.ended(id);

    assert.equal(second.output, 'well');
    assert.deepEqual(told(provider.requests.at(-1).messages), ['and then?']);
    await pawl.verify();
});
