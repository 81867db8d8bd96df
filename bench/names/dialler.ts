/** A process that has many names at once and tells what they cost it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { takeOrders } from '../orders.ts'
import { ask, type Echo, type Memory } from './echo.ts'

/** As many as a node has at most. */
const AT_ONCE = 32
const MIB = 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

takeOrders(async (echo: Echo): Promise<Memory> => {
  const wires = throwAwayWires({ clock: systemClock, random: platformRandom })
  const connect = async (): Promise<void> => ask(await wires.make(), echo)
  await connect() // what the first needs besides is code
  const before = used()
  for (let count = 0; count < AT_ONCE; count++) await connect()
  const after = used()
  return {
    resident: (after.resident - before.resident) / AT_ONCE,
    held: (after.held - before.held) / AT_ONCE,
  }
})

/** In MiB. Open connections keep all that belongs to a name. */
function used(): Memory {
  collectGarbage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { resident: rss / MIB, held: (heapUsed + external) / MIB }
}
