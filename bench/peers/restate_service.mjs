// restate_service.mjs - the agent as a Restate service: each step a ctx.run(), which is recorded.
import * as restate from '@restatedev/restate-sdk';
import { INPUT, askModel, runTool } from './lib/agent.mjs';

const agent = restate.service({
    name: 'agent',
    handlers: {
        run: async (ctx, session) => {
            const messages = [{ role: 'user', content: INPUT }];

            for (;;) {
                const message = await ctx.run('model', () => askModel(messages));
                const call = message.tool_calls?.[0];

                messages.push(message);
                if (!call) {
                    return message.content;
                }
                const content = await ctx.run('tool', () => runTool(session, call));

                messages.push({ role: 'tool', tool_call_id: call.id, content });
            }
        },
    },
});

await restate.serve({ services: [agent], port: Number(process.env.SERVICE_PORT) });
