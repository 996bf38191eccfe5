// Random schemas and values against npm's ajv: the same verdicts.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

import { Random, seedOfRun } from '../e2e/lib/random.mjs';
import { ask, isRefused } from './lib/driver.mjs';
import { Schemas } from './lib/schemas.mjs';

const seed = seedOfRun(626252460);
const SCHEMAS = 1000;
const VALUES = 6;
const options = { strict: false, validateFormats: false, logger: false };

const ajvs = { 7: new Ajv(options), 2020: new Ajv2020(options) };

// What ajv 8 writes to keep count for unevaluatedProperties reads variables now and then that it
// does not declare (`props0`). No schema here has that keyword.
ajvs[2020].opts.unevaluated = false;

// Null if ajv refuses the schema.
function compile(draft, schema) {
    try {
        return ajvs[draft].compile(schema);
    } catch {
        return null;
    } finally {
        if (typeof schema === 'object') {
            ajvs[draft].removeSchema(schema); // or it would keep them all
        }
    }
}

function line(schemas, schema, values) {
    return `{"schema":${schemas.text(schema)},"values":[${values.map((v) => schemas.text(v)).join(',')}]}`;
}

for (const draft of [7, 2020]) {
    test(`schemas of draft ${draft} as ajv understands them (E2E_SEED=${seed})`, () => {
        const schemas = new Schemas(new Random(seed ^ draft), draft);
        const cases = Array.from({ length: SCHEMAS }, () => {
            const schema = schemas.root();

            return { schema, values: Array.from({ length: VALUES }, () => schemas.near(schema)) };
        });
        const answers = ask(cases.map(({ schema, values }) => line(schemas, schema, values)));
        const counts = { y: 0, n: 0 };

        for (const [i, { schema, values }] of cases.entries()) {
            const validate = compile(draft, schema);

            assert.ok(validate, `ajv refuses ${JSON.stringify(schema)}`);
            for (const [k, value] of values.entries()) {
                const wanted = validate(value) ? 'y' : 'n';

                counts[wanted]++;
                assert.equal(
                    answers[i][k],
                    wanted,
                    `${JSON.stringify(schema)} on ${JSON.stringify(value)}: ${answers[i]}`,
                );
            }
        }
        assert.ok(Math.min(counts.y, counts.n) > SCHEMAS, JSON.stringify(counts));
    });

    // The other way round holds not: pawl refuses more, such as a keyword that it cannot check.
    test(`what ajv takes for no schema of draft ${draft} is refused (E2E_SEED=${seed})`, () => {
        const schemas = new Schemas(new Random(seed ^ draft ^ 0xbad), draft);
        const spoilt = Array.from({ length: SCHEMAS }, () => schemas.spoilt(schemas.root()));
        const answers = ask(spoilt.map((schema) => line(schemas, schema, [])));
        let refused = 0;

        for (const [i, schema] of spoilt.entries()) {
            if (!compile(draft, schema)) {
                refused++;
                assert.ok(isRefused(answers[i]), `taken: ${JSON.stringify(schema)}`);
            }
        }
        assert.ok(refused > SCHEMAS / 10, `only ${refused}`);
    });
}
