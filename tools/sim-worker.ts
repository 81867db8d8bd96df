// A process of `npm run campaign -- sim`: runs the seeds that it is sent, one after the other, and sends back what came of each.
import { runSafely } from '../test/sim/campaign.ts'
import { cpuMs } from './sim-state.ts'

process.on('message', (seed) => {
  if (typeof seed === 'number') void answer(seed)
})
// Who started it has ended, however that was.
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches both; the one who started it waits for the seed that runs.
process.on('SIGINT', () => undefined)

async function answer(seed: number): Promise<void> {
  const before = cpuMs()
  const report = await runSafely(seed)
  process.send?.({ report, cpuMs: cpuMs() - before })
}
