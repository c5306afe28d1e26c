import type { AsyncInvoker } from '../domain/event-queue.ts';
import type { FunctionStore } from '../domain/function.ts';
import type { InvocationRecords } from '../domain/invocation-records.ts';
import type { Schedules } from '../domain/schedule.ts';
import type { Service } from '../domain/service.ts';
import { ServiceGroup } from '../lib/lifecycle.ts';
import type { RedisConnectionOptions } from '../lib/redis-connection.ts';
import { SchedulePlanner } from './schedule-planner.ts';
import { ScheduleStore } from './schedule-store.ts';
import { StoredSchedules } from './stored-schedules.ts';

export interface SchedulesOptions extends RedisConnectionOptions {
  readonly functions: FunctionStore;
  readonly invoker: AsyncInvoker;
  readonly records: InvocationRecords;
}

/** The schedules as one gateway has them. `service` is started after what it is given. */
export function createSchedules(options: SchedulesOptions): {
  readonly service: Service;
  readonly schedules: Schedules;
} {
  const store = new ScheduleStore(options);
  const planner = new SchedulePlanner({ ...options, store });
  return {
    service: new ServiceGroup('schedules', [store, planner]),
    schedules: new StoredSchedules({ ...options, store }),
  };
}
