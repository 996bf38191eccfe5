// journal.mjs - what must be true of every journal, told from its events alone.
import assert from 'node:assert/strict';

export const ofKind = (events, kind) => events.filter((e) => e.kind === kind);

// The tool calls that the model asked for: { call, tool, id, ... }.
export const callsOf = (events) => ofKind(events, 'model_answered').flatMap((e) => e.calls ?? []);

const isResult = (e) => e.kind === 'tool_finished' || (e.kind === 'tool_failed' && !e.retry_at) ||
    (e.kind === 'tool_reconciled' && e.outcome === 'happened') ||
    (e.kind === 'approval_decided' && e.decision === 'reject') ||
    (e.kind === 'approval_expired' && e.outcome === 'reject');

// What ended a call: its result, its last failure, or word that it happened.
export const resultsOf = (events, call) => events.filter((e) => e.call === call && isResult(e));

function checkNumbers(id, events) {
    events.forEach((e, i) => assert.equal(e.seq, i + 1, `${id}: a gap in the journal`));
    assert.equal(events[0].kind, 'created', id);
}

// A call's attempts: each begins after the one before has failed or was interrupted.
function checkModelCalls(id, events) {
    const answered = new Set();
    const attempts = new Map();

    for (const e of events) {
        if (e.kind === 'model_started') {
            assert.ok(!answered.has(e.call), `${id}: call ${e.call} asked for again`);
            attempts.set(e.call, (attempts.get(e.call) ?? 0) + 1);
            assert.equal(e.attempt, attempts.get(e.call), `${id}: attempts of ${e.call}`);
        } else if (e.kind === 'model_answered') {
            assert.ok(!answered.has(e.call), `${id}: two answers for call ${e.call}`);
            answered.add(e.call);
        }
    }
}

// Each tool call has exactly one result, before the model is asked again.
function checkToolCalls(id, events) {
    const open = new Set();

    for (const e of events) {
        if (e.kind === 'model_started')
            assert.deepEqual([...open], [], `${id}: the model was asked with calls open`);
        for (const c of e.kind === 'model_answered' ? (e.calls ?? []) : []) open.add(c.call);
        if (isResult(e))
            assert.ok(open.delete(e.call), `${id}: a second result for call ${e.call}`);
        if (e.kind === 'tool_failed' && e.retry_at)
            assert.ok(open.has(e.call), `${id}: a failure of call ${e.call}, which has its result`);
    }
    for (const { call } of callsOf(events))
        assert.equal(resultsOf(events, call).length, 1, `${id}: results of call ${call}`);
}

// For a session that has ended, and was not cancelled.
export function checkJournal(id, events) {
    checkNumbers(id, events);
    checkModelCalls(id, events);
    checkToolCalls(id, events);
    assert.equal(events.at(-1).kind, 'turn_ended', id);
}

// What the model was shown: every tool call of an answer has its result behind that answer, before
// anything else, as providers demand.
export function checkMessages(messages) {
    for (let i = 0; i < messages.length; i++) {
        if (messages[i].role !== 'assistant') continue;
        const wanted = (messages[i].tool_calls ?? []).map((c) => c.id).sort();
        const got = messages.slice(i + 1, i + 1 + wanted.length);

        assert.deepEqual(got.map((m) => m.role), wanted.map(() => 'tool'), 'results follow calls');
        assert.deepEqual(got.map((m) => m.tool_call_id).sort(), wanted, 'each call has its result');
    }
}
