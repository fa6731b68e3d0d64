// Write items from standard input, one as JSON to a line, to a table of a stopped dynalite: in batches, and past its
// checks, since each call of BatchWriteItem costs it longer than the writing.
'use strict'
const readline = require('node:readline')
const db = require('dynalite/db')

const [folder, name] = process.argv.slice(2)
const BATCH = 1000

async function main () {
  const store = db.create({ path: folder })
  const table = await new Promise((resolve, reject) => {
    store.getTable(name, (error, found) => (error ? reject(error) : resolve(found)))
  })
  const items = store.getItemDb(name)
  const write = (operations) => new Promise((resolve, reject) => {
    items.batch(operations, (error) => (error ? reject(error) : resolve()))
  })
  let operations = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const value = JSON.parse(line)
    operations.push({ type: 'put', key: db.createKey(value, table), value })
    if (operations.length === BATCH) {
      await write(operations)
      operations = []
    }
  }
  await write(operations)
  await store.db.close()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
