interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

/** Of the many members of an HTTP event (payload format 2.0) the one that is needed here. */
interface HttpEvent {
  readonly body?: string;
}

const vatPercent = Number(process.env.VAT_PERCENT);

/** Adds up an order, as a handler for AWS Lambda would. */
export const handler = async (event: HttpEvent) => {
  const { lines = [] } = JSON.parse(event.body ?? '{}') as { lines?: readonly Line[] };
  const wrong = lines.find(({ quantity }) => !Number.isInteger(quantity) || quantity < 1);
  if (wrong) return answer(422, { message: `The quantity of ${wrong.sku} must be 1 or more.` });

  const netCents = lines.reduce((sum, line) => sum + line.quantity * line.unitPriceCents, 0);
  const vatCents = Math.round((netCents * vatPercent) / 100);
  return answer(200, { lines: lines.length, netCents, vatCents, totalCents: netCents + vatCents });
};

function answer(statusCode: number, value: unknown) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  };
}
