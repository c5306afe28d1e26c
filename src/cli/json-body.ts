/** A request that carries a JSON text. */
export const jsonBody = (
  body: object,
  method = 'POST',
  headers: Readonly<Record<string, string>> = {},
): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
