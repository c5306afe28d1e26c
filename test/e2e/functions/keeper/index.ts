import { createHash } from 'node:crypto';

export default {
  fetch(request: Request): Response {
    const token = process.env['API_TOKEN'] ?? '';
    console.log(`the token is ${token}`);
    if (new URL(request.url).pathname === '/throw') throw new Error(`bad token ${token}`);
    return new Response(createHash('sha256').update(token).digest('hex'));
  },
};
