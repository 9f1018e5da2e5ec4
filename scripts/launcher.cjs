#!/usr/bin/env node
// The `archc` command, copied to dist/cli.cjs: runs main.cjs, from V8's compiled form of it where
// the build left one for this very Node. V8 refuses a cache that another version or other flags
// made, and then compiles the source as usual.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, 'main.cjs');
const cacheFile = join(__dirname, `main-${process.version}-${process.arch}.cache`);

function readIfPresent(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const source = readFileSync(filename, 'utf8');
const script = new Script(
  `(function (exports, require, module, __filename, __dirname) {${source}\n})`,
  {
    filename,
    cachedData: readIfPresent(cacheFile),
  },
);
module.exports = { script, cacheFile };
script.runInThisContext()({}, require, { exports: {} }, filename, __dirname);
