#!/usr/bin/env node
'use strict'

// The first thing that runs. It is old JavaScript on purpose: whatever Node.js is installed can read
// it, and says in one line that it is too old before anything newer is loaded.

var wanted = [22, 12]
var found = process.versions.node.split('.').map(Number)

if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  process.stderr.write(
    'sotto needs Node.js ' +
      wanted.join('.') +
      ' or newer; this is ' +
      process.versions.node +
      '\n',
  )
  process.exit(1)
} else {
  // A clone has the sources and runs them as they are; the published package has only what was built.
  var sources = require('fs').existsSync(__dirname + '/../cli/main.ts')
  import(sources ? '../cli/main.ts' : '../dist/cli/main.js').catch(function (error) {
    process.stderr.write('sotto could not start: ' + error.message + '\n')
    process.exit(1)
  })
}
