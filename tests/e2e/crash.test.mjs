// crash.test.mjs - 500 sessions at work, and a server that is killed at random moments: E2E_KILLS
// times, 40 unless it is set; `./dev kills` does it 200 times.
//
// Each client creates a session with an Idempotency-Key and follows its journal by long-poll, over
// all kills; when it has ended the client begins another, as long as there are kills to come. Every
// answer of the provider carries the number of the request that it answers, so a journal tells
// which request it recorded. Payments go into a ledger that only tools write: it tells what happened,
// whatever the journals say.
//
// A kill comes after a random number of results that clients have seen since the one before: so the
// server gets on between two kills however slow the machine is, and the kills meet it anywhere.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { ask, Provider, refuse, say } from './lib/provider.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { until } from './lib/wait.mjs';

const SESSIONS = 500;
const KILLS = Number(process.env.E2E_KILLS ?? 40);
const RESULTS_MAX = SESSIONS / 4; // between two kills
const STUCK_MS = 120_000; // nothing has happened for so long: no session will ever end

// How a run ends; "busy" and those that die do so once.
const WORK_ENDS = ['ok', 'ok', 'ok', 'bad', 'busy', 'dies'];
const PAY_ENDS = ['ok', 'ok', 'ok', 'bad', 'busy', 'dies', 'dies unpaid'];

const FIELDS = `#!/bin/sh
read -r args
field() { expr "$args" : ".*\\"$1\\":\\"*\\([a-z0-9 ]*\\)"; }
once() { [ "$PAWL_ATTEMPT" -eq 1 ] && [ "$(field end)" = "$1" ]; }
`;

const WORK = `${FIELDS}
sleep "0.$(field ms)"
if once busy; then exit 75; fi
if once dies; then kill -KILL $$; fi
if [ "$(field end)" = bad ]; then
    echo sorry >&2
    exit 3
fi
echo "key $PAWL_IDEMPOTENCY_KEY"
`;

// Writes its key into the ledger in the middle of its work, in one write.
const PAY = `${FIELDS}
sleep "0.$(field ms)"
if once busy; then exit 75; fi
if once 'dies unpaid'; then kill -KILL $$; fi
if [ "$(field end)" = bad ]; then
    echo 'no money' >&2
    exit 3
fi
echo "$PAWL_IDEMPOTENCY_KEY" >>data/ledger
if once dies; then kill -KILL $$; fi
sleep "0.$(field ms)"
echo "key $PAWL_IDEMPOTENCY_KEY"
`;

// Nothing of the payment runs any more: what is not in the ledger now will not come.
const FIND = `#!/bin/sh
grep -qxF "$PAWL_IDEMPOTENCY_KEY" data/ledger || exit 75
echo "key $PAWL_IDEMPOTENCY_KEY"
`;

const planText = (n) => `session ${n}`;

function planOfCall(random, n) {
    const which = random.next();
    const isSlow = random.chance(0.05);
    const ms = isSlow ? random.between(700, 900) : random.between(100, 250);

    if (which < 0.35) return ['work', { ms, end: random.pick(WORK_ENDS), n }];
    if (which < 0.6) return ['pay', { ms, end: random.pick(PAY_ENDS), n }];
    return ['echo', { text: `echo ${n}` }];
}

// What the model asks for in session n: the calls of each of its answers but the last.
function planOf(seed, n) {
    const random = new Random(seed + n * 7919);

    return Array.from({ length: random.between(1, 2) }, (_, turn) =>
        Array.from({ length: random.between(1, 4) }, (_, i) =>
            planOfCall(random, `${n} ${turn} ${i}`)));
}

// A provider that is slow, sometimes busy, and numbers its answers. Many of them take their time
// between the first chunk and the last.
function behaviour(seed) {
    const random = new Random(seed ^ 0x5eed);

    return (request) => {
        const n = Number(request.input.split(' ')[1]);
        const calls = planOf(seed, n)[request.answers];
        const how = { delay: random.between(5, 100), pace: random.pick([0, 0, 1, 5, 20]) };
        const text = `answer ${request.number}`;

        if (random.chance(0.05)) return { ...refuse(random.pick([429, 500, 503])), ...how };
        return calls ? ask(calls, { text, ...how }) : say(text, how);
    };
}

// What a start does for all that it takes up is none: nothing got on by it.
const RESULTS = new Set(['model_answered', 'tool_finished', 'tool_failed', 'tool_reconciled']);

// The server as clients see it: now it answers, now it does not.
class Unsteady {
    accepted = new Map(); // number of the session -> its id
    seen = new Map();     // id -> its events
    results = 0;          // that clients have seen
    lastNews = performance.now();
    #up = Promise.resolve();
    #setUp = () => {};

    constructor(pawl) {
        this.pawl = pawl;
    }

    goesDown() {
        this.#up = new Promise((resolve) => (this.#setUp = resolve));
    }

    isUp() {
        this.#setUp();
    }

    // Asks until there is an answer; a 5xx is the server's way of saying "again".
    async api(...request) {
        for (;;) {
            await this.#up;
            assert.ok(performance.now() < this.lastNews + STUCK_MS, this.stuck());
            try {
                const answer = await this.pawl.api(...request);

                if (answer.status < 500) return answer;
            } catch (error) {
                if (error.name === 'AssertionError') throw error;
            }
            await pause(5);
        }
    }

    stuck() {
        const open = [...this.seen].filter(([, events]) => events.at(-1)?.kind !== 'turn_ended');

        return `nothing has happened for ${STUCK_MS / 1000} s; open: ${open.slice(0, 5).map(
            ([id, events]) => `${id} ${events.map((e) => e.kind).join(' ')}`).join('; ')}`;
    }

    async create(n) {
        const answer = await this.api('POST', '/v1/sessions', { agent: 'a', input: planText(n) },
                                      { 'idempotency-key': `session-${n}` });

        assert.equal(answer.status, 201, JSON.stringify(answer.body));
        this.accepted.set(n, answer.body.id);
        this.seen.set(answer.body.id, []);
        return answer.body.id;
    }

    async follow(id) {
        const events = this.seen.get(id);

        while (events.at(-1)?.kind !== 'turn_ended') {
            const path = `/v1/sessions/${id}/events?after=${events.length}&wait=20`;
            const { status, body } = await this.api('GET', path);

            assert.equal(status, 200, `${id} was accepted: ${JSON.stringify(body)}`);
            if (body.data.length === 0) continue;
            events.push(...body.data);
            this.results += body.data.filter((e) => RESULTS.has(e.kind)).length;
            this.lastNews = performance.now();
        }
    }
}

async function killAgainAndAgain(pawl, unsteady, random, isOver) {
    let toolsKilled = 0;

    for (let kill = 1; kill <= KILLS && !isOver(); kill++) {
        // One in ten meets a server that has just begun to take up what the one before left.
        const due = unsteady.results + (random.chance(0.1) ? 0 : random.between(1, RESULTS_MAX));

        await until('progress', () => isOver() || unsteady.results >= due, STUCK_MS);
        if (kill % 20 === 5) await pawl.verify();
        toolsKilled += pawl.tools().length;
        unsteady.goesDown();
        await pawl.kill(); // checks that the lock is not free before the last tool is dead
        if (kill % 20 === 0) await pawl.verify();
        await pawl.start();
        unsteady.isUp();
    }
    assert.ok(toolsKilled > KILLS, `the kills met tools at work: ${toolsKilled}`);
    const seen = [...unsteady.seen.values()];
    const lost = seen.flatMap((events) => ofKind(events, 'interrupted'));
    const doubts = seen.flatMap((events) => ofKind(events, 'tool_in_doubt'));

    assert.ok(lost.length > KILLS, `the kills met calls in flight: ${lost.length}`);
    assert.ok(doubts.length > KILLS / 4, `the kills met payments: ${doubts.length}`);
    return { toolsKilled, lost: lost.length, doubts: doubts.length };
}

// ---- what must be true afterwards ----

// The recorded answer is that of the last request for it: nobody asked again.
function checkAnswers(n, events, requests) {
    ofKind(events, 'model_answered').forEach((event, answers) => {
        const asked = requests.get(`${planText(n)} ${answers}`);
        const recorded = Number(event.text.split(' ')[1]);

        assert.equal(asked.at(-1).number, recorded, `session ${n}: asked after its answer`);
    });
}

function checkResult(session, events, { call, tool, arguments: args }, keys) {
    const [result] = resultsOf(events, call);
    const what = `session ${session}, call ${call}: ${JSON.stringify(result)}`;

    if (tool === 'echo') {
        assert.equal(result.output, args.text, what);
        return;
    }
    // Of a payment whose end nobody saw its `reconcile` has told.
    if (tool !== 'pay' || result.kind !== 'tool_reconciled')
        assert.equal(result.kind, 'tool_finished', what);
    assert.equal(result.is_error ?? false, args.end === 'bad', what);
    if (args.end === 'bad') return;
    assert.match(result.output, /^key \S+\n$/, what);
    const key = result.output.slice(4, -1);

    assert.ok(!keys.has(key), `${what}: the key of another call`);
    keys.set(key, tool);
}

function checkResults(seed, n, events, keys) {
    const calls = callsOf(events);

    assert.deepEqual(calls.map((c) => [c.tool, c.arguments]), planOf(seed, n).flat());
    for (const call of calls) checkResult(n, events, call, keys);
}

// Each payment that a journal says happened is in the ledger, once, and nothing else is.
function checkLedger(pawl, keys) {
    const paid = pawl.read('data/ledger').split('\n').slice(0, -1).sort();
    const recorded = [...keys].filter(([, tool]) => tool === 'pay').map(([key]) => key).sort();

    assert.deepEqual(paid.filter((key, i) => key === paid[i - 1]), [], 'paid twice');
    assert.deepEqual(paid, recorded);
    return paid.length;
}

async function allSessions(pawl) {
    const all = [];
    let cursor = '';

    do {
        const page = await pawl.get(`/v1/sessions?limit=100${cursor}`);

        all.push(...page.data);
        cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : null;
    } while (cursor);
    return all;
}

async function checkAll(seed, pawl, unsteady, provider) {
    const sessions = new Map((await allSessions(pawl)).map((s) => [s.id, s]));
    const requests = new Map();
    const keys = new Map(); // of calls that have a good result, and their tools

    for (const request of provider.requests) {
        const call = `${request.input} ${request.answers}`;

        requests.set(call, [...(requests.get(call) ?? []), request]);
    }
    assert.equal(sessions.size, unsteady.accepted.size, 'no session twice, none lost');
    for (const [n, id] of unsteady.accepted) {
        const events = await pawl.events(id);

        assert.equal(sessions.get(id)?.status, 'COMPLETED', `session ${n} (${id})`);
        assert.deepEqual(events, unsteady.seen.get(id), 'what was shown stays as it was');
        checkJournal(id, events);
        checkAnswers(n, events, requests);
        checkResults(seed, n, events, keys);
    }
    return checkLedger(pawl, keys);
}

const CONFIG = (provider, mark) => ({
    models: {
        m: {
            provider: 'openai', base_url: provider.url, model: 'm',
            retry: { attempts: 20, first: '10ms', max: '100ms' },
        },
    },
    tools: {
        work: {
            description: 'x', parameters: { type: 'object' },
            exec: { command: ['./work', mark] },
            retry: { attempts: 5, first: '10ms', max: '100ms' },
        },
        pay: {
            description: 'x', parameters: { type: 'object' },
            effects: 'once',
            exec: { command: ['./pay', mark], write: ['./data'] },
            reconcile: { command: ['./find', mark] },
            retry: { attempts: 5, first: '10ms', max: '100ms' },
        },
        echo: { builtin: 'echo' },
    },
    agents: { a: { model: 'm', instructions: 'x', tools: ['work', 'pay', 'echo'] } },
    limits: { tool_runs: 32 }, // and as many crashes as anybody has: a bystander is no poison
});

test(`${KILLS} kills under ${SESSIONS} sessions: nothing is lost, nothing is twice`, async (t) => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const provider = await Provider.start(t, behaviour(seed));
    const pawl = await Pawl.make(t, null, {
        work: WORK, pay: PAY, find: FIND, 'data/ledger': '',
    });

    t.diagnostic(`E2E_SEED=${seed} repeats the plan`);
    chmodSync(pawl.path('data'), 0o777); // as root, tools run under another user
    chmodSync(pawl.path('data/ledger'), 0o666);
    pawl.configure(CONFIG(provider, pawl.mark));
    await pawl.start();
    const unsteady = new Unsteady(pawl);
    let next = 0;
    let isOver = false;
    const client = async () => {
        do {
            await unsteady.follow(await unsteady.create(next++));
        } while (!isOver);
    };
    const clients = Promise.all(Array.from({ length: SESSIONS }, client));
    const killing = killAgainAndAgain(pawl, unsteady, random, () => isOver)
        .finally(() => (isOver = true));

    clients.catch(() => (isOver = true)); // a client's failure ends the killing, too
    const [met] = await Promise.all([killing, clients]);
    const paid = await checkAll(seed, pawl, unsteady, provider);

    await pawl.verify();
    t.diagnostic(`${next} sessions, ${provider.requests.length} requests, ${paid} payments; the ` +
        `kills met ${met.toolsKilled} tools, ${met.lost} calls in flight, ${met.doubts} payments`);
    assert.equal((await pawl.stop()).status, 0);
    assert.deepEqual(pawl.processes(), [], 'nothing is left after the last stop');
});
