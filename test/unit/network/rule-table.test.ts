import { expect, test, vi } from 'vitest';
import type { NetlinkSocket } from '../../../src/linux/index.ts';
import { Router } from '../../../src/network/router.ts';
import { loadRuleTable } from '../../../src/network/rule-table.ts';
import { ruleset, type RulesetOptions } from '../../../src/network/ruleset.ts';

const options: RulesetOptions = {
  table: 'hearth_x',
  linkPrefix: 'hx',
  sandboxRanges: ['198.18.0.0/16'],
  blocked: { 4: ['10.0.0.0/8'], 6: [] },
  excepted: { 4: [], 6: [] },
  caps: { open: 1, newPerSecond: 2 },
};
const openSocket = vi.fn<() => Promise<NetlinkSocket>>(async () => ({}) as NetlinkSocket);

/** A router whose kernel has these rules, whatever it was given. */
class ListingRouter extends Router {
  readonly #listing: string;

  constructor(rules: readonly { readonly chain: string }[]) {
    super(undefined);
    this.#listing = JSON.stringify({ nftables: rules.map((rule) => ({ rule })) });
  }

  override async run(program: string, args: readonly string[]): Promise<string> {
    expect(program).toBe('nft');
    return args.includes('list') ? this.#listing : '';
  }
}

const rules = Object.entries(ruleset(options)).flatMap(([chain, one]) =>
  one.rules.map(() => ({ chain })),
);

test('rules count once the kernel lists all of them', async () => {
  const table = await loadRuleTable(new ListingRouter(rules), options, openSocket);
  expect(table.isLost).toBe(false);
});

test.each(['refuse', 'from_sandbox', 'input'])(
  'there is no network where the kernel lacks a rule of %s',
  async (chain) => {
    const missing = rules.findIndex((rule) => rule.chain === chain);
    const router = new ListingRouter(rules.toSpliced(missing, 1));
    await expect(loadRuleTable(router, options, openSocket)).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'network.no_rules',
    });
  },
);
