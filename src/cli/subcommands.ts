import type { Command } from 'commander';
import type { JsonOption } from './context.ts';
import type { Output } from './output.ts';

/** Adds commands to a group; each can print its result as JSON. */
export const adderTo =
  (group: Command) =>
  (name: string, description: string): Command =>
    group.command(name).description(description).option('--json', 'print the result as JSON');

/** Tells what was done: as a sentence, or as JSON. */
export const tellerOn =
  (output: Output) =>
  ({ json }: JsonOption, sentence: string, result: object): void =>
    json ? output.json(result) : output.out(sentence);
