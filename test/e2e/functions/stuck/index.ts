await new Promise((resolve) => setTimeout(resolve, 600_000));

export default { fetch: () => new Response('too late') };
