import { decode, encode, type Answer } from 'dns-packet';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { EgressRule } from '../../../src/domain/network.ts';
import { callsZone } from '../../../src/network/dns/calls-zone.ts';
import { egressZone } from '../../../src/network/dns/egress-zone.ts';
import { NameServer } from '../../../src/network/dns/name-server.ts';
import { QuestionBudget } from '../../../src/network/dns/question-budget.ts';
import type { Resolved } from '../../../src/network/dns/resolver.ts';

const rules: EgressRule[] = [
  { to: { kind: 'name', name: 'api.example.com' }, protocol: 'tcp', ports: [443, 443] },
];
const resolve = vi.fn<(name: string, family: 4 | 6) => Promise<Resolved>>();
const permit = vi.fn();
const onRefused = vi.fn();
const onFailed = vi.fn();
let isOpen: boolean;
let nowMs: number;
let server: NameServer;
beforeEach(() => {
  vi.resetAllMocks();
  resolve.mockResolvedValue({
    exists: true,
    addresses: ['203.0.113.9', '10.0.0.1'],
    ttlSeconds: 30,
  });
  isOpen = true;
  nowMs = 0;
  const egress = egressZone({
    rules,
    resolver: { resolve },
    families: [4],
    isBlocked: (address) => address.startsWith('10.'),
    permit,
    budget: new QuestionBudget(() => nowMs),
    onRefused,
  });
  server = new NameServer({
    zones: [callsZone(['orders', 'shop-*'], onRefused), egress],
    isOpen: () => isOpen,
    onRefused,
    onFailed,
  });
});

async function ask(name: string, type: 'A' | 'AAAA' | 'TXT' = 'A') {
  const answer = await server.answer(encode({ type: 'query', id: 7, questions: [{ name, type }] }));
  const { id, rcode, answers } = decode(answer!) as ReturnType<typeof decode> & {
    rcode: string;
    answers: (Answer & { data: string; ttl: number })[];
  };
  expect(id).toBe(7);
  return { rcode, answers };
}

describe('the name server of a sandbox', () => {
  test('answers for a name that may be reached, after letting it be reached', async () => {
    const { rcode, answers } = await ask('API.example.com');
    expect(rcode).toBe('NOERROR');
    expect(answers).toMatchObject([
      { type: 'A', name: 'API.example.com', data: '203.0.113.9', ttl: 30 },
    ]);
    expect(permit).toHaveBeenCalledExactlyOnceWith(
      ['203.0.113.9'],
      [{ protocol: 'tcp', port: 443 }],
      30,
    );
    expect(onRefused).toHaveBeenCalledExactlyOnceWith('api.example.com', 'address');
  });

  test('answers for the functions that may be called, and for no other', async () => {
    for (const name of ['orders.fn.internal', 'Shop-Cart.fn.internal']) {
      expect(await ask(name)).toMatchObject({
        rcode: 'NOERROR',
        answers: [{ data: '127.0.0.54' }],
      });
      expect(await ask(name, 'AAAA')).toEqual({ rcode: 'NOERROR', answers: [] });
    }
    for (const name of ['payroll.fn.internal', 'a.orders.fn.internal', '.fn.internal']) {
      expect((await ask(name)).rcode).toBe('NXDOMAIN');
    }
    expect(onRefused).toHaveBeenCalledWith('payroll.fn.internal', 'name');
    expect(resolve).not.toHaveBeenCalled();
  });

  test('asks nobody about other names', async () => {
    expect((await ask('c2VjcmV0.evil.test')).rcode).toBe('NXDOMAIN');
    expect((await ask('c2VjcmV0.api.example.com')).rcode).toBe('NXDOMAIN');
    expect(resolve).not.toHaveBeenCalled();
    expect(onRefused).toHaveBeenCalledWith('c2vjcmv0.evil.test', 'name');
  });

  test('asks nobody about anything but addresses the sandbox could use', async () => {
    for (const type of ['TXT', 'AAAA'] as const) {
      expect(await ask('api.example.com', type)).toEqual({ rcode: 'NOERROR', answers: [] });
    }
    expect(resolve).not.toHaveBeenCalled();
  });

  test('refuses while no invocation runs', async () => {
    isOpen = false;
    expect((await ask('api.example.com')).rcode).toBe('REFUSED');
    expect(resolve).not.toHaveBeenCalled();
  });

  test('says when it could not find out', async () => {
    const error = new Error('no answer');
    resolve.mockRejectedValue(error);
    expect((await ask('api.example.com')).rcode).toBe('SERVFAIL');
    expect(onFailed).toHaveBeenCalledExactlyOnceWith(error);
  });

  test('asks others so many questions a second, and refuses the rest', async () => {
    const codes: string[] = [];
    for (let i = 0; i < 550; i++) codes.push((await ask('api.example.com')).rcode);
    expect(codes.filter((code) => code === 'REFUSED')).toHaveLength(50);
    expect(onFailed).not.toHaveBeenCalled();
    nowMs = 1000;
    expect((await ask('api.example.com')).rcode).toBe('NOERROR');
  });

  test('answers any number about functions, of which it knows by itself', async () => {
    for (let i = 0; i < 1000; i++) expect((await ask('orders.fn.internal')).rcode).toBe('NOERROR');
  });

  test('is silent to what is no question', async () => {
    const answer = encode({ type: 'response', id: 1, questions: [{ name: 'a', type: 'A' }] });
    for (const message of [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1'), answer]) {
      expect(await server.answer(message)).toBeUndefined();
    }
  });
});
