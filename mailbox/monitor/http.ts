// A small HTTP server for health and metrics: it answers GET for a few paths, and is no good for anything else.

import { createServer } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Endpoint {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
}

export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

export interface HttpServer {
  readonly endpoint: Endpoint
  stop(): Promise<void>
}

/** By path. A page that rejects is answered with 503. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>

const OPTIONS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
} as const

const MAX_CONNECTIONS = 32

/** Rejects with the system's error when it cannot listen there. */
export async function serveHttp(at: Endpoint, pages: Pages): Promise<HttpServer> {
  const isOpen = !isLoopback(at.host)
  const server = createServer(OPTIONS, (request, response) => {
    void answer(request, pages, isOpen).then((page) => send(response, page))
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port }, resolve)
  })
  server.unref()
  const { address, port } = server.address() as AddressInfo // of TCP it is no text
  return { endpoint: { host: address, port }, stop: () => close(server) }
}

async function answer(request: IncomingMessage, pages: Pages, isOpen: boolean): Promise<Page> {
  request.resume()
  if (request.method !== 'GET') return text(405, 'only GET')
  // A web page may have a name that leads here; its requests are not for us.
  if (!isOpen && !isLoopback(hostOf(request.headers.host))) return text(403, 'not for this host')
  const page = Object.hasOwn(pages, request.url ?? '') ? pages[request.url ?? ''] : undefined
  if (page === undefined) return text(404, Object.keys(pages).join('\n'))
  try {
    return await page()
  } catch {
    return text(503, 'not available') // why is in the log
  }
}

export function text(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}

export function json(status: number, body: unknown): Page {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` }
}

function send(response: ServerResponse, { status, type, body }: Page): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET' } : {}),
  })
  response.end(body)
}

/** The name without the port. */
function hostOf(header = ''): string {
  return header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** Whether only this computer can reach it. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.')
  return isIPv6(host) ? host === '::1' : host === 'localhost'
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
