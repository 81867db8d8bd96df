// Loaded after the version check only. A clone has the sources and runs them, so that nothing built long ago is run instead;
// the published package has only what was built.
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const sources = join(__dirname, '..', 'cli', 'main.ts')
const built = join(__dirname, '..', 'dist', 'cli', 'main.js')
const isClone = existsSync(sources)
if (isClone && !process.features.typescript) {
  const message = 'from its sources, sotto needs Node.js 22.18 or newer, this is '
  console.error(`${message}${process.versions.node}  [NODE_TOO_OLD, exit 8]`)
  process.exit(8)
}
import(pathToFileURL(isClone ? sources : built).href)
