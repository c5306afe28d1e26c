import { Duplex, PassThrough } from 'node:stream';
import { ContainerLife } from '../../src/containers/container-life.ts';
import type {
  Container,
  ContainerEnd,
  ContainerEngine,
  ContainerInfo,
  ContainerLimits,
  ContainerOrder,
  ContainerStats,
  ContainerStreams,
  ProcessWatch,
} from '../../src/domain/container-engine.ts';
import type { ContainerState } from '../../src/domain/container-state.ts';

/** What runs in a fake container: it gets the streams' other ends and says how it ends. */
export type FakeProgram = (inside: {
  readonly channel: Duplex;
  readonly stdout: PassThrough;
  readonly end: (exit: { exitCode: number } | 'out of memory') => void;
}) => void;

const idle: ContainerStats = {
  cpuUsec: 0,
  throttledUsec: 0,
  memoryBytes: 0,
  memoryReclaimableBytes: 0,
  memoryPeakBytes: 0,
  pids: 0,
  oomKills: 0,
};

/** Containers without a kernel. `args[0]` names the program. */
export class FakeEngine implements ContainerEngine {
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #containers: Map<string, FakeContainer>;

  constructor(
    programs: Readonly<Record<string, FakeProgram>>,
    containers = new Map<string, FakeContainer>(),
  ) {
    this.#programs = programs;
    this.#containers = containers;
  }

  /** The same machine for another process. */
  again(): FakeEngine {
    return new FakeEngine(this.#programs, this.#containers);
  }

  async create(order: ContainerOrder): Promise<Container> {
    const program = this.#programs[order.args[0] ?? ''];
    if (!program) throw new Error(`the fake knows no program ${order.args[0]}`);
    if (this.#containers.has(order.id)) throw new Error(`${order.id} is in use`);
    const forget = () => this.#containers.delete(order.id);
    const container = new FakeContainer(order, program, forget);
    this.#containers.set(order.id, container);
    return container;
  }

  list(): readonly string[] {
    return [...this.#containers.keys()];
  }

  async remove(id: string): Promise<number> {
    const container = this.#containers.get(id);
    const processes = container?.inspect().processIds.length ?? 0;
    await container?.kill();
    await container?.delete();
    return processes;
  }
}

export class FakeContainer implements Container {
  readonly id: string;
  readonly ended: Promise<ContainerEnd>;
  readonly hasOwnKernel = false;
  readonly #life: ContainerLife;
  readonly #program: FakeProgram;
  readonly #forget: () => void;
  readonly #ended = Promise.withResolvers<ContainerEnd>();
  readonly #channel = new PausableChannel();
  #limits: ContainerLimits;
  #end: ContainerEnd | undefined;

  constructor({ id, limits }: ContainerOrder, program: FakeProgram, forget: () => void) {
    this.id = id;
    this.#limits = limits;
    this.#program = program;
    this.#forget = forget;
    this.#life = new ContainerLife(id);
    this.ended = this.#ended.promise;
  }

  get state(): ContainerState {
    return this.#life.state;
  }

  start(): ContainerStreams {
    this.#life.move('start');
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    this.#program({
      channel: this.#channel.inside,
      stdout,
      end: (exit) => {
        stdout.end();
        if (exit === 'out of memory') this.#stopped({ signal: 'SIGKILL', outOfMemory: true });
        else this.#stopped({ ...exit, outOfMemory: false });
      },
    });
    return { channel: this.#channel.outside, stdout, stderr };
  }

  pause(): void {
    if (this.#life.move('pause')) this.#channel.pause();
  }

  resume(): void {
    if (this.#life.move('resume')) this.#channel.resume();
  }

  isPaused(): boolean {
    return this.#life.state === 'paused';
  }

  watchProcesses(): ProcessWatch {
    return { mayHaveOthers: () => false, others: () => [], [Symbol.dispose]: () => {} };
  }

  update(limits: ContainerLimits): void {
    this.#life.checkAlive('update');
    this.#limits = limits;
  }

  async kill(): Promise<void> {
    if (!this.#end) this.#stopped({ signal: 'SIGKILL', outOfMemory: false });
  }

  delete(): Promise<void> {
    this.#life.move('delete');
    this.#forget();
    return Promise.resolve();
  }

  inspect(): ContainerInfo {
    return {
      id: this.id,
      state: this.state,
      runtime: 'fake 1',
      limits: this.#limits,
      processIds: this.#runs ? [1] : [],
      createdAt: new Date(0).toISOString(),
      ...(this.#end ? { end: this.#end } : {}),
    };
  }

  cpuUsec(): number {
    return this.stats().cpuUsec;
  }

  stats(): ContainerStats {
    if (this.#runs) return { ...idle, cpuUsec: 1, memoryBytes: 1, memoryPeakBytes: 1, pids: 1 };
    const wasOom = this.state === 'stopped' && this.#end?.outOfMemory;
    return wasOom ? { ...idle, oomKills: 1 } : idle;
  }

  get #runs(): boolean {
    return this.state === 'running' || this.state === 'paused';
  }

  #stopped(end: ContainerEnd): void {
    this.#end = end;
    this.#life.move('end');
    this.#ended.resolve(end);
  }
}

/** Two ends; what goes in while it is paused is held back. */
class PausableChannel {
  readonly outside: Duplex;
  readonly inside: Duplex;
  readonly #held: Buffer[] = [];
  #isPaused = false;

  constructor() {
    const [inside, outside]: [Duplex, Duplex] = [
      end((chunk) => outside.push(chunk)),
      end((chunk) => (this.#isPaused ? this.#held.push(chunk) : inside.push(chunk))),
    ];
    this.inside = inside;
    this.outside = outside;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const chunk of this.#held.splice(0)) this.inside.push(chunk);
  }
}

function end(write: (chunk: Buffer) => void): Duplex {
  return new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      write(chunk);
      done();
    },
  });
}
