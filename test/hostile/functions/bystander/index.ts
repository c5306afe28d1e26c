export default {
  fetch: (): Response => new Response('here'),
};
