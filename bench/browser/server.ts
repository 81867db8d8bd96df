/** The repository as a page can load it, on loopback: TypeScript without its types, packages as modules. */
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createViteServer } from 'vitest/node'

type Vite = Awaited<ReturnType<typeof createViteServer>>

const root = new URL('../..', import.meta.url).pathname

export class PageServer {
  readonly #vite: Vite
  readonly #http: Server
  readonly #cache: string

  private constructor(vite: Vite, http: Server, cache: string) {
    this.#vite = vite
    this.#http = http
    this.#cache = cache
  }

  /** `entries` are pages and modules whose dependencies are made ready beforehand. */
  static async start(entries: readonly string[]): Promise<PageServer> {
    const cacheDir = mkdtempSync(join(tmpdir(), 'sotto-bench-page-'))
    const links = ['node_modules', 'bench/peers/node_modules'].map(real)
    const vite = await createViteServer({
      root,
      cacheDir,
      configFile: false,
      logLevel: 'error',
      appType: 'mpa',
      // Without a server of its own, which would end the process when it is interrupted.
      server: {
        middlewareMode: true,
        ws: false,
        hmr: false,
        watch: null,
        fs: { allow: [root, ...links] },
      },
      optimizeDeps: { entries: [...entries] },
    })
    const http = createServer(vite.middlewares).listen(0, '127.0.0.1')
    await once(http, 'listening')
    return new PageServer(vite, http, cacheDir)
  }

  get origin(): string {
    const address = this.#http.address()
    if (address === null || typeof address === 'string')
      throw new Error('The server does not listen')
    return `http://127.0.0.1:${address.port}`
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    this.#http.close()
    await this.#vite.close()
    rmSync(this.#cache, { recursive: true, force: true })
  }
}

/** The folder may be a link. */
function real(folder: string): string {
  return realpathSync(join(root, folder))
}
