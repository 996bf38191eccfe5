// crash.test.mjs - 200 sessions at work, and a server that is killed at 50 random moments.
//
// Each client creates a session with an Idempotency-Key and follows its journal by long-poll, over
// all kills; when it has ended the client begins another, as long as there are kills to come. Every
// answer of the provider carries the number of the request that it answers, so a journal tells
// which request it recorded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { ask, Provider, refuse, say } from './lib/provider.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { until } from './lib/wait.mjs';

const SESSIONS = 200;
const KILLS = 50;
const STUCK_MS = 60_000; // nothing has happened for so long: no session will ever end

// How a run of `work` ends; "busy" and "dies" do so once.
const ENDS = ['ok', 'ok', 'ok', 'bad', 'busy', 'dies'];

const WORK = `#!/bin/sh
args=$(cat)
field() { expr "$args" : ".*\\"$1\\":\\"*\\([a-z0-9]*\\)"; }
sleep "0.$(field ms)"
if [ "$PAWL_ATTEMPT" -eq 1 ]; then
    case $(field end) in
    busy) exit 75 ;;
    dies) kill -KILL $$ ;;
    esac
fi
if [ "$(field end)" = bad ]; then
    echo sorry >&2
    exit 3
fi
echo "key $PAWL_IDEMPOTENCY_KEY"
`;

const planText = (n) => `session ${n}`;

// What the model asks for in session n: the calls of each of its answers but the last.
function planOf(seed, n) {
    const random = new Random(seed + n * 7919);
    const call = (i) => (random.chance(0.6)
        ? ['work', { ms: random.between(100, 300), end: random.pick(ENDS), n: `${n} ${i}` }]
        : ['echo', { text: `echo ${n} ${i}` }]);

    return Array.from({ length: random.between(1, 3) }, (_, turn) =>
        Array.from({ length: random.between(1, 4) }, (_, i) => call(`${turn} ${i}`)));
}

// A provider that is slow, sometimes busy, and numbers its answers.
function behaviour(seed) {
    const random = new Random(seed ^ 0x5eed);

    return (request) => {
        const n = Number(request.input.split(' ')[1]);
        const calls = planOf(seed, n)[request.answers];
        const delay = random.between(5, 150);
        const text = `answer ${request.number}`;

        if (random.chance(0.05)) return { ...refuse(random.pick([429, 500, 503])), delay };
        return calls ? ask(calls, { text, delay }) : say(text, { delay });
    };
}

// The server as clients see it: now it answers, now it does not.
class Unsteady {
    accepted = new Map(); // number of the session -> its id
    seen = new Map();     // id -> its events
    events = 0;           // that clients have seen
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
            this.events += body.data.length;
            this.lastNews = performance.now();
        }
    }
}

async function killAgainAndAgain(pawl, unsteady, random, isOver) {
    let toolsKilled = 0;

    for (let kill = 1; kill <= KILLS && !isOver(); kill++) {
        const before = unsteady.events;

        // Only what makes progress between two kills can ever end.
        await until('progress', () => isOver() || unsteady.events >= before + SESSIONS / 2,
                    STUCK_MS);
        await pause(random.between(0, 400));
        if (kill % 10 === 5) await pawl.verify();
        toolsKilled += pawl.tools().length;
        unsteady.goesDown();
        await pawl.kill(); // checks that the lock is not free before the last tool is dead
        if (kill % 10 === 0) await pawl.verify();
        await pawl.start();
        unsteady.isUp();
    }
    assert.ok(toolsKilled > KILLS, `the kills met tools at work: ${toolsKilled}`);
    const lost = [...unsteady.seen.values()].flatMap((events) => ofKind(events, 'interrupted'));

    assert.ok(lost.length > KILLS, `the kills met calls in flight: ${lost.length}`);
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

function checkResults(seed, n, events, keys) {
    const calls = callsOf(events);

    assert.deepEqual(calls.map((c) => [c.tool, c.arguments]), planOf(seed, n).flat());
    for (const { call, tool, arguments: args } of calls) {
        const [result] = resultsOf(events, call);
        const what = `session ${n}, call ${call}: ${JSON.stringify(result)}`;

        assert.equal(result.kind, 'tool_finished', what);
        if (tool === 'echo') assert.equal(result.output, args.text, what);
        if (tool !== 'work') continue;
        assert.equal(result.is_error, args.end === 'bad', what);
        if (args.end === 'bad') continue;
        assert.match(result.output, /^key \S+\n$/, what);
        assert.ok(!keys.has(result.output), `${what}: the key of another call`);
        keys.add(result.output);
    }
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
    const keys = new Set();

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
}

test(`${KILLS} kills under ${SESSIONS} sessions: nothing is lost, nothing is twice`, async (t) => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const provider = await Provider.start(t, behaviour(seed));
    const pawl = await Pawl.make(t, null, { work: WORK });

    t.diagnostic(`E2E_SEED=${seed} repeats the plan`);
    pawl.configure({
        models: {
            m: {
                provider: 'openai', base_url: provider.url, model: 'm',
                retry: { attempts: 20, first: '10ms', max: '100ms' },
            },
        },
        tools: {
            work: {
                description: 'x', parameters: { type: 'object' },
                exec: { command: ['./work', pawl.mark] },
                retry: { attempts: 5, first: '10ms', max: '100ms' },
            },
            echo: { builtin: 'echo' },
        },
        agents: { a: { model: 'm', instructions: 'x', tools: ['work', 'echo'] } },
        limits: { crashes: 1000, tool_runs: 32 },
    });
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

    clients.catch(() => (isOver = true)); // a client's failure ends the killing, too
    await Promise.race([
        killAgainAndAgain(pawl, unsteady, random, () => isOver).finally(() => (isOver = true)),
        clients,
    ]);
    await clients;
    await checkAll(seed, pawl, unsteady, provider);
    await pawl.verify();
    t.diagnostic(`${next} sessions, ${provider.requests.length} requests`);
    assert.equal((await pawl.stop()).status, 0);
    assert.deepEqual(pawl.processes(), [], 'nothing is left after the last stop');
});
