// schemas.mjs - random schemas, and values that nearly fit them.

const NAMES = ['a', 'b', 'c', 'dd', 'e/f', 'é'];
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];
const PATTERNS = ['^a', 'b$', '^[a-c]+$', '^\\d{2,3}$', 'é', '^.{1,3}$', '^(?!a)', '^(?:a|bc)*$'];
const STRINGS = ['', 'a', 'b', 'abc', 'bca', '12', '123', 'é', '😀', '😀😀', 'x y', 'aé😀b'];
// None so large, and no divisor that binary has not exactly: of those ajv takes the rounding of a
// quotient for the answer.
const NUMBERS = [0, 1, 2, 3, -1, 10, 0.5, 1.5, -2.25, 7, 100, 1e15, -123456789012];
const DIVISORS = [1, 2, 3, 0.5, 0.25, 10];
const DEFINITIONS = 3;

// Draft 7 wants the choices of an enum to be different.
function unique(values) {
    const sorted = (value) =>
        value && typeof value === 'object' && !Array.isArray(value)
            ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
            : value;

    return [...new Map(values.map((value) => [JSON.stringify(sorted(value)), value])).values()];
}

export class Schemas {
    constructor(random, draft) {
        this.random = random;
        this.draft = draft;
    }

    scalar() {
        const { random } = this;

        return random.pick([
            () => random.pick(NUMBERS),
            () => random.pick(STRINGS),
            () => random.chance(0.5),
            () => null,
        ])();
    }

    value(depth) {
        const { random } = this;
        const size = random.between(0, 3);

        if (depth <= 0 || random.chance(0.5)) {
            return this.scalar();
        }
        if (random.chance(0.5)) {
            return Array.from({ length: size }, () => this.value(depth - 1));
        }
        return Object.fromEntries(
            Array.from({ length: size }, () => [random.pick(NAMES), this.value(depth - 1)]),
        );
    }

    names() {
        return NAMES.filter(() => this.random.chance(0.3));
    }

    // A map of some names to what `make` makes.
    map(make, names = this.names()) {
        return Object.fromEntries(names.map((name) => [name, make()]));
    }

    some(make) {
        return Array.from({ length: this.random.between(1, 3) }, make);
    }

    // `first` is the first definition that may be applied to the same value without coming back:
    // each applies those behind it only. A part of the value is a new start.
    schema(depth, first) {
        const { random } = this;
        const made = {};

        if (random.chance(0.06)) {
            return random.chance(0.7);
        }
        if (random.chance(0.5)) {
            made.type = random.chance(0.7)
                ? random.pick(TYPES)
                : TYPES.filter((_, i) => i === 3 || random.chance(0.3));
        }
        for (let left = random.between(depth > 2 ? 1 : 0, 3); left > 0; left--) {
            const keyword = random.pick(this.keywords(depth));

            Object.assign(made, this.keyword(keyword, depth - 1, first));
        }
        // ajv 8 takes [] for fitting {"items": [{"type": "null"}], "contains": {"type": "null"}}.
        if (made.prefixItems || Array.isArray(made.items)) {
            delete made.contains;
        }
        // And, among the items of an array, [] for fitting {"contains": …} if the item before it did.
        if (made.contains !== undefined) {
            made.minItems = Math.max(made.minItems ?? 0, 1);
        }
        return made;
    }

    keywords(depth) {
        const plain = [
            'enum', 'const', 'bounds', 'multipleOf', 'lengths', 'pattern', 'items-size', 'uniqueItems',
            'required', 'properties-size', 'annotation',
        ];
        const deep = [
            'properties', 'properties', 'additionalProperties', 'patternProperties', 'propertyNames',
            'items', 'tuple', 'contains', 'dependencies', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'ref',
        ];

        return depth <= 0 ? plain : [...plain, ...deep];
    }

    keyword(keyword, depth, first) {
        const { random } = this;
        const inner = () => this.schema(depth, 0); // of a part
        const same = () => this.schema(depth, first); // of the same value
        const size = () => random.between(0, 4);

        switch (keyword) {
            case 'enum':
                return { enum: unique(this.some(() => this.value(1))) };
            case 'const':
                return { const: this.value(2) };
            case 'bounds':
                return {
                    [random.pick(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'])]:
                        random.pick(NUMBERS),
                };
            case 'multipleOf':
                return { multipleOf: random.pick(DIVISORS) };
            case 'lengths':
                return { [random.pick(['minLength', 'maxLength'])]: size() };
            case 'pattern':
                return { pattern: random.pick(PATTERNS) };
            case 'items-size':
                return { [random.pick(['minItems', 'maxItems'])]: size() };
            case 'uniqueItems':
                return { uniqueItems: random.chance(0.8) };
            case 'required':
                return { required: this.names() };
            case 'properties-size':
                return { [random.pick(['minProperties', 'maxProperties'])]: size() };
            case 'annotation':
                return random.pick([{ title: 'x' }, { default: 1 }, { format: 'email' }, { 'x-y': 1 }]);
            case 'properties':
                return { properties: this.map(inner) };
            case 'additionalProperties':
                return { additionalProperties: random.chance(0.5) ? false : inner() };
            case 'patternProperties':
                return { patternProperties: { [random.pick(PATTERNS)]: inner() } };
            case 'propertyNames':
                return { propertyNames: random.pick([{ maxLength: 1 }, { pattern: '^[a-c]' }, inner()]) };
            case 'items':
                return { items: inner() };
            case 'tuple':
                return this.tuple(inner);
            case 'contains':
                return this.contains(inner);
            case 'dependencies':
                return this.dependencies(same);
            case 'allOf':
            case 'anyOf':
            case 'oneOf':
                return { [keyword]: this.some(same) };
            case 'not':
                return { not: same() };
            case 'if':
                return { if: same(), ...(random.chance(0.8) && { then: same() }), else: same() };
            case 'ref':
                return first < DEFINITIONS
                    ? { $ref: `#/definitions/d${random.between(first, DEFINITIONS - 1)}` }
                    : {};
            default:
                throw new Error(keyword);
        }
    }

    tuple(inner) {
        return this.draft === 7
            ? { items: this.some(inner), additionalItems: this.random.pick([false, true, inner()]) }
            : { prefixItems: this.some(inner), items: this.random.pick([false, true, inner()]) };
    }

    contains(inner) {
        const bounds =
            this.draft === 7
                ? {}
                : {
                      minContains: this.random.between(0, 2),
                      ...(this.random.chance(0.5) && { maxContains: this.random.between(0, 3) }),
                  };

        return { contains: inner(), ...bounds };
    }

    dependencies(same) {
        const required = this.map(() => this.names());
        const schemas = this.map(same);

        return this.draft === 7
            ? { dependencies: { ...required, ...schemas } }
            : { dependentRequired: required, dependentSchemas: schemas };
    }

    // The whole, with definitions; a part of a value may be as the whole again.
    root() {
        const made = this.schema(4, 0);
        const definitions = Object.fromEntries(
            Array.from({ length: DEFINITIONS }, (_, i) => [`d${i}`, this.schema(2, i + 1)]),
        );

        return typeof made === 'boolean' ? made : { ...made, definitions };
    }

    // A value that was made with the schema in mind, so that it fits more than by chance.
    near(schema, depth = 4) {
        const { random } = this;

        if (typeof schema !== 'object' || depth <= 0 || random.chance(0.15)) {
            return this.value(depth);
        }
        if ('const' in schema && random.chance(0.7)) {
            return schema.const;
        }
        if (schema.enum && random.chance(0.7)) {
            return random.pick(schema.enum);
        }
        const branches = [schema.allOf, schema.anyOf, schema.oneOf].filter(Boolean).flat();

        if (branches.length > 0 && random.chance(0.4)) {
            return this.near(random.pick(branches), depth);
        }
        return this.ofType(schema, random.pick([schema.type ?? TYPES].flat()), depth);
    }

    ofType(schema, type, depth) {
        const { random } = this;

        switch (type) {
            case 'null':
                return null;
            case 'boolean':
                return random.chance(0.5);
            case 'integer':
                return Math.trunc(random.pick(NUMBERS));
            case 'number':
                return random.pick(NUMBERS);
            case 'string':
                return random.pick(STRINGS);
            case 'array':
                return this.array(schema, depth);
            default:
                return this.object(schema, depth);
        }
    }

    array(schema, depth) {
        const prefix = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : []);
        const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
        const least = schema.minItems ?? 0;

        return Array.from({ length: this.random.between(least, Math.max(least, 4)) }, (_, i) =>
            this.near(prefix[i] ?? rest ?? schema.contains ?? true, depth - 1),
        );
    }

    object(schema, depth) {
        const names = new Set([
            ...(schema.required ?? []),
            ...Object.keys(schema.properties ?? {}).filter(() => this.random.chance(0.7)),
            ...NAMES.filter(() => this.random.chance(0.15)),
        ]);

        return Object.fromEntries(
            [...names].map((name) => [
                name,
                this.near(schema.properties?.[name] ?? schema.additionalProperties ?? true, depth - 1),
            ]),
        );
    }

    // JSON text in which some whole numbers are written as 1.0 or 1e0, which mean the same.
    text(value) {
        if (Number.isInteger(value) && Math.abs(value) < 1e15 && this.random.chance(0.2)) {
            return value + this.random.pick(['.0', '.00', 'e0']);
        }
        if (Array.isArray(value)) {
            return `[${value.map((item) => this.text(item)).join(',')}]`;
        }
        if (value && typeof value === 'object') {
            const members = Object.entries(value);

            return `{${members.map(([k, v]) => `${JSON.stringify(k)}:${this.text(v)}`).join(',')}}`;
        }
        return JSON.stringify(value);
    }

    // The schema with something wrong somewhere in it, perhaps. A list of schemas at `items` is not
    // wrong: pawl reads what draft 7 means by it in every schema.
    spoilt(schema) {
        const copy = structuredClone(schema);
        let place = copy;

        while (typeof place === 'object' && place && Object.keys(place).length > 0) {
            const name = this.random.pick(Object.keys(place));

            if (typeof place[name] !== 'object' || !place[name] || this.random.chance(0.3)) {
                place[name] = this.value(1);
                if (name === 'items' && Array.isArray(place[name])) {
                    place[name] = 1;
                }
                return copy;
            }
            place = place[name];
        }
        return copy;
    }
}
