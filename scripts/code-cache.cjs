// Writes V8's compiled form of the command line, with every function that a typical `check` runs:
// node code-cache.cjs CLI MODEL
'use strict';
const { renameSync, writeFileSync } = require('node:fs');

const [cli, model] = process.argv.slice(2);
process.argv.splice(1, Infinity, cli, 'check', model);
process.once('exit', () => {
  const { script, cacheFile } = require(cli);
  writeFileSync(`${cacheFile}.new`, script.createCachedData());
  renameSync(`${cacheFile}.new`, cacheFile);
  // What `check` said of the model is no concern of this script.
  process.exitCode = 0;
});
require(cli);
