// What puna writes is read by Hugging Face's tokenizers and Jinja in JavaScript, as a web page would, to the same ids.
// usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { Template } from "@huggingface/jinja";
import { Tokenizer } from "@huggingface/tokenizers";

const build = resolve(process.env.BUILD ?? "build/release");
const puna = join(build, "bin/puna");
const starter = resolve("models/starter");

const texts = [
  "Once upon a time there was a little fox.",
  "I'll say we'd've gone; DON'T they're",
  "   three spaces,\ttabs\n\n\nand lines \r\n end  ",
  "12345678 1,000.50 3rd 2nd",
  "naïve Straße ΌΣΟΣ Привет 東京タワー ﬁne שלום مرحبا",
  "👩‍👩‍👧 🇨🇭 e\u0301 \u00a0x\u3000y \ufeff z",
  "<|begin_of_text|>not special unless asked for<|eot_id|>",
  "fn main() { println!(\"{}\", a[0] >> 2); } // done",
];

const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const run = (program, args, input) => execFileSync(program, args, { input, encoding: "utf8", maxBuffer: 1 << 28 });

function expectSameIds(folder, config, name = "") {
  const theirs = new Tokenizer(json(join(folder, "tokenizer.json")), config);
  for (const text of texts) {
    const special = JSON.parse(run(puna, ["tokenizer", "encode", folder, "--json", "--special"], text)).ids;
    assert.deepEqual(special, theirs.encode(text, { add_special_tokens: false }).ids, `${name}: ${text}`);
    const ours = run(puna, ["tokenizer", "decode", folder], JSON.stringify(special));
    assert.equal(theirs.decode(special, { skip_special_tokens: false, clean_up_tokenization_spaces: false }), ours, name);
  }
}

test("the starter's tokenizer gives the same ids", () => {
  expectSameIds(starter, json(join(starter, "tokenizer_config.json")));
});

test("a tokenizer trained just now gives the same ids", () => {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  try {
    writeFileSync(join(folder, "text.txt"), readFileSync("README.md", "utf8") + readFileSync("docs/tour.md", "utf8") + texts.join("\n"));
    run(puna, ["tokenizer", "train", join(folder, "text.txt"), "--output", join(folder, "out"), "--vocabulary", "1000"]);
    expectSameIds(join(folder, "out"), {});
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const gpt2 = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (regex) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const patterns = {
  "gpt-2": gpt2,
  starcoder: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, gpt2] },
  "deepseek-coder": { type: "Sequence", pretokenizers: [split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
    { type: "Digits", individual_digits: true }, { ...gpt2, use_regex: false }] },
};

test("each split pattern gives the same ids", () => {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  try {
    const text = readFileSync(join(starter, "tokenizer.json"), "utf8").replaceAll("<|eot_id|>", "<|im_end|>");
    for (const [name, pre_tokenizer] of Object.entries(patterns)) {
      const tokenizer = { ...JSON.parse(text), pre_tokenizer };
      tokenizer.model.ignore_merges = false;
      writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
      expectSameIds(folder, {}, name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// Llama 2's own vocabulary, where ../shared has it; written as tokenizer.json in both of Hugging Face's forms.
const vocabularies = resolve("../shared/derivatives/gguf_vocab");
test("vocabularies of GGUF files are written so that their ids are the same", { skip: !existsSync(vocabularies) && "../shared is missing" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  try {
    for (const file of readdirSync(vocabularies).filter((name) => name.endsWith(".gguf"))) {
      run(join(build, "bin/write_tokenizer"), [join(vocabularies, file), folder]);
      expectSameIds(folder, {}, file);
      const legacy = json(join(folder, "tokenizer.json"));
      if (!legacy.normalizer) continue;
      for (const prepend_scheme of ["first", "always", "never"]) {
        const pre_tokenizer = { type: "Metaspace", replacement: "▁", prepend_scheme, split: false };
        const decoders = prepend_scheme === "never" ? legacy.decoder.decoders.slice(0, 3) : legacy.decoder.decoders;
        writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ ...legacy, normalizer: null, pre_tokenizer, decoder: { type: "Sequence", decoders } }));
        expectSameIds(folder, {}, `${file}, ${prepend_scheme}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const chats = [
  [{ role: "user", content: "Hi there" }],
  [
    { role: "system", content: " Be brief.\n" },
    { role: "user", content: "Tell me <b>a story</b> & 東京" },
    { role: "assistant", content: "Once upon a time." },
    { role: "user", content: "Go on" },
  ],
];

test("the starter's chat template gives the same prompt", () => {
  const config = json(join(starter, "tokenizer_config.json"));
  const tokenizer = new Tokenizer(json(join(starter, "tokenizer.json")), config);
  const template = new Template(config.chat_template);
  const lines = chats.map((messages) => JSON.stringify({ messages, template: config.chat_template, add_generation_prompt: true }));
  const ours = run(join(build, "bin/encode_chat"), [starter], lines.join("\n") + "\n").trimEnd().split("\n");
  chats.forEach((messages, i) => {
    const prompt = template.render({ messages, bos_token: config.bos_token, eos_token: config.eos_token, add_generation_prompt: true });
    assert.deepEqual(ours[i].split(" ").map(Number), tokenizer.encode(prompt, { add_special_tokens: false }).ids, prompt);
  });
});

const talk = JSON.stringify({ messages: [{ role: "user", content: "Hi!" }, { role: "assistant", content: "Hello!" }] }) + "\n";
const tiny = "--steps 1 --batch 1 --length 32 --context 64 --dim 32 --layers 1 --heads 2 --kv-heads 2 --ffn 32 --threads 2".split(" ");

test("trained models name the tokens that end and pad their texts and turns", () => {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  const at = (name) => join(folder, name);
  try {
    writeFileSync(at("text.txt"), readFileSync("docs/tour.md", "utf8"));
    writeFileSync(at("talk.jsonl"), talk.repeat(4));
    run(puna, ["tokenizer", "train", at("text.txt"), "--output", at("tokenizer"), "--vocabulary", "600"]);
    for (const [input, model, ends] of [["text.txt", "base", ["<|end_of_text|>"]], ["talk.jsonl", "chats", ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"]]]) {
      run(puna, ["data", "pack", at(input), "--tokenizer", at("tokenizer"), "--output", at(model + "-data")]);
      run(puna, ["train", ...tiny, "--data", at(model + "-data"), "--output", at(model)]);
      const names = json(join(at(model), "tokenizer_config.json"));
      const theirs = new Tokenizer(json(join(at(model), "tokenizer.json")), names);
      assert.equal(names.eos_token, ends.at(-1));
      for (const file of ["config.json", "generation_config.json"]) {
        const ids = json(join(at(model), file));
        assert.equal(ids.pad_token_id, theirs.token_to_id(names.pad_token), file);
        assert.deepEqual([ids.eos_token_id].flat(), ends.map((name) => theirs.token_to_id(name)), file);
        assert.ok(![ids.eos_token_id].flat().includes(ids.pad_token_id));
      }
      assert.equal("chat_template" in names, model === "chats");
    }
    const names = json(join(at("chats"), "tokenizer_config.json"));
    const prompt = new Template(names.chat_template).render({ messages: chats[0], ...names, add_generation_prompt: true });
    assert.match(prompt, /^<\|begin_of_text\|>.*Hi there<\|eot_id\|><\|start_header_id\|>assistant/s);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const read = (file) => readFileSync(join("tests/templates", file), "utf8");

test("other families' templates render to the same text", () => {
  // Theirs drops the lines around {% generation %}, which Jinja2 with transformers' extension keeps.
  const files = readdirSync("tests/templates").filter((file) => !read(file).includes("{% generation %}"));
  assert.ok(files.length > 3);
  for (const file of files) {
    const template = read(file);
    for (const messages of chats) {
      const input = { messages, bos_token: "<s>", eos_token: "</s>", add_generation_prompt: true };
      const line = JSON.stringify({ template, input, now: "2024-07-26T13:05:09" });
      const ours = JSON.parse(run(join(build, "bin/render_jinja"), [], line + "\n")).output;
      const theirs = new Template(template).render(input);
      assert.equal(ours, theirs, file);
    }
  }
});
