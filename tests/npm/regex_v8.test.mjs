// Patterns against V8's: random ones on random texts. What V8 takes, pawl takes and says the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Random, seedOfRun } from '../e2e/lib/random.mjs';
import { ask, isRefused } from './lib/driver.mjs';

const seed = seedOfRun(626252460);
const random = new Random(seed);
const PATTERNS = 6000;
const TEXTS = 12;

const atoms = [
    'a', 'b', 'c', '_', '-', '1', ' ', '.', '\\d', '\\w', '\\s', '\\D', '\\W', '\\S', '[ab]', '[^a]',
    '[a-c1]', '[\\w-]', '[^\\s\\d]', '\\.', '\\x61', '\\u0062', '\\u{1F600}', 'é', '😀', '[é-ü]',
    '\\n', '[]', '[^]', '\\cJ', '\\0', '\\/', '[\\b\\-]', '[^\\W_]', '(?:)',
];
const counts = ['*', '+', '?', '{2}', '{1,}', '{0,2}', '{2,3}', '*?', '+?', '{0}', '{1,3}?'];
const looks = ['(?=', '(?!', '(?<=', '(?<!'];
const noise = ['(', ')', '[', ']', '{', '}', '*', '\\', '|', '?', 'a', '{2}', '(?'];
const characters = ['a', 'b', 'c', '_', '-', '1', ' ', '\n', 'é', '\u2028', '.', '/', '\u0001', 'x'];

let groups = 0;

function pattern(depth) {
    switch (random.between(0, depth <= 0 ? 3 : 12)) {
        case 4:
        case 5:
            return pattern(depth - 1) + pattern(depth - 1);
        case 6:
            return `${random.pick(['(', '(?:', `(?<n${groups++}>`])}${pattern(depth - 1)}|${pattern(depth - 1)})`;
        case 7:
        case 8:
            return `(?:${pattern(depth - 1)})${random.pick(counts)}`;
        case 9:
            return `${random.pick(looks)}${pattern(depth - 1)})`;
        case 10:
            return random.pick(['^', '$', '\\b', '\\B']);
        case 11:
        case 12:
            return random.pick(atoms) + random.pick(counts);
        default:
            return random.pick(atoms);
    }
}

// Whole, between anchors, or with something in it that is wrong.
function anyPattern() {
    let made = pattern(4);

    if (random.chance(0.3)) {
        made = `^${made}$`;
    }
    if (random.chance(0.1)) {
        const whole = [...made];

        whole.splice(random.between(0, whole.length), 0, random.pick(noise));
        made = whole.join('');
    }
    return made;
}

// V8 takes the middle of a surrogate pair for a place of its own where a pattern can be empty
// there, \B for one. ECMA-262 does not; so characters of two halves only where that cannot be.
function text(made) {
    const alphabet = /\\B|\(\?/.test(made) ? characters : [...characters, '😀'];

    return Array.from({ length: random.between(0, 8) }, () => random.pick(alphabet)).join('');
}

// Noise makes one of `\` and `1` now and then. pawl refuses them all, by name (regex.h).
function hasBackReference(made) {
    return /(?<!\\)(?:\\\\)*\\[1-9]/.test(made);
}

function inV8(made) {
    try {
        return new RegExp(made, 'u');
    } catch {
        return null;
    }
}

test(`patterns as V8 understands them (E2E_SEED=${seed})`, () => {
    const cases = Array.from({ length: PATTERNS }, () => {
        const made = anyPattern();

        return { pattern: made, texts: Array.from({ length: TEXTS }, () => text(made)) };
    });
    const answers = ask(cases.map((one) => JSON.stringify(one)));
    let compared = 0;
    let bothRefuse = 0;

    for (const [i, { pattern: made, texts }] of cases.entries()) {
        const theirs = inV8(made);

        if (!theirs) {
            bothRefuse += isRefused(answers[i]) ? 1 : 0; // else it is one that pawl takes, too
            continue;
        }
        if (hasBackReference(made)) {
            assert.match(answers[i], /back references are not supported/, `/${made}/u`);
            continue;
        }
        const wanted = texts.map((one) => (theirs.test(one) ? 'y' : 'n')).join('');

        assert.equal(answers[i], wanted, `/${made}/u on ${JSON.stringify(texts)}`);
        compared++;
    }
    assert.ok(compared > PATTERNS / 2, `only ${compared} compared`);
    assert.ok(bothRefuse > PATTERNS / 100, `only ${bothRefuse} refused by both`);
});
