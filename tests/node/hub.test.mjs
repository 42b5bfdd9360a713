// The cache that puna leaves is read by Hugging Face's client in JavaScript, and puna finds what that downloaded; both
// from the hub of tests/test_hub.py. usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { downloadFileToCacheDir, listFiles, scanCacheDir, snapshotDownload, uploadFiles } from "@huggingface/hub";

const puna = join(resolve(process.env.BUILD ?? "build/release"), "bin/puna");
const repo = "owner/name";
const files = { "config.json": "{}", "README.md": "# Card\n", "model.safetensors": Buffer.alloc(200_000, 7), "tokenizer.json": '{"a": 1}' };

const scratch = mkdtempSync(join(tmpdir(), "puna-hub-"));
const requests = [];        // "hub GET /api/...", as they arrive
let server, hubUrl;

before(async () => {
  mkdirSync(join(scratch, "served", repo), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(scratch, "served", repo, name), content);
  server = spawn("/usr/bin/python3", ["tests/test_hub.py", join(scratch, "served")]);
  const lines = createInterface({ input: server.stdout });
  hubUrl = await new Promise((found) => lines.once("line", found));
  lines.on("line", (line) => requests.push(line));
});
after(() => {
  server.kill();
  rmSync(scratch, { recursive: true });
});

// Not execFileSync: this process listens to the server meanwhile.
async function run(cache, ...args) {
  const env = { ...process.env, HF_ENDPOINT: hubUrl, HF_HUB_CACHE: cache, HF_HOME: scratch, HF_TOKEN: "hf_valid" };
  return (await promisify(execFile)(puna, args, { env })).stdout;
}

const contentRequests = () => requests.filter((line) => line.includes("/resolve") || line.startsWith("cdn"));

test("the cache of puna pull is read by @huggingface/hub", async () => {
  const cache = join(scratch, "ours");
  const folder = (await run(cache, "pull", repo)).trim();
  const found = await scanCacheDir(cache);
  assert.deepEqual(found.warnings.map(String), []);
  assert.equal(found.repos.length, 1);
  assert.deepEqual(found.repos[0].id, { name: repo, type: "model" });
  const [revision] = found.repos[0].revisions;
  assert.equal(revision.path, folder);
  assert.deepEqual(revision.refs, ["main"]);
  assert.deepEqual(revision.files.map((file) => file.path.slice(folder.length + 1)).sort(), Object.keys(files).sort());
  const before = contentRequests().length;
  for (const [name, content] of Object.entries(files)) {
    const path = await downloadFileToCacheDir({ repo, path: name, revision: revision.commitOid, hubUrl, cacheDir: cache });
    assert.equal(path, join(folder, name));
    assert.deepEqual(readFileSync(path), Buffer.from(content));
  }
  assert.equal(await snapshotDownload({ repo, hubUrl, cacheDir: cache }), folder);
  assert.equal(contentRequests().length, before);
});

test("what @huggingface/hub downloaded is not fetched again", async () => {
  const cache = join(scratch, "theirs");
  const folder = await snapshotDownload({ repo, hubUrl, cacheDir: cache });
  const before = contentRequests().length;
  const result = JSON.parse(await run(cache, "pull", repo, "--json"));
  assert.equal(result.path, folder);
  assert.equal(result.fetched_bytes, 0);
  assert.equal(contentRequests().length, before);
  assert.ok(readdirSync(folder).every((name) => lstatSync(join(folder, name)).isSymbolicLink()));
});

test("both publish to the same hub", async () => {
  const folder = join(scratch, "mine");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  await run(join(scratch, "ours"), "publish", folder, "me/ours", "--yes");
  const listed = {};
  for await (const file of listFiles({ repo: "me/ours", hubUrl, recursive: true })) listed[file.path] = file.size;
  for (const [name, content] of Object.entries(files)) assert.equal(listed[name], Buffer.byteLength(content), name);

  const blobs = Object.entries(files).map(([path, content]) => ({ path, content: new Blob([content]) }));
  await uploadFiles({ repo: "me/ours", files: blobs, hubUrl, accessToken: "hf_valid", useXet: false });
  const pulled = (await run(join(scratch, "back"), "pull", "me/ours")).trim();
  assert.deepEqual(readFileSync(join(pulled, "model.safetensors")), files["model.safetensors"]);
  const report = JSON.parse(await run(join(scratch, "ours"), "publish", folder, "me/ours", "--yes", "--json"));
  assert.equal(report.commit, null);        // what they wrote is what is there
});
