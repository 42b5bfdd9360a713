#include "files/pickle.h"

#include "core/error.h"
#include "files/byte_cursor.h"

#include <algorithm>
#include <string>

namespace puna {

namespace {

constexpr size_t max_pickle_bytes = size_t{16} << 20, max_values = size_t{1} << 20, max_marks = 16, max_dimensions = 8;
constexpr uint8_t protocol_read = 2;  // the one of torch.save

constexpr TorchStorageType storage_types[] = {{"FloatStorage", 4, Dtype::f32},
                                              {"BFloat16Storage", 2, Dtype::bf16},
                                              {"HalfStorage", 2, Dtype::f16},
                                              {"IntStorage", 4, Dtype::i32},
                                              {"LongStorage", 8, Dtype::i64},
                                              {"ByteStorage", 1, Dtype::u8},
                                              {"CharStorage", 1},
                                              {"ShortStorage", 2},
                                              {"DoubleStorage", 8},
                                              {"BoolStorage", 1}};

// The functions that may be named, besides the storage types; the number of a global is its index in this list, or that
// of its storage type after it.
enum Function : uint32_t { ordered_dict, rebuild_tensor, rebuild_parameter, functions_end };
struct FunctionName {
    std::string_view module, name;
};
constexpr FunctionName function_names[functions_end] = {
    {"collections", "OrderedDict"}, {"torch._utils", "_rebuild_tensor_v2"}, {"torch._utils", "_rebuild_parameter"}};

enum class Kind : uint8_t { none, boolean, integer, text, tuple, dict, global, storage, tensor };
constexpr std::string_view kind_names[] = {
    "None", "a bool", "an integer", "a text", "a tuple", "a dict", "a function or type", "a storage", "a tensor"};

struct Value {
    Kind kind = Kind::none;
    bool ordered = false;  // an OrderedDict
    uint32_t first = 0;    // tuple: its first item in items_; text: its first byte; others: their number
    uint32_t count = 0;    // items of a tuple, bytes of a text
    int64_t integer = 0;   // also of a boolean
};

// A tensor before it has a name.
struct Rebuilt {
    uint32_t storage, shape, strides;  // a storage's number, two tuples' values
    int64_t offset;
};

enum Opcode : uint8_t {
    mark = '(',
    stop = '.',
    binint = 'J',
    binint1 = 'K',
    binint2 = 'M',
    none = 'N',
    binpersid = 'Q',
    reduce = 'R',
    binunicode = 'X',
    build = 'b',
    global = 'c',
    binget = 'h',
    long_binget = 'j',
    binput = 'q',
    long_binput = 'r',
    setitem = 's',
    tuple = 't',
    setitems = 'u',
    empty_dict = '}',
    empty_tuple = ')',
    protocol = 0x80,
    tuple1 = 0x85,
    tuple2 = 0x86,
    tuple3 = 0x87,
    newtrue = 0x88,
    newfalse = 0x89,
    long1 = 0x8a,
};

// Values are numbers in values_, so that a copy in the memo is the same value, as in Python. No function calls itself:
// nested values need no limit but that of their number.
class PickleReader {
 public:
    PickleReader(std::span<const std::byte> bytes, std::string_view where)
        : bytes_(bytes), where_(where), cursor_(bytes) {}

    std::vector<PickledTensor> read() {
        if (bytes_.size() > max_pickle_bytes)
            fail(ErrorKind::too_large, "{}: has {} bytes, at most {} are supported", where_, bytes_.size(),
                 max_pickle_bytes);
        if (number<uint8_t>() != protocol) reject("not a pickle of protocol 2");
        if (uint8_t version = number<uint8_t>(); version != protocol_read)
            reject("the protocol {}, expected {}, the default of torch.save,", version, protocol_read);
        for (uint8_t opcode = number<uint8_t>(); opcode != stop; opcode = number<uint8_t>()) run(opcode);
        uint32_t root = pop();
        if (!stack_.empty() || !marks_.empty() || cursor_.left() > 0) reject("more than one value");
        if (values_[root].kind != Kind::dict) reject("{}, expected a dict of tensors,", name_of(root));
        std::vector<PickledTensor> tensors;
        for (const Item& item : dict_items_)
            if (item.dict == root) tensors.push_back(named(item));
        return tensors;
    }

 private:
    struct Item {
        uint32_t dict, key, value;
    };

    template <class... Args>
    [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::damaged, "{}: {} at byte {}: only a dict of tensors, written by torch.save, can be read",
             where_, fmt::format(format, std::forward<Args>(args)...), cursor_.position());
    }
    std::string_view name_of(uint32_t value) const { return kind_names[static_cast<size_t>(values_[value].kind)]; }

    void run(uint8_t opcode) {
        switch (opcode) {
            case mark:
                if (marks_.size() == max_marks) reject("values that are nested too deep");
                return marks_.push_back(stack_.size());
            case none:
                return push({.kind = Kind::none});
            case newtrue:
            case newfalse:
                return push({.kind = Kind::boolean, .integer = opcode == newtrue});
            case binint:
                return push({.kind = Kind::integer, .integer = number<int32_t>()});
            case binint1:
                return push({.kind = Kind::integer, .integer = number<uint8_t>()});
            case binint2:
                return push({.kind = Kind::integer, .integer = number<uint16_t>()});
            case long1:
                return push({.kind = Kind::integer, .integer = read_long()});
            case binunicode:
                return push_text();
            case empty_tuple:
                return push_tuple({});
            case tuple1:
                return push_tuple(pop(1));
            case tuple2:
                return push_tuple(pop(2));
            case tuple3:
                return push_tuple(pop(3));
            case tuple:
                return push_tuple(pop_to_mark());
            default:
                return run_other(opcode);
        }
    }
    void run_other(uint8_t opcode) {
        switch (opcode) {
            case empty_dict:
                return push({.kind = Kind::dict});
            case setitem:
                return set_items(pop(2));
            case setitems:
                return set_items(pop_to_mark());
            case binput:
                return put(number<uint8_t>());
            case long_binput:
                return put(number<uint32_t>());
            case binget:
                return get(number<uint8_t>());
            case long_binget:
                return get(number<uint32_t>());
            case global:
                return push_global();
            case binpersid:
                return push_storage();
            case reduce:
                return call();
            case build:
                return set_state();
            default:
                reject("the opcode {:#04x}, which is not allowed,", opcode);
        }
    }

    template <class T>
    T number() {
        std::optional<T> value = cursor_.number<T>();
        if (!value)
            fail(ErrorKind::damaged,
                 "{}: ends in the middle of an opcode: the file is damaged, download or copy it again", where_);
        return *value;
    }
    // Little-endian in two's complement.
    int64_t read_long() {
        uint8_t size = number<uint8_t>();
        if (size > 8) reject("a number of {} bytes", size);
        uint64_t value = 0;
        for (unsigned i = 0; i < size; ++i) value |= uint64_t{number<uint8_t>()} << 8 * i;
        unsigned unused = 64 - 8u * size;
        return size == 0 ? 0 : static_cast<int64_t>(value << unused) >> unused;
    }

    uint32_t add(const Value& value) {
        if (values_.size() == max_values) reject("more than {} values", max_values);
        values_.push_back(value);
        return static_cast<uint32_t>(values_.size() - 1);
    }
    void push(const Value& value) { stack_.push_back(add(value)); }

    uint32_t pop() {
        if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) reject("a value is missing on the stack");
        uint32_t value = stack_.back();
        stack_.pop_back();
        return value;
    }
    std::vector<uint32_t> pop(size_t n) {
        std::vector<uint32_t> list(n);
        for (size_t i = n; i-- > 0;) list[i] = pop();
        return list;
    }
    std::vector<uint32_t> pop_to_mark() {
        if (marks_.empty()) reject("a mark is missing on the stack");
        std::vector<uint32_t> list(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
        stack_.resize(marks_.back());
        marks_.pop_back();
        return list;
    }

    void put(uint32_t index) {
        if (index >= bytes_.size()) reject("the memo's number {}, more than the pickle has bytes,", index);
        uint32_t value = pop();
        stack_.push_back(value);
        if (index >= memo_.size()) memo_.resize(index + 1, unset);
        memo_[index] = value;
    }
    void get(uint32_t index) {
        if (index >= memo_.size() || memo_[index] == unset) reject("the memo's number {}, which was never set,", index);
        stack_.push_back(memo_[index]);
    }

    void push_text() {
        uint32_t size = number<uint32_t>();
        uint32_t first = static_cast<uint32_t>(cursor_.position());
        if (!cursor_.take(size)) reject("a text of {} bytes in a pickle of {}", size, bytes_.size());
        push({.kind = Kind::text, .first = first, .count = size});
    }
    std::string_view text_of(const Value& text) const {
        return {reinterpret_cast<const char*>(bytes_.data()) + text.first, text.count};
    }

    void push_tuple(const std::vector<uint32_t>& items) {
        size_t first = items_.size();
        items_.insert(items_.end(), items.begin(), items.end());
        push(
            {.kind = Kind::tuple, .first = static_cast<uint32_t>(first), .count = static_cast<uint32_t>(items.size())});
    }
    std::span<const uint32_t> items_of(const Value& value) const {  // empty if it is no tuple
        if (value.kind != Kind::tuple) return {};
        return std::span(items_).subspan(value.first, value.count);
    }

    // Keys and values by turns, for the dict on top of the stack.
    void set_items(const std::vector<uint32_t>& list) {
        uint32_t dict = pop();
        stack_.push_back(dict);
        if (values_[dict].kind != Kind::dict) reject("items (SETITEMS) of {}", name_of(dict));
        if (list.size() % 2 != 0) reject("a key without a value");
        for (size_t i = 0; i < list.size(); i += 2) dict_items_.push_back({dict, list[i], list[i + 1]});
    }

    // "module\nname\n"
    void push_global() {
        std::string_view module = line(), name = line();
        for (uint32_t i = 0; i < functions_end; ++i)
            if (function_names[i].module == module && function_names[i].name == name)
                return push({.kind = Kind::global, .first = i});
        for (uint32_t i = 0; i < std::size(storage_types); ++i)
            if (module == "torch" && storage_types[i].name == name)
                return push({.kind = Kind::global, .first = functions_end + i});
        reject("the Python name {}.{}, which is not allowed,", printable(module), printable(name));
    }
    std::string_view line() {
        ByteCursor ahead = cursor_;
        std::string_view rest = *ahead.text(ahead.left());
        size_t size = rest.find('\n');
        if (size == rest.npos) reject("a name without an end");
        cursor_.take(size + 1);
        return rest.substr(0, size);
    }

    // ("storage", type, key, device, elements)
    void push_storage() {
        std::span<const uint32_t> items = items_of(values_[pop()]);
        bool valid = items.size() == 5 && is(items[0], Kind::text) && is(items[1], Kind::global) &&
                     is(items[2], Kind::text) && is(items[3], Kind::text) && is(items[4], Kind::integer) &&
                     text_of(values_[items[0]]) == "storage" && values_[items[1]].first >= functions_end;
        if (!valid) reject("a persistent id that is not a storage's");
        storages_.push_back({&storage_types[values_[items[1]].first - functions_end], text_of(values_[items[2]]),
                             values_[items[4]].integer});
        push({.kind = Kind::storage, .first = static_cast<uint32_t>(storages_.size() - 1)});
    }
    bool is(uint32_t value, Kind kind) const { return values_[value].kind == kind; }

    // REDUCE: a function and its arguments.
    void call() {
        uint32_t arguments = pop(), function = pop();
        if (!is(function, Kind::global) || !is(arguments, Kind::tuple))
            reject("a call (REDUCE) of {} with {}", name_of(function), name_of(arguments));
        std::span<const uint32_t> items = items_of(values_[arguments]);
        switch (values_[function].first) {
            case ordered_dict:
                if (!items.empty()) reject("an OrderedDict with arguments");
                return push({.kind = Kind::dict, .ordered = true});
            case rebuild_tensor:
                return push_tensor(items);
            case rebuild_parameter:  // tensor, requires_grad, hooks
                if (items.size() != 3 || !is(items[0], Kind::tensor)) reject("a parameter without a tensor");
                return stack_.push_back(items[0]);
            default:
                reject("a call of a type");
        }
    }
    // storage, offset, shape, strides, requires_grad, hooks
    void push_tensor(std::span<const uint32_t> items) {
        bool valid = items.size() == 6 && is(items[0], Kind::storage) && is(items[1], Kind::integer) &&
                     is_integers(items[2]) && is_integers(items[3]);
        if (!valid) reject("a tensor that is not given by a storage, its place, its shape and strides");
        rebuilt_.push_back({values_[items[0]].first, items[2], items[3], values_[items[1]].integer});
        push({.kind = Kind::tensor, .first = static_cast<uint32_t>(rebuilt_.size() - 1)});
    }
    bool is_integers(uint32_t tuple) const {
        std::span<const uint32_t> items = items_of(values_[tuple]);
        return is(tuple, Kind::tuple) && items.size() <= max_dimensions &&
               std::all_of(items.begin(), items.end(), [this](uint32_t item) { return is(item, Kind::integer); });
    }

    // BUILD: an OrderedDict's attributes, such as a state_dict's _metadata, which are not needed.
    void set_state() {
        uint32_t state = pop(), object = pop();
        if (!values_[object].ordered || !is(state, Kind::dict))
            reject("a state (BUILD) of {} from {}", name_of(object), name_of(state));
        stack_.push_back(object);
    }

    PickledTensor named(const Item& item) const {
        if (!is(item.key, Kind::text)) reject("a key that is {}", name_of(item.key));
        std::string_view name = text_of(values_[item.key]);
        if (!is(item.value, Kind::tensor))
            fail(ErrorKind::unsupported, "{}: '{}' is {}, not a tensor: save the dict of the tensors alone", where_,
                 printable(name), name_of(item.value));
        const Rebuilt& rebuilt = rebuilt_[values_[item.value].first];
        return {name, storages_[rebuilt.storage], rebuilt.offset, integers_of(rebuilt.shape),
                integers_of(rebuilt.strides)};
    }
    std::vector<int64_t> integers_of(uint32_t tuple) const {
        std::vector<int64_t> list;
        for (uint32_t item : items_of(values_[tuple])) list.push_back(values_[item].integer);
        return list;
    }

    static constexpr uint32_t unset = UINT32_MAX;

    std::span<const std::byte> bytes_;
    std::string_view where_;
    ByteCursor cursor_;
    std::vector<Value> values_;
    std::vector<uint32_t> stack_, memo_, items_;  // values; items_: those of all tuples
    std::vector<size_t> marks_;                   // sizes of the stack
    std::vector<Item> dict_items_;                // of all dicts
    std::vector<PickledStorage> storages_;
    std::vector<Rebuilt> rebuilt_;
};

}  // namespace

std::vector<PickledTensor> parse_pickle(std::span<const std::byte> bytes, std::string_view where) {
    return PickleReader(bytes, where).read();
}

}  // namespace puna
