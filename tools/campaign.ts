/**
 * Campaigns, each of which runs for as long as it is given:
 *
 *   npm run campaign -- parsers ...        generated inputs for every parser that is exposed to bytes from outside
 *   npm run campaign -- mailbox-kills ...  a mailbox that is killed while it works
 *   npm run campaign -- node-kills ...     two nodes and a mailbox that are killed while they chat
 *   npm run campaign -- soak ...           two nodes and a mailbox that chat for an hour, measured
 *   npm run campaign -- sim ...            nodes and mailboxes on a simulated wire, disk and clock
 *   npm run campaign -- sim-mutants ...    whether that notices faults of the sources
 *
 * The flags stand at the top of `campaign-parsers.ts`, `campaign-kills.ts`, `campaign-node-kills.ts`, `campaign-soak.ts` and
 * `campaign-sim.ts`.
 */
const [, , name] = process.argv
if (name === 'parsers') await import('./campaign-parsers.ts')
else if (name === 'mailbox-kills') await import('./campaign-kills.ts')
else if (name === 'node-kills') await import('./campaign-node-kills.ts')
else if (name === 'soak') await import('./campaign-soak.ts')
else if (name === 'sim') await import('./campaign-sim.ts')
else if (name === 'sim-mutants') await import('./campaign-sim-mutants.ts')
else {
  process.stderr.write(
    'npm run campaign -- parsers|mailbox-kills|node-kills|soak|sim|sim-mutants ...\n',
  )
  process.exitCode = 2
}
