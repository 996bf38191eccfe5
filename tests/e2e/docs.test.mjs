// docs.test.mjs - what the documents tell people to type, typed.
//
// Fenced blocks whose info string ends in `test` are run, in their order, one folder a document:
//
//     ```sh test             a shell runs it, and every command must succeed. A line that is
//                            `pawl serve` alone starts a server and waits until it is ready; so do
//                            `systemctl start pawl`, and `systemctl stop pawl` its end.
//     ```yaml test NAME      is written to the file NAME
//     ```text test           the shell block before it printed these lines; ... stands for anything
//
// Any other info string than these or a language alone is refused: it may be a marker, misspelt.
//
// So that documents can be read as they are, some things differ in here: the port 7295 is a free
// one, /srv/pawl and /var/backups/pawl are in the folder, the id of the documents' session is that of
// the one that was created last, and curl fails when the server refuses.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAWL, Pawl, ROOT, run } from './lib/pawl.mjs';

const ID = 'ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002';
const SERVE = /^(?:systemctl start pawl|pawl serve(?<args>[^&|;#]*))(?:\s+#.*)?$/;
const STOP = /^systemctl stop pawl$/;
// And whatever else has a block. (The example in docs/configuration.md is tests/unit's.)
const TESTED = ['README.md', 'docs/api.md', 'docs/cli.md', 'docs/keys.md',
                'docs/operations.md', 'docs/schedules.md', 'docs/triggers.md'];

const SHIMS = {
    // `init` writes the port of the documents.
    'bin/pawl': `#!/bin/sh
[ "$1" = init ] || exec "$DOCS_PAWL" "$@"
"$DOCS_PAWL" "$@" && sed -i "s/7295/$DOCS_PORT/" pawl.yaml
`,
    'bin/curl': '#!/bin/sh\nexec /usr/bin/curl --fail-with-body "$@"\n',
};

// What a block's first line says; one that says nothing of this kind may be a marker, misspelt.
function opened(fence, line) {
    const info = /^```(?:(?<language>\w*)|(?<test>(?:sh|text) test|yaml test (?<name>\S+)))$/
        .exec(fence)?.groups;

    assert.ok(info, `line ${line}: '${fence}' is no beginning of a block`);
    const { language, test: marked, name } = info;

    return { language: language ?? marked.split(' ')[0], isTest: !!marked, name, text: [], line };
}

// [{ language, name, text, line }] of the blocks that are run.
function blocksOf(text) {
    const blocks = [];
    let block = null;

    text.split('\n').forEach((line, i) => {
        const isFence = /^\s*(```|~~~)/.test(line);

        if (!isFence) {
            block?.text.push(line);
        } else if (block) {
            assert.equal(line, '```', `line ${i + 1}: the end of a block`);
            blocks.push({ ...block, text: `${block.text.join('\n')}\n` });
            block = null;
        } else {
            block = opened(line, i + 1);
        }
    });
    assert.equal(block, null, 'a block is not closed');
    return blocks.filter((b) => b.isTest);
}

// A document in a folder of its own.
class Reading {
    printed = '';
    session = ID;

    constructor(pawl, name) {
        this.pawl = pawl;
        this.name = name;
        pawl.env = {
            PATH: `${pawl.path('bin')}:${process.env.PATH}`, DOCS_PAWL: PAWL,
            DOCS_PORT: String(pawl.port), OPENAI_API_KEY: 'none',
        };
    }

    here(text) {
        return text.replaceAll(ID, this.session).replaceAll(':7295', `:${this.pawl.port}`)
            .replaceAll('/srv/pawl', this.pawl.folder)
            .replaceAll('/var/backups/pawl', this.pawl.path('backups'));
    }

    async play(block) {
        const what = `${this.name}:${block.line}`;

        if (block.language === 'sh') await this.#shell(block.text, what);
        else if (block.language === 'text') this.#expect(block.text, what);
        else this.pawl.write(block.name, this.here(block.text));
    }

    async #shell(text, what) {
        let commands = [];

        this.printed = '';
        for (const line of text.split('\n')) {
            const serve = SERVE.exec(line);

            if (!serve && !STOP.test(line)) {
                commands.push(line);
                continue;
            }
            await this.#commands(commands.join('\n'), what);
            commands = [];
            if (serve) await this.pawl.start(serve.groups.args?.trim().split(/\s+/).filter(Boolean));
            else assert.equal((await this.pawl.stop()).status, 0, what);
        }
        await this.#commands(commands.join('\n'), what);
    }

    async #commands(text, what) {
        if (!text.trim()) return;
        const { status, stdout, stderr } = await run(
            'bash', ['--norc', '-e', '-u', '-o', 'pipefail', '-c', this.here(text)],
            { cwd: this.pawl.folder, env: this.pawl.environment() });

        assert.equal(status, 0, `${what} ends with ${status}:\n${stdout}${stderr}`);
        this.printed += stdout + stderr;
        const ids = (stdout + stderr).match(/ses_[0-9a-f-]{36}/g) ?? [];

        this.session = ids.find((id) => id !== ID) ?? this.session;
    }

    #expect(text, what) {
        for (const line of text.split('\n').filter((l) => l.trim())) {
            const wanted = this.here(line).split('...')
                .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');

            assert.match(this.printed, new RegExp(`^${wanted}$`, 'm'), `${what}: ${line}`);
        }
    }
}

const named = readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`);

for (const name of ['README.md', ...named]) {
    const blocks = blocksOf(readFileSync(join(ROOT, name), 'utf8'));

    if (blocks.length === 0 && !TESTED.includes(name)) continue;
    test(`${name} can be followed`, async (t) => {
        const pawl = await Pawl.make(t, null, SHIMS);
        const reading = new Reading(pawl, name);

        assert.ok(blocks.length > 0, 'it has nothing to run');
        for (const block of blocks) await reading.play(block);
        if (existsSync(pawl.path('pawl.db'))) await pawl.verify();
    });
}

test('a misspelt marker is no block that is left out', () => {
    for (const fence of ['```sh tset', '```shtest x', '```sh  test', '```yaml test', '```sh test x',
                         '```json test x', ' ```sh test', '~~~sh test'])
        assert.throws(() => blocksOf(`${fence}\ntrue\n\`\`\`\n`), /no beginning of a block/, fence);
    for (const fence of ['```', '```sh', '```ini']) assert.deepEqual(blocksOf(`${fence}\n\`\`\``), []);
    assert.equal(blocksOf('```yaml test a.yaml\nx: 1\n```')[0].name, 'a.yaml');
});

// tests/e2e/store is a test of that name, tests/sim a folder; * stands for anything.
test('where promises are tested there are tests', () => {
    const text = readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8');
    const paths = text.match(/tests\/(?:[\w/-]|\\[_*])+/g).map((path) => path.replaceAll('\\', ''));

    assert.ok(paths.length > 20, `${paths}`);
    for (const path of paths) {
        const [, folder, name] = /^(tests\/\w+)(?:\/(.+))?$/.exec(path);
        const wanted = new RegExp(`^${(name ?? '').replaceAll('*', '.*')}(\\.test\\.mjs|\\.c)$`);
        const files = readdirSync(join(ROOT, folder));

        assert.ok(files.some((file) => !name || wanted.test(file)), `there is no ${path}`);
    }
});
