/** A page of headless Chromium that runs code of this repository, served on loopback. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright'
import { createViteServer } from 'vitest/node'
import { CHROMIUM_ARGUMENTS } from '../../tools/programs.ts'

const root = new URL('../..', import.meta.url).pathname
const PAGE = 'bench/browser/index.html'
const SCRIPT = '/bench/browser/page.ts'

/** The exports of `page.ts`. */
interface Script {
  readonly oneWay32: (subject: string) => Promise<number>
}

export class ChromiumPage {
  readonly #browser: Browser
  readonly #page: Page
  readonly #end: () => Promise<void>

  private constructor(browser: Browser, page: Page, end: () => Promise<void>) {
    this.#browser = browser
    this.#page = page
    this.#end = end
  }

  /** Starts a server and the browser at this path. */
  static async open(executablePath: string): Promise<ChromiumPage> {
    const cache = mkdtempSync(join(tmpdir(), 'sotto-bench-page-'))
    const server = await serve(cache)
    const end = async (): Promise<void> => {
      await server.close()
      rmSync(cache, { recursive: true, force: true })
    }
    try {
      const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] })
      const page = await browser.newPage()
      await page.goto(new URL(PAGE, server.resolvedUrls?.local[0]).href)
      return new ChromiumPage(browser, page, end)
    } catch (cause) {
      await end()
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
    await this.#end()
  }
}

async function serve(cacheDir: string): ReturnType<typeof createViteServer> {
  const server = await createViteServer({
    root,
    cacheDir,
    configFile: false,
    logLevel: 'error',
    appType: 'mpa',
    server: {
      host: '127.0.0.1',
      port: 0,
      hmr: false,
      watch: null,
      fs: { allow: [root, ...['node_modules', 'bench/peers/node_modules'].map(real)] },
    },
    optimizeDeps: { entries: [PAGE, 'bench/peers/{olm,privacyresearch}.mjs'] },
  })
  return server.listen()
}

/** The folder may be a link. */
function real(folder: string): string {
  return realpathSync(join(root, folder))
}
