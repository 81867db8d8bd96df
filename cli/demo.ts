import { runDemo } from '../testnet/demo.ts'
import type { CliContext } from './context.ts'

/** `sotto demo`: the whole story on loopback. Exit 0 only when every message arrived exactly once. */
export async function run({ output, entry, signal }: CliContext): Promise<number> {
  return runDemo({ output, entry, signal })
}
