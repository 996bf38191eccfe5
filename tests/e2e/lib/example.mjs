// example.mjs - an example of the repository as a user runs it, from a copy of its folder.
import assert from 'node:assert/strict';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkJournal } from './journal.mjs';
import { Pawl, ROOT, run } from './pawl.mjs';

// A server on the copy. `pawl check` must find nothing, without any key in the environment.
export async function startExample(t, name) {
    const pawl = await Pawl.make(t, null);
    const from = join(ROOT, 'examples', name);

    // What somebody's own run left there stays there.
    cpSync(from, pawl.folder, { recursive: true, filter: (path) => !/\.db\b[^/]*$/.test(path) });
    assert.ok(existsSync(pawl.path('README.md')), `${name} says what it is`);
    pawl.env = { PAWL_PORT: String(pawl.port) };
    const check = await pawl.cli(['check', '-c', pawl.path('pawl.yaml')]);

    assert.equal(check.status, 0, check.stdout + check.stderr);
    // A real model stands beside the scripted one, for whoever has a key.
    assert.doesNotMatch(check.stderr.replace('warning: no agent uses models.openai', ''), /warning/);
    return pawl.start();
}

// One session to its end, which must be a good one.
export async function completes(pawl, agent, input) {
    const session = await pawl.play(agent, input);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    checkJournal(session.id, session.events);
    return session;
}

// The results of a tool, in the order in which they were recorded.
export function resultsOfTool(events, tool) {
    const calls = new Set(events.flatMap((e) => e.calls ?? [])
        .filter((c) => c.tool === tool).map((c) => c.call));

    return events.filter((e) => e.kind === 'tool_finished' && calls.has(e.call));
}

// A file of the session's scratch folder.
export function scratchPath(pawl, store, session, name) {
    return pawl.path(join(`${store}.scratch`, session.id, name));
}

// What sqlite3 says, as rows of objects.
export async function sqlite(file, sql) {
    const { status, stdout, stderr } = await run(
        'sqlite3', ['-json', '-readonly', '-cmd', '.timeout 30000', file, sql]);

    assert.equal(status, 0, stderr);
    return stdout ? JSON.parse(stdout) : [];
}

// Makes the example's data by its own script.
export async function setUpData(pawl) {
    const { status, stderr } = await run(pawl.path('setup'), []);

    assert.equal(status, 0, stderr);
}
