// cli_talk.test.mjs - send, cancel, pause, resume, retry, set and erase on the command line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAWL, Pawl, run } from './lib/pawl.mjs';
import { until } from './lib/wait.mjs';

const script = (...replies) => ({ provider: 'scripted', replies });

const CONFIG = {
    models: {
        plain: script({ text: 'one' }, { text: 'two' }),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
    },
    tools: { wait: { description: 'x', exec: { command: ['./wait'] } } },
    agents: {
        plain: { model: 'plain', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
        poor: { model: 'plain', instructions: 'x', limits: { tokens: 10 } },
    },
};

const NOBODY = 'ses_01890000-0000-7000-8000-000000000000';

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG, {
        wait: '#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\n',
    });

    return pawl.start();
}

async function says(promise, status, pattern) {
    const end = await promise;
    const text = `${end.status}: ${end.stdout}${end.stderr}`;

    assert.equal(end.status, status, text);
    assert.match(end.stdout + end.stderr, pattern, text);
    return end;
}

test('send starts the next turn', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain', 'first');
    const { stdout, stderr } = await says(pawl.cli(['send', id, 'second', '--json']), 0, /^{/);

    assert.equal(JSON.parse(stdout).id, id);
    assert.equal(JSON.parse(stdout).turn, 2);
    assert.equal(stderr, '');
    const { events, output } = await pawl.ended(id);
    const [message] = events.filter((e) => e.kind === 'message');

    assert.equal(message.content, 'second');
    assert.match(message.by, /^api:/);
    assert.equal(output, 'two');
    await pawl.verify();
});

test('pause, resume and cancel, with their reasons', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });

    await says(pawl.cli(['pause', id, '--reason', 'lunch']), 0, /\(paused\)/);
    await says(pawl.cli(['pause', id]), 1, /cannot take 'paused'.*it is paused/);
    assert.equal((await pawl.session(id)).paused, true);
    await says(pawl.cli(['resume', id, '-r', 'fed']), 0, /waits for/);
    assert.equal((await pawl.session(id)).paused, false);
    await says(pawl.cli(['cancel', id, '--reason', 'enough']), 0, /^CANCELLED/);
    await says(pawl.cli(['resume', id]), 1, /final/);
    const { events } = await pawl.ended(id);
    const reasons = events.filter((e) => e.reason).map((e) => [e.kind, e.reason]);

    assert.deepEqual(reasons, [['paused', 'lunch'], ['resumed', 'fed'], ['cancelled', 'enough']]);
    await until('the end of its tools', () => pawl.tools().length === 0);
    await pawl.verify();
});

test('retry raises a budget that was reached', async (t) => {
    const pawl = await setUp(t);
    const { id, error } = await pawl.play('poor');

    assert.equal(error.code, 'budget_reached');
    await says(pawl.cli(['retry', id, '--tokens', 'many']), 2, /--tokens takes a number, not 'many'/);
    await says(pawl.cli(['retry', id, '--usd', '"1"']), 2, /--usd takes a number/);
    await says(pawl.cli(['retry', id, '--tokens', '0']), 1, /budget.tokens/);
    await says(pawl.cli(['retry', id, '--tokens', '100000']), 0, /./);
    const end = await pawl.ended(id);

    assert.equal(end.status, 'COMPLETED');
    assert.equal(end.budget.tokens, 100000);
    await says(pawl.cli(['retry', id]), 1, /cannot take 'retried'/);
});

test('set changes context, metadata and budget', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain', 'first', { metadata: { n: '1' } });
    const { stdout } = await says(pawl.cli(['set', id, '--context', '{"who":"Ada"}', '-m', 'a=1',
                                            '-m', 'b=x=y', '--tokens', '500', '--json']), 0, /^{/);
    const { context, metadata, budget } = JSON.parse(stdout);

    assert.deepEqual(context, { who: 'Ada' });
    assert.deepEqual(metadata, { a: '1', b: 'x=y' });
    assert.deepEqual(budget, { usd: null, tokens: 500 });
    await says(pawl.cli(['set', id, '--metadata', 'c=3']), 0, /^COMPLETED/);
    assert.deepEqual((await pawl.session(id)).metadata, { c: '3' });
    assert.deepEqual((await pawl.session(id)).context, { who: 'Ada' });
    await says(pawl.cli(['set', id]), 1, /nothing to change/);
    await says(pawl.cli(['set', id, '--context', '[1]']), 2, /takes an object/);
    await says(pawl.cli(['set', id, '--context', '{']), 2, /no JSON/);
    await says(pawl.cli(['set', id, '--metadata', 'c']), 2, /NAME=VALUE/);
    await says(pawl.cli(['set', id, '--usd', 'one']), 2, /--usd takes a number/);
    await pawl.verify();
});

test('erase asks on a terminal, and takes --yes elsewhere', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain');
    const other = await pawl.play('plain');
    const onTerminal = (input) => run('script', ['-qec', `'${PAWL}' erase ${id}`, '/dev/null'], {
        cwd: pawl.folder,
        env: { ...pawl.environment(), PAWL_SERVER: pawl.url },
        input,
    });

    await says(pawl.cli(['erase', id]), 2, /say --yes/);
    await says(onTerminal('n\n'), 1, /Erase session ses_.*nothing was erased/s);
    await says(onTerminal('\n'), 1, /nothing was erased/);
    assert.equal((await pawl.session(id)).id, id);
    await says(onTerminal('y\n'), 0, /is erased.*what stays/s);
    assert.equal((await pawl.api('GET', `/v1/sessions/${id}`)).status, 410);
    const { stdout } = await says(pawl.cli(['erase', other.id, '--yes', '--json']), 0, /^{/);

    assert.deepEqual(JSON.parse(stdout), { id: other.id, erased: true });
    await says(pawl.cli(['erase', other.id, '-y']), 0, /is erased/);
    await says(pawl.cli(['show', id]), 1, /erased/);
    const { id: slow } = await pawl.create({ agent: 'slow', input: 'go' });

    await says(pawl.cli(['erase', slow, '-y']), 1, /cancel it first/);
    await pawl.verify();
});

test('the same --key is done once', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain');
    const ends = await Promise.all([1, 2, 3].map(() =>
        pawl.cli(['send', id, 'again', '--key', 'k', '--json'])));

    assert.deepEqual(ends.map((end) => end.status), [0, 0, 0]);
    const { events } = await pawl.ended(id);

    assert.equal(events.filter((e) => e.kind === 'message').length, 1);
    await says(pawl.cli(['send', id, 'else', '--key', 'k']), 1, /used with another body/);
});

test('what is wrong has its exit code', async (t) => {
    const pawl = await setUp(t);
    const nowhere = { env: { PAWL_SERVER: 'http://127.0.0.1:9' } };

    for (const name of ['cancel', 'pause', 'resume', 'retry']) {
        await says(pawl.cli([name]), 2, new RegExp(`usage: pawl ${name} ID`));
        await says(pawl.cli([name, NOBODY]), 1, /no session/);
        await says(pawl.cli([name, NOBODY], nowhere), 3, /no server answers/);
        await says(pawl.cli([name, '--help']), 0, /--reason/);
    }
    for (const args of [['set', NOBODY, '-m', 'a=1'], ['erase', NOBODY, '-y']]) {
        await says(pawl.cli(args), 1, /no session/);
        await says(pawl.cli(args, nowhere), 3, /no server answers/);
        await says(pawl.cli([args[0]]), 2, new RegExp(`usage: pawl ${args[0]} ID`));
    }
    await says(pawl.cli(['send', NOBODY]), 2, /usage: pawl send ID TEXT/);
    await says(pawl.cli(['send', NOBODY, 'x']), 1, /no session/);
    await says(pawl.cli(['send', NOBODY, '']), 1, /'content' is empty/);
    await says(pawl.cli(['send', '../../livez', 'x']), 1, /nothing at/);
    await says(pawl.cli(['send', NOBODY, 'x', '--reason', 'y']), 2, /no option '--reason'/);
    await says(pawl.cli(['help']), 0, /send .*\n.*cancel .*\n.*pause .*\n.*resume .*\n.*retry /);
});
