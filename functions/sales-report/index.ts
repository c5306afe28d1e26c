import { Database } from 'bun:sqlite';

interface Sale {
  readonly product: string;
  readonly quantity: number;
  readonly cents: number;
}

/** Answers with a report on the sales that were posted, by SQL: Bun brings SQLite. */
export default {
  async fetch(request: Request): Promise<Response> {
    const sales = (await request.json()) as readonly Sale[];
    const database = new Database(':memory:');
    database.run('CREATE TABLE sales (product TEXT, quantity INTEGER, cents INTEGER)');
    const insert = database.prepare('INSERT INTO sales VALUES (?, ?, ?)');
    for (const { product, quantity, cents } of sales) insert.run(product, quantity, cents);
    const report = database.query(
      `SELECT product, SUM(quantity) AS quantity, SUM(quantity * cents) AS cents
       FROM sales GROUP BY product ORDER BY cents DESC`,
    );
    return Response.json(report.all());
  },
};
