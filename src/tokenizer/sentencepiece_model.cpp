#include "tokenizer/sentencepiece_model.h"

#include "core/error.h"
#include "core/utf8.h"
#include "files/protobuf.h"
#include "tokenizer/sentencepiece.h"

#include <bit>
#include <cmath>

namespace puna {

namespace {

// Field numbers of ModelProto, SentencePiece, TrainerSpec and NormalizerSpec. Numbers from 200 on are extensions.
namespace model_field {
enum : uint32_t { pieces = 1, trainer = 2, normalizer = 3, self_test = 4, denormalizer = 5 };
}
namespace piece_field {
enum : uint32_t { text = 1, score = 2, type = 3 };
}
namespace trainer_field {
enum : uint32_t {
    model_type = 3,
    vocabulary = 4,
    space_is_suffix = 24,
    byte_fallback = 35,
    unknown_id = 40,
    bos_id = 41,
    eos_id = 42,
    pad_id = 43,
    unknown = 45,
    bos = 46,
    eos = 47,
    pad = 48
};
}
namespace normalizer_field {
enum : uint32_t { name = 1, rules = 2, add_prefix = 3, remove_extra_spaces = 4, escape_spaces = 5, tsv = 6 };
}
constexpr uint32_t first_extension = 200;

enum class PieceType : uint64_t { normal = 1, unknown, control, user_defined, unused, byte };
enum class ModelType : uint64_t { unigram = 1, bpe, word, character };

struct Piece {
    std::string_view text;
    float score = 0;
    PieceType type = PieceType::normal;

    bool is_reserved() const { return type == PieceType::unknown || type == PieceType::control; }
};

class ModelReader {
 public:
    ModelReader(std::string_view bytes, std::string_view path) : bytes_(bytes), path_(path) {
        if (bytes.size() >= (1u << 31))
            fail(ErrorKind::too_large, "{}: a tokenizer of {} bytes is too large", path, bytes.size());
    }

    Vocabulary read() {
        vocabulary_.kind = VocabularyKind::sentencepiece;
        vocabulary_.whole_pieces = false;
        rules().remove_extra_spaces = true;  // the default of the format
        read_settings();
        read_pieces();
        check_bytes();
        name_roles();
        return std::move(vocabulary_);
    }

 private:
    template <class... Args>
    [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::unsupported, "{}: {}", path_, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    [[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::damaged, "{}: {}: the file is damaged", path_,
             fmt::format(format, std::forward<Args>(args)...));
    }

    void expect(const ProtobufField& field, ProtobufType type, std::string_view message) const {
        if (field.type != type)
            damaged("{}: field {} is of the wire type {}", message, field.number, static_cast<int>(field.type));
    }
    void expect_extension(const ProtobufField& field, std::string_view message) const {
        if (field.number < first_extension)
            unsupported("{}: has the unknown field {}, which may change ids", message, field.number);
    }

    // Calls on_field for each of the model that is a message.
    template <class F>
    void for_each_part(F on_field) const {
        ProtobufReader reader(bytes_, path_);
        while (std::optional<ProtobufField> field = reader.next()) {
            if (field->number > model_field::denormalizer) expect_extension(*field, "ModelProto");
            if (field->number <= model_field::denormalizer) expect(*field, ProtobufType::bytes, "ModelProto");
            on_field(*field);
        }
    }

    Piece read_piece(std::string_view bytes) const {
        Piece piece;
        ProtobufReader reader(bytes, path_);
        while (std::optional<ProtobufField> field = reader.next()) {
            if (field->number == piece_field::text) {
                expect(*field, ProtobufType::bytes, "piece");
                piece.text = field->bytes;
            } else if (field->number == piece_field::score) {
                expect(*field, ProtobufType::fixed32, "piece");
                piece.score = std::bit_cast<float>(static_cast<uint32_t>(field->value));
            } else if (field->number == piece_field::type) {
                expect(*field, ProtobufType::varint, "piece");
                piece.type = static_cast<PieceType>(field->value);
            } else {
                expect_extension(*field, "piece");
            }
        }
        check_piece(piece);
        return piece;
    }
    void check_piece(const Piece& piece) const {
        std::string name = printable(piece.text);
        if (piece.text.empty()) damaged("a piece is empty");
        if (find_utf8_errors(piece.text).count > 0) damaged("piece '{}' is not UTF-8", name);
        if (piece.text.size() > max_token_bytes)
            damaged("piece '{}' has {} bytes, at most {} are supported", name, piece.text.size(), max_token_bytes);
        if (piece.type < PieceType::normal || piece.type > PieceType::byte)
            damaged("piece '{}' has the unknown type {}", name, static_cast<uint64_t>(piece.type));
        if (std::isnan(piece.score)) damaged("the score of piece '{}' is not a number", name);
        if (piece.type == PieceType::byte && !byte_of_name(piece.text))
            damaged("piece '{}' is not the name of a byte", name);
        if (!piece.is_reserved() && piece.text.find(' ') != piece.text.npos)
            damaged("piece '{}' contains a space instead of U+2581", name);
    }

    void read_settings() {
        for_each_part([this](const ProtobufField& part) {
            if (part.number == model_field::trainer) read_trainer(part.bytes);
            if (part.number == model_field::normalizer) read_normalizer(part.bytes, "normalizer_spec");
            if (part.number == model_field::denormalizer) read_normalizer(part.bytes, "denormalizer_spec");
        });
        if (model_type_ != ModelType::bpe) {
            constexpr std::string_view names[] = {"an unknown", "a unigram", "a BPE", "a word", "a character"};
            auto type = static_cast<size_t>(model_type_);
            unsupported("is {} model of SentencePiece; only BPE, as Llama's, is supported",
                        names[type < std::size(names) ? type : 0]);
        }
        rules().prefix = add_prefix_ ? SpacePrefix::segments : SpacePrefix::none;
        rules().drop_prefix = add_prefix_ || rules().remove_extra_spaces;
    }

    // Its other fields have an effect on training only.
    void read_trainer(std::string_view bytes) {
        ProtobufReader reader(bytes, path_);
        while (std::optional<ProtobufField> field = reader.next()) {
            switch (field->number) {
                case trainer_field::model_type:
                    model_type_ = static_cast<ModelType>(field->value);
                    break;
                case trainer_field::space_is_suffix:
                    if (field->value != 0) unsupported("trainer_spec: treat_whitespace_as_suffix is not supported");
                    break;
                case trainer_field::byte_fallback:
                    byte_fallback_ = field->value != 0;
                    break;
                case trainer_field::bos:
                    bos_ = field->bytes;
                    break;
                case trainer_field::eos:
                    eos_ = field->bytes;
                    break;
                case trainer_field::pad:
                    pad_ = field->bytes;
                    break;
                default:
                    break;
            }
        }
    }

    void read_normalizer(std::string_view bytes, std::string_view message) {
        std::string_view name = "unnamed";
        bool has_rules = false;
        ProtobufReader reader(bytes, path_);
        while (std::optional<ProtobufField> field = reader.next()) {
            if (field->number == normalizer_field::name) {
                name = field->bytes;
            } else if (field->number == normalizer_field::rules || field->number == normalizer_field::tsv) {
                has_rules = has_rules || (field->number == normalizer_field::rules && !field->bytes.empty());
            } else if (field->number == normalizer_field::add_prefix) {
                if (message == "normalizer_spec") add_prefix_ = field->value != 0;
            } else if (field->number == normalizer_field::remove_extra_spaces) {
                if (message == "normalizer_spec") rules().remove_extra_spaces = field->value != 0;
            } else if (field->number == normalizer_field::escape_spaces) {
                if (field->value == 0) unsupported("{}: escape_whitespaces is off, which is not supported", message);
            } else {
                expect_extension(*field, message);
            }
        }
        if (has_rules)
            unsupported("{}: has the normalization rules '{}', which are not supported; Llama's has none", message,
                        printable(name));
    }

    void read_pieces() {
        std::vector<int32_t> text_ids, added_ids, byte_ids;
        size_t text_bytes = 0, added_bytes = 0;
        for_each_piece([&](int32_t id, const Piece& piece) {
            if (is_padding(id, piece)) return;
            if (piece.type == PieceType::byte) return byte_ids.push_back(id);
            (piece.is_reserved() ? added_ids : text_ids).push_back(id);
            (piece.is_reserved() ? added_bytes : text_bytes) += piece.text.size();
        });
        vocabulary_.tokens = TokenTable(std::move(text_ids), text_bytes);
        vocabulary_.added = TokenTable(std::move(added_ids), added_bytes);
        vocabulary_.added_tokens.assign(vocabulary_.added.size(), {.control = true});
        rules().bytes = TokenTable(std::move(byte_ids), 256);
        for_each_piece([this](int32_t id, const Piece& piece) {
            rules().scores.push_back(piece.score);
            if (!is_padding(id, piece)) add_piece(id, piece);
        });
    }
    template <class F>
    void for_each_piece(F on_piece) const {
        int32_t id = 0;
        for_each_part([&](const ProtobufField& part) {
            if (part.number != model_field::pieces) return;
            if (id == max_token_ids) damaged("has more than {} pieces", max_token_ids);
            on_piece(id++, read_piece(part.bytes));
        });
    }
    // A row of the embedding without a token, as sentencepiece_model_bytes writes it.
    static bool is_padding(int32_t id, const Piece& piece) {
        return piece.type == PieceType::unused && piece.text == fmt::format("[PAD{}]", id);
    }

    void add_piece(int32_t id, const Piece& piece) {
        std::string text = piece.type == PieceType::byte ? std::string(1, static_cast<char>(*byte_of_name(piece.text)))
                           : piece.is_reserved()         ? std::string(piece.text)
                                                         : unspell_spaces(piece.text);
        TokenTable& table = piece.type == PieceType::byte ? rules().bytes
                            : piece.is_reserved()         ? vocabulary_.added
                                                          : vocabulary_.tokens;
        if (!table.set(id, text)) damaged("piece {}: '{}' is there twice", id, printable(piece.text));
        if (piece.type == PieceType::user_defined) rules().user_defined.push_back(id);
        if (piece.type == PieceType::unused) rules().unused.push_back(id);
        if (piece.type != PieceType::unknown) return;
        if (rules().unknown) damaged("has two pieces for unknown characters, {} and {}", *rules().unknown, id);
        rules().unknown = id;
    }

    void check_bytes() {
        size_t bytes = rules().bytes.ids().size();
        if (bytes > 0 && !byte_fallback_) damaged("has byte pieces, but byte_fallback is off");
        if (bytes < 256 && byte_fallback_) damaged("has {} byte pieces, byte_fallback needs 256", bytes);
        if (!rules().unknown) damaged("has no piece for unknown characters");
    }

    void name_roles() {
        vocabulary_.named = {.bos = vocabulary_.added.find(bos_),
                             .eos = vocabulary_.added.find(eos_),
                             .pad = vocabulary_.added.find(pad_)};
        vocabulary_.begin_of_text = TextToken{.id = vocabulary_.named.bos};
    }

    SentencePieceRules& rules() { return vocabulary_.sentencepiece; }

    std::string_view bytes_, path_;
    Vocabulary vocabulary_;
    ModelType model_type_ = ModelType::unigram;  // the default of the format
    bool add_prefix_ = true, byte_fallback_ = false;
    std::string_view bos_ = "<s>", eos_ = "</s>", pad_ = "<pad>";
};

Piece piece_of(const Vocabulary& vocabulary, int32_t id, std::string& text) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    auto is_in = [id](const std::vector<int32_t>& ids) { return std::binary_search(ids.begin(), ids.end(), id); };
    Piece piece;
    TokenKind kind = vocabulary.token_kind(id);
    if (kind == TokenKind::none) {
        text = fmt::format("[PAD{}]", id);
        piece.type = PieceType::unused;
    } else if (std::string_view byte = rules.bytes[id]; !byte.empty()) {
        text = name_of_byte(static_cast<unsigned char>(byte[0]));
        piece.type = PieceType::byte;
    } else if (kind == TokenKind::control) {
        text = vocabulary.added[id];
        piece.type = rules.unknown == id ? PieceType::unknown : PieceType::control;
    } else {
        text = spell_spaces(vocabulary.bytes(id));
        if (kind == TokenKind::added || is_in(rules.user_defined)) piece.type = PieceType::user_defined;
        if (is_in(rules.unused)) piece.type = PieceType::unused;
        if (rules.unknown == id) piece.type = PieceType::unknown;
    }
    piece.text = text;
    return piece;
}

std::string trainer_bytes(const Vocabulary& vocabulary) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    std::string trainer;
    add_protobuf_varint(trainer, trainer_field::model_type, static_cast<uint64_t>(ModelType::bpe));
    add_protobuf_varint(trainer, trainer_field::vocabulary, static_cast<uint64_t>(vocabulary.size()));
    add_protobuf_varint(trainer, trainer_field::byte_fallback, rules.bytes.size() > 0);
    struct Special {
        std::optional<int32_t> id;
        uint32_t id_field, name_field;
    };
    const Special specials[] = {{rules.unknown, trainer_field::unknown_id, trainer_field::unknown},
                                {vocabulary.roles.bos, trainer_field::bos_id, trainer_field::bos},
                                {vocabulary.roles.eos, trainer_field::eos_id, trainer_field::eos},
                                {vocabulary.roles.pad, trainer_field::pad_id, trainer_field::pad}};
    for (const Special& special : specials) {
        add_protobuf_varint(trainer, special.id_field, special.id ? static_cast<uint64_t>(*special.id) : ~uint64_t{0});
        if (special.id) add_protobuf_bytes(trainer, special.name_field, vocabulary.bytes(*special.id));
    }
    return trainer;
}

std::string normalizer_bytes(const SentencePieceRules& rules) {
    std::string normalizer;
    add_protobuf_bytes(normalizer, normalizer_field::name, "identity");
    add_protobuf_varint(normalizer, normalizer_field::add_prefix, rules.prefix != SpacePrefix::none);
    add_protobuf_varint(normalizer, normalizer_field::remove_extra_spaces, rules.remove_extra_spaces);
    add_protobuf_varint(normalizer, normalizer_field::escape_spaces, true);
    return normalizer;
}

}  // namespace

bool is_sentencepiece_model(std::string_view bytes) {
    // The first piece: field 1, its length, and in it the text: field 1, its length. A rank file begins with base64.
    auto at = [bytes](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0xffu; };
    return at(0) == 0x0a && at(1) < 0x80 && at(2) == 0x0a && at(3) + 2u <= at(1);
}

Vocabulary parse_sentencepiece_model(std::string_view bytes, std::string_view path) {
    return ModelReader(bytes, path).read();
}

std::string sentencepiece_model_bytes(const Vocabulary& vocabulary) {
    if (vocabulary.kind != VocabularyKind::sentencepiece)
        fail(ErrorKind::unsupported,
             "a byte-level vocabulary cannot be a SentencePiece model: write a rank file or a tokenizer.json");
    if (!vocabulary.sentencepiece.unknown)
        fail(ErrorKind::unsupported,
             "the vocabulary has no token for unknown characters, which a SentencePiece model needs: write a "
             "tokenizer.json");
    const std::vector<float> scores = scores_of(vocabulary);
    std::string model, piece_bytes, text;
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
        Piece piece = piece_of(vocabulary, id, text);
        piece_bytes.clear();
        add_protobuf_bytes(piece_bytes, piece_field::text, piece.text);
        add_protobuf_float(piece_bytes, piece_field::score, scores[static_cast<size_t>(id)]);
        add_protobuf_varint(piece_bytes, piece_field::type, static_cast<uint64_t>(piece.type));
        add_protobuf_bytes(model, model_field::pieces, piece_bytes);
    }
    add_protobuf_bytes(model, model_field::trainer, trainer_bytes(vocabulary));
    add_protobuf_bytes(model, model_field::normalizer, normalizer_bytes(vocabulary.sentencepiece));
    return model;
}

}  // namespace puna
