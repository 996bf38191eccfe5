// agent.mjs - the agent that every peer runs: what it asks the model, and its one tool.
import { appendFileSync } from 'node:fs';

export const CALLS = 3; // tool calls of a session; it has one model call more
export const INPUT = 'Where are the orders of customer 1234?';

const TOOLS = [{
    type: 'function',
    function: {
        name: 'echo',
        description: 'Gives its text back.',
        parameters: {
            type: 'object',
            properties: { text: { type: 'string' } },
            required: ['text'],
        },
    },
}];

// The assistant's message.
export async function askModel(messages) {
    const answer = await fetch(`${process.env.PROVIDER_URL}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer none' },
        body: JSON.stringify({
            model: process.env.MODEL,
            messages: [{ role: 'system', content: 'You look after orders.' }, ...messages],
            tools: TOOLS,
            max_completion_tokens: 4096,
        }),
    });

    if (!answer.ok) {
        throw new Error(`the provider answered ${answer.status}`);
    }
    return (await answer.json()).choices[0].message;
}

// With TRACE each run leaves a line there, as an effect on the world would, and takes its time.
export async function runTool(session, call) {
    if (process.env.TRACE) {
        appendFileSync(process.env.TRACE, `${session} ${call.id}\n`);
        await new Promise((resolve) => setTimeout(resolve, Number(process.env.TOOL_MS)));
    }
    return JSON.parse(call.function.arguments).text;
}
