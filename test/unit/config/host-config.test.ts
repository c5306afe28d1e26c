import { describe, expect, test } from 'vitest';
import { loadHostConfig } from '../../../src/config/host-config.ts';

describe('the configuration of the host', () => {
  test('has a default for everything', () => {
    expect(loadHostConfig({ PATH: '/bin' })).toMatchObject({
      dataDir: '/var/lib/hearth',
      listen: { host: '127.0.0.1', port: 8080 },
      url: 'http://127.0.0.1:8080',
      ociRuntime: 'auto',
      logLevel: 'info',
    });
  });

  test('reads IPv6 addresses', () => {
    expect(loadHostConfig({ HEARTH_LISTEN: '[::1]:0' }).listen).toEqual({ host: '::1', port: 0 });
  });

  test('wants a certificate with its key, and then is reached over https', () => {
    const [HEARTH_TLS_CERT, HEARTH_TLS_KEY] = ['/etc/hearth/cert.pem', '/etc/hearth/key.pem'];
    expect(loadHostConfig({ HEARTH_TLS_CERT, HEARTH_TLS_KEY })).toMatchObject({
      tls: { certFile: HEARTH_TLS_CERT, keyFile: HEARTH_TLS_KEY },
      url: 'https://127.0.0.1:8080',
    });
    expect(() => loadHostConfig({ HEARTH_TLS_CERT })).toThrow('set both or neither');
    expect(() => loadHostConfig({ HEARTH_TLS_KEY })).toThrow('set both or neither');
  });

  test('takes an address for workers of other machines, at which they can reach it', () => {
    const { clusterListen } = loadHostConfig({ HEARTH_CLUSTER_LISTEN: '[fd00::1]:7070' });
    expect(clusterListen).toBe('tcp:fd00::1:7070');
    for (const HEARTH_CLUSTER_LISTEN of ['0.0.0.0:7070', '[::]:7070', '10.0.0.1']) {
      expect(() => loadHostConfig({ HEARTH_CLUSTER_LISTEN })).toThrow('HEARTH_CLUSTER_LISTEN');
    }
  });

  test("takes hosts for functions, of which none may be the gateway's own", () => {
    const HEARTH_FUNCTION_HOSTS = 'API.example.com, *.fn.example.com';
    const { functionHosts } = loadHostConfig({ HEARTH_FUNCTION_HOSTS });
    expect(functionHosts).toEqual(['api.example.com', '*.fn.example.com']);
    for (const bad of [
      'localhost',
      '127.0.0.1',
      '*',
      'a.*.example.com',
      'https://api.example.com',
    ]) {
      expect(() => loadHostConfig({ HEARTH_FUNCTION_HOSTS: bad })).toThrow('not a host name');
    }
    for (const host of ['api.example.com', 'hearth.fn.example.com']) {
      const load = () =>
        loadHostConfig({ HEARTH_FUNCTION_HOSTS, HEARTH_URL: `https://${host}:8443` });
      expect(load).toThrow(`${host} is the gateway's own`);
    }
  });

  test('refuses unknown variables and names every problem at once', () => {
    const load = () => loadHostConfig({ HEARTH_DTA: '/x', HEARTH_LISTEN: 'x', HEARTH_KEY: 'k' });
    expect(load).toThrow(/HEARTH_DTA: unknown key.*HEARTH_LISTEN: must match.*HEARTH_KEY/);
  });

  test('reads mirrors and keys of image registries, and hands them on as they were', () => {
    const HEARTH_REGISTRY_MIRRORS = '{"docker.io": ["mirror.example.com/hub", "127.0.0.1:5000"]}';
    const HEARTH_IMAGE_KEYS = '{"free/*": [], "*": ["/etc/team.pub"]}';
    const { registries } = loadHostConfig({ HEARTH_REGISTRY_MIRRORS, HEARTH_IMAGE_KEYS });
    expect(registries).toMatchObject({
      mirrors: { 'docker.io': ['mirror.example.com/hub', '127.0.0.1:5000'] },
      signatureRules: [
        { pattern: 'free/*', keyFiles: [] },
        { pattern: '*', keyFiles: ['/etc/team.pub'] },
      ],
      variables: { HEARTH_REGISTRY_MIRRORS, HEARTH_IMAGE_KEYS },
    });
  });

  test.each([
    ['HEARTH_REGISTRY_MIRRORS', '{"docker.io": "mirror"}'],
    ['HEARTH_REGISTRY_MIRRORS', '{"docker.io": ["https://mirror"]}'],
    ['HEARTH_IMAGE_KEYS', '{"*": ["team.pub"]}'],
    ['HEARTH_IMAGE_KEYS', '["/etc/team.pub"]'],
    ['HEARTH_BASE_IMAGES', '{"node8": "docker.io/library/node:8"}'],
    ['HEARTH_BASE_IMAGES', '{"node24": "NOT A NAME"}'],
  ])('refuses %s=%s', (name, text) => {
    expect(() => loadHostConfig({ [name]: text })).toThrow(`${name}: must be like`);
  });

  test('reaches Redis by TLS with the files that are named, those of applications too', () => {
    const files = { HEARTH_REDIS_CERT: '/etc/hearth.crt', HEARTH_REDIS_KEY: '/etc/hearth.key' };
    const variables = { HEARTH_QUEUES: 'shop=rediss://one:6380 old=redis://two', ...files };
    const { redis } = loadHostConfig({ HEARTH_REDIS_CA: '/etc/ca.pem', ...variables });
    const tls = {
      caFile: '/etc/ca.pem',
      certFile: '/etc/hearth.crt',
      keyFile: '/etc/hearth.key',
    };
    expect(redis.queues).toEqual(
      new Map([
        ['shop', { host: 'one', port: 6380, db: 0, tls }],
        ['old', { host: 'two', port: 6379, db: 0 }],
      ]),
    );
    expect(redis.variables).toMatchObject(variables);
    const half = () => loadHostConfig({ HEARTH_REDIS_KEY: '/etc/hearth.key' });
    expect(half).toThrow('HEARTH_REDIS_CERT and HEARTH_REDIS_KEY: set both or neither');
  });

  test('takes Redis at a path or a URL, with what the URL says', () => {
    const { redis } = loadHostConfig({
      HEARTH_REDIS_DURABLE: 'rediss://me:p%40ss@redis.example.com/2',
      HEARTH_REDIS_FAST: 'unix:/run/fast.sock',
    });
    expect(redis.durable).toEqual({
      host: 'redis.example.com',
      port: 6379,
      db: 2,
      username: 'me',
      password: 'p@ss',
      tls: {},
    });
    expect(redis.fast).toEqual({ path: '/run/fast.sock' });
    const wrong = () => loadHostConfig({ HEARTH_REDIS_FAST: 'redis://host/no-number' });
    expect(wrong).toThrow('HEARTH_REDIS_FAST');
  });

  test('takes a repository of another registry for versions, and nothing without a registry', () => {
    const HEARTH_REGISTRY = 'registry.example.com:5000/team/functions';
    expect(loadHostConfig({ HEARTH_REGISTRY }).registries.repository).toBe(HEARTH_REGISTRY);
    expect(() => loadHostConfig({ HEARTH_REGISTRY: 'registry.example.com' })).toThrow('must match');
  });
});
