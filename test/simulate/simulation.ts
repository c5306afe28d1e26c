import {
  IdleHistory,
  isColdAfter,
  type KeepWarmPlan,
} from '../../src/containers/pool/keep-warm-policy.ts';
import { SimulatedNode, type SimulatedSandbox } from './cluster.ts';
import { placements, type Placement } from './placements.ts';
import { callsWithin, minuteMs, nextCall, type SimulatedFunction } from './workload.ts';

export interface SimulationOptions {
  readonly functions: readonly SimulatedFunction[];
  readonly nodes: number;
  readonly nodeBytes: number;
  readonly minutes: number;
  readonly placement: keyof typeof placements;
  readonly keepWarm: 'auto' | 'fixed';
  /** Sandboxes of a function at most, as `scaling.max`. */
  readonly max: number;
  readonly random: () => number;
}

export interface SimulationResult {
  calls: number;
  coldStarts: number;
  /** Calls that waited for a sandbox that was at work, or for room. */
  queued: number;
  /** Calls that found no room at all. */
  refused: number;
  evictions: number;
  idleByteMs: number;
  busyByteMs: number;
  /** The fullest node's memory in use, as a multiple of the average; of each minute, averaged. */
  imbalance: number;
  /** Of functions called ten times or more, the 75th percentile of their share of cold starts. */
  coldShareP75: number;
}

const fixedPlan: KeepWarmPlan = { keepMs: 10 * minuteMs };

/** With fewer a function's share of cold starts says nothing. */
const fewestCalls = 10;

/** What a pool knows of a function. */
interface State {
  readonly spec: SimulatedFunction;
  readonly history: IdleHistory;
  readonly sandboxes: SimulatedSandbox[];
  idleSinceMs: number | undefined;
  isAwaited: boolean;
  nextMs: number;
  calls: number;
  coldStarts: number;
}

/**
 * A cluster that is called, under the policies of `src`, by the minute: functions called less than
 * once a minute call by call, the others a minute's calls at a time (by Little's law so many
 * sandboxes are at work at once). What happens within one minute on one node has no order.
 */
export class Simulation {
  readonly result: SimulationResult = {
    calls: 0,
    coldStarts: 0,
    queued: 0,
    refused: 0,
    evictions: 0,
    idleByteMs: 0,
    busyByteMs: 0,
    imbalance: 0,
    coldShareP75: 0,
  };
  readonly #options: SimulationOptions;
  readonly #nodes: readonly SimulatedNode[];
  readonly #place: Placement;
  readonly #states: readonly State[];
  readonly #byFunction: ReadonlyMap<SimulatedFunction, State>;
  /** Minute → functions of which a call, an end of keeping or a making ahead is due. */
  readonly #due: State[][];
  #nowMs = 0;

  constructor(options: SimulationOptions) {
    const { functions, nodes, nodeBytes, minutes, random, placement } = options;
    this.#options = options;
    const evicted = (sandbox: SimulatedSandbox) => this.#evicted(sandbox);
    this.#nodes = Array.from({ length: nodes }, () => new SimulatedNode(nodeBytes, evicted));
    this.#place = placements[placement](this.#nodes, random);
    this.#due = Array.from({ length: minutes + 1 }, () => []);
    this.#states = functions.map((spec) => ({
      spec,
      history: new IdleHistory(),
      sandboxes: [],
      idleSinceMs: undefined,
      isAwaited: false,
      // Where in its pattern a function is when the simulation begins is chance.
      nextMs: spec.callsPerMinute > 1 ? 0 : nextCall(spec, 0, random) * random(),
      calls: 0,
      coldStarts: 0,
    }));
    this.#byFunction = new Map(this.#states.map((state) => [state.spec, state]));
    for (const state of this.#states) this.#wakeAt(state, state.nextMs);
  }

  run(): SimulationResult {
    const { minutes } = this.#options;
    for (let minute = 0; minute < minutes; minute += 1) {
      this.#nowMs = minute * minuteMs;
      for (const state of new Set(this.#due[minute])) this.#minuteOf(state);
      this.#due[minute] = [];
      const used = this.#nodes.map(({ usedBytes }) => usedBytes);
      const mean = used.reduce((sum, bytes) => sum + bytes, 0) / used.length;
      if (mean > 0) this.result.imbalance += Math.max(...used) / mean / minutes;
    }
    this.#nowMs = minutes * minuteMs;
    for (const state of this.#states) {
      for (const sandbox of state.sandboxes) this.#countIdle(sandbox, this.#nowMs);
    }
    const shares = this.#states
      .filter(({ calls }) => calls >= fewestCalls)
      .map(({ calls, coldStarts }) => coldStarts / calls)
      .toSorted((a, b) => a - b);
    this.result.coldShareP75 = shares[Math.floor(shares.length * 0.75)] ?? 0;
    return this.result;
  }

  #minuteOf(state: State): void {
    const { spec } = state;
    const endMs = this.#nowMs + minuteMs;
    if (spec.callsPerMinute > 1) {
      this.#callsAtOnce(state, callsWithin(spec, this.#nowMs, this.#options.random));
      this.#wakeAt(state, endMs);
    } else {
      while (state.nextMs < endMs) {
        this.#call(state, state.nextMs);
        state.nextMs = nextCall(spec, state.nextMs, this.#options.random);
        this.#wakeAt(state, state.nextMs);
      }
    }
    this.#upkeep(state, endMs);
  }

  /** One call: the sandbox used last that is free, else a new one. */
  #call(state: State, nowMs: number): void {
    const { spec, sandboxes } = state;
    this.#upkeep(state, nowMs);
    const isIdle = sandboxes.every(({ busyUntilMs }) => busyUntilMs <= nowMs);
    if (isIdle) this.#learn(state, nowMs);
    state.isAwaited = false;
    const free = sandboxes.findLast(({ busyUntilMs }) => busyUntilMs <= nowMs);
    const sandbox = free ?? this.#make(state, nowMs, 1);
    state.calls += 1;
    this.result.calls += 1;
    if (!sandbox) return;
    this.#work(sandbox, nowMs, nowMs + spec.durationMs);
    state.idleSinceMs = Math.max(state.idleSinceMs ?? 0, nowMs + spec.durationMs);
  }

  /** A minute's calls, of which so many are under way at once. */
  #callsAtOnce(state: State, calls: number): void {
    if (calls === 0) return;
    const { spec, sandboxes } = state;
    const { max } = this.#options;
    // One minute in ten is learnt from: the idle times of a function's minutes are alike.
    if (this.#nowMs % (10 * minuteMs) === 0)
      this.#learn(state, this.#nowMs + minuteMs / (calls + 1));
    state.isAwaited = false;
    state.calls += calls;
    this.result.calls += calls;
    const meanAtOnce = (calls * spec.durationMs) / minuteMs;
    const wanted = Math.ceil(meanAtOnce + 2 * Math.sqrt(meanAtOnce));
    const needed = Math.min(max, calls, Math.max(1, wanted));
    if (meanAtOnce > max) this.result.queued += calls * (1 - max / meanAtOnce);
    // Each is tried once: on a full node one more may be made in place of one of its own.
    for (let missing = needed - sandboxes.length; missing > 0; missing -= 1) {
      if (!this.#make(state, this.#nowMs, calls / needed)) break;
    }
    // What is at work, the most recently used first; the rest is idle for the whole minute.
    const endMs = this.#nowMs + minuteMs;
    const busyMs = Math.min(minuteMs, (meanAtOnce / needed) * minuteMs);
    for (const sandbox of sandboxes.slice(-needed)) {
      this.#work(sandbox, endMs - busyMs, endMs);
    }
    state.idleSinceMs = endMs;
  }

  #make(state: State, nowMs: number, callsOfIt: number): SimulatedSandbox | undefined {
    const made = this.#nodes[this.#place(state.spec.name)]!.make(state.spec, nowMs, true);
    if (!made) {
      this.result.refused += callsOfIt;
      return undefined;
    }
    state.coldStarts += 1;
    this.result.coldStarts += 1;
    if (made.waitedMs > 0) this.result.queued += 1;
    state.sandboxes.push(made.sandbox);
    return made.sandbox;
  }

  #work(sandbox: SimulatedSandbox, fromMs: number, untilMs: number): void {
    this.#countIdle(sandbox, fromMs);
    this.result.busyByteMs +=
      sandbox.chargedBytes * (untilMs - Math.max(fromMs, sandbox.busyUntilMs));
    sandbox.busyUntilMs = untilMs;
    sandbox.node.used(sandbox);
  }

  #learn({ history, idleSinceMs }: State, nowMs: number): void {
    if (idleSinceMs !== undefined && nowMs > idleSinceMs) history.add(nowMs - idleSinceMs);
  }

  /** As the pool's upkeep: what is idle for too long goes, what will be called soon is made. */
  #upkeep(state: State, nowMs: number): void {
    const { sandboxes, history, idleSinceMs } = state;
    const plan = this.#options.keepWarm === 'auto' ? history.plan : fixedPlan;
    for (const sandbox of sandboxes.toReversed()) {
      const idleMs = nowMs - sandbox.busyUntilMs;
      if (idleMs > 0 && isColdAfter(plan, idleMs)) this.#letGo(sandbox, state, plan);
      else this.#wakeAt(state, sandbox.busyUntilMs + (plan.prewarm?.untilMs ?? plan.keepMs));
    }
    if (!plan.prewarm || idleSinceMs === undefined || sandboxes.length > 0 || state.isAwaited) {
      return;
    }
    const fromMs = idleSinceMs + plan.prewarm.fromMs;
    if (nowMs >= idleSinceMs + plan.prewarm.untilMs) return;
    if (nowMs < fromMs) return this.#wakeAt(state, fromMs);
    state.isAwaited = true;
    const made = this.#nodes[this.#place(state.spec.name)]!.make(state.spec, idleSinceMs, false);
    if (!made) return;
    made.sandbox.busyUntilMs = idleSinceMs; // idle since the function is, as the plan counts
    this.result.idleByteMs -= made.sandbox.chargedBytes * (fromMs - idleSinceMs);
    sandboxes.push(made.sandbox);
    this.#wakeAt(state, idleSinceMs + plan.prewarm.untilMs);
  }

  /** It went when its time was over, not when it is looked at. */
  #letGo(sandbox: SimulatedSandbox, state: State, { keepMs, prewarm }: KeepWarmPlan): void {
    const keptMs = state.isAwaited && prewarm ? prewarm.untilMs : keepMs;
    this.#countIdle(sandbox, sandbox.busyUntilMs + keptMs);
    sandbox.node.remove(sandbox);
    state.sandboxes.splice(state.sandboxes.indexOf(sandbox), 1);
  }

  #evicted(sandbox: SimulatedSandbox): void {
    const state = this.#byFunction.get(sandbox.owner)!;
    this.result.evictions += 1;
    this.#countIdle(sandbox, this.#nowMs);
    state.sandboxes.splice(state.sandboxes.indexOf(sandbox), 1);
  }

  #countIdle({ chargedBytes, busyUntilMs }: SimulatedSandbox, nowMs: number): void {
    this.result.idleByteMs += chargedBytes * Math.max(0, nowMs - busyUntilMs);
  }

  #wakeAt(state: State, timeMs: number): void {
    const isEachMinute = state.spec.callsPerMinute > 1;
    if (isEachMinute && timeMs > this.#nowMs + minuteMs) return;
    const minute = Math.max(Math.ceil(this.#nowMs / minuteMs), Math.floor(timeMs / minuteMs));
    this.#due[minute]?.push(state);
  }
}
