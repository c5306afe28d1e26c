/** What is counted, as a page that a Prometheus scrapes. */
export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
}
