#include "files/pickle.h"

#include "core/test_damage.h"
#include "core/test_error.h"
#include "files/test_pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::string_literals;

std::vector<PickledTensor> parse(const std::string& bytes) {
    return parse_pickle(std::as_bytes(std::span(bytes)), "x.pth: data.pkl");
}
std::string parse_error(const std::string& bytes) {
    return error_of([&] { parse(bytes); });
}
// Of opcodes alone.
std::string error_after(std::string_view opcodes) { return parse_error("\x80\x02" + std::string(opcodes)); }

std::string two_tensors() {
    return PickleBytes()
        .dict()
        .mark()
        .tensor("w", "BFloat16Storage", "7", 6, 0, {2, 3}, {3, 1})
        .tensor("scale", "FloatStorage", "8", 10, 9, {}, {})
        .end();
}

TEST(Pickle, TensorsOfADictAreListed) {
    std::string bytes = two_tensors();
    std::vector<PickledTensor> tensors = parse(bytes);
    ASSERT_EQ(tensors.size(), 2u);
    EXPECT_EQ(tensors[0].name, "w");
    EXPECT_EQ(tensors[0].storage.type->name, "BFloat16Storage");
    EXPECT_EQ(tensors[0].storage.type->dtype, Dtype::bf16);
    EXPECT_EQ(tensors[0].storage.key, "7");
    EXPECT_EQ(tensors[0].storage.elements, 6);
    EXPECT_EQ(tensors[0].offset, 0);
    EXPECT_THAT(tensors[0].shape, ElementsAre(2, 3));
    EXPECT_THAT(tensors[0].strides, ElementsAre(3, 1));
    EXPECT_EQ(tensors[1].name, "scale");
    EXPECT_EQ(tensors[1].offset, 9);
    EXPECT_TRUE(tensors[1].shape.empty());
    EXPECT_TRUE(parse("\x80\x02}.").empty());
}

TEST(Pickle, EveryFormOfAnIntegerIsRead) {
    auto offset_of = [](std::string_view opcodes) {
        PickleBytes bytes;
        bytes.dict().mark().text("w").global("torch._utils", "_rebuild_tensor_v2").mark();
        bytes.storage("FloatStorage", "0", 1).add(opcodes).add("))\x88N").add("tR");
        return parse(bytes.end())[0].offset;
    };
    EXPECT_EQ(offset_of("K\xff"), 255);
    EXPECT_EQ(offset_of("M\xff\xff"), 65535);
    EXPECT_EQ(offset_of("J\xff\xff\xff\xff"), -1);
    EXPECT_EQ(offset_of("J\x01\x02\x03\x04"), 0x04030201);
    EXPECT_EQ(offset_of("\x8a\x00"s), 0);
    EXPECT_EQ(offset_of("\x8a\x01\x80"), -128);
    EXPECT_EQ(offset_of("\x8a\x05\x00\x00\x00\x00\x01"s), int64_t{1} << 32);
    EXPECT_EQ(offset_of("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"), INT64_MAX);
}

TEST(Pickle, ValuesComeBackFromTheMemo) {
    PickleBytes bytes;
    bytes.dict().add("q\x00"s).mark().tensor("a", "HalfStorage", "0", 1, 0, {}, {}).add("q\x01");
    bytes.text("b").add("r\x02\x00\x00\x00"s).add("h\x01").text("c").add("j\x01\x00\x00\x00"s);
    std::string pickle = bytes.end();  // the names are views of it
    std::vector<PickledTensor> tensors = parse(pickle);
    ASSERT_EQ(tensors.size(), 3u);
    EXPECT_EQ(tensors[1].name, "b");
    EXPECT_EQ(tensors[2].name, "c");
    EXPECT_EQ(tensors[2].storage.type->name, "HalfStorage");
}

TEST(Pickle, StateDictsAndParametersAreRead) {
    PickleBytes bytes;
    bytes.global("collections", "OrderedDict").add(")R").mark();
    bytes.text("w").global("torch._utils", "_rebuild_parameter").mark();
    bytes.global("torch._utils", "_rebuild_tensor_v2").mark().storage("FloatStorage", "0", 1).integer(0);
    bytes.integers({1}).integers({1}).add("\x89").global("collections", "OrderedDict").add(")RtR");
    bytes.add("\x88").global("collections", "OrderedDict").add(")RtRu");  // requires_grad, hooks
    bytes.add("}").text("_metadata").global("collections", "OrderedDict").add(")Rsb.");
    std::vector<PickledTensor> tensors = parse(bytes.bytes());
    ASSERT_EQ(tensors.size(), 1u);
    EXPECT_THAT(tensors[0].shape, ElementsAre(1));
}

TEST(Pickle, NamesAreLimitedToTheListOfAllowedOnes) {
    for (auto [module, name] : {std::pair{"builtins", "len"},
                                {"os", "system"},
                                {"collections", "Counter"},
                                {"torch", "FooStorage"},
                                {"collections", "FloatStorage"},
                                {"torch", "_rebuild_tensor_v2"}})
        EXPECT_THAT(
            parse_error(PickleBytes().global(module, name).bytes()),
            HasSubstr(fmt::format("x.pth: data.pkl: the Python name {}.{}, which is not allowed", module, name)));
    EXPECT_THAT(parse_error(PickleBytes().global("a\x1b", "b").bytes()), HasSubstr("a\\x1b.b"));
    EXPECT_THAT(error_after("ctorch"), HasSubstr("a name without an end"));
    EXPECT_THAT(parse_error(PickleBytes().global("collections", "OrderedDict").add("K\x01\x85R").bytes()),
                HasSubstr("an OrderedDict with arguments"));
    EXPECT_THAT(parse_error(PickleBytes().global("torch", "FloatStorage").add(")R").bytes()),
                HasSubstr("a call of a type"));
    EXPECT_THAT(error_after("K\x01)R"), HasSubstr("a call (REDUCE) of an integer with a tuple"));
    EXPECT_THAT(parse_error(PickleBytes().global("collections", "OrderedDict").add("}R").bytes()),
                HasSubstr("a call (REDUCE) of a function or type with a dict"));
}

TEST(Pickle, OpcodesAreLimitedToTheListOfAllowedOnes) {
    const std::string allowed = "(.JKMNQRXbchjqrstu})\x85\x86\x87\x88\x89\x8a";
    for (int opcode = 0; opcode < 256; ++opcode) {
        std::string message = error_after(std::string(1, static_cast<char>(opcode)));
        bool refused =
            message.find(fmt::format("the opcode {:#04x}, which is not allowed, at byte 3", opcode)) != message.npos;
        EXPECT_EQ(refused, allowed.find(static_cast<char>(opcode)) == allowed.npos) << opcode << " " << message;
    }
}

TEST(Pickle, WhatIsNoDictOfTensorsIsRejected) {
    EXPECT_THAT(parse_error(""), HasSubstr("x.pth: data.pkl: ends in the middle of an opcode"));
    EXPECT_THAT(parse_error("(dp0\n."), HasSubstr("not a pickle of protocol 2 at byte 1: only"));
    EXPECT_THAT(parse_error("\x80\xc8}."), HasSubstr("the protocol 200, expected 2"));
    EXPECT_THAT(error_after("."), HasSubstr("a value is missing on the stack"));
    EXPECT_THAT(error_after(")."), HasSubstr("a tuple, expected a dict of tensors"));
    EXPECT_THAT(error_after("}}."), HasSubstr("more than one value"));
    EXPECT_THAT(error_after("(}."), HasSubstr("more than one value"));
    EXPECT_THAT(error_after("}.}"), HasSubstr("more than one value"));
    EXPECT_THAT(error_after("}K\x01Ns."), HasSubstr("a key that is an integer"));
    EXPECT_THAT(parse_error(PickleBytes().dict().mark().text("model").dict().end()),
                HasSubstr("x.pth: data.pkl: 'model' is a dict, not a tensor"));
}

TEST(Pickle, InvalidUsesOfTheStackAreRejected) {
    EXPECT_THAT(error_after("t"), HasSubstr("a mark is missing on the stack"));
    EXPECT_THAT(error_after("}u"), HasSubstr("a mark is missing on the stack"));
    EXPECT_THAT(error_after("N(\x85"), HasSubstr("a value is missing on the stack")) << "the mark is below";
    EXPECT_THAT(error_after("N\x86"), HasSubstr("a value is missing on the stack"));
    EXPECT_THAT(error_after("q\x01"s), HasSubstr("a value is missing on the stack"));
    EXPECT_THAT(error_after(")NNs"), HasSubstr("items (SETITEMS) of a tuple"));
    EXPECT_THAT(error_after("}(Nu"), HasSubstr("a key without a value"));
    EXPECT_THAT(error_after("h\x01"), HasSubstr("the memo's number 1, which was never set"));
    EXPECT_THAT(error_after("Nq\x02h\x01"), HasSubstr("the memo's number 1, which was never set"));
    EXPECT_THAT(error_after("Nr\xff\xff\xff\xff"), HasSubstr("the memo's number 4294967295"));
    EXPECT_THAT(error_after(")}b"), HasSubstr("a state (BUILD) of a tuple from a dict"));
    EXPECT_THAT(error_after("}}b"), HasSubstr("a state (BUILD) of a dict from a dict"));
    EXPECT_THAT(error_after(std::string(17, '(')), HasSubstr("values that are nested too deep"));
    EXPECT_THAT(error_after(std::string((1 << 20) + 1, 'N')), HasSubstr("more than 1048576 values"));
    EXPECT_THAT(parse_error(std::string(17 << 20, 'N')),
                HasSubstr("has 17825792 bytes, at most 16777216 are supported"));
    EXPECT_THAT(error_after("X\xff\xff\xff\xff"
                            "a"),
                HasSubstr("a text of 4294967295 bytes in a pickle of 8"));
    EXPECT_THAT(error_after("\x8a\x09"), HasSubstr("a number of 9 bytes"));
}

TEST(Pickle, InvalidStoragesAndTensorsAreRejected) {
    const char *storage = "a persistent id that is not a storage's",
               *tensor = "a tensor that is not given by a storage";
    EXPECT_THAT(error_after(")Q"), HasSubstr(storage));
    EXPECT_THAT(error_after("NQ"), HasSubstr(storage));
    EXPECT_THAT(parse_error(PickleBytes().text("storage").add("Q").bytes()), HasSubstr(storage));
    EXPECT_THAT(parse_error(PickleBytes().storage("FloatStorage", "0", 1).add(".").bytes()),
                HasSubstr("a storage, expected"));
    PickleBytes other;
    other.mark().text("file").global("torch", "FloatStorage").text("0").text("cpu").integer(1).add("tQ");
    EXPECT_THAT(parse_error(other.bytes()), HasSubstr(storage));
    PickleBytes function;
    function.mark().text("storage").global("collections", "OrderedDict").text("0").text("cpu").integer(1).add("tQ");
    EXPECT_THAT(parse_error(function.bytes()), HasSubstr(storage));
    auto call = [](std::string_view arguments) {
        PickleBytes bytes;
        bytes.global("torch._utils", "_rebuild_tensor_v2").mark().storage("FloatStorage", "0", 1);
        return parse_error(bytes.add(arguments).add("tR").bytes());
    };
    EXPECT_THAT(call("K\x01))\x89"), HasSubstr(tensor)) << "too few";
    EXPECT_THAT(call("K\x01))\x89NN"), HasSubstr(tensor)) << "too many";
    EXPECT_THAT(call("N))\x89N"), HasSubstr(tensor));
    EXPECT_THAT(call("K\x01N)\x89N"), HasSubstr(tensor));
    EXPECT_THAT(call("K\x01N\x85)\x89N"), HasSubstr(tensor)) << "a shape of None";
    std::string many(18, 'N');
    for (size_t i = 0; i < many.size(); i += 2) many.replace(i, 2, "K\x01");
    EXPECT_THAT(call("K\x01(" + many + "t)\x89N"), HasSubstr(tensor)) << "9 dimensions";
    EXPECT_THAT(parse_error(PickleBytes().global("torch._utils", "_rebuild_parameter").add("N\x88N\x87R").bytes()),
                HasSubstr("a parameter without a tensor"));
}

TEST(Pickle, TruncatedAndCorruptedPicklesNeverCrash) {
    EXPECT_EQ(unnoticed_damage(two_tensors(), [](const std::string& text) { return parse_error(text); }), "");
}

}  // namespace
}  // namespace puna
