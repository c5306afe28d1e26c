const modules = [
  'cli', 'containers', 'events', 'gateway', 'images', 'network', 'orchestration', 'queue',
  'replies', 'schedules', 'security', 'supervisor', 'telemetry', 'volumes', 'worker',
];
const kernelModules = ['containers', 'images', 'network', 'volumes', 'security'];

/** A library stands in one folder. */
const libraryHomes = {
  bullmq: 'queue',
  fastify: 'gateway',
  'cron-parser': 'schedules',
  koffi: 'linux',
  esbuild: 'cli',
  commander: 'cli',
  'tar-stream': '(lib|images|cli)',
  'dns-packet': 'network',
  jose: 'security',
  pino: 'telemetry',
  'prom-client': 'telemetry',
  '@opentelemetry': 'telemetry',
  'eventsource-parser': 'cli',
  typebox: '(config|gateway|events)',
  'jsonc-parser': 'config',
};

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Data flows one way: no two files need each other.',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-stands-alone',
      comment: 'The words depend on nothing: no I/O, no library, no other module.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/domain/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'lib-and-config-are-leaves',
      comment: 'General tools and the config schema know the words only.',
      severity: 'error',
      from: { path: '^src/(lib|config)/' },
      to: { path: '^src/', pathNot: '^src/(domain|lib|config)/' },
    },
    ...modules.map((name) => ({
      name: `star-${name}`,
      comment: `${name} imports domain, lib and config, never another module: src/host joins them.`,
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: {
        path: '^src/',
        pathNot: `^src/(domain|lib|config|${name}${kernelModules.includes(name) ? '|linux' : ''})/`,
      },
    })),
    {
      name: 'linux-is-a-leaf',
      comment: 'The kernel bindings know the words and the general tools only.',
      severity: 'error',
      from: { path: '^src/linux/' },
      to: { path: '^src/', pathNot: '^src/(domain|lib|linux)/' },
    },
    {
      name: 'policies-are-pure',
      comment: 'A policy is state and now in, decisions out: it imports the words and other policies.',
      severity: 'error',
      from: { path: '-policy\\.ts$' },
      to: { pathNot: '(^src/domain/|-policy\\.ts$)', dependencyTypesNot: ['type-only'] },
    },
    ...Object.entries(libraryHomes).map(([library, home]) => ({
      name: `one-home-for-${library}`,
      comment: `${library} is used in src/${home} only, so that it can be replaced there.`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${home}/` },
      to: { path: `(^|/)node_modules/${library}/` },
    })),
    {
      name: 'no-tests-in-the-product',
      comment: 'Nothing that ships imports a test.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] },
  },
};
