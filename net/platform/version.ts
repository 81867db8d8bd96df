import { readFile } from 'node:fs/promises'

/** The version in our package.json, two folders above this one, or three when it is built. */
export async function readVersion(): Promise<string> {
  for (const place of ['../../package.json', '../../../package.json']) {
    const version = await versionIn(new URL(place, import.meta.url))
    if (version !== undefined) return version
  }
  throw new Error('the package of this program is not complete: package.json is missing')
}

async function versionIn(url: URL): Promise<string | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(url, 'utf8'))
    const { name, version } = read as { readonly name?: unknown; readonly version?: unknown }
    return name === 'sotto' && typeof version === 'string' ? version : undefined
  } catch {
    // Not there: the other place is looked at.
    return undefined
  }
}
