import { defineConfig, devices } from "@playwright/test";
import { existsSync } from "node:fs";

// A Chromium of the system's own is used where there is one; otherwise the one that Playwright installed.
const systemChromium = "/usr/bin/chromium";
const root = process.getuid?.() === 0;

export default defineConfig({
  testDir: "tests",
  outputDir: "../target/test-reports/browser",
  reporter: [["list"], ["json", { outputFile: "../target/test-reports/browser.json" }]],
  // Each worker has a server and a database to itself. Tests share it in any order: each makes its own keys.
  workers: 2,
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  // On a shared machine a browser now and then misses a moment; what is wrong fails every time.
  retries: process.env.CI ? 2 : 0,
  timeout: 60_000,
  expect: { timeout: 5_000 },
  use: {
    ...devices["Desktop Chrome"],
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      ...(existsSync(systemChromium) && { executablePath: systemChromium }),
      args: [
        // The sandbox refuses root, which is who runs in many containers.
        ...(root ? ["--no-sandbox"] : []),
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
});
