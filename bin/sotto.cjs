#!/usr/bin/env node
// Plain old JavaScript, so that every Node reads it far enough to say what is wrong.
var version = process.versions.node.split('.')
var major = Number(version[0])
var tooOld = major < 22 || (major === 22 && Number(version[1]) < 12)
if (tooOld) {
  var message = 'sotto needs Node.js 22.12 or newer, this is ' + process.versions.node
  console.error(message + '  [NODE_TOO_OLD, exit 8]')
  process.exit(8)
}
require('./start.cjs')
