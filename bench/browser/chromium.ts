/** A page of headless Chromium that runs code of this repository, served on loopback. */
import { chromium, type Browser, type Page } from 'playwright'
import { CHROMIUM_ARGUMENTS } from '../../tools/programs.ts'
import { PageServer } from './server.ts'

const PAGE = 'bench/browser/index.html'
const ENTRIES = [PAGE, 'bench/peers/{olm,privacyresearch}.mjs']
const SCRIPT = '/bench/browser/page.ts'

/** The exports of `page.ts`. */
interface Script {
  readonly oneWay32: (subject: string) => Promise<number>
}

export class ChromiumPage {
  readonly #browser: Browser
  readonly #page: Page
  readonly #server: PageServer

  private constructor(browser: Browser, page: Page, server: PageServer) {
    this.#browser = browser
    this.#page = page
    this.#server = server
  }

  /** Starts a server and the browser at this path. */
  static async open(executablePath: string): Promise<ChromiumPage> {
    const server = await PageServer.start(ENTRIES)
    try {
      const browser = await chromium.launch({
        executablePath,
        args: [...CHROMIUM_ARGUMENTS],
        // Interruptions end it by `close`, with all the rest.
        handleSIGINT: false,
        handleSIGTERM: false,
      })
      const page = await browser.newPage()
      await page.goto(`${server.origin}/${PAGE}`)
      return new ChromiumPage(browser, page, server)
    } catch (cause) {
      await server.close()
      throw cause
    }
  }

  /** As in Chromium 142.0. */
  get version(): string {
    return `Chromium ${this.#browser.version()}`
  }

  /** One sample of a subject, in the page. */
  oneWay32(subject: string): Promise<number> {
    return this.#page.evaluate(
      async ({ script, name }) => {
        const { oneWay32 } = (await import(script)) as Script
        return oneWay32(name)
      },
      { script: SCRIPT, name: subject },
    )
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.#server.close()
  }
}
