// The GGUF files that puna writes are read by Hugging Face's parser, and llama.cpp computes the same tokens with them.
// usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

import { GGMLQuantizationType, gguf } from "@huggingface/gguf";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const puna = join(resolve(process.env.BUILD ?? "build/release"), "bin/puna");
const starter = resolve("models/starter");
const folder = mkdtempSync(join(tmpdir(), "puna-gguf-"));
after(() => rmSync(folder, { recursive: true }));

const run = (args, input) => execFileSync(puna, args, { input, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "ignore"] });

const text = readFileSync("README.md", "utf8") + readFileSync("docs/tour.md", "utf8");
const importance = join(folder, "importance.gguf");

function quantize(type) {
  const path = join(folder, `${type}.gguf`);
  run(["quantize", starter, type, path, "--importance", importance, "--force"]);
  return path;
}

test("Hugging Face's parser reads every file type", async () => {
  writeFileSync(join(folder, "text"), text.slice(0, 4000));
  run(["quantize", starter, "q8_0", join(folder, "first.gguf"), "--text", join(folder, "text"), "--save-importance", importance]);
  await gguf(importance, { allowLocalFile: true });
  const types = run(["quantize", "--help"]).split("Values of TYPE:")[1].split("\n\n")[0].trim().split("\n").map((line) => line.trim().split(" ")[0]);
  assert.ok(types.length >= 20);
  const stored = new Set();
  for (const type of types) {
    const path = quantize(type);
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true });
    const ours = JSON.parse(run(["show", path, "--json"]));
    assert.equal(metadata["general.architecture"], "llama");
    assert.equal(metadata["llama.block_count"], ours.layers);
    assert.equal(metadata["tokenizer.ggml.tokens"].length, ours.vocabulary);
    assert.equal(metadata["tokenizer.ggml.pre"], "llama-bpe");
    const counts = {};
    for (const { dtype } of tensorInfos) counts[GGMLQuantizationType[dtype].toLowerCase()] = (counts[GGMLQuantizationType[dtype].toLowerCase()] ?? 0) + 1;
    assert.deepEqual(counts, Object.fromEntries(ours.types.map(({ type, tensors }) => [type.toLowerCase(), tensors])), type);
    assert.equal(tensorInfos.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * Number(b), 1), 0), ours.parameters);
    Object.keys(counts).forEach((name) => stored.add(name));
  }
  for (const name of ["f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"])
    assert.ok(stored.has(name), `no file has ${name}`);
});

// 200 texts: pieces of documents, and what tokenizers disagree about.
const texts = [
  "", " ", "  x", "\n\n\n", "I'll say we'd've gone; DON'T they're", "   three spaces,\ttabs\n\n\nand lines \r\n end  ",
  "12345678 1,000.50 3rd 2nd", "naïve Straße ΌΣΟΣ Привет 東京タワー ﬁne שלום مرحبا", "👩‍👩‍👧 🇨🇭 e\u0301 \u00a0x\u3000y z",
  "fn main() { println!(\"{}\", a[0] >> 2); } // done",
];
for (let i = 0; texts.length < 200; i += 197) texts.push(text.slice(i, i + 40 + (i % 160)));

// In their answers the most likely token leads by at least 0.19 in the logits, so that no rounding decides.
const prompts = ["The bird wanted to play", "Sara and", "Sue, there was a little girl named Lily."];

async function generate(model, prompt) {
  const context = await model.createContext({ contextSize: 256 });
  const begin = model.tokens.shouldPrependBosToken ? [model.tokens.bos] : [];
  const ids = [];
  for await (const token of context.getSequence().evaluate([...begin, ...model.tokenize(prompt)], { temperature: 0 })) {
    ids.push(token);
    if (ids.length === 64) break;
  }
  await context.dispose();
  return ids;
}

test("llama.cpp computes the same tokens, and splits texts alike", { timeout: 300_000 }, async () => {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 2 });
  for (const type of ["f16", "q8_0", "q4_k_m"]) {
    const path = quantize(type);
    const model = await llama.loadModel({ modelPath: path });
    for (const prompt of prompts) {
      const ours = JSON.parse(run(["generate", path, prompt, "--temperature", "0", "--frequency-penalty", "0", "--dry-multiplier", "0", "--max-tokens", "64", "--json"])).ids;
      const theirs = await generate(model, prompt);
      if (type !== "q4_k_m") assert.deepEqual(theirs, ours, `${type}: ${prompt}`);
      assert.ok(theirs.length > 40, `${type} ends after ${theirs.length} tokens`);
    }
    if (type === "f16")
      for (const line of texts) {
        const ids = JSON.parse(run(["tokenizer", "encode", path, "--json"], line)).ids;
        assert.deepEqual([...model.tokenize(line, false)], ids, JSON.stringify(line));
      }
    await model.dispose();
  }
  await llama.dispose();
});
