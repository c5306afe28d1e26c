/**
 * Fails on purpose: the caller gets 502 and an invocation id, and `hearth logs fails` shows what
 * the function wrote.
 */
export default {
  fetch(request: Request): Response {
    const stock = new Map([['TEA-100', 12]]);
    const sku = new URL(request.url).searchParams.get('sku') ?? '';
    console.log(`looking for ${sku}`);
    const pieces = stock.get(sku);
    if (pieces === undefined) throw new RangeError(`There is no article ${sku}.`);
    return Response.json({ sku, pieces });
  },
};
