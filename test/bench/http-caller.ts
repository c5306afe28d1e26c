import { Agent, request } from 'node:http';

/** Calls one URL over connections that are kept. The answer is read and must be good. */
export function httpCaller(url: string, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const call = (path = '') =>
    new Promise<{ readonly start: string }>((resolve, reject) => {
      request(`${url}${path}`, { agent }, (response) => {
        response.resume().once('end', () => {
          const { statusCode, headers } = response;
          if (statusCode === 200) resolve({ start: String(headers['x-hearth-start']) });
          else
            reject(new Error(`${url}${path}: ${statusCode} ${String(headers['x-hearth-error'])}`));
        });
      })
        .once('error', reject)
        .end();
    });
  return { call, close: () => agent.destroy() };
}
