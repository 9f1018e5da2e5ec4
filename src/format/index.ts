/** `archc/prettier`: the plugin as Prettier loads it, and `format` for use without a Prettier config. */
export { default } from './plugin.js';
export { format, type Formatted } from './format.js';
