// Filters and tests that do not exist are found when a template is parsed, as by Jinja2: whoever wrote it learns of
// them before a conversation needs them. In the branches of an `if` they are allowed until they are used.
#include "chat/jinja/builtins.h"
#include "core/error.h"

namespace puna::jinja {

namespace {

class NameChecker {
 public:
    explicit NameChecker(const Tree& tree) : origin_(tree.origin) {}

    void check(const std::vector<Statement>& body, bool in_branch) const {
        for (const Statement& statement : body) check(statement, in_branch);
    }

 private:
    void check(const Statement& statement, bool in_branch) const {
        using Kind = Statement::Kind;
        bool is_if = statement.kind == Kind::if_else;
        bool has_scope =
            statement.kind == Kind::macro || statement.kind == Kind::filter || statement.kind == Kind::set_block;
        for (size_t i = 0; i < statement.expressions.size(); ++i) {
            bool is_condition_of_loop = statement.kind == Kind::for_loop && i == 1;
            check(statement.expressions[i], is_if || (in_branch && !has_scope && !is_condition_of_loop));
        }
        check(statement.body, is_if);
        check(statement.else_body, is_if);
    }

    void check(const Expression& expression, bool in_branch) const {
        using Kind = Expression::Kind;
        in_branch = in_branch || expression.kind == Kind::conditional;
        if (!in_branch && expression.kind == Kind::filter) check_name(filters, "filter", expression);
        if (!in_branch && expression.kind == Kind::test) check_name(tests, "test", expression);
        for (const Expression& child : expression.children) check(child, in_branch);
    }

    void check_name(std::span<const Builtin> known, std::string_view what, const Expression& expression) const {
        std::string name = encode_utf8(expression.value.text());
        if (!find_builtin(known, name))
            fail("{}:{}: unknown or unsupported {} '{}'", origin_, expression.line, what, printable(name));
    }

    const std::string& origin_;
};

}  // namespace

void check_names(const Tree& tree) { NameChecker(tree).check(tree.body, false); }

}  // namespace puna::jinja
