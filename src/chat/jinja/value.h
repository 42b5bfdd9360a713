// chat/jinja/value.h — a value of a template, as in Python: none, numbers, text, lists, dicts, functions.
//
//   Value roles = make_list({text_value("user"), text_value("assistant")}, budget);
//   bool any = is_true(roles);                      // it is not empty
//
// Values do not change once they are made, so variables share what they hold (hence shared_ptr); iterators, which are
// used up, and namespaces, which the Renderer owns, are the exceptions.
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
    std::shared_ptr<const Text> name;  // what was looked up, if it had a name
};
struct None {};
struct BigInteger {  // one that does not fit: it is shown, not computed with
    std::shared_ptr<const std::string> digits;
};

// Whether a template reads a list of messages one after the other, so that what it writes for one does not depend on
// those that follow; then also what it wrote for each.
struct Watch {
    struct Turn {
        const Dict* message;
        size_t begin, end;  // of the characters that were written
    };
    size_t messages = 0;  // how many there are
    std::vector<Turn> turns;
    bool walked = false;        // the one loop over the messages is over
    bool looked_ahead = false;  // something depends on the messages that follow
};

struct List {
    std::vector<Value> items;
    bool is_tuple = false;
    int depth = 1;           // of the lists and dicts in it, and itself
    Watch* watch = nullptr;  // of messages
};

// In the order in which keys were added.
class Dict {
 public:
    using Item = std::pair<Value, Value>;

    const std::vector<Item>& items() const { return items_; }
    const Value* find(const Value& key, Budget& budget) const;  // null if it is not there
    void set(Value key, Value value, Budget& budget);           // throws Error for a list or dict as a key
    int depth = 1;

 private:
    std::optional<size_t> place_of(const Value& key, size_t hash, Budget& budget) const;

    std::vector<Item> items_;
    std::unordered_multimap<size_t, size_t> places_;  // by hash
};

struct Iterator {  // what a filter such as map gives: it can be walked once
    std::vector<Value> items;
    size_t next = 0;
    int depth = 1;
};

struct Namespace {
    std::vector<std::pair<Text, Value>> values;
    bool changed_in_walk = false;  // through messages that are watched
};

struct Arguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;
};

struct Function {
    std::string name;
    std::function<Value(Renderer&, Arguments)> call;
    int depth = 1;
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
        number,
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
    Value(double number) : data_(number) {}
    Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
    Value(std::shared_ptr<const Text> text) : data_(std::move(text)) {}
    Value(BigInteger integer) : data_(std::move(integer)) {}
    Value(std::shared_ptr<const List> list) : data_(std::move(list)) {}
    Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
    Value(std::shared_ptr<Iterator> iterator) : data_(std::move(iterator)) {}
    Value(std::shared_ptr<const Function> function) : data_(std::move(function)) {}
    Value(std::shared_ptr<Loop> loop) : data_(std::move(loop)) {}
    Value(Namespace* name_space) : data_(name_space) {}
    Value(const char*) = delete;  // a pointer is no boolean

    Kind kind() const { return static_cast<Kind>(data_.index()); }
    bool is(Kind kind) const { return this->kind() == kind; }
    bool is_undefined() const { return is(Kind::undefined); }
    bool is_none() const { return is(Kind::none); }
    bool is_text() const { return is(Kind::text); }
    bool is_list() const { return is(Kind::list); }  // or a tuple
    bool is_dict() const { return is(Kind::dict); }

    // Of that kind; anything else is a Bug.
    bool boolean() const { return get<bool>(); }
    int64_t integer() const { return get<int64_t>(); }
    double number() const { return get<double>(); }
    const std::string& digits() const { return *get<BigInteger>().digits; }
    const Text& text() const { return *get<std::shared_ptr<const Text>>(); }
    const List& list() const { return *get<std::shared_ptr<const List>>(); }
    const std::vector<Value>& items() const;  // of a list; if it is watched, that is a look ahead
    const Dict& dict() const { return *get<std::shared_ptr<const Dict>>(); }
    Iterator& iterator() const { return *get<std::shared_ptr<Iterator>>(); }
    Namespace& name_space() const { return *get<Namespace*>(); }
    const Function& function() const { return *get<std::shared_ptr<const Function>>(); }
    const std::shared_ptr<Loop>& loop() const { return get<std::shared_ptr<Loop>>(); }
    const std::shared_ptr<const Text>& undefined_name() const { return get<Undefined>().name; }

    std::optional<int64_t> whole() const;    // an integer, or a boolean as 0 or 1
    std::optional<double> numeric() const;   // any number
    bool is_same(const Value& other) const;  // Python's `is`

 private:
    template <class T>
    const T& get() const {
        const T* held = std::get_if<T>(&data_);
        if (!held) refuse_kind();
        return *held;
    }
    [[noreturn]] void refuse_kind() const;

    std::variant<Undefined, None, bool, int64_t, BigInteger, double, std::shared_ptr<const Text>,
                 std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Iterator>, Namespace*,
                 std::shared_ptr<const Function>, std::shared_ptr<Loop>>
        data_;
};

// Throw Error where lists would be nested too deeply or the budget is spent.
Value make_list(std::vector<Value> items, Budget& budget, bool is_tuple = false);
Value make_iterator(std::vector<Value> items, Budget& budget);
Value make_dict(Dict dict, Budget& budget);
int depth_of(const Value& value);
inline Value text_value(std::string_view bytes) { return text_of(bytes); }

std::string_view type_name(const Value& value);  // "str", "list", ..., as Python's errors name it

bool is_true(const Value& value);
bool equal(const Value& a, const Value& b, Budget& budget);
bool less(const Value& a, const Value& b, Budget& budget);  // throws Error where Python has no order
size_t hash_of(const Value& value, Budget& budget);

// What {{ value }} prints, and what it looks like inside of a list. Characters of text keep their flags; what is shown
// of numbers, lists and dicts counts as a value's.
Text to_text(const Value& value, Budget& budget);
Text repr(const Value& value, Budget& budget);
std::string number_text(double number);  // the shortest that reads back, always with a point or an exponent

}  // namespace puna::jinja
