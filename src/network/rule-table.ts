import { createHash } from 'node:crypto';
import { HostError } from '../domain/errors.ts';
import type { EgressRule } from '../domain/network.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import {
  changeElements,
  hasElement,
  takeElements,
  type ElementChange,
  type NetlinkSocket,
  type SetElement,
} from '../linux/index.ts';
import type { Router } from './router.ts';
import { policyRules, renderPolicy, renderTable, ruleset, type RulesetOptions } from './ruleset.ts';

/** Chains of functions kept although nobody uses them now; then all such are removed. */
const policiesLimit = 1000;

/** As `nft -j list table` prints it, as far as it matters here. */
interface TableListing {
  readonly nftables: readonly { readonly rule?: { readonly chain: string } }[];
}

/** The right to go to one function's chain. */
export interface PolicyLease extends Disposable {
  /** Undefined: its rules name no addresses. */
  readonly chain: string | undefined;
}

/**
 * A node's rules, loaded. Chains are changed by `nft`, which is asked seldom; elements of sets by
 * ourselves, within microseconds.
 */
export class RuleTable implements AsyncDisposable {
  readonly #router: Router;
  readonly #table: string;
  readonly #socket: NetlinkSocket;
  /** How many sandboxes use a chain. */
  readonly #policies = new Map<string, number>();
  readonly #mutex = new KeyedMutex<'chains'>();
  #isLost = false;

  constructor(router: Router, table: string, socket: NetlinkSocket) {
    this.#router = router;
    this.#table = table;
    this.#socket = socket;
  }

  /** Somebody removed it: nothing that relied on it may go on. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** All or none. @throws HostError `unavailable` when the table is not as it was loaded. */
  change(changes: readonly ElementChange[]): void {
    try {
      if (this.#isLost) throw new Error('it was lost before');
      changeElements(this.#socket, this.#table, changes);
    } catch (cause) {
      if ((cause as { code?: string }).code === 'ENOENT') this.#isLost = true;
      throw new HostError(
        'unavailable',
        'network.rules_lost',
        `The nft table ${this.#table} of this node could not be changed: does another program flush the rules?`,
        { cause, retryAfterMs: 1000 },
      );
    }
  }

  /** Removes an element that the rules may have made; tells whether they have. */
  forget(element: SetElement): boolean {
    if (!hasElement(this.#socket, this.#table, element)) return false;
    try {
      changeElements(this.#socket, this.#table, [{ change: 'delete', element }]);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error; // gone by itself meanwhile
    }
    return true;
  }

  /** Keys of a set that the rules themselves have filled; they are gone from it then. */
  take(set: string): readonly Buffer[] {
    return this.#isLost ? [] : takeElements(this.#socket, this.#table, set);
  }

  /** A chain with the rules that name addresses; the same for all sandboxes with the same rules. */
  async lease(rules: readonly EgressRule[]): Promise<PolicyLease> {
    const lines = policyRules(rules);
    if (lines.length === 0) return { chain: undefined, [Symbol.dispose]: () => {} };
    const hash = createHash('sha256').update(lines.join('\n')).digest('hex');
    const chain = `policy_${hash.slice(0, 24)}`;
    await this.#mutex.run('chains', async () => {
      if (!this.#policies.has(chain)) await this.#add(chain, lines);
      this.#policies.set(chain, (this.#policies.get(chain) ?? 0) + 1);
    });
    let held = true;
    return {
      chain,
      [Symbol.dispose]: () => {
        if (held) this.#policies.set(chain, (this.#policies.get(chain) ?? 1) - 1);
        held = false;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket[Symbol.dispose]();
    if (!this.#isLost) await this.#router.run('nft', ['delete', 'table', 'inet', this.#table]);
  }

  async #add(chain: string, lines: readonly string[]): Promise<void> {
    if (this.#policies.size >= policiesLimit) await this.#removeUnused();
    await this.#router.run('nft', ['-f', '-'], renderPolicy(this.#table, chain, lines));
  }

  async #removeUnused(): Promise<void> {
    const unused = [...this.#policies].flatMap(([chain, users]) => (users === 0 ? [chain] : []));
    const commands = unused.map((chain) => `delete chain inet ${this.#table} ${chain}\n`);
    await this.#router.run('nft', ['-f', '-'], commands.join(''));
    for (const chain of unused) this.#policies.delete(chain);
  }
}

/**
 * Loads a node's table in one transaction and reads it back.
 * @throws HostError `unavailable`; then no sandbox may have a network.
 */
export async function loadRuleTable(
  router: Router,
  options: RulesetOptions,
  openSocket: () => Promise<NetlinkSocket>,
): Promise<RuleTable> {
  const { table } = options;
  try {
    await router.run('nft', ['-f', '-'], renderTable(options));
    const listing = await router.run('nft', ['-j', 'list', 'table', 'inet', table]);
    checkListing(options, JSON.parse(listing) as TableListing);
    return new RuleTable(router, table, await openSocket());
  } catch (cause) {
    throw new HostError(
      'unavailable',
      'network.no_rules',
      `The packet filter's rules could not be loaded, so no function gets a network: ${(cause as Error).message}`,
      { cause, retryAfterMs: 5000 },
    );
  }
}

/** @throws Error when the kernel has other rules than it was given. */
function checkListing(options: RulesetOptions, { nftables }: TableListing): void {
  for (const [name, { rules }] of Object.entries(ruleset(options))) {
    const found = nftables.filter(({ rule }) => rule?.chain === name).length;
    if (found !== rules.length) {
      throw new Error(`the chain ${name} has ${found} rules instead of ${rules.length}`);
    }
  }
}
