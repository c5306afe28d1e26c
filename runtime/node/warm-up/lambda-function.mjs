/** @param {{ rawPath: string, body?: string }} event */
export const handler = async ({ rawPath, body = '{}' }) => {
  console.log('called', rawPath);
  return {
    statusCode: 200,
    headers: { 'x-name': 'value' },
    body: JSON.stringify(JSON.parse(body)),
  };
};
