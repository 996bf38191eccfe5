// The JSON Schema Test Suite as Debian has it: every test of drafts 6 and 7 but those listed here,
// and those are checked to be what they are listed as.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ask, isRefused } from './lib/driver.mjs';

const root = process.env.JSON_SCHEMA_TEST_SUITE ?? '/usr/share/json-schema-test-suite';

// Files that are about annotations only: `format` and content* check nothing.
const annotations = [/^optional\/format/, /^optional\/content\.json$/];

// Groups whose schema or values are refused: a reference that leaves the schema, an $id inside, and
// integers beyond 64 bits.
const refused = new Set([
    'definitions.json: valid definition',
    'definitions.json: invalid definition',
    'optional/bignum.json: integer comparison',
    'ref.json: remote ref, containing refs itself',
    'ref.json: Recursive references between schemas',
    'refRemote.json: remote ref',
    'refRemote.json: fragment within remote ref',
    'refRemote.json: ref within remote ref',
    'refRemote.json: base URI change',
    'refRemote.json: base URI change - change folder',
    'refRemote.json: base URI change - change folder in subschema',
    'refRemote.json: root ref in remote ref',
]);

// Tests whose verdict is another: what stands beside a $ref counts, as in draft 2020-12; and again
// a `format`.
const otherwise = new Set([
    'ref.json: ref overrides any sibling keywords: ref valid, maxItems ignored',
    'optional/ecmascript-regex.json: ECMA 262 regex non-compliance: ' +
        'ECMA 262 has no support for \\Z anchor from .NET',
]);

function filesOf(draft) {
    return readdirSync(`${root}/tests/${draft}`, { recursive: true })
        .map((name) => name.replaceAll('\\', '/'))
        .filter((name) => name.endsWith('.json'))
        .sort();
}

// Each group: its name, and its tests with the verdicts that were given.
function run(draft) {
    const groups = filesOf(draft)
        .filter((file) => !annotations.some((pattern) => pattern.test(file)))
        .flatMap((file) =>
            JSON.parse(readFileSync(`${root}/tests/${draft}/${file}`, 'utf8')).map((group) => ({
                ...group,
                name: `${file}: ${group.description}`,
            })),
        );
    const answers = ask(
        groups.map(({ schema, tests }) =>
            JSON.stringify({ schema, values: tests.map(({ data }) => data) }),
        ),
    );

    return groups.map((group, i) => ({ ...group, answer: answers[i] }));
}

for (const [draft, verdictsAtLeast] of [
    ['draft7', 400],
    ['draft6', 330],
]) {
    test(`the suite's ${draft}`, () => {
        const groups = run(draft);
        const refusedHere = new Set();
        const otherwiseHere = new Set();
        let verdicts = 0;

        for (const { name, tests, answer } of groups) {
            if (isRefused(answer)) {
                refusedHere.add(name);
                continue;
            }
            assert.equal(answer.length, tests.length, `${name}: ${answer}`);
            for (const [i, { description, valid }] of tests.entries()) {
                verdicts++;
                if (answer[i] !== (valid ? 'y' : 'n')) {
                    otherwiseHere.add(`${name}: ${description}`);
                }
            }
        }
        const names = new Set(groups.map(({ name }) => name));
        const inThisDraft = (entry) => [...names].some((name) => entry.startsWith(name));

        assert.deepEqual([...refusedHere].sort(), [...refused].filter(inThisDraft).sort());
        assert.deepEqual([...otherwiseHere].sort(), [...otherwise].filter(inThisDraft).sort());
        assert.ok(verdicts >= verdictsAtLeast, `only ${verdicts} verdicts`);
    });
}
