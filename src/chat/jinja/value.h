// chat/jinja/value.h — a value of a template, as in Python: None, numbers, strings, lists, dicts, functions.
//
//   Value roles = make_list({text_value("user"), text_value("assistant")}, budget);
//   bool any = is_true(roles);                      // it is not empty
//
// Values are immutable, so variables share their contents (hence shared_ptr). The exceptions are iterators, which are
// consumed, and namespaces, which the Renderer owns.
#pragma once
#include "chat/jinja/budget.h"
#include "chat/jinja/text.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace puna::jinja {

class Dict;
class Renderer;
class Value;

struct Undefined {
    std::shared_ptr<const Text> name;  // the variable, attribute or item that does not exist; null: not known
};
struct None {};
struct BigInteger {  // beyond 64 bits: can be printed and compared, not computed with
    std::shared_ptr<const std::string> digits;
};

// Observes how a template reads a list, for the loss mask of training conversations (chat/loss_spans.h): what it writes
// in each iteration of its loop over the messages, and whether that can depend on later messages.
struct MessageTrace {
    struct Turn {
        const Dict* message;
        size_t begin, end;  // characters of the output
    };
    size_t messages = 0;  // length of the list
    std::vector<Turn> turns;
    bool finished = false;          // the loop over the messages has ended
    bool depends_on_later = false;  // something read so far depends on messages that follow
};

// Python's sequences: a range, a view (of a dict's keys, values or items), and a pair that groupby makes.
inline constexpr size_t item_size = 8;  // what an item of a list costs, in characters

enum class ListKind : uint8_t { list, tuple, range, view, group };

struct List {
    std::vector<Value> items;
    ListKind kind = ListKind::list;
    int depth = 1;                  // nesting of lists and dicts, itself included
    MessageTrace* trace = nullptr;  // of the list of messages, when it is observed

    bool is_tuple() const { return kind == ListKind::tuple || kind == ListKind::group; }
};

// A hash map that keeps the order of insertion.
class Dict {
 public:
    using Item = std::pair<Value, Value>;

    const std::vector<Item>& items() const { return items_; }
    const Value* find(const Value& key, Budget& budget) const;  // null if absent; throws Error if key is unhashable
    void set(Value key, Value value, Budget& budget);  // inserts or replaces; throws Error if key is unhashable
    int depth = 1;

 private:
    std::optional<size_t> index_of(const Value& key, size_t hash, Budget& budget) const;

    std::vector<Item> items_;
    std::unordered_multimap<size_t, size_t> indices_;  // into items_, by hash
};

struct Iterator {  // a generator, such as the result of the filter map: can be iterated once
    std::vector<Value> items;
    size_t next = 0;
    int depth = 1;
};

struct Namespace {
    std::vector<std::pair<Text, Value>> values;
    bool assigned_in_loop = false;  // in the loop over traced messages
};

struct Arguments {
    std::vector<Value> positional;
    std::vector<std::pair<Text, Value>> keyword;  // names that come from a dict (**) keep their flags
};

struct Function {  // a global, macro, bound method, `caller` or loop.cycle
    std::string name;
    std::function<Value(Renderer&, Arguments)> call;
    int depth = 1;  // of the values that it captures
};

struct Loop;  // renderer.h

class Value {
 public:
    // In the order of the variant.
    enum class Kind {
        undefined,
        none,
        boolean,
        integer,
        big_integer,
        floating,
        text,
        list,
        dict,
        iterator,
        name_space,
        function,
        loop
    };

    Value() : data_(Undefined{}) {}
    Value(Undefined undefined) : data_(std::move(undefined)) {}
    Value(None none) : data_(none) {}
    Value(bool boolean) : data_(boolean) {}
    Value(int64_t integer) : data_(integer) {}
    Value(double floating) : data_(floating) {}
    Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
    Value(std::shared_ptr<const Text> text) : data_(std::move(text)) {}
    Value(BigInteger integer) : data_(std::move(integer)) {}
    Value(std::shared_ptr<const List> list) : data_(std::move(list)) {}
    Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
    Value(std::shared_ptr<Iterator> iterator) : data_(std::move(iterator)) {}
    Value(std::shared_ptr<const Function> function) : data_(std::move(function)) {}
    Value(std::shared_ptr<Loop> loop) : data_(std::move(loop)) {}
    Value(Namespace* name_space) : data_(name_space) {}
    Value(const char*) = delete;  // would convert to bool

    Kind kind() const { return static_cast<Kind>(data_.index()); }
    bool is(Kind kind) const { return this->kind() == kind; }
    bool is_undefined() const { return is(Kind::undefined); }
    bool is_none() const { return is(Kind::none); }
    bool is_text() const { return is(Kind::text); }
    bool is_list() const { return is(Kind::list); }  // or a tuple
    bool is_dict() const { return is(Kind::dict); }

    // The contents; throws Bug if the value is of another kind.
    bool boolean() const { return get<bool>(); }
    int64_t integer() const { return get<int64_t>(); }
    double floating() const { return get<double>(); }
    const std::string& digits() const { return *get<BigInteger>().digits; }
    const Text& text() const { return *get<std::shared_ptr<const Text>>(); }
    const List& list() const { return *get<std::shared_ptr<const List>>(); }
    const std::vector<Value>& items() const;  // of a list; sets depends_on_later if it is traced
    const Dict& dict() const { return *get<std::shared_ptr<const Dict>>(); }
    Iterator& iterator() const { return *get<std::shared_ptr<Iterator>>(); }
    Namespace& name_space() const { return *get<Namespace*>(); }
    const Function& function() const { return *get<std::shared_ptr<const Function>>(); }
    const std::shared_ptr<Loop>& loop() const { return get<std::shared_ptr<Loop>>(); }
    const std::shared_ptr<const Text>& undefined_name() const { return get<Undefined>().name; }

    std::optional<int64_t> as_integer() const;  // an integer, or a boolean as 0 or 1
    std::optional<double> as_double() const;    // any number, or a boolean
    bool is_same(const Value& other) const;     // Python's `is`: identity

 private:
    template <class T>
    const T& get() const {
        const T* held = std::get_if<T>(&data_);
        if (!held) throw_wrong_kind();
        return *held;
    }
    [[noreturn]] void throw_wrong_kind() const;

    std::variant<Undefined, None, bool, int64_t, BigInteger, double, std::shared_ptr<const Text>,
                 std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Iterator>, Namespace*,
                 std::shared_ptr<const Function>, std::shared_ptr<Loop>>
        data_;
};

// Throw Error if the nesting or the budget exceeds the limits.
Value make_list(std::vector<Value> items, Budget& budget, ListKind kind = ListKind::list);
Value make_iterator(std::vector<Value> items, Budget& budget);
Value make_dict(Dict dict, Budget& budget);
int depth_of(const Value& value);  // nesting of lists and dicts; 0 for scalars
inline Value text_value(std::string_view bytes) { return text_of(bytes); }
inline Value undefined_value(Text name) { return Undefined{std::make_shared<const Text>(std::move(name))}; }

void require_defined(
    const Value& value);  // throws Error "'name' is undefined", as Jinja2's Undefined does when it is used

std::string_view type_name(const Value& value);  // "str", "list", ...: Python's name, for error messages

bool is_true(const Value& value);                            // Python's bool()
bool equal(const Value& a, const Value& b, Budget& budget);  // ==
bool less(const Value& a, const Value& b, Budget& budget);   // <; throws Error for types without an order
size_t hash_of(const Value& value, Budget& budget);  // equal values have equal hashes; throws Error if unhashable

// Python's str() and repr(). Characters of strings keep their flags, everything else is tainted (text.h). Throw Error
// for values without a stable representation: functions, generators, namespaces, loops.
Text to_text(const Value& value, Budget& budget);
Text repr(const Value& value, Budget& budget);
std::string float_repr(double number);  // shortest that parses to the same double, with a point or an exponent

}  // namespace puna::jinja
