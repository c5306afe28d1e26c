import { exec } from '../lib/exec.ts';
import { parseIpRange, type IpFamily, type IpRange } from '../lib/ip-range.ts';

/** What the router's namespace already uses. */
export interface UsedRange {
  readonly range: IpRange;
  /** For people: `203.0.113.7/24 of eth0`. */
  readonly where: string;
}

const commandLimitMs = 10_000;

/** As `ip -j` prints them, as far as they matter here. */
interface AddressListing {
  readonly ifname: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}
interface RouteListing {
  readonly dst: string;
  readonly dev?: string;
}

/**
 * The namespace through which sandboxes reach the network: the machine's own, or the one that the
 * operator named. Nothing in it is changed but what is ours by name.
 */
export class Router {
  readonly namespace: string | undefined;

  constructor(namespace: string | undefined) {
    this.namespace = namespace;
  }

  /** Runs a program there and gives what it printed. @throws HostError with its last words. */
  async run(program: string, args: readonly string[], input?: string): Promise<string> {
    const command = [program, ...args];
    const inside =
      this.namespace === undefined
        ? command
        : ['nsenter', `--net=${this.namespace}`, '--', ...command];
    const [first = '', ...rest] = inside;
    const options = { timeoutMs: commandLimitMs, ...(input === undefined ? {} : { input }) };
    return (await exec(first, rest, options)).stdout;
  }

  /** The families whose packets the kernel passes on. */
  async forwardedFamilies(): Promise<readonly IpFamily[]> {
    const switches = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' } as const;
    const isOn = async (family: IpFamily) => {
      const text = await this.run('cat', [`/proc/sys/net/${switches[family]}`]).catch(() => '0');
      return text.trim() !== '0';
    };
    const on = await Promise.all(([4, 6] as const).map(isOn));
    return ([4, 6] as const).filter((_, i) => on[i]);
  }

  /** Addresses and routes of all interfaces but ours. */
  async usedRanges(linkPrefix: string): Promise<readonly UsedRange[]> {
    const list = async <T>(...args: string[]) =>
      JSON.parse((await this.run('ip', ['-j', ...args])).trim() || '[]') as T[];
    const [addresses, ...routes] = await Promise.all([
      list<AddressListing>('address'),
      list<RouteListing>('-4', 'route'),
      list<RouteListing>('-6', 'route'),
    ]);
    const texts = [
      ...addresses.flatMap(({ ifname, addr_info: infos = [] }) =>
        infos.map(({ local, prefixlen }) => ({ dev: ifname, text: `${local}/${prefixlen}` })),
      ),
      ...routes.flat().map(({ dst, dev = 'no interface' }) => ({ dev, text: dst })),
    ];
    return texts.flatMap(({ dev, text }) => {
      const range = dev.startsWith(linkPrefix) ? undefined : parseIpRange(text);
      return range ? [{ range, where: `${text} of ${dev}` }] : [];
    });
  }

  /** Removes what an earlier worker of this node left. */
  async removeLeftovers(linkPrefix: string, table: string): Promise<void> {
    const links = JSON.parse((await this.run('ip', ['-j', 'link'])).trim() || '[]') as {
      readonly ifname: string;
    }[];
    const ours = links.filter(({ ifname }) => ifname.startsWith(linkPrefix));
    for (const { ifname } of ours) await this.run('ip', ['link', 'delete', ifname]);
    const tables = await this.run('nft', ['list', 'tables', 'inet']);
    if (tables.split(/\s+/).includes(table))
      await this.run('nft', ['delete', 'table', 'inet', table]);
  }
}
