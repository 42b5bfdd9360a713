// tokenizer.json as published: the ids and texts of Hugging Face's tokenizers library itself (in Rust), which every
// derivative was trained with.
// usage: BUILD=build/release node --test tests/node
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const { Tokenizer } = createRequire(import.meta.url)("@anush008/tokenizers-linux-x64-gnu");

const build = resolve(process.env.BUILD ?? "build/release");
const starter = resolve("models/starter");
const run = (program, args, input) => execFileSync(program, args, { input, encoding: "utf8", maxBuffer: 1 << 28 });

// Characters that patterns tell apart, in an order that is always the same.
function mixture(length) {
  const characters = [..." \n\t\r aeZ'sTdll019.,!?<|>_-éßΣ東京가۳²ʰ\u0301\u00a0\u3000\u200d🦊"];
  let state = 7;
  return Array.from({ length }, () => characters[(state = (state * 1103515245 + 12345) % 2147483648) % characters.length]).join("");
}
const texts = ["Once upon a time there was a little fox.", "   three spaces,\ttabs\n\n\nand lines \r\n end  ",
  "I'll say we'd've gone; DON'T they're 12345678 1,000.50", "naïve Straße ΌΣΟΣ Привет 東京タワー ﬁne שלום", "<s>x</s> <|eot_id|>", mixture(3000)];

async function expectSame(folder, cases, name) {
  const theirs = Tokenizer.fromString(readFileSync(join(folder, "tokenizer.json"), "utf8"));
  for (const text of cases) {
    const expected = (await theirs.encode(text, null, { addSpecialTokens: false })).getIds();
    const ids = JSON.parse(run(join(build, "bin/puna"), ["tokenizer", "encode", folder, "--json", "--special"], text)).ids;
    assert.deepEqual(ids, expected, `${name}: ${JSON.stringify(text)}`);
    assert.equal(run(join(build, "bin/puna"), ["tokenizer", "decode", folder], JSON.stringify(ids)), await theirs.decode(ids, false), `${name}: ${JSON.stringify(text)}`);
  }
}

async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), "puna-node-"));
  try {
    await use(folder, (tokenizer) => writeFileSync(join(folder, "tokenizer.json"), typeof tokenizer === "string" ? tokenizer : JSON.stringify(tokenizer)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const gpt2 = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const digits = { type: "Digits", individual_digits: true };
const split = (regex) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const sequence = (...pretokenizers) => ({ type: "Sequence", pretokenizers });

test("each split pattern of byte-level BPE", () =>
  inFolder(async (folder, write) => {
    await expectSame(starter, texts, "Llama 3");
    const text = readFileSync(join(starter, "tokenizer.json"), "utf8").replaceAll("<|eot_id|>", "<|im_end|>");
    for (const [name, pre_tokenizer] of Object.entries({ "gpt-2": gpt2, starcoder: sequence(digits, gpt2) })) {
      write({ ...JSON.parse(text), pre_tokenizer });
      await expectSame(folder, texts, name);
    }
  }));

const replace = (from, content) => ({ type: "Replace", pattern: { String: from }, content });
const metaspace = (prepend_scheme, split) => ({ pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme, split } });
const forms = {
  legacy: { normalizer: { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, replace(" ", "▁")] } },
  "no prefix": { normalizer: replace(" ", "▁") },
  always: metaspace("always", false),
  first: metaspace("first", false),
  never: metaspace("never", false),
  "always, split": metaspace("always", true),
};

// A vocabulary of SentencePiece's kind with byte_fallback, and an added token for each way to match one.
function sentencePiece(form) {
  const vocab = { "<unk>": 0, "<s>": 1, "</s>": 2 };
  const add = (token) => (vocab[token] ??= Object.keys(vocab).length);
  for (let byte = 0; byte < 256; ++byte) add(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  [..."▁abcdefghijklmnopqrstuvwxyz.,"].forEach(add);
  const merges = ["i n", "▁ t", "h e", "▁t he", "▁ a", "▁ ▁", "▁▁ ▁▁", "e r"];
  merges.forEach((merge) => add(merge.replace(" ", "")));
  const flags = [["<unk>", { special: true }], ["<s>", { special: true }], ["</s>", { special: true }], ["kiwi", { normalized: true }], ["zz"], ["<c>", { special: true }],
    ["<r>", { rstrip: true }], ["<l>", { lstrip: true }], ["<n>", { normalized: true }], ["<nl>", { normalized: true, lstrip: true }], ["<nr>", { normalized: true, rstrip: true }],
    ["<w>", { single_word: true }], ["<nw>", { normalized: true, single_word: true }], ["q r", { normalized: true }]];
  let next = Object.keys(vocab).length;
  const added_tokens = flags.map(([content, more]) => ({ id: vocab[content] ?? next++, content,
    single_word: false, lstrip: false, rstrip: false, normalized: false, special: false, ...more }));
  return { version: "1.0", truncation: null, padding: null, added_tokens, normalizer: null, pre_tokenizer: null, post_processor: null,
    decoder: { type: "Sequence", decoders: [replace("▁", " "), { type: "ByteFallback" }, { type: "Fuse" }, { type: "Strip", content: " ", start: 1, stop: 0 }] },
    model: { type: "BPE", dropout: null, unk_token: "<unk>", continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true, vocab, merges }, ...form };
}

const around = ["kiwi", "x kiwi y", "xkiwi y", "the kiwi", "the kiwithe", "  kiwi", "kiwi kiwi", "the<r>  the", "the  <l>the", "the<n>the", "the <n> the", "the  <nl> the", "the <nr>  the",
  "the\n<nl>\nthe <nr>\n the", "the<s>the", " the", "<s> the", "zz the", "a zz", "the<w>the", "the <w> the", "the <nw> the", "x<nw>x", "a q r b", "aq rb", "<c>kiwi<c> kiwi", "<n><n>", "<n> <n>", " <n>", "", " "];

test("each form of a SentencePiece vocabulary, with added tokens of every kind", () =>
  inFolder(async (folder, write) => {
    for (const [name, form] of Object.entries(forms)) {
      write(sentencePiece(form));
      await expectSame(folder, [...around, ...texts], name);
    }
  }));

// Llama 2's and DeepSeek's own vocabularies, and Llama 3's from its rank file, as we write them.
const shared = resolve("../shared");
test("published vocabularies, written as tokenizer.json", { skip: !existsSync(shared) && "../shared is missing" }, () =>
  inFolder(async (folder) => {
    const ggufs = join(shared, "derivatives/gguf_vocab");
    const files = readdirSync(ggufs).filter((name) => name.endsWith(".gguf")).map((name) => join(ggufs, name));
    for (const file of [...files, join(shared, "data/tokenizer/llama3/tokenizer.model")]) {
      run(join(build, "bin/write_tokenizer"), [file, folder]);
      await expectSame(folder, texts, file);
    }
  }));
