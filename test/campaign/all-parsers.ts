/** Every parser that is exposed to bytes from outside. */
import { ready } from '../../protocol/crypto.ts'
import type { Parser } from './parser.ts'
import { backupParsers } from './parsers/backups.ts'
import { formatParsers } from './parsers/formats.ts'
import { localParsers } from './parsers/local.ts'
import { netParsers } from './parsers/net.ts'
import { operatorParsers } from './parsers/operator.ts'
import { recordParsers } from './parsers/records.ts'
import { sessionParsers } from './parsers/sessions.ts'
import { storeParsers } from './parsers/stores.ts'

/** All of them, in the order of their names. */
export async function allParsers(): Promise<readonly Parser[]> {
  await ready
  const parsers = [
    ...[...formatParsers(), ...recordParsers(), ...sessionParsers()],
    ...[...(await netParsers()), ...storeParsers(), ...localParsers()],
    ...operatorParsers(),
    ...(await backupParsers()),
  ]
  return parsers.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
