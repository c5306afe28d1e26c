import type { FactType } from './facts.ts';

/** What each type of fact says. */
export const factTexts = {
  'sandbox.created': 'A sandbox was made for a function: a stem was given it, or from nothing.',
  'sandbox.destroyed': 'A sandbox is gone.',
  'sandbox.frozen': 'A sandbox stands still, for want of calls.',
  'sandbox.thawed': 'A frozen sandbox runs again, for a call.',
  'sandbox.leftovers_removed': 'A worker removed what an earlier run had left behind.',
  'invocation.completed': 'An invocation, or an attempt of one, ended.',
  'http.answered': 'A caller has its answer, or has left. Stays in its process.',
  'policy.denied': 'A function was refused a connection.',
  'usage.measured': 'What sandboxes of a function have used, on one node, since the last time.',
  'image.pulled': 'All of an image is here that a registry was asked for.',
  'function.deployed': 'A function has a new version.',
  'function.traffic_changed': 'Other versions serve than before, without a deploy.',
  'function.canary_moved': 'A canary got more of the traffic, all of it, or none any more.',
  'function.removed': 'A function is gone.',
  'node.joined': 'A worker node is there.',
  'node.left': 'A worker node said that it goes.',
  'node.lost': 'A worker node is silent, and taken for dead.',
  'facts.lost': 'Facts of a process did not reach the stream.',
  'event.dropped': 'Facts were not told by an event queue, which is full.',
  'audit.request': 'A route that needs a key was used, or tried.',
} as const satisfies Record<FactType, string>;

export const factTypes = Object.keys(factTexts) as readonly FactType[];
