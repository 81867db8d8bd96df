// A program of its own: opens a folder and keeps it. argv: folder.
import { openHome } from '../../net/platform/home.ts'

const [, , dir = ''] = process.argv
await openHome(dir)
process.send?.('open')
process.on('message', () => undefined) // the channel keeps the process alive
