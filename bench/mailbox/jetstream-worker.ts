import { peerClients } from './peer-clients.ts'
import { work } from './worker.ts'

work(peerClients('jetstream'))
