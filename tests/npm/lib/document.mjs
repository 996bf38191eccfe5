// document.mjs - the OpenAPI document of a server, and what it says of an answer.
//
// The document lets members be that it does not know, so that clients bear with a later version.
// Here they are errors: what a server answers must all be in the document.
import assert from 'node:assert/strict';

import { Ajv2020 } from 'ajv/dist/2020.js';

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ID = 'document';
const FAULTS_SHOWN = 10;

// Objects that say which members they have get no others.
function close(node) {
    if (node === null || typeof node !== 'object') return;
    if (node.type === 'object' && node.properties) node.additionalProperties ??= false;
    Object.values(node).forEach(close);
}

export class Document {
    seen = new Set(); // "POST /v1/sessions 201", of all answers that were checked
    kinds = new Set(); // of events in them
    #ajv = new Ajv2020({ strict: false, allErrors: true });

    constructor(document) {
        this.json = document;
        const closed = JSON.parse(JSON.stringify(document).replaceAll('"#/', `"${ID}#/`));

        close(closed.components.schemas);
        this.#ajv.addFormat('date-time', DATE_TIME);
        this.#ajv.addSchema(closed, ID);
    }

    // { method, path, operation } of all that there are.
    operations() {
        return Object.entries(this.json.paths).flatMap(([path, methods]) =>
            Object.entries(methods).map(([method, operation]) => ({
                method: method.toUpperCase(), path, operation,
            })));
    }

    // What a "$ref" stands for.
    resolve(node) {
        if (!node?.$ref) return node;
        return node.$ref.slice(2).split('/').reduce((at, name) => at[name], this.json);
    }

    // The path with the examples of its parameters.
    example(path, operation) {
        return (operation.parameters ?? []).map((p) => this.resolve(p)).filter((p) => p.in === 'path')
            .reduce((at, { name, example }) => at.replace(`{${name}}`, example), path);
    }

    schema(name) {
        return this.json.components.schemas[name];
    }

    // The value fits the schema, and has nothing that the schema does not name.
    fits(value, schema, what) {
        const closed = JSON.parse(JSON.stringify(schema).replaceAll('"#/', `"${ID}#/`));

        close(closed);
        const validate = this.#ajv.compile(closed);

        const isFit = validate(value);
        const faults = (validate.errors ?? []).slice(-FAULTS_SHOWN).map((e) =>
            `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);

        assert.ok(isFit, `${what}: ${JSON.stringify(value)}\n${faults.join('\n')}`);
    }

    #operation(method, target) {
        const [path] = target.split('?');

        return this.operations().find((o) => o.method === method &&
            new RegExp(`^${o.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
    }

    // The answer is one that the document describes: status, headers and body.
    check(method, target, { status, headers, body }) {
        const found = this.#operation(method, target);

        assert.ok(found, `${method} ${target} is in no document`);
        const what = `${method} ${found.path} ${status}`;
        const response = this.resolve(found.operation.responses[status] ??
            (status >= 400 ? found.operation.responses.default : undefined));

        assert.ok(response, `${what} is not documented`);
        this.seen.add(what);
        for (const name of ['location', 'retry-after', 'idempotency-replayed', 'allow'])
            if (headers.has(name))
                assert.ok(Object.keys(response.headers ?? {}).some((n) => n.toLowerCase() === name),
                          `${what} has a header '${name}'`);
        if (status === 204) return;
        const [type] = headers.get('content-type').split(';');

        assert.ok(response.content[type], `${what} is ${type}`);
        if (!/json/.test(type)) return;
        this.fits(body, response.content[type].schema, what);
        if (status >= 400) assert.equal(body.status, status);
        if (found.path.endsWith('/events'))
            body.data?.forEach((event) => this.kinds.add(event.kind));
    }
}
