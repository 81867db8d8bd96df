/**
 * What stands outside a folder and tells when another copy of it comes back: how far its store was, beside what this computer keeps of
 * programs, and the name of this computer.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import envPaths from 'env-paths'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { hash } from '../../protocol/crypto.ts'
import { durableWitness, lastWitnessFile, witnessFile } from './witness-file.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { WitnessFile } from '../witness.ts'

/** Enough of an account key to tell a user's own accounts apart. */
const NAME_BYTES = 12

const HOST_BYTES = 16

/** Where Linux keeps a random number of this installation. Other systems have none in a file: nothing is said there. */
const MACHINE_IDS = ['/etc/machine-id', '/var/lib/dbus/machine-id']

/** The files that say how far the store of a folder was: two in the folder, one outside of it. */
export function witnessesOf(dir: string, account: AccountKey): readonly WitnessFile[] {
  return [witnessFile(dir), lastWitnessFile(dir), outsideWitness(account)]
}

/** 16 bytes that name this computer to this account, and nobody else. Undefined where it has no name. */
export async function hostName(account: AccountKey): Promise<Uint8Array | undefined> {
  for (const path of MACHINE_IDS) {
    const id = (await readFile(path, 'utf8').catch(() => '')).trim()
    if (id !== '') return hash(HOST_BYTES, 'host', account, utf8(id))
  }
  return undefined
}

/** Not all systems have the place, or let us in: then it says nothing, and keeps nobody from anything. */
function outsideWitness(account: AccountKey): WitnessFile {
  const folder = join(envPaths('sotto', { suffix: '' }).log, 'witness')
  const file = durableWitness(join(folder, toHex(account.subarray(0, NAME_BYTES))))
  return {
    read: () => file.read().catch(() => undefined),
    write: async (bytes) => {
      try {
        await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await file.write(bytes)
      } catch {
        // Weaker, and not worse than without it.
      }
    },
  }
}
