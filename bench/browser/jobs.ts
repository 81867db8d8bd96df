/** `browser-one-way-32B`: ours beside what else a browser can load, in one page. */
import { findChromium } from '../../tools/programs.ts'
import type { Bench, Case } from '../rounds.ts'
import { ChromiumPage } from './chromium.ts'

/** Of the others, one is a native library and one asks for modules of Node. */
const SUBJECTS = ['sotto', 'olm', 'privacyresearch']

/** Opens the page. Without a Chromium there are no cases but a note, which stands on stderr as well. */
export async function browserBench(): Promise<Required<Bench>> {
  const executable = findChromium()
  if (executable === undefined) {
    const note =
      'No Chromium was found: browser-one-way-32B is missing. Install it (Debian: apt-get install chromium) or name it in CHROMIUM.'
    process.stderr.write(`ratchet: ${note}\n`)
    return { cases: [], notes: [note], end: () => undefined }
  }
  const page = await ChromiumPage.open(executable)
  const cases = SUBJECTS.map((subject): Case => {
    const run = (): Promise<number> => page.oneWay32(subject)
    return { job: 'browser-one-way-32B', subject, unit: '1/s', run }
  })
  return { cases, notes: [`In the browser: ${page.version}.`], end: () => page.close() }
}
