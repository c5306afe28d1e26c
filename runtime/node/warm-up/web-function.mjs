/** Does what most functions do, each in its way. */
export default {
  /** @param {Request} request */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    console.log('%s %s', request.method, pathname, { name: searchParams.get('name') });
    if (request.headers.get('content-type') !== 'application/json') return new Response('answer');
    return Response.json(await request.json(), { headers: { 'x-name': 'value' } });
  },
};
