// main.mjs - pawl beside what people build or take instead, in turn, on the same work:
//
//     ./dev bench peers            all of them; or `node main.mjs FOLDER Pawl Restate`: some
//
// A session asks the model four times and runs three tools: seven durable steps. The model is the
// bench's fake provider, which answers at once; the same driver, this process, starts sessions and
// waits for their ends, so many at a time; it shares the cores with what it measures. Then each
// runs again with slower answers and tools while its worker is killed with SIGKILL and started anew,
// and what that repeated or lost is counted: model calls by the provider, tool runs by the lines
// that the tools left, sessions by each one's own store.
//
// Nothing is judged. Figures depend on the machine: quote ratios within one run.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CALLS } from './lib/agent.mjs';
import { cpuMs, sleep } from './lib/process.mjs';
import { Provider } from './lib/provider.mjs';
import { NodeDesign } from './node_design.mjs';
import { Pawl } from './pawl.mjs';
import { Restate } from './restate.mjs';

const STEPS = CALLS + CALLS + 1;
const BUSY = { sessions: 2000, atOnce: 256, warmUp: 300 };
const KILLED = { sessions: 300, atOnce: 100, waitMs: 50, toolMs: 20, giveUpMs: 180_000 };

const folder = resolve(process.argv[2]);
const provider = await Provider.start(join(import.meta.dirname, '../../build/bench/fake_provider'));

// Runs `sessions` of them, `atOnce` at a time; onEnded is called with how many have ended.
async function drive(system, { sessions, atOnce }, name, onEnded = () => {}) {
    let next = 0;
    let ended = 0;

    await Promise.all(Array.from({ length: atOnce }, async () => {
        while (next < sessions) {
            await system.session(`${name}-${next++}`);
            onEnded(++ended);
        }
    }));
}

async function start(Peer, name, options) {
    const own = join(folder, `${Peer.name}-${name}`);

    mkdirSync(own, { recursive: true });
    return Peer.start({ folder: own, provider, ...options });
}

async function measureBusy(Peer) {
    const system = await start(Peer, 'busy', { model: `calls-${CALLS}-wait-0` });

    try {
        await drive(system, { sessions: BUSY.warmUp, atOnce: 64 }, 'warm');
        const cpu = cpuMs(system.processes);
        const began = performance.now();

        await drive(system, BUSY, 'busy');
        const seconds = (performance.now() - began) / 1000;
        const steps = BUSY.sessions * STEPS;
        const ended = await system.countEnded();

        if (ended !== BUSY.sessions + BUSY.warmUp) {
            throw new Error(`${system.name}: ${ended} sessions have ended`);
        }
        return {
            name: system.name,
            versions: system.versions,
            settings: system.settings,
            rate: steps / seconds,
            cpu: (cpuMs(system.processes) - cpu) / steps,
        };
    } finally {
        await system.stop();
    }
}

async function restart(system) {
    const began = performance.now();

    await system.killWorker();
    await system.startWorker();
    return performance.now() - began;
}

async function measureKilled(Peer) {
    const trace = join(folder, `${Peer.name}-trace`);
    const system = await start(Peer, 'killed', {
        model: `calls-${CALLS}-wait-${KILLED.waitMs}`, toolMs: KILLED.toolMs, trace,
    });
    let killed;

    writeFileSync(trace, '');
    await provider.reset();
    try {
        const all = drive(system, KILLED, 'killed', (ended) => {
            // Not a multiple of `atOnce`: where sessions advance in step, that is between waves.
            if (ended === KILLED.sessions / 2) {
                killed = restart(system);
            }
        });
        const began = performance.now();

        await Promise.race([all, sleep(KILLED.giveUpMs)]);
        await killed;
        const lines = system.traces?.() ?? readFileSync(trace, 'utf8').trim().split('\n');

        return {
            seconds: (performance.now() - began) / 1000,
            models: (await provider.requests()) - KILLED.sessions * (CALLS + 1),
            tools: lines.length - new Set(lines).size,
            lost: KILLED.sessions - (await system.countEnded()),
        };
    } finally {
        await system.stop();
    }
}

function print(rows) {
    const width = Math.max(...rows.map((row) => row.name.length));
    const line = (name, ...cells) =>
        console.log(name.padEnd(width), ...cells.map((cell, i) => String(cell).padStart([10, 9, 8, 8, 8, 8, 8][i])));

    console.log(`${BUSY.sessions} sessions of ${STEPS} steps, ${BUSY.atOnce} at once; then ` +
        `${KILLED.sessions}, ${KILLED.atOnce} at once (model ${KILLED.waitMs} ms, tool ` +
        `${KILLED.toolMs} ms), the worker killed at half\n`);
    line('', 'steps/s', 'CPU ms', 'to pawl', 'model', 'tools', 'sessions', 'killed');
    line('', '', 'a step', '', 'repeated', 'repeated', 'lost', 'run, s');
    for (const row of rows) {
        line(row.name, row.rate.toFixed(0), row.cpu.toFixed(3), (row.rate / rows[0].rate).toFixed(3),
            row.models, row.tools, row.lost, row.seconds.toFixed(1));
    }
    console.log();
    for (const row of rows) {
        console.log(`${row.name}: ${row.versions}; ${row.settings}`);
    }
}

const rows = [];

const wanted = process.argv.slice(3);

for (const Peer of [Pawl, NodeDesign, Restate]) {
    if (wanted.length === 0 || wanted.includes(Peer.name)) {
        console.error(`${Peer.name}: at work`);
        rows.push(await measureBusy(Peer));
        console.error(`${Peer.name}: killed`);
        Object.assign(rows.at(-1), await measureKilled(Peer));
    }
}
print(rows);
await provider.stop();
process.exit(0); // pools and agents of the peers keep connections
