/** How the tests run. */
import { defineConfig } from 'vitest/config';
import { useVulkanDriver } from './test/helpers/swiftshader.js';

// Here, because the loader of Vulkan reads it once, and the processes of the tests inherit it.
useVulkanDriver();

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/build-once.ts'],
    pool: 'forks',
    // All cores: by default one is left free, which on a machine of two is half.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
