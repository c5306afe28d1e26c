import { marked } from 'marked';

/** Renders the Markdown in the request as HTML. The npm package is bundled when it is deployed. */
export default {
  async fetch(request: Request): Promise<Response> {
    const html = await marked.parse(await request.text());
    return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } });
  },
};
