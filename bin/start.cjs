// Loaded after the version check only: what is built, else the sources, which need a Node that strips types.
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const built = join(__dirname, '..', 'dist', 'cli', 'main.js')
const isBuilt = existsSync(built)
if (!isBuilt && !process.features.typescript) {
  const message = 'from its sources, sotto needs Node.js 22.18 or newer, this is '
  console.error(`${message}${process.versions.node}  [NODE_TOO_OLD, exit 8]`)
  process.exit(8)
}
import(pathToFileURL(isBuilt ? built : join(__dirname, '..', 'cli', 'main.ts')).href)
