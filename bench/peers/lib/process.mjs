// process.mjs - the processes of a system that is measured: started, waited for, counted, ended by
// their process ids.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const CLOCK_TICKS = 100; // a second, of /proc/PID/stat; Linux has had no other since 2.6
const READY_MS = 60_000;

const running = new Set();

// Nothing outlives the bench, however it ends.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => process.exit(1));
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks until it is true.
export async function until(what, isSo, deadlineMs = READY_MS) {
    const end = Date.now() + deadlineMs;

    while (!(await isSo())) {
        if (Date.now() > end) {
            throw new Error(`${what}: not so after ${deadlineMs / 1000} s`);
        }
        await sleep(20);
    }
}

export class Process {
    #tail = '';

    // onLine is called with each line that it writes to either stream.
    constructor(name, file, args, { env = {}, cwd, ipc = false, onLine } = {}) {
        this.name = name;
        this.child = spawn(file, args, {
            cwd,
            env: { ...process.env, ...env },
            stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])],
        });
        running.add(this.child);
        this.ended = new Promise((resolve) => this.child.once('exit', resolve));
        this.ended.then(() => running.delete(this.child));
        for (const stream of [this.child.stdout, this.child.stderr]) {
            this.#read(stream, onLine);
        }
    }

    #read(stream, onLine) {
        let rest = '';

        stream.setEncoding('utf8');
        stream.on('data', (text) => {
            const lines = (rest + text).split('\n');

            rest = lines.pop();
            this.#tail = [...this.#tail.split('\n').slice(-20), ...lines.slice(-20)].join('\n');
            if (onLine) {
                lines.forEach(onLine);
            }
        });
    }

    get pid() {
        return this.child.pid;
    }

    // What it wrote last, for the message when something is wrong.
    get tail() {
        return this.#tail;
    }

    async ready(isReady) {
        let status;

        this.ended.then((code) => (status = code ?? 'a signal'));
        await until(`${this.name} is ready`, async () => {
            if (status !== undefined) {
                throw new Error(`${this.name} ended with ${status}:\n${this.#tail}`);
            }
            try {
                return await isReady();
            } catch {
                return false;
            }
        });
    }

    async stop(signal = 'SIGTERM') {
        this.child.kill(signal);
        await this.ended;
    }
}

function stat(pid) {
    try {
        // The name may hold blanks and brackets; what is wanted stands behind the last bracket.
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');

        return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
    } catch {
        return null; // it has ended since
    }
}

// CPU milliseconds of these processes and all that stem from them and still run.
export function cpuMs(processes) {
    const all = new Map();

    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
        const found = stat(name);

        if (found) {
            all.set(Number(name), found);
        }
    }
    const roots = new Set(processes.map((one) => one.pid));
    const isTheirs = (pid) => pid > 1 && (roots.has(pid) || isTheirs(all.get(pid)?.parent ?? 0));
    const ticks = [...all].filter(([pid]) => isTheirs(pid)).map(([, one]) => one.ticks);

    return (ticks.reduce((sum, one) => sum + one, 0) * 1000) / CLOCK_TICKS;
}
