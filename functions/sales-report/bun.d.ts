/** As much of Bun as is used here; a project of your own has the package `@types/bun`. */
declare module 'bun:sqlite' {
  export class Database {
    constructor(file: string);
    run(sql: string): void;
    prepare(sql: string): { run(...values: unknown[]): void };
    query(sql: string): { all(): unknown[] };
  }
}
