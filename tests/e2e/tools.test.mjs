// tools.test.mjs - commands that misbehave in every way, in the real sandbox: the model hears of
// it, the server stays up, and no process is left.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { listed } from './lib/processes.mjs';
import { ask, Provider, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

const ONCE = { attempts: 1 };
const THRICE = { attempts: 3, first: '1ms', max: '5ms' };

// tools: name -> { script, ...exec settings, retry }. Each script is told the folder's mark, so
// that its processes can be found. The model asks for what the session's input says, then ends.
async function setUp(t, tools, env = {}) {
    const provider = await Provider.start(t, (request) =>
        (request.answers === 0 ? ask(JSON.parse(request.input)) : say('done')));
    const pawl = await Pawl.make(t, null);
    const declared = {};

    for (const [name, { script, command, retry = ONCE, ...exec }] of Object.entries(tools)) {
        if (script) pawl.write(`tools/${name}`, `#!${script}`);
        declared[name] = {
            description: name,
            parameters: { type: 'object' },
            exec: { command: command ?? [`./tools/${name}`, pawl.mark], ...exec },
            retry,
        };
    }
    pawl.configure({
        models: { m: { provider: 'openai', base_url: provider.url, model: 'm' } },
        tools: declared,
        agents: { a: { model: 'm', instructions: 'x', tools: Object.keys(tools) } },
        limits: { request: '4MiB' },
    });
    pawl.env = env;
    await pawl.start();
    return { pawl, provider };
}

// One session with these calls: its tool results by call, as the model saw them.
async function play({ pawl, provider }, calls) {
    const input = JSON.stringify(calls);
    const session = await pawl.play('a', input);
    const request = provider.requests.filter((r) => r.input === input).at(-1);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    checkJournal(session.id, session.events);
    const told = calls.map((_, i) =>
        request.messages.find((m) => m.tool_call_id === `call_${i}`).content);

    return { session, told, events: session.events };
}

function noToolIsLeft(pawl) {
    return until(() => `the end of these tools:\n${listed(pawl.tools())}`,
                 () => pawl.tools().length === 0);
}

test('a result, an error result, and what the model hears of each', async (t) => {
    const setup = await setUp(t, {
        good: { script: '/bin/sh\necho "got $(cat)"; echo noise >&2' },
        silent: { script: '/bin/sh\ncat >/dev/null' },
        bad: { script: '/bin/sh\necho partly; echo "no such order" >&2; exit 3' },
    });
    const { told, events } = await play(setup, [['good', { a: 1 }], ['silent', {}], ['bad', {}]]);
    const results = callsOf(events).map(({ call }) => resultsOf(events, call)[0]);

    assert.equal(told[0], 'got {"a":1}\n');
    assert.equal(results[0].stderr, 'noise\n');
    assert.equal(told[1], '');
    assert.match(told[2], /^Error: .*exit status 3.\npartly\n\s*no such order/);
    assert.deepEqual(results.map((r) => [r.kind, r.is_error, r.status]), [
        ['tool_finished', false, 0], ['tool_finished', false, 0], ['tool_finished', true, 3],
    ]);
});

test('exit status 75 is tried again, and so is a death by a signal', async (t) => {
    const first = (fails) => `/bin/sh
        cat >/dev/null
        n=$(cat "$PAWL_SCRATCH/$PAWL_TOOL" 2>/dev/null || echo 0)
        echo $((n + 1)) >"$PAWL_SCRATCH/$PAWL_TOOL"
        [ "$n" -ge 2 ] || ${fails}
        echo "attempt $PAWL_ATTEMPT after $n, key $PAWL_IDEMPOTENCY_KEY"`;
    const setup = await setUp(t, {
        busy: { script: first('exit 75'), retry: THRICE },
        crash: { script: first('kill -SEGV $$'), retry: THRICE },
        always: { script: '/bin/sh\nexit 75', retry: THRICE },
    });
    const { told, events } = await play(setup, [['busy', {}], ['crash', {}], ['always', {}]]);

    assert.match(told[0], /^attempt 3 after 2, key \S+\n$/);
    assert.match(told[1], /^attempt 3 after 2, key \S+\n$/);
    assert.match(told[2], /^Error: .*75/);
    const failed = ofKind(events, 'tool_failed');

    assert.equal(failed.length, 2 + 2 + 3);
    assert.equal(failed.filter((e) => e.error.code === 'signalled').length, 2);
    assert.equal(failed.filter((e) => e.error.code === 'try_again').length, 5);
});

test('one key for all attempts of a call, and another for each call', async (t) => {
    const script = `/bin/sh
        echo "$PAWL_IDEMPOTENCY_KEY" >>"$PAWL_SCRATCH/keys-$PAWL_CALL"
        [ "$PAWL_ATTEMPT" -ge 3 ] || exit 75
        sort -u "$PAWL_SCRATCH/keys-$PAWL_CALL"`;
    const setup = await setUp(t, { key: { script, retry: THRICE } });
    const { told } = await play(setup, [['key', {}], ['key', {}]]);

    told.forEach((text) => assert.match(text, /^\S+\n$/)); // three attempts, one key
    assert.notEqual(told[0], told[1]);
});

test('a tool that prints 1 GB is cut, and the model is told', async (t) => {
    const setup = await setUp(t, { print: { script: '/bin/sh\nyes pawl | head -c 1073741824' } });
    const { told } = await play(setup, [['print', {}]]);

    assert.match(told[0], /^(pawl\n)+/);
    assert.match(told[0], /\[cut: the first 67108864 of 1073741824 bytes are kept\]$/);
    assert.ok(told[0].length < 300_000);
});

test('a tool that forks without end is ended with all that it forked', async (t) => {
    const setup = await setUp(t, {
        bomb: { script: '/usr/bin/perl\nfork while 1;', timeout: '1s', processes: 64, cpu: '5s' },
        sh_bomb: { script: '/bin/sh\nb() { b | b & }; b', timeout: '1s', processes: 64 },
        orphan: { script: '/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 &\necho bye' },
        good: { script: '/bin/sh\necho still here' },
    });
    const { told } = await play(setup, [['bomb', {}], ['sh_bomb', {}], ['orphan', {}]]);

    assert.match(told[0], /^Error: .*did not end within its time/);
    assert.equal(told[2], 'bye\n');
    await noToolIsLeft(setup.pawl);
    assert.deepEqual((await play(setup, [['good', {}]])).told, ['still here\n']);
});

test('a tool that never ends is ended, whatever it does against it', async (t) => {
    const timeout = '200ms';
    const setup = await setUp(t, {
        sleeper: { script: '/bin/sh\nsleep 1000', timeout, retry: { ...THRICE, attempts: 2 } },
        stubborn: { script: '/bin/sh\ntrap "" TERM INT; while :; do sleep 1; done', timeout },
        closed: { script: '/bin/sh\nexec >&- 2>&-; sleep 1000', timeout },
        busy: { script: '/usr/bin/perl\n1 while 1;', cpu: '1s', timeout: '60s' },
    });
    const { told, events } = await play(setup,
        [['sleeper', {}], ['stubborn', {}], ['closed', {}], ['busy', {}]]);

    for (const text of told.slice(0, 3))
        assert.match(text, /^Error: .*did not end within its time/);
    assert.match(told[3], /^Error: .*signal/); // of its CPU time
    assert.equal(ofKind(events, 'tool_failed').length, 5);
    await noToolIsLeft(setup.pawl);
});

test('a tool that does not read its large arguments', async (t) => {
    const setup = await setUp(t, {
        closes: { script: '/bin/sh\nexec <&-; echo closed' },
        ignores: { script: '/bin/sh\necho ignored' },
        reads: { script: '/bin/sh\nwc -c' },
    });
    const text = 'x'.repeat(400_000);
    const { told } = await play(setup,
        [['closes', { text }], ['ignores', { text }], ['reads', { text }]]);

    assert.deepEqual(told, ['closed\n', 'ignored\n', `${JSON.stringify({ text }).length}\n`]);
});

// One that is not there when the server starts is found by `pawl check`.
test('a command that is gone, or is none', async (t) => {
    const setup = await setUp(t, {
        gone: { script: '/bin/sh\necho not run' },
        text: { script: '/bin/sh\necho not run' },
        no_interpreter: { script: '/no/such/interpreter' },
    });

    rmSync(setup.pawl.path('tools/gone'));
    setup.pawl.write('tools/text', 'no script, and no right to run it\n');
    const { told } = await play(setup, [['gone', {}], ['text', {}], ['no_interpreter', {}]]);

    assert.match(told[0], /^Error: .*tools\/gone/);
    assert.match(told[1], /^Error: .*tools\/text/);
    assert.match(told[2], /^Error: .*tools\/no_interpreter/);
});

test('limits of memory, files and the disk', async (t) => {
    const setup = await setUp(t, {
        memory: { script: '/usr/bin/perl\nmy $x = "x" x (1 << 30); print "got it";',
                  memory: '256MiB' },
        file: { script: '/bin/sh\nhead -c 10000000 /dev/zero >"$PAWL_SCRATCH/big" && echo wrote',
                file_size: '1MiB' },
        tmp: { script: '/bin/sh\nhead -c 200000000 /dev/zero >/tmp/big && echo wrote',
               memory: '64MiB' },
    });
    const { told } = await play(setup, [['memory', {}], ['file', {}], ['tmp', {}]]);

    told.forEach((text) => assert.match(text, /^Error: /));
    told.forEach((text) => assert.doesNotMatch(text, /got it|wrote/));
});

test('no network, unless it was asked for', async (t) => {
    const provider = await Provider.start(t, () => say('x'));
    const port = new URL(provider.url).port;
    const script = `/bin/bash\n(exec 3<>/dev/tcp/127.0.0.1/${port}) && echo reached`;
    const setup = await setUp(t, {
        without: { script },
        with: { script, network: 'host' },
    });
    const { told } = await play(setup, [['without', {}], ['with', {}]]);

    assert.match(told[0], /^Error: [^]*refused/);
    assert.equal(told[1], 'reached\n');
});

test('a tool sees the project and its scratch folder, but not the store', async (t) => {
    const setup = await setUp(t, {
        store: { script: '/bin/sh\ncat pawl.db* 2>&1; ls -la; cp pawl.db "$PAWL_SCRATCH/x"' },
        project: { script: '/bin/sh\ncat data/note; touch data/new 2>/dev/null || echo read-only' },
        system: { script: `/bin/sh
            touch /usr/x /etc/x /x 2>/dev/null || echo read-only
            ls /root /home 2>/dev/null
            id -u` },
        leave: { script: '/bin/sh\ndate >"$PAWL_SCRATCH/left"; ls "$PAWL_SCRATCH" | grep left' },
        look: { script: '/bin/sh\nls "$PAWL_SCRATCH" | grep -c left' },
    });

    setup.pawl.write('data/note', 'of the project\n');
    const { told } = await play(setup, [['store', {}], ['project', {}], ['system', {}]]);

    assert.doesNotMatch(told[0], /SQLite format/);
    assert.match(told[0], /^Error: /);
    assert.equal(told[1], 'of the project\nread-only\n');
    assert.match(told[2], /^read-only\n\d+\n$/);
    assert.doesNotMatch(told[2], /\n0\n$/, 'a tool is not root');
    assert.equal((await play(setup, [['leave', {}]])).told[0], 'left\n');
    assert.match((await play(setup, [['look', {}]])).told[0], /^Error: [^]*\n0\n/);
});

test('a tool sees its own secrets, and nobody else does', async (t) => {
    const secret = 'the-token-of-the-shop-4711';
    const other = 'the-key-of-the-server-0815';
    const waits = `/bin/sh
        touch "$PAWL_SCRATCH/running"
        until [ -e go ]; do sleep 0.02; done
        env; ls /proc | grep -c '^[0-9]'`;
    const setup = await setUp(t, {
        has: { script: waits, secrets: ['SHOP_TOKEN'] },
        has_not: { script: '/bin/sh\nenv' },
    }, { SHOP_TOKEN: secret, OTHER_KEY: other });
    const { pawl } = setup;
    const playing = play(setup, [['has', {}], ['has_not', {}]]);

    await until('the tool to run', () =>
        pawl.processes().some((p) => p.command.includes('tools/has ') && /sh /.test(p.command)));
    const commands = listed(pawl.processes());

    pawl.write('go', '');
    const { told, session } = await playing;

    assert.ok(!commands.includes(secret), `in a command line:\n${commands}`);
    assert.match(told[0], new RegExp(`SHOP_TOKEN=${secret}\n`)); // what a tool prints is its own
    assert.doesNotMatch(told[0], new RegExp(other));
    assert.doesNotMatch(told[1], new RegExp(secret));
    assert.match(told[1], new RegExp(`PAWL_SESSION=${session.id}\n`));
    assert.ok(Number(told[0].trim().split('\n').at(-1)) < 10, 'it sees its own processes only');
    assert.ok(!pawl.log.includes(secret), 'the log');
    assert.ok(!pawl.log.includes(other), 'the log');
});

test('many tools at once, more than may run', async (t) => {
    const setup = await setUp(t, { work: { script: '/bin/sh\nsleep 0.1; cat' } });
    const calls = Array.from({ length: 32 }, (_, i) => ['work', { i }]);
    const { told } = await play(setup, calls);

    assert.deepEqual(told, calls.map(([, args]) => JSON.stringify(args)));
    await noToolIsLeft(setup.pawl);
});

test('a scratch folder that somebody removed is made again', async (t) => {
    const script = `/bin/sh
        echo x >>"$PAWL_SCRATCH/kept"
        wc -l <"$PAWL_SCRATCH/kept"`;
    const setup = await setUp(t, { keep: { script } });

    assert.deepEqual((await play(setup, [['keep', {}]])).told, ['1\n']);
    rmSync(setup.pawl.path('pawl.db.scratch'), { recursive: true });
    assert.deepEqual((await play(setup, [['keep', {}]])).told, ['1\n']);
    // Side by side: the first may count when the second has written, too.
    assert.equal((await play(setup, [['keep', {}], ['keep', {}]])).told.sort().at(-1), '2\n');
});

test('what a tool leaves behind ends with it, and its result does not wait', async (t) => {
    const leaves = `/bin/sh
        (setsid sleep 1000 &)
        setsid sleep 1000 >/dev/null 2>&1 &
        echo done`;
    const setup = await setUp(t, {
        daemon: { script: leaves },
        mute: { script: '/bin/sh\nexec >&- 2>&-; exit 0' },
    });
    const { told } = await play(setup, [['daemon', {}], ['mute', {}]]);

    assert.deepEqual(told, ['done\n', '']);
    await noToolIsLeft(setup.pawl);
});
