/** Makes `protocol/generated/` from `protocol/proto/`. Run by `npm run generate`. */
import { ensureTools, runTool, tools } from './tools.ts'

const PROTO = '../protocol/proto'

ensureTools()
process.exitCode =
  runTool('buf', ['lint', PROTO, '--config', 'buf.yaml'], tools) ||
  runTool('buf', ['generate', PROTO, '--template', 'buf.gen.yaml'], tools)
