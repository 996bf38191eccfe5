// processes.mjs - who is there: processes found in /proc by a mark that is theirs alone.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function read(path) {
    try {
        return readFileSync(path, 'latin1');
    } catch {
        return ''; // it has just ended, or is not ours to read
    }
}

function link(path) {
    try {
        return readlinkSync(path);
    } catch {
        return '';
    }
}

// state, and the time of its start: with the id this names a process, not just a number.
function statusOf(pid) {
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');

    return { state: fields[0], started: fields[19] };
}

// Processes with the mark in their command line, their environment or their working folder.
export function processesOf(mark) {
    const found = [];

    for (const name of readdirSync('/proc')) {
        const pid = Number(name);

        if (!Number.isInteger(pid) || pid === process.pid) continue;
        const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
        const place = `/proc/${pid}`;
        const { state, started } = statusOf(pid);

        if (!started || state === 'Z') continue;
        if (command.includes(mark) || link(`${place}/cwd`).includes(mark) ||
            read(`${place}/environ`).includes(mark))
            found.push({ pid, started, command, exe: link(`${place}/exe`) });
    }
    return found;
}

export function listed(processes) {
    return processes.map((p) => `${p.pid}: ${p.command}`).join('\n') || 'none';
}
