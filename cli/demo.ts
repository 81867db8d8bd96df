import { runDemo } from '../testnet/demo.ts'
import type { CliContext } from './context.ts'

export interface DemoFlags {
  readonly keep: boolean
}

/** `sotto demo`: the whole story on loopback. Exit 0 only when every message arrived exactly once. */
export async function run(
  { output, entry, signal }: CliContext,
  { keep }: DemoFlags,
): Promise<number> {
  return runDemo({ output, entry, signal, keep })
}
